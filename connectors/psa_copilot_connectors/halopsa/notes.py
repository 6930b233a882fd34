"""Notes of Halo tickets, which are actions: read, written, edited, and found again by our marker."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from psa_copilot import (
    AddNote,
    EditNote,
    LogTime,
    Message,
    Moment,
    NotFound,
    NotReady,
    Receipt,
    Ref,
    Rejected,
    Ticket,
    Unsupported,
    marker_of,
    same_text,
    to_text,
)
from psa_copilot_connectors.halopsa import bodies, mapping, outcomes
from psa_copilot_connectors.halopsa.roster import Roster
from psa_copilot_connectors.halopsa.rows import Row, asked, count, moment, number
from psa_copilot_connectors.halopsa.settings import HaloPsaSettings
from psa_copilot_connectors.halopsa.site import Site
from psa_copilot_connectors.halopsa.tickets import Tickets

ACTIONS = "/Actions"
LATE = (1.0, 2.0, 4.0)
"""Seconds between looks for what Halo has taken and does not show yet."""


class Notes:
    """What is said on tickets."""

    def __init__(self, site: Site, roster: Roster, tickets: Tickets, settings: HaloPsaSettings) -> None:
        self._site, self._roster, self._tickets, self._settings = site, roster, tickets, settings
        self._zone, self._ticket_zone = ZoneInfo(settings.action_zone), ZoneInfo(settings.zone)

    async def messages(self, ticket: Ticket) -> tuple[Message, ...]:
        """All messages of a ticket. What it was opened with may stand in its record alone."""
        names, accounts = (await self._roster.at_hand()).names, await self._roster.accounts()
        rows = await self.on(ticket.ref.remote_id)
        try:
            messages = mapping.to_messages(rows, ticket.ref, names, accounts, self._zone)
        except ValueError as exc:
            raise NotReady(self._site.connection, "understand an action", str(exc)) from exc
        opening = None if any(map(mapping.is_opening, rows)) else await self._opening(ticket.ref)
        return (opening, *messages) if opening else tuple(messages)

    async def _opening(self, ref: Ref) -> Message | None:
        return mapping.to_opening(await self._tickets.opening(ref.remote_id), ref, self._ticket_zone)

    async def on(self, own: str) -> list[Row]:
        """The actions of a ticket, as Halo tells them."""
        asked = {"ticket_id": own, "includehtmlnote": "true"}
        rows = await self._site.counted(ACTIONS, asked, doing=f"read the actions of ticket {own}")
        # Filters may be ignored without a word.
        return [row for row in rows if number(row.get("ticket_id")) in ("", own)]

    async def add(self, ref: Ref, action: AddNote) -> Receipt:
        """Write one, with an outcome that does nothing besides."""
        doing = f"add a note to ticket {ref.remote_id}"
        if action.notify:
            raise Unsupported(self._site.connection, doing, "this connector mails nobody")
        outcome = await self._outcome(self._settings.outcomes()[action.place], doing)
        return self._receipt(await self._made(bodies.note(action, int(ref.remote_id), outcome), doing))

    async def _made(self, body: Row, doing: str) -> Row:
        """A new action, as it was answered; one that is shown to more people than it should be is told of."""
        told = await self._site.write(ACTIONS, body, doing=doing)
        if not number(told.get("id")):
            raise NotReady(self._site.connection, doing, "the answer tells no id", maybe_done=True)
        if to := self._shown_to(told, body):
            says = f"the PSA said yes and shows action {number(told['id'])} to {to}; take it away there"
            raise Rejected(self._site.connection, doing, says)
        return told

    def _shown_to(self, told: Row, body: Row) -> str:
        """Who can read it and should not. Nobody minds a client's own IT where no client has any."""
        shown = {name for name in bodies.INSIDE if body[name] and told.get(name) is False}
        if "hiddenfromuser" in shown:
            return "the customer"
        return "the client's own IT" if shown and self._settings.desk.co_managed else ""

    async def log_time(self, ref: Ref, action: LogTime, marker: str, now: Moment) -> Receipt:
        """Time of ours, ending now: an action too."""
        doing = f"log time on ticket {ref.remote_id}"
        outcome = await self._outcome(self._settings.outcome, doing)
        start, end = (asked(when, self._zone) for when in (now - timedelta(minutes=action.minutes), now))
        rate = self._settings.charge_rate
        body = bodies.time_entry(action, int(ref.remote_id), outcome, (start, end), rate, marker)
        told = await self._made(body, doing)
        self._check_charge(told, doing)
        return self._receipt(told)

    async def find_time(self, ref: Ref, marker: str) -> Receipt | None:
        """Our time by its marker."""
        row = await self._ours(ref, marker)
        if row is None or not row.get("timetaken"):
            return None
        self._check_charge(row, f"log time on ticket {ref.remote_id}")
        return self._receipt(row)

    def _check_charge(self, row: Row, doing: str) -> None:
        """Time was kept, and charged to nobody: a ticket type's own rate comes before what a request says."""
        key, hours = number(row.get("id")), [row.get(name) for name in ("actionchargehours", "actionprepayhours")]
        rate = count(row.get("chargerate"))
        if rate not in (0, self._settings.charge_rate) or any(hours):
            says = f"the PSA said yes and charges action {key} at rate {rate}; take it away there"
            raise Rejected(self._site.connection, doing, says)
        if not row.get("timetaken"):
            raise Rejected(self._site.connection, doing, f"the PSA said yes and kept no time in action {key}")

    async def _outcome(self, wanted: str, doing: str) -> int:
        outcome = await self._roster.find(lambda known: known.outcome(wanted))
        if outcome is None:
            raise Rejected(self._site.connection, doing, f"there is no outcome {wanted!r}")
        if traps := outcomes.does(outcome):
            says = f"the outcome {wanted!r} {', '.join(traps)}; make one that does nothing besides"
            raise Rejected(self._site.connection, doing, says)
        return int(number(outcome.get("id")))

    async def find(self, ref: Ref, marker: str) -> Receipt | None:
        """Our note by its marker."""
        row = await self._ours(ref, marker)
        return self._receipt(row) if row else None

    async def _ours(self, ref: Ref, marker: str) -> Row | None:
        """An action of ours. Somebody who quotes our marker is not us, so the author counts too."""
        known = await self._roster.at_hand()
        for row in await self.on(ref.remote_id):
            ours = mapping.author_of(row, known.names) == known.directory.ourselves
            if ours and marker_of(mapping.words_of(row)) == marker:
                return row
        return None

    async def edit(self, ref: Ref, action: EditNote) -> Receipt:
        """Give one of ours new words. An id that is not there might make a new action, so it is looked for first."""
        doing = f"edit note {action.note_id} of ticket {ref.remote_id}"
        try:
            before = await self._one(ref, action.note_id, doing)
        except NotFound as exc:
            await self._tickets.one(ref)  # where the ticket cannot be read either, that is the news
            raise Rejected(self._site.connection, doing, f"{exc.why}; somebody deleted it") from exc
        told = await self._site.write(ACTIONS, bodies.edit(action, int(ref.remote_id), before), doing=doing)
        if number(told.get("id")) != action.note_id:
            says = f"the PSA said yes and made another action, {number(told.get('id'))}; take it away there"
            raise Rejected(self._site.connection, doing, says)
        if not _reads(told, action.body):
            told = await self._shown(ref, action, doing)
        return self._receipt(told)

    async def _shown(self, ref: Ref, action: EditNote, doing: str) -> Row:
        """The note, once reads show its new words."""
        for seconds in LATE:
            row = await self._one(ref, action.note_id, doing)
            if _reads(row, action.body):
                return row
            await self._site.wait(seconds)
        raise Rejected(self._site.connection, doing, "the PSA said yes and kept another text")

    async def find_edit(self, ref: Ref, action: EditNote) -> Receipt | None:
        """Whether a note has these words by now."""
        try:
            row = await self._one(ref, action.note_id, f"look at note {action.note_id}")
        except NotFound:
            return None
        return self._receipt(row) if _reads(row, action.body) else None

    async def _one(self, ref: Ref, note: str, doing: str) -> Row:
        asked = {"ticket_id": ref.remote_id, "includedetails": "true"}
        return await self._site.row(f"{ACTIONS}/{note}", asked, doing=doing)

    def _receipt(self, row: Row) -> Receipt:
        at = moment(row.get("last_updated"), self._zone) or moment(row.get("actiondatecreated"), self._zone)
        return Receipt(remote_id=number(row.get("id")), at=at)


def _reads(row: Row, body: str) -> bool:
    return same_text(mapping.words_of(row), to_text(body))
