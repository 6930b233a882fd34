"""The resolution of an Autotask ticket: one text on its record, without a number, an author or a date of its own.

Ours is added below what stands there and told again by its marker, which makes the number of the message.
"""

from __future__ import annotations

from psa_copilot import AddNote, EditNote, NotReady, Receipt, Ref, Rejected, marker_of, same_text
from psa_copilot_connectors.autotask.mapping import RESOLUTION, resolution_id
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
        doing = f"write the resolution of ticket {ref.remote_id}"
        there = text(await self._tickets.row(ref), RESOLUTION)
        return await self._set(ref, "\n\n".join(filter(None, (there, action.body))), doing)

    async def find(self, ref: Ref, marker: str) -> Receipt | None:
        """Ours, wherever in it: somebody may have written on below it."""
        said = text(await self._tickets.row(ref), RESOLUTION)
        ours = any(marker_of(line) == marker for line in said.splitlines())
        return Receipt(remote_id=f"{RESOLUTION}-{marker}") if ours else None

    async def edit(self, ref: Ref, action: EditNote) -> Receipt:
        """Other words for ours, while it stands there as we left it."""
        doing = f"edit the resolution of ticket {ref.remote_id}"
        there, was = text(await self._tickets.row(ref), RESOLUTION), action.was.strip()
        if not was or not there.endswith(was):
            raise Rejected(self._site.connection, doing, "it does not end with our words any more")
        return await self._set(ref, there.removesuffix(was) + action.body, doing)

    async def find_edit(self, ref: Ref, action: EditNote) -> Receipt | None:
        """Whether it ends with these words by now."""
        said, ours = text(await self._tickets.row(ref), RESOLUTION), action.body.split()
        done = bool(ours) and said.split()[-len(ours) :] == ours
        return Receipt(remote_id=action.note_id) if done else None

    async def _set(self, ref: Ref, said: str, doing: str) -> Receipt:
        if len(said) > LONGEST:
            says = f"it would have {len(said)} characters, and Autotask takes {LONGEST}"
            raise Rejected(self._site.connection, doing, says)
        body: Row = {"id": int(ref.remote_id), RESOLUTION: said}
        await self._site.patch(f"/{TICKETS}", body, doing=doing)
        try:
            kept = text(await self._tickets.row(ref), RESOLUTION)
        except NotReady as exc:  # the write was accepted; only the look at it failed
            raise NotReady(exc.connection, exc.doing, exc.why, maybe_done=True) from exc
        if not same_text(kept, said):
            raise Rejected(self._site.connection, doing, "the PSA said yes and kept another text")
        return Receipt(remote_id=resolution_id(kept))
