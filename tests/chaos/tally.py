"""What the PSA holds in the end, counted on the PSA's side alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psa_copilot.markers import marker_of
from tests.chaos.psas import Psa
from tests.chaos.threads import Story

Note = Mapping[str, Any]


@dataclass
class Tally:
    """Tickets that went wrong, by how."""

    lost: list[int] = field(default_factory=list)
    """No recap, though the thread earned one."""
    stale: list[int] = field(default_factory=list)
    """A recap that does not know the last message: the edit was lost."""
    doubled: list[int] = field(default_factory=list)
    """One marker twice, or a second recap."""
    unexpected: list[int] = field(default_factory=list)
    """A note of ours where there should be none."""
    shown: list[int] = field(default_factory=list)
    """A note of ours that customers can see."""

    @property
    def missing(self) -> int:
        """Writes that never arrived."""
        return len(self.lost) + len(self.stale)

    def troubles(self) -> list[str]:
        """A line for each kind of trouble."""
        return [f"{name}: tickets {tickets}" for name, tickets in vars(self).items() if tickets]


@dataclass(frozen=True)
class Traffic:
    """What the copilot wrote, by the sandbox's log."""

    writes: int
    """Requests for a note or an edit that were carried out."""
    cuts: int
    """Those of them whose answer was cut off."""


def tally(told: Sequence[Story], notes: Sequence[Note]) -> Tally:
    """Compare what stands there with what each thread earned."""
    ours: dict[int, list[Note]] = defaultdict(list)
    for note in notes:
        if marker_of(note["text"]):
            ours[note["ticket"]].append(note)
    found = Tally()
    for story in told:
        _judge(story, ours[story.number], found)
    return found


def doubled_markers(notes: Sequence[Note]) -> int:
    """How many markers stand, or stood before an edit, on more than one note."""
    worn = [{marker_of(version["text"]) for version in note["versions"]} - {""} for note in notes]
    markers = Counter(marker for each in worn for marker in each)
    return sum(count > 1 for count in markers.values())


def traffic(log: Sequence[Mapping[str, Any]], psa: Psa) -> Traffic:
    """Count the writes to notes."""
    done = [row for row in log if psa.is_note(row)]
    return Traffic(len(done), sum(row["fault"] == "cut_after" for row in done))


def _judge(story: Story, notes: Sequence[Note], found: Tally) -> None:
    if not story.recap:
        found.unexpected += [story.number] * bool(notes)
    elif not notes:
        found.lost.append(story.number)
    elif not any(f"[#{story.messages}]" in note["text"] for note in notes):
        # A recap's first line cites the last thing said, whatever it was.
        found.stale.append(story.number)
    if len(notes) > 1:
        found.doubled.append(story.number)
    if not all(note["internal"] for note in notes):
        found.shown.append(story.number)
