"""Notes of Autotask tickets: read, written, edited, and found again by our marker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from psa_copilot import AddNote, EditNote, NotFound, Receipt, Ref, Rejected, Ticket, Unsupported, marker_of, same_text
from psa_copilot_connectors.autotask import mapping
from psa_copilot_connectors.autotask.picklists import Picklist
from psa_copilot_connectors.autotask.resolution import Resolutions, is_resolution
from psa_copilot_connectors.autotask.roster import Roster
from psa_copilot_connectors.autotask.rows import Row, number, text, where
from psa_copilot_connectors.autotask.site import Site
from psa_copilot_connectors.autotask.tickets import Tickets

NOTES = "TicketNotes"
LONGEST, LONGEST_TITLE = 32_000, 100
USUAL_TYPE = 3
"""Task Notes: what people write by hand."""


@dataclass
class Said:
    """What a ticket's messages are made of."""

    opening: Row
    notes: list[Row] = field(default_factory=list)
    times: list[Row] = field(default_factory=list)


class Notes:
    """What is said on tickets."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets) -> None:
        self._site, self._roster, self._tickets = site, roster, tickets
        self._resolutions = Resolutions(site, tickets)

    async def on(self, remote_id: str) -> list[Row]:
        """The notes of a ticket. The ticket's own list of them ends with the first 500."""
        on = where("ticketID", "eq", int(remote_id))
        return await self._site.all(NOTES, on, doing=f"read the notes of ticket {remote_id}")

    async def said_on(self, tickets: Sequence[Ticket]) -> dict[str, Said]:
        """All that is said on some tickets, by their numbers, asked for together; without those that are gone."""
        numbers = [int(ticket.ref.remote_id) for ticket in tickets]
        openings = await self._tickets.openings(tickets)
        notes = _by_ticket(await self._site.those(NOTES, "ticketID", numbers, doing="read the notes of some tickets"))
        asked = "read the time entries of some tickets"
        times = _by_ticket(await self._site.those("TimeEntries", "ticketID", numbers, doing=asked))
        # A question about a ticket that is gone is answered with nothing, as is one that nobody has said anything on.
        silent = [key for key in openings if not notes[key] and not times[key]]
        there = {*openings} - {*silent} | await self._tickets.there(silent)
        return {key: Said(row, notes[key], times[key]) for key, row in openings.items() if key in there}

    async def add(self, ref: Ref, action: AddNote) -> Receipt:
        """Write one for our own staff only, or one that the customer sees; the API itself mails neither."""
        doing = f"add a note to ticket {ref.remote_id}"
        if action.notify:
            why = "the API mails nobody; workflow rules of the desk decide that"
            raise Unsupported(self._site.connection, doing, why)
        if action.place == "resolution":
            return await self._resolutions.add(ref, action)
        self._fits(action.body, doing)
        lists = (await self._roster.at_hand()).notes
        is_internal = action.place == "internal"
        publish = internal(lists["publish"]) if is_internal else public(lists["publish"])
        if publish is None:
            meant = "internal" if is_internal else "what customers see"
            raise Rejected(self._site.connection, doing, f"no value of publish is clearly {meant}")
        body = {
            "title": title_of(action.body),
            "description": action.body,
            "noteType": _type(lists["noteType"]),
            "publish": publish,
        }
        made = await self._site.post(f"/Tickets/{ref.remote_id}/Notes", body, doing=doing)
        return Receipt(remote_id=str(made))

    async def find(self, ref: Ref, action: AddNote, marker: str) -> Receipt | None:
        """Our note by its marker. Somebody who quotes our marker is not us, so the author counts too."""
        if action.place == "resolution":
            return await self._resolutions.find(ref, marker)
        ourselves = (await self._roster.at_hand()).ourselves
        for row in reversed(await self.on(ref.remote_id)):
            if marker_of(text(row, "description")) == marker and _may_be_ours(row, ourselves):
                return Receipt(remote_id=str(row["id"]))
        return None

    async def edit(self, ref: Ref, action: EditNote) -> Receipt:
        """Give one of ours new words; there is no way to delete one."""
        if is_resolution(action.note_id):
            return await self._resolutions.edit(ref, action)
        doing = f"edit note {action.note_id}"
        self._fits(action.body, doing)
        body = {"id": int(action.note_id), "title": title_of(action.body), "description": action.body}
        try:
            await self._site.patch(f"/Tickets/{ref.remote_id}/Notes", body, doing=doing)
        except NotFound as exc:
            raise Rejected(self._site.connection, doing, exc.why) from exc
        return Receipt(remote_id=action.note_id)

    async def find_edit(self, ref: Ref, action: EditNote) -> Receipt | None:
        """Whether a note has these words by now."""
        if is_resolution(action.note_id):
            return await self._resolutions.find_edit(ref, action)
        try:
            row = await self._site.item(f"/{NOTES}/{action.note_id}", doing=f"look at note {action.note_id}")
        except NotFound:
            return None
        return Receipt(remote_id=str(row["id"])) if same_text(text(row, "description"), action.body) else None

    def _fits(self, body: str, doing: str) -> None:
        if len(body) > LONGEST:
            says = f"the note has {len(body)} characters, and Autotask takes {LONGEST}"
            raise Rejected(self._site.connection, doing, says)


def _by_ticket(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(number(row, "ticketID"))].append(row)
    return found


def title_of(body: str) -> str:
    """A note needs a title: its own first line, as far as one shows."""
    first = body.strip().partition("\n")[0]
    return first if len(first) <= LONGEST_TITLE else f"{first[: LONGEST_TITLE - 1]}\u2026"


def internal(publish: Picklist) -> int | None:
    """The value that hides a note from the customer, and from the technicians of a co-managed one."""
    words = [(one.value, one.label.casefold()) for one in publish.active()]
    inside = [value for value, label in words if "internal" in label and "managed" not in label]
    return inside[0] if len(inside) == 1 else None


def public(publish: Picklist) -> int | None:
    """The value that shows a note to the customer: 1 by the vendor, unless a label denies it."""
    shown = next((one for one in publish.active() if one.value == mapping.PUBLIC), None)
    return shown.value if shown and "internal" not in shown.label.casefold() else None


def _type(types: Picklist) -> int:
    usual = types.find("Task Notes")
    return usual.value if usual else USUAL_TYPE


def _may_be_ours(row: Row, ourselves: int | None) -> bool:
    """Written by our account; where nobody told us who that is, at least not by a customer."""
    if ourselves is None:
        return number(row, "createdByContactID") is None
    return number(row, "creatorResourceID") == ourselves
