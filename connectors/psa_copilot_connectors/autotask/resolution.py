"""The resolution of an Autotask ticket: one text on its record, without a number, an author or a date of its own.

Ours is a part of it between blank lines, told again by the marker at its end, which makes the number of the message.
"""

from __future__ import annotations

from psa_copilot import AddNote, EditNote, Receipt, Ref, Rejected, marker_of, same_text
from psa_copilot_connectors.autotask.mapping import RESOLUTION, blocks_of
from psa_copilot_connectors.autotask.rows import Row, text
from psa_copilot_connectors.autotask.site import Site
from psa_copilot_connectors.autotask.tickets import TICKETS, Tickets

LONGEST = 32_000


def is_resolution(note_id: str) -> bool:
    """Whether this is the resolution and no note."""
    return note_id.partition("-")[0] == RESOLUTION


class Resolutions:
    """Writes it; a human's words in it stay."""

    def __init__(self, site: Site, tickets: Tickets) -> None:
        self._site, self._tickets = site, tickets

    async def add(self, ref: Ref, action: AddNote) -> Receipt:
        """Ours below what is there."""
        ours = _unbroken(action.body)
        await self._set(ref, [*await self._blocks(ref), ours], f"write the resolution of ticket {ref.remote_id}")
        return Receipt(remote_id=f"{RESOLUTION}-{marker_of(ours)}")

    async def find(self, ref: Ref, marker: str) -> Receipt | None:
        """Ours, wherever in it: somebody may have written on below it."""
        lines = (line for block in await self._blocks(ref) for line in block.splitlines())
        there = any(marker_of(line) == marker for line in lines)
        return Receipt(remote_id=f"{RESOLUTION}-{marker}") if there else None

    async def edit(self, ref: Ref, action: EditNote) -> Receipt:
        """Other words for ours, while it stands there as we left it."""
        doing = f"edit the resolution of ticket {ref.remote_id}"
        blocks, marker = await self._blocks(ref), action.note_id.partition("-")[2]
        at = next((n for n, block in enumerate(blocks) if marker and marker_of(block) == marker), None)
        if at is None or (action.was and not same_text(blocks[at], action.was)):
            raise Rejected(self._site.connection, doing, "our words do not stand there any more")
        blocks[at] = _unbroken(action.body)
        await self._set(ref, blocks, doing)
        return Receipt(remote_id=action.note_id)

    async def find_edit(self, ref: Ref, action: EditNote) -> Receipt | None:
        """Whether ours has these words by now."""
        done = any(same_text(block, action.body) for block in await self._blocks(ref))
        return Receipt(remote_id=action.note_id) if done else None

    async def _blocks(self, ref: Ref) -> list[str]:
        return blocks_of(text(await self._tickets.row(ref), RESOLUTION))

    async def _set(self, ref: Ref, blocks: list[str], doing: str) -> None:
        said = "\n\n".join(blocks)
        if len(said) > LONGEST:
            says = f"it would have {len(said)} characters, and Autotask takes {LONGEST}"
            raise Rejected(self._site.connection, doing, says)
        body: Row = {"id": int(ref.remote_id), RESOLUTION: said}
        await self._site.patch(f"/{TICKETS}", body, doing=doing)
        row = await self._site.once_written(
            lambda: self._tickets.row(ref), lambda row: same_text(text(row, RESOLUTION), said)
        )
        if not same_text(text(row, RESOLUTION), said):
            raise Rejected(self._site.connection, doing, "the PSA said yes and kept another text")


def _unbroken(body: str) -> str:
    """Without blank lines, which tell the parts apart."""
    return "\n".join(line for line in body.splitlines() if line.strip())
