"""Invented threads, and by construction which of them end with a recap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

FIRST_NUMBER = 7001

_THINGS = ("printer", "scanner", "label machine", "projector", "docking station", "badge reader", "time clock")
_PLACES = ("the packing hall", "the front desk", "the second floor", "the meeting room", "the workshop", "the archive")
_TROUBLES = (
    "stops in the middle of a job and shows error {number}",
    "takes {number} seconds for what took two last week",
    "asks for a driver whenever somebody in {place} logs on",
    "loses its connection about {number} times a day",
    "prints every label twice and then jams",
    "answers nobody in {place} since the update",
)
_ANSWERS = (
    "I replaced the cable behind the {thing} and restarted it; please tell me whether error {number} comes back.",
    "The log of the {thing} shows {number} resets since Monday, so I ordered a new power supply for it.",
    "I moved the {thing} to the other switch port in {place}, which has shown no fault for {number} minutes.",
    "Which of the {number} workstations in {place} see the fault on the {thing}, all of them or only some?",
)
_NEWS = (
    "The {thing} in {place} failed again at half past nine, now with error {number} on two workstations.",
    "We tried the {thing} with another cable as you said, and it still stops after {number} pages in {place}.",
    "Could you send somebody to {place} today, because {number} orders wait behind the {thing}?",
    "Since the restart the {thing} works for {number} minutes and then shows the same fault as before.",
)
_THANKS = ("Thanks!", "Thank you very much.", "Great, thanks a lot!", "Thank you for your help.")


@dataclass(frozen=True)
class Story:
    """One ticket: what stood in it before, what its customer says while the copilot runs, and whether that earns a
    recap."""

    number: int
    kind: str
    before: tuple[str, ...]
    live: tuple[str, ...]
    recap: bool

    @property
    def fresh(self) -> bool:
        """Opened only while the copilot runs."""
        return not self.before

    @property
    def messages(self) -> int:
        """How many have been said at the end."""
        return len(self.before) + len(self.live)

    def line(self) -> dict[str, Any]:
        """The ticket as it stands before the copilot comes, or as it is opened."""
        said = self.before or self.live[:1]
        sides = ("customer", "agent")
        return {
            "id": self.number,
            "title": f"Fault report {self.number}",
            "company": f"Example Works {self.number % 7}",
            "contact": f"Robin Sample {self.number % 11}",
            "messages": [{"role": sides[place % 2], "text": text} for place, text in enumerate(said)],
        }


@dataclass(frozen=True)
class Step:
    """One thing that a customer does: opens the ticket, or writes into it."""

    story: Story
    place: int

    @property
    def opens(self) -> bool:
        return self.story.fresh and self.place == 0


def stories(seed: int, count: int = 60) -> list[Story]:
    """So many threads; the same seed, the same threads."""
    chance = Random(f"threads:{seed}")
    kinds = [kind for kind, share in _SHARES.items() for _ in range(share)]
    return [_story(FIRST_NUMBER + place, kinds[place % len(kinds)], chance) for place in range(count)]


def script(told: list[Story], seed: int) -> list[Step]:
    """All that is said, mixed; within a thread in its order."""
    turns = [story for story in told for _ in story.live]
    Random(f"script:{seed}").shuffle(turns)
    said: dict[int, int] = {}
    steps = []
    for story in turns:
        place = said.get(story.number, 0)
        steps.append(Step(story, place))
        said[story.number] = place + 1
    return steps


# Far from any borderline: long ones pass four messages, letters hold half as much again as the thousand characters
# that count, short ones are two messages of one sentence. At most three live messages, so that a recap is still
# among the ticket's last three messages whenever it has to be brought up to date, and none earns a second note.
_SHARES = {"long": 26, "growing": 8, "letter": 8, "fresh letter": 6, "short": 6, "thanks": 6}
_LETTER = 1_500


def _story(number: int, kind: str, chance: Random) -> Story:
    match kind:
        case "long":
            before, live = chance.randint(4, 7), _said(chance, chance.randint(1, 3))
        case "growing":
            before, live = 3, _said(chance, chance.randint(1, 2))
        case "letter":
            before, live = 1, (_letter(chance),)
        case "fresh letter":
            before, live = 0, (_letter(chance),)
        case "short":
            before, live = 1, _said(chance, 1)
        case _:
            before, live = 5, (chance.choice(_THANKS),)
    return Story(number, kind, _history(chance, before), live, recap=kind not in ("short", "thanks"))


def _history(chance: Random, count: int) -> tuple[str, ...]:
    opening = _filled(f"The {{thing}} in {{place}} {chance.choice(_TROUBLES)}.", chance)
    answers = [_filled(chance.choice(_NEWS if place % 2 else _ANSWERS), chance) for place in range(count - 1)]
    return (opening, *answers)[:count]


def _said(chance: Random, count: int) -> tuple[str, ...]:
    return tuple(_filled(chance.choice(_NEWS), chance) for _ in range(count))


def _letter(chance: Random) -> str:
    return " ".join(_sentences(chance))


def _sentences(chance: Random) -> Iterator[str]:
    length = 0
    while length < _LETTER:
        sentence = _filled(chance.choice(_NEWS), chance)
        length += len(sentence)
        yield sentence


def _filled(pattern: str, chance: Random) -> str:
    return pattern.format(thing=chance.choice(_THINGS), place=chance.choice(_PLACES), number=chance.randint(11, 89))
