"""What a note never says, whoever wrote its words: moods, marks and blame, secrets, personal matters, orders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from psa_copilot.models import Thread
from psa_copilot.text.caution import is_addressed_to_software, is_secret
from psa_copilot.text.clean import URL
from psa_copilot.text.delicate import is_delicate
from psa_copilot.text.draft import NOT_STATED, Draft
from psa_copilot.text.secrets import find_secrets, values

MASKED = "(secret)"
FEWEST_LETTERS = 4
"""A shorter name of a client may be any word."""

_LEGAL = re.compile(
    r",? (?:inc|llc|llp|ltd|limited|corp|corporation|co|company|plc|gmbh|ag|kg|se|bv|nv|sa|sarl|sas|srl|pty)\.?$",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>|<!--.*?-->", re.DOTALL)
_MARKER = re.compile(r"-- copilot/\S*(?:\s[a-z2-7]{10}\b)?")
_QUOTED = re.compile(r'"[^"\n]*"|“[^”\n]*”')
_END = re.compile(r"(?:(?<=[.!?;])|(?<=[.!?][\"”'])|(?<=\])) +(?!\[#)")

_NEVER = {
    "greeting": r"^(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening)|hallo|bonjour|hola)\b",
    "praise": (
        r"(?:great|excellent|good|nice|fantastic|outstanding|amazing) (?:job|work|communication|support)|well done|"
        r"kudos|"
        r"(?:handled|solved|managed)\b.{0,30}\b(?:excellently|brilliantly|perfectly|professionally)|thank you for|"
        r"thanks for|"
        r"happy to (?:help|assist)|we appreciate|feel free to|let me know if"
    ),
    "blame": (
        r"incompeten\w+|careless\w*|negligen\w+|lazy|idiot\w*|stupid\w*|moron\w*|sloppy|unprofessional|"
        r"(?:his|her|their|your|our|the (?:technician|customer|user|client)'s) (?:own )?fault|(?:is|are|was|"
        r"were) to blame|"
        r"should have (?:known|noticed|done|checked)|failed to (?:follow|do|read|respond|understand)|user error|"
        r"(?:difficult|annoying|rude|impatient|clueless) (?:customer|user|client)"
    ),
    "mood": r"sentiment|(?:mood|satisfaction|frustration|anger|urgency|priority) (?:score|level|rating)\W{0,3}\d+",
    "confidence": (
        r"confidence\W{0,3}(?:score|level|is|of|:)?\W{0,3}\d+|\d+ ?% (?:sure|confiden\w+|certain\w*)|"
        r"(?:high|medium|low) confidence"
    ),
    "self": (
        r"as an? (?:ai|language model|assistant)|(?:language|ai) model|(?:generated|written|summari[sz]ed|created) by "
        r"(?:an? )?(?:ai|model|assistant|llm)|i am an? (?:ai|assistant)|here is (?:the|a|your) (?:summary|recap)"
    ),
}


@cache
def _never() -> re.Pattern[str]:
    return re.compile("|".join(rf"(?:(?<!\w)(?:{cues})(?!\w))" for cues in _NEVER.values()), re.IGNORECASE)


def proper(draft: Draft, *, model: str = "") -> Draft:
    """A model's draft without the clauses that no note has; a part of which nothing is left is "not stated"."""
    parts = {name: _proper(said, model) for name, said in draft.parts.items()}
    told = {name: said or (f"{NOT_STATED}." if draft.parts[name] else "") for name, said in parts.items()}
    return replace(draft, first=_proper(draft.first, model), parts=told)


def without_clients(draft: Draft, clients: Iterable[str]) -> Draft:
    """The draft without the clauses that name one of these clients."""
    names = [short for name in clients if (short := short_name(name))]
    if not names_client(draft.text(), names):
        return draft
    parts = {name: _unnamed(said, names) or f"{NOT_STATED}." for name, said in draft.parts.items() if said}
    title = draft.first.partition(": ")[0]
    return replace(draft, first=_unnamed(draft.first, names) or f"{title}: {NOT_STATED}.", parts=parts)


def short_name(client: str) -> str:
    """A client's name without what tells its legal form: "Kestrel" of "Kestrel GmbH & Co. KG"."""
    short = _LEGAL.sub("", client).strip(" &,")
    return short if short == client else short_name(short)


def _unnamed(text: str, names: Sequence[str]) -> str:
    return " ".join(clause for clause in clauses(text) if not names_client(clause, names))


def _proper(text: str, model: str) -> str:
    kept = (_judged(clause, model) for clause in clauses(plain(text)))
    return " ".join(dict.fromkeys(filter(None, kept)))


def _judged(clause: str, model: str) -> str:
    """The clause, what points at it where it is delicate, or nothing."""
    if _never().search(clause) or is_addressed_to_software(clause) or is_secret(clause):
        return ""
    if model and model.rpartition("/")[2].casefold() in clause.casefold():
        return ""
    if is_delicate(clause):
        cited = _CITED.findall(clause)
        return f"personal matter, see {', '.join(cited)}." if cited else ""
    return clause


_CITED = re.compile(r"\[#\d+\]")


# Zero-width joiners stay: without them emoji and some scripts fall apart.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def plain(text: str) -> str:
    """One line of plain text: no tags, links, markers, stray line ends, nor characters that only turn text around."""
    visible = _UNSEEN.sub("", _TAG.sub(" ", text))
    return " ".join(URL.sub("(link)", _MARKER.sub(" ", visible)).split())


def clauses(line: str) -> Iterator[str]:
    """Sentences and what stands between semicolons, with their citations; a quotation is never cut in two."""
    hidden = _QUOTED.sub(lambda match: '"' + "x" * (len(match[0]) - 2) + '"', line)
    start = 0
    for match in _END.finditer(hidden):
        yield line[start : match.start()]
        start = match.end()
    yield line[start:]


def names_client(text: str, clients: Iterable[str]) -> bool:
    """Whether a text names one of these clients: one word may be a common one in lower case, several are a name."""
    folded = text.casefold()
    return any(
        len(name) >= FEWEST_LETTERS
        and (name in text or name.upper() in text or (" " in name and name.casefold() in folded))
        and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
        for name in clients
    )


def masked(note: str, thread: Thread) -> str:
    """The note without any secret: neither one that it tells itself, nor one that stands in the thread."""
    told = {
        value
        for message in thread.messages
        if (found := find_secrets(message.text))
        for value in values(message.text, found)
    }
    for value in sorted(told, key=len, reverse=True):
        note = note.replace(value, MASKED)
    for secret in reversed(find_secrets(note)):
        note = note[: secret.start] + MASKED + note[secret.end :]
    return note
