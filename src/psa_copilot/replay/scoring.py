"""How right the plugins would have been, per plugin, field and board."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psa_copilot.models import Field
from psa_copilot.replay import figures
from psa_copilot.replay.advice import recommend
from psa_copilot.replay.truth import Truths
from psa_copilot.replay.values import SCORED, Counts, Decision, Played, Truth, Window

ALL = "*"
"""All boards together."""


@dataclass(frozen=True)
class Answer:
    """One ticket's field: what a plugin chose, or that it did not, and what people chose."""

    plugin: str
    field: str
    board: str
    ticket: str
    at: datetime
    chose: str
    confidence: float | None
    decided: bool
    declined: bool
    """Nothing was chosen that a lower bar would have let through."""
    truth: Truth

    @property
    def right(self) -> bool:
        """It is what stands in the end."""
        return bool(self.chose) and self.chose.casefold() == self.truth.final.casefold()

    @property
    def as_first(self) -> bool:
        """It is what a human chose first."""
        return bool(self.chose) and self.chose.casefold() == self.truth.first.casefold()


@dataclass(frozen=True)
class Score:
    """One line of the scorecard."""

    plugin: str
    field: str
    board: str
    decided: int
    abstained: int
    right: int
    wrong: int
    accuracy: float | None
    low: float | None
    high: float | None
    ece: float | None
    recommend: str
    as_first: int
    """Decisions that a human chose first as well."""
    would_write: int
    """Decisions that nothing but the mode would have kept from the PSA."""
    answers: tuple[Answer, ...] = ()

    @property
    def coverage(self) -> float:
        """The share of tickets that it decides."""
        return self.decided / (self.decided + self.abstained) if self.decided + self.abstained else 0.0

    @property
    def sure(self) -> list[tuple[float, bool]]:
        """(confidence, right), oldest first."""
        return [(one.confidence, one.right) for one in self.answers if one.confidence is not None]

    @property
    def offered(self) -> list[tuple[float, bool]]:
        """The same of what a bar would have let through, were it low enough."""
        return [(_sureness(one), one.right) for one in self.answers if not one.declined]

    def line(self) -> dict[str, object]:
        """As programs get it."""
        names = ("plugin", "field", "board", "decided", "abstained", "right", "wrong", "accuracy", "low", "high", "ece")
        return {name: _rounded(getattr(self, name)) for name in (*names, "recommend")}


@dataclass(frozen=True)
class Week:
    """One week of one plugin's field."""

    begins: datetime
    right: int
    wrong: int
    abstained: int


@dataclass(frozen=True)
class Doings:
    """What a plugin would have done besides being right or wrong."""

    plugin: str
    tickets: int
    """On which it was asked."""
    notes: int
    fields: int
    unanswered: int
    """Decided fields of which people have not said what is right."""
    held_back: tuple[tuple[str, int], ...]
    """Why wishes would not have been written, most frequent first."""
    cost: float
    tokens: int


@dataclass(frozen=True)
class Report:
    """The whole scorecard."""

    connection: str
    window: Window
    scores: tuple[Score, ...]
    doings: tuple[Doings, ...]
    counts: Counts
    notes: tuple[str, ...] = field(default=())

    def of_all_boards(self) -> list[Score]:
        """The lines of plugins and fields, without their boards."""
        return [score for score in self.scores if score.board == ALL]

    def of_boards(self, score: Score) -> list[Score]:
        """The lines of one plugin's field on each board, the most decisions first."""
        found = [one for one in self.scores if (one.plugin, one.field) == (score.plugin, score.field)]
        return sorted((one for one in found if one.board != ALL), key=lambda one: (-one.decided, one.board))


def score(connection: str, played: Played, truths: Truths, asks: Mapping[str, Sequence[Field]]) -> Report:
    """The scorecard. `asks` names the fields that each plugin may wish for, of those that can be scored."""
    answers = list(_answers(played, truths, asks))
    written = {(one.plugin, one.field, one.ticket) for one in played.decisions if one.would_write and one.field}
    scores = [
        _score(plugin, name, board, [one for one in answers if (one.plugin, one.field) == (plugin, name)], written)
        for plugin, fields in asks.items()
        for name in (one.value for one in fields)
        for board in (ALL, *_boards(answers, plugin, name))
    ]
    doings = [_doings(plugin, played, answers) for plugin in asks]
    return Report(connection, played.window, tuple(scores), tuple(doings), played.counts, played.notes)


def _boards(answers: Iterable[Answer], plugin: str, name: str) -> list[str]:
    return sorted({one.board for one in answers if (one.plugin, one.field) == (plugin, name)})


def _answers(played: Played, truths: Truths, asks: Mapping[str, Sequence[Field]]) -> Iterator[Answer]:
    wished = _representative(one for one in played.decisions if truths.is_open(one))
    for (plugin, ticket), asked in played.asked.items():
        for name in asks.get(plugin, ()):
            one = wished.get((plugin, name.value, ticket))
            at, stood = (one.at, one.was) if one else (asked.at, asked.values[name])
            truth = truths.of(ticket, name, at, stood)
            if truth is None or (one is None and not truth.changed):
                continue  # nobody has said, or silence agreed with silence
            board = one.board if one else asked.board
            chose, confidence = (one.to, one.confidence) if one else ("", None)
            decided = one is not None and not one.abstained
            declined = one is None or one.declines
            yield Answer(plugin, name.value, board, ticket, at, chose, confidence, decided, declined, truth)


def _representative(decisions: Iterable[Decision]) -> dict[tuple[str, str, str], Decision]:
    """One wish for each ticket's field: the first that was sure enough, else the first of all."""
    found: dict[tuple[str, str, str], Decision] = {}
    for one in decisions:
        key = (one.plugin, one.field, one.ticket)
        if key not in found or (found[key].abstained and not one.abstained):
            found[key] = one
    return found


def _sureness(one: Answer) -> float:
    """What is declared rather than guessed has no confidence, and every bar lets it through."""
    return 1.0 if one.confidence is None else one.confidence


def _score(plugin: str, name: str, board: str, answers: Sequence[Answer], written: set[tuple[str, str, str]]) -> Score:
    answers = sorted((one for one in answers if board in (ALL, one.board)), key=lambda one: (one.at, one.ticket))
    decided = [one for one in answers if one.decided]
    right = sum(one.right for one in decided)
    low, high = figures.wilson(right, len(decided)) if decided else (None, None)
    sure = [(one.confidence, one.right) for one in answers if one.confidence is not None]
    offered = [(_sureness(one), one.right) for one in answers if not one.declined]
    return Score(
        plugin=plugin,
        field=name,
        board=board,
        decided=len(decided),
        abstained=len(answers) - len(decided),
        right=right,
        wrong=len(decided) - right,
        accuracy=right / len(decided) if decided else None,
        low=low,
        high=high,
        ece=figures.ece(sure),
        recommend=recommend(offered, len(answers) - len(offered), name),
        as_first=sum(one.as_first for one in decided),
        would_write=sum((plugin, name, one.ticket) in written for one in decided),
        answers=tuple(answers),
    )


def _doings(plugin: str, played: Played, answers: Sequence[Answer]) -> Doings:
    mine = [one for one in played.decisions if one.plugin == plugin]
    answered = {(one.field, one.ticket) for one in answers if one.plugin == plugin and one.decided}
    decided = {(one.field, one.ticket) for one in mine if one.field in SCORED and not one.abstained}
    held = Counter(_shortened(one.reason) for one in mine if not one.would_write and not one.abstained)
    return Doings(
        plugin=plugin,
        tickets=sum(asked == plugin for asked, _ in played.asked),
        notes=sum(one.would_write and one.kind == "add_note" for one in mine),
        fields=sum(one.would_write and one.kind == "change_field" for one in mine),
        unanswered=len(decided - answered),
        held_back=tuple(held.most_common(5)),
        cost=played.costs.get(plugin, 0.0),
        tokens=sum(one.tokens for one in mine),
    )


def _shortened(reason: str) -> str:
    return reason if len(reason) <= 120 else f"{reason[:119]}…"


def weeks(answers: Iterable[Answer]) -> list[Week]:
    """The same by the week, from its Monday; weeks without a ticket between two others are there too."""
    by_week: dict[datetime, list[Answer]] = {}
    for one in answers:
        day = one.at.replace(hour=0, minute=0, second=0, microsecond=0)
        by_week.setdefault(day - timedelta(days=day.weekday()), []).append(one)
    if not by_week:
        return []
    monday, last, found = min(by_week), max(by_week), []
    while monday <= last:
        inside = by_week.get(monday, [])
        right = sum(one.decided and one.right for one in inside)
        decided = sum(one.decided for one in inside)
        found.append(Week(monday, right, decided - right, len(inside) - decided))
        monday += timedelta(days=7)
    return found


def _rounded(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value
