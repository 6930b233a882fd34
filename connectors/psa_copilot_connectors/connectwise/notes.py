"""Notes of ConnectWise tickets: read, written, edited, and found again by our marker."""

from __future__ import annotations

from psa_copilot import AddNote, EditNote, NotFound, Receipt, Ref, Rejected, marker_of, same_text, to_text
from psa_copilot_connectors.connectwise import bodies, mapping
from psa_copilot_connectors.connectwise.roster import Roster
from psa_copilot_connectors.connectwise.rows import Row, saved_at
from psa_copilot_connectors.connectwise.site import Site
from psa_copilot_connectors.connectwise.tickets import TICKETS, Tickets


class Notes:
    """What is said on tickets."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets) -> None:
        self._site, self._roster, self._tickets = site, roster, tickets
        self._has_all_notes: bool | None = None

    async def on(self, number: str) -> list[Row]:
        """Notes and time entries in one read; in two where the server is too old for that."""
        doing, path = f"read the notes of ticket {number}", f"{TICKETS}/{number}"
        if self._has_all_notes is not False:
            try:
                rows = await self._site.all(f"{path}/allNotes", doing=doing)
            except (NotFound, Rejected):
                if self._has_all_notes or not await self._lacks_all_notes(path, doing):
                    raise
            else:
                self._has_all_notes = True
                return rows
        return [*await self._site.all(f"{path}/notes", doing=doing), *await self._tickets.time_entries(number)]

    async def _lacks_all_notes(self, path: str, doing: str) -> bool:
        """Whether the server is too old: a 404 also comes for a deleted ticket, for bad keys, and in a bad hour."""
        await self._site.get(f"{path}/notes", {"pageSize": 1}, doing=doing)
        try:
            await self._site.get(f"{path}/allNotes", {"pageSize": 1}, doing=doing, may_lack=True)
        except (NotFound, Rejected):
            self._has_all_notes = False
        return self._has_all_notes is False

    async def add(self, ref: Ref, action: AddNote) -> Receipt:
        """Write one."""
        path, doing = f"{TICKETS}/{ref.remote_id}/notes", f"add a note to ticket {ref.remote_id}"
        note = await self._site.post(path, bodies.note(action), doing=doing)
        # Nobody knows better than our own note who we are.
        self._roster.ourselves = mapping.author_of(note) or self._roster.ourselves
        return _receipt(note)

    async def find(self, ref: Ref, marker: str) -> Receipt | None:
        """Our note by its marker. Somebody who quotes our marker is not us, so the author counts too."""
        path, doing = f"{TICKETS}/{ref.remote_id}/notes", f"look for our note on ticket {ref.remote_id}"
        await self._roster.at_hand()
        for row in await self._site.all(path, {"orderBy": "id desc"}, doing=doing):
            if marker_of(to_text(row.get("text"))) == marker and self._may_be_ours(row):
                return _receipt(row)
        return None

    def _may_be_ours(self, row: Row) -> bool:
        """Written by our account; where nobody told us who that is, at least not by a customer."""
        if not self._roster.ourselves:
            return not row.get("contact")
        return mapping.author_of(row).casefold() == self._roster.ourselves.casefold()

    async def edit(self, ref: Ref, action: EditNote) -> Receipt:
        """Give one of ours new words."""
        path, doing = f"{TICKETS}/{ref.remote_id}/notes/{action.note_id}", f"edit note {action.note_id}"
        try:
            note = await self._site.patch(path, bodies.edit(action.body), doing=doing)
        except NotFound as exc:
            await self._tickets.one(ref)  # where the ticket cannot be read either, that is the news
            raise Rejected(self._site.connection, doing, f"{exc.why}; somebody deleted it") from exc
        if not _reads(note, action.body):
            raise Rejected(self._site.connection, doing, "the PSA said yes and kept another text")
        return _receipt(note)

    async def find_edit(self, ref: Ref, action: EditNote) -> Receipt | None:
        """Whether a note has these words by now."""
        path = f"{TICKETS}/{ref.remote_id}/notes/{action.note_id}"
        try:
            note = await self._site.row(path, doing=f"look at note {action.note_id}")
        except NotFound:
            return None
        return _receipt(note) if _reads(note, action.body) else None


def _reads(note: Row, body: str) -> bool:
    return same_text(to_text(note.get("text")), to_text(body))


def _receipt(note: Row) -> Receipt:
    return Receipt(remote_id=str(note["id"]), at=saved_at(note))
