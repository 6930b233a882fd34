"""Tickets made up by rule, for the parts that count requests and bytes and do not care what is said."""

from __future__ import annotations

import random
from collections.abc import Iterator

SAID = (
    ("customer", "The {thing} in the {place} stopped working on {day} and shows error {code}."),
    ("agent", "I restarted the {thing} from here; please try it again and tell me what it shows."),
    ("customer", "It ran for an hour, then error {code} came back while we printed the {paper}."),
    ("agent", "I ordered a replacement for the {thing}; it arrives on {day}."),
)
NEWS = "The replacement for the {thing} came on {day}, but error {code} is still shown in the {place}."
WORDS = {
    "thing": ("label printer", "badge reader", "meeting room screen", "backup drive", "scanner", "wall switch"),
    "place": ("front office", "warehouse", "canteen", "archive", "workshop", "reception"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
    "paper": ("delivery notes", "invoices", "visitor badges", "shelf labels"),
}


def tickets(count: int, seed: int, messages: int = len(SAID)) -> Iterator[dict[str, object]]:
    """So many tickets of so many messages."""
    chance = random.Random(seed)
    for number in range(count):
        said = [{"role": role, "text": fill(text, chance)} for role, text in SAID[:messages]]
        yield {"id": f"made-{number}", "board": f"Desk {number % 4}", "messages": said}


def news(number: int) -> dict[str, object]:
    """Something that a customer says next."""
    return {"role": "customer", "text": fill(NEWS, random.Random(number))}


def fill(text: str, chance: random.Random) -> str:
    """A sentence with its blanks filled in."""
    return text.format(code=chance.randint(100, 999), **{name: chance.choice(of) for name, of in WORDS.items()})
