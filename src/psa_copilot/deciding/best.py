"""The best value for a field by what stands in the ticket, with no model at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psa_copilot.actions import Opinion, Reason
from psa_copilot.deciding.habits import certainty
from psa_copilot.memory import Memory, Rule
from psa_copilot.models import Field, Ticket
from psa_copilot.text import Case, Choice, Text

if TYPE_CHECKING:
    from psa_copilot.text.classifier import Classifier

MOST_REASONS = 3
MOST_CANDIDATES = 8
DESCRIBED = 0.5
"""How sure a description alone makes: nobody has measured it, so it stays below every bar."""
FEWEST_DESCRIBING = 2
"""Words that a ticket must share with what a value is said to be for."""
NO_MODEL = "no model"
SUREST = 0.99
"""Nobody is ever quite sure."""


@dataclass(frozen=True)
class Best:
    """The best value, how sure that is, and all that a wish says about it."""

    value: str
    confidence: float
    because: str
    reasons: tuple[Reason, ...] = ()
    learned: str = ""
    abstains: str = ""
    """Why it should not be acted on, though there is no better one."""
    suggest_only: bool = False
    opinions: tuple[Opinion, ...] = ()
    ranked: tuple[tuple[str, float], ...] = ()
    """The candidates with their chances, the best first."""
    supported: frozenset[str] = frozenset()
    """Other values that a habit of the desk speaks for, whatever the ticket says of itself."""
    passed_over: str = ""
    """The likeliest value of all, where it is not an allowed one."""
    lost: float = 0.0
    """The chances of the likely values that are not allowed, together."""
    declared: bool = False
    """The desk's own word rather than a guess; it has no confidence."""
    orders: int = 0
    """So many passages were not read, since they give orders to software."""

    @property
    def evidence(self) -> tuple[str, ...]:
        """Tickets and messages that the reasons cite."""
        return tuple(dict.fromkeys(reason.cites for reason in self.reasons if reason.cites))

    def told(self, *also: str) -> dict[str, Any]:
        """What every wish of this value carries; `also` are keys of messages that it rests on besides."""
        passages = "1 passage that gives" if self.orders == 1 else f"{self.orders} passages that give"
        hint = f"; not read: {passages} orders to software" if self.orders else ""
        return {
            "because": f"{self.because}{hint}",
            "confidence": None if self.declared else round(min(self.confidence, SUREST), 4),
            "reasons": self.reasons[:MOST_REASONS],
            "opinions": self.opinions,
            "learned": self.learned,
            "evidence": tuple(dict.fromkeys([*also, *self.evidence])),
            "abstains": self.abstains,
            "suggest_only": self.suggest_only,
        }


def best_value(
    text: Text,
    memory: Memory,
    case: Case,
    ticket: Ticket,
    field: Field,
    *,
    name: str,
    allowed: Collection[str],
    described: Mapping[str, str] | None = None,
) -> Best | None:
    """The best of the allowed values; None where nothing is known of any.

    `name` is what `learn` kept the choices under; `described` says what values are for.
    """
    read, orders = text.without_orders_to_software(case, allowed)
    classifier = memory.choices(name)
    choice = classifier.decide(case) if classifier else None
    best = _by_choice(choice, classifier, memory, allowed) if choice and classifier else None
    rules = [rule for rule in memory.rules() if rule.field is field and rule.value in allowed]
    fitting = [rule for rule in rules if rule.fits(ticket, read.whole)]
    best = _with_rules(best, fitting, memory, text, read.whole)
    told = {value: text.content_words(said) for value, said in (described or {}).items() if value in allowed}
    best = _with_descriptions(best, told, text, read.whole)
    return replace(best, orders=len(orders)) if best else None


# -- by what was learned ---------------------------------------------------------------------------------------


def _by_choice(choice: Choice, classifier: Classifier, memory: Memory, allowed: Collection[str]) -> Best | None:
    ranked = tuple((label, chance) for label, chance in choice.topk if label in allowed)[:MOST_CANDIDATES]
    if not ranked:
        return None
    learned, lost = f"version {memory.version}", sum(chance for label, chance in choice.topk if label not in allowed)
    value, chance = ranked[0]
    if value == choice.label:
        why = _undecided(choice, classifier)
        because = choice.reasons[0].text if choice.reasons else "the most usual value; nothing in the ticket tells more"
        return Best(value, choice.confidence, because, choice.reasons, learned, why, ranked=ranked, lost=lost)
    return Best(
        value,
        min(chance, choice.confidence),
        f"the likeliest of the allowed values; {choice.label} is not one of them",
        learned=learned,
        abstains=f"its first choice, {choice.label}, is not allowed here",
        ranked=ranked,
        passed_over=choice.label,
        lost=lost,
    )


def _undecided(choice: Choice, classifier: Classifier) -> str:
    """Why the classifier itself would not decide; empty where it does."""
    if choice.decided:
        return ""
    if choice.steered:
        return "the ticket itself orders software to choose it"
    if not choice.reasons:
        return "nothing in the ticket is like what was learned"
    if classifier.bar > 1:
        return f"{sum(classifier.counts)} tickets are too few, or too unlike each other, to decide by"
    return f"confidence {choice.confidence:.2f} is below {classifier.bar:.2f}, where nine of ten were right"


# -- by the desk's habits --------------------------------------------------------------------------------------


def _with_rules(best: Best | None, fitting: Sequence[Rule], memory: Memory, text: Text, said: str) -> Best | None:
    """The surest habit goes first where it is surer than the choice."""
    first = max(fitting, key=lambda rule: (certainty(rule), rule.of, rule.name), default=None)
    if first is None:
        return best
    supported = frozenset(rule.value for rule in fitting)
    if best and best.confidence >= certainty(first):
        return replace(best, supported=supported)
    reason = Reason(
        text=f"a habit of this desk: {first.told()}",
        words=tuple(filter(None, (text.quoted(word, said) for word in first.says))),
        cites=str(first.evidence[0]) if first.evidence else "",
    )
    others = tuple(each for each in best.reasons if best.value == first.value) if best else ()
    ranked = tuple(pair for pair in (best.ranked if best else ()) if pair[0] != first.value)
    return Best(
        first.value,
        certainty(first),
        f"rule {first.name}: {first.told()}",
        (reason, *others),
        f"version {memory.version}, rule {first.name}",
        ranked=((first.value, certainty(first)), *ranked),
        supported=supported,
    )


# -- by what values are said to be for -------------------------------------------------------------------------


def _with_descriptions(best: Best | None, described: Mapping[str, Sequence[str]], text: Text, said: str) -> Best | None:
    """An admin's description of a value speaks for it where the ticket has its words; alone it decides nothing."""
    words = frozenset(text.content_words(said))
    shared = {value: tuple(word for word in told if word in words) for value, told in described.items()}
    fitting = {value: both for value, both in shared.items() if len(both) >= FEWEST_DESCRIBING}
    if best and best.value in fitting:
        return replace(best, reasons=(*best.reasons, _described(best.value, fitting[best.value], text, said)))
    if not fitting:
        return best
    value = max(sorted(fitting), key=lambda one: len(fitting[one]))
    if best is None:
        reason = _described(value, fitting[value], text, said)
        return Best(
            value,
            DESCRIBED,
            f"{reason.text}; nothing was learned yet",
            (reason,),
            ranked=tuple((one, DESCRIBED) for one in sorted(fitting, key=lambda one: -len(fitting[one]))),
        )
    known = {one for one, _ in best.ranked}
    return replace(best, ranked=(*best.ranked, *((one, 0.0) for one in fitting if one not in known)))


def _described(value: str, both: Sequence[str], text: Text, said: str) -> Reason:
    quoted = tuple(filter(None, (text.quoted(word, said) for word in both[:MOST_REASONS])))
    listed = ", ".join(f'"{word}"' for word in quoted)
    return Reason(text=f"it says {listed}, as the description of {value} does", words=quoted)
