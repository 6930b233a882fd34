"""ConnectWise PSA: tickets and notes of one company."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import ClassVar
from urllib.parse import quote, urlsplit

from psa_copilot import (
    Action,
    AddNote,
    AuthFailed,
    Board,
    Can,
    ChangeField,
    Connector,
    Delivery,
    Directory,
    EditNote,
    Event,
    Field,
    Finding,
    Hint,
    Http,
    Moment,
    NotFound,
    NotReady,
    Priority,
    PsaError,
    Pulled,
    Receipt,
    Ref,
    Rejected,
    Status,
    Step,
    Ticket,
    TicketPage,
    Unsupported,
    keyset,
    marker_of,
    same_text,
)
from psa_copilot_connectors.connectwise import checks, mapping, webhooks
from psa_copilot_connectors.connectwise.mapping import Row, replace
from psa_copilot_connectors.connectwise.settings import KEYS, ConnectWiseSettings
from psa_copilot_connectors.connectwise.site import LONGEST_PAGE, Site

TICKETS = "/service/tickets"
CALLBACKS = "/system/callbacks"
MEMBERS, SHORT_MEMBERS = "/system/members", "/system/info/members"
MEMBER_FIELDS = "id,identifier,firstName,lastName,inactiveFlag,licenseClass,primaryEmail,officeEmail"
PAGE = 250
"""Whole tickets a page: big enough for a backfill, small enough for one transaction."""


class ConnectWise(Connector):
    """Tickets and notes of one ConnectWise company."""

    name = "connectwise"
    can = Can(
        webhooks=True,
        internal_notes=True,
        edit_notes=True,
        history=True,
        fields=frozenset(mapping.PATHS),
        message_bumps_ticket="unknown",
    )
    Settings = ConnectWiseSettings
    secrets: ClassVar[frozenset[str]] = frozenset({"private_key"})

    settings: ConnectWiseSettings

    def __init__(self, settings: ConnectWiseSettings, http: Http) -> None:
        super().__init__(settings, http)
        self._site = Site(settings, http)
        self._keyring = webhooks.Keyring(settings.url, http)
        self._link = _link(settings)
        self._directory: Directory | None = None
        self._ourselves = ""
        self._has_all_notes: bool | None = None
        self._members_at = MEMBERS

    async def known_good(self) -> None:
        doing = "read its own version"
        try:
            await self._site.get("/system/info", doing=doing)
        except NotFound as exc:
            keys = ", ".join(f"connections.{self.http.connection}.{key}" for key in KEYS)
            why = f"{exc.why}, which ConnectWise also answers to bad keys; check {keys}"
            raise AuthFailed(self.http.connection, doing, why) from exc

    async def check(self) -> list[Finding]:
        try:
            await self.known_good()
        except PsaError as exc:
            return [Finding("fault", "access", str(exc))]
        findings = await checks.check_rights(self._site)
        if any(finding.level == "fault" for finding in findings):
            return findings
        directory, members = await self.directory(), await self._members()
        account = checks.check_account(members, directory.ourselves, self.http.connection)
        return [*findings, account, *checks.check_boards(directory)]

    async def directory(self) -> Directory:
        members = await self._members()
        ourselves = await self._who_we_are() or _only_api_member(members)
        priorities = await self._site.all("/service/priorities", doing="list priorities")
        self._directory = Directory(
            technicians=tuple(mapping.to_person(row, ourselves) for row in members),
            boards=tuple(await self._boards()),
            priorities=tuple(map(mapping.to_priority, priorities)),
            ourselves=ourselves,
        )
        return self._directory

    async def changes(self, since: str) -> AsyncIterator[TicketPage]:
        async for rows in keyset(self._changed, since, lambda row: (mapping.changed(row), int(row["id"]))):
            yield TicketPage([self._ticket(row) for row in rows], cursor=mapping.changed(rows[-1]))

    def cursor_at(self, moment: Moment) -> str:
        return mapping.stamp(moment)

    async def pull(self, ref: Ref) -> Pulled:
        return await self.messages(await self.ticket(ref))

    async def ticket(self, ref: Ref) -> Ticket:
        doing = f"read ticket {ref.remote_id}"
        return self._ticket(await self._site.row(f"{TICKETS}/{ref.remote_id}", doing=doing))

    async def messages(self, ticket: Ticket) -> Pulled:
        accounts = await self._accounts()
        try:
            messages = mapping.to_messages(await self._notes(ticket.ref.remote_id), ticket.ref, accounts)
        except ValueError as exc:
            raise NotReady(self.http.connection, "understand a note", str(exc)) from exc
        return Pulled(ticket=ticket, messages=messages)

    async def ids(self) -> AsyncIterator[list[str]]:
        last, more = 0, True
        while more:
            asked = {"conditions": f"id > {last}", "orderBy": "id asc", "fields": "id", "pageSize": LONGEST_PAGE}
            rows, more = await self._site.page(TICKETS, asked, doing="list the numbers of all tickets")
            numbers = [int(row["id"]) for row in rows]
            last = max(numbers, default=last)
            if numbers:
                yield [str(number) for number in numbers]

    async def history(self, ref: Ref) -> list[Event]:
        asked = {"type": "Ticket", "id": ref.remote_id}
        try:
            rows = await self._site.all("/system/audittrail", asked, doing="read the audit trail")
        except Rejected:
            return []  # the role may not read it; `check` says so
        seen_at = self.http.psa_now()
        events = (mapping.to_event(row, ref, seen_at) for row in rows)
        return sorted((event for event in events if event), key=lambda event: event.happened_at)

    async def apply(self, ref: Ref, action: Action, marker: str) -> Receipt:
        match action:
            case AddNote():
                return await self._add_note(ref, action)
            case EditNote():
                return await self._edit_note(ref, action)
            case ChangeField():
                return await self._change_field(ref, action)
            case _:
                raise Unsupported(self.http.connection, "write", f"there is no {type(action).__name__} here")

    async def find(self, ref: Ref, action: Action, marker: str) -> Receipt | None:
        match action:
            case AddNote():
                return await self._find_note(ref, marker)
            case EditNote():
                return await self._find_edit(ref, action)
            case ChangeField():
                ticket = await self.ticket(ref)
                return _field_receipt(ticket, action) if ticket.field(action.field) == action.to else None
            case _:
                raise Unsupported(self.http.connection, "find a write", f"there is no {type(action).__name__} here")

    async def read_webhook(self, delivery: Delivery) -> list[Hint]:
        return await webhooks.read(delivery, self._keyring, self.http, self._link)

    async def register_webhooks(self, url: str) -> None:
        there = await self._site.all(CALLBACKS, doing="list callbacks")
        ours = [row for row in there if str(row.get("url")).partition("?")[0] == url.partition("?")[0]]
        right = sorted(filter(webhooks.hears_all_tickets, ours), key=lambda row: bool(row.get("inactiveFlag")))
        if not right:
            await self._site.post(CALLBACKS, webhooks.callback(url, self.http.connection), doing="register a callback")
        elif right[0].get("inactiveFlag"):
            wake = [replace("inactiveFlag", False)]
            await self._site.patch(f"{CALLBACKS}/{right[0]['id']}", wake, doing="wake our callback")
        for row in ours:
            if row not in right[:1]:
                await self._site.delete(f"{CALLBACKS}/{row['id']}", doing="delete a callback of ours too many")

    async def _changed(self, step: Step) -> tuple[list[Row], bool]:
        """One page of a walk over changed tickets, ordered so that nothing can hide between two pages."""
        stamp = step.stamp if self.settings.dates_with_zone else step.stamp.removesuffix("Z")
        doing, conditions = "list changed tickets", f"lastUpdated {step.op} [{stamp}]"
        if step.beyond is not None:
            conditions += f" and id > {step.beyond}"
        asked = {"conditions": conditions, "orderBy": "lastUpdated asc,id asc", "pageSize": PAGE}
        rows, more = await self._site.page(TICKETS, asked, doing=doing)
        if not all(mapping.changed(row) for row in rows):
            raise NotReady(self.http.connection, doing, "one of them has no lastUpdated")
        return rows, more

    async def _notes(self, number: str) -> list[Row]:
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
        return [*await self._site.all(f"{path}/notes", doing=doing), *await self._time_entries(number)]

    async def _lacks_all_notes(self, path: str, doing: str) -> bool:
        """Whether the server is too old: a 404 also comes for a deleted ticket, for bad keys, and in a bad hour."""
        await self._site.get(f"{path}/notes", {"pageSize": 1}, doing=doing)
        try:
            await self._site.get(f"{path}/allNotes", {"pageSize": 1}, doing=doing, may_lack=True)
        except (NotFound, Rejected):
            self._has_all_notes = False
        return self._has_all_notes is False

    async def _time_entries(self, number: str) -> list[Row]:
        # The ticket's own list of time entries tells only their numbers.
        asked = {"conditions": f'chargeToId = {number} and chargeToType = "ServiceTicket"'}
        return await self._site.all("/time/entries", asked, doing=f"read the time entries of ticket {number}")

    async def _members(self) -> list[Row]:
        """Everybody who works here; the short list serves where the role may not read the long one."""
        if self._members_at == MEMBERS:
            try:
                return await self._site.all(MEMBERS, {"fields": MEMBER_FIELDS}, doing="list members")
            except (NotFound, Rejected):
                self._members_at = SHORT_MEMBERS
        return await self._site.all(SHORT_MEMBERS, doing="list members")

    async def _who_we_are(self) -> str:
        """Our own account, where somebody really told: our last note's author, the PSA, or the config."""
        self._ourselves = self._ourselves or await self._told_by_psa() or self.settings.member
        return self._ourselves

    async def _told_by_psa(self) -> str:
        try:
            told = (await self._site.get("/system/myMembers/info", doing="ask who we are", may_lack=True)).json
        except (NotFound, Rejected):
            return ""
        row = told[0] if isinstance(told, list) and told else told
        return str(row.get("identifier") or "") if isinstance(row, dict) else ""

    async def _accounts(self) -> frozenset[str]:
        """Identifiers of API members, ours among them, as the mapping wants them."""
        people = (await self._known_directory()).technicians
        known = {person.identifier.casefold() for person in people if person.is_api}
        return frozenset(known | ({self._ourselves.casefold()} - {""}))

    async def _known_directory(self) -> Directory:
        return self._directory or await self.directory()

    async def _boards(self) -> list[Board]:
        rows = await self._site.all("/service/boards", doing="list boards")
        return [mapping.to_board(row, await self._statuses(row)) for row in rows if not row.get("inactiveFlag")]

    async def _statuses(self, board: Row) -> list[Row]:
        doing = f"list statuses of board {board.get('name')}"
        return await self._site.all(f"/service/boards/{board['id']}/statuses", doing=doing)

    async def _add_note(self, ref: Ref, action: AddNote) -> Receipt:
        path, doing = f"{TICKETS}/{ref.remote_id}/notes", f"add a note to ticket {ref.remote_id}"
        note = await self._site.post(path, mapping.from_note(action.body), doing=doing)
        self._ourselves = mapping.author_of(note) or self._ourselves  # nobody knows better whose note this is
        return _note_receipt(note)

    async def _edit_note(self, ref: Ref, action: EditNote) -> Receipt:
        path, doing = f"{TICKETS}/{ref.remote_id}/notes/{action.note_id}", f"edit note {action.note_id}"
        try:
            note = await self._site.patch(path, mapping.from_edit(action.body), doing=doing)
        except NotFound as exc:
            await self.ticket(ref)  # where the ticket cannot be read either, that is the news
            raise Rejected(self.http.connection, doing, f"{exc.why}; somebody deleted it") from exc
        if not _reads(note, action.body):
            raise Rejected(self.http.connection, doing, "the PSA said yes and kept another text")
        return _note_receipt(note)

    async def _change_field(self, ref: Ref, action: ChangeField) -> Receipt:
        doing = f"set {action.field} of ticket {ref.remote_id}"
        if action.field not in self.can.fields:
            raise Unsupported(self.http.connection, doing, f"this connector does not write {action.field}")
        first, *more = await self._wanted(ref, action, doing)
        try:
            return await self._set(ref, action, mapping.from_change(first, *more), doing)
        except Rejected:
            if first["value"] is not None:
                raise
        # Servers differ in how a field is emptied.
        return await self._set(ref, action, mapping.from_change(mapping.remove(first["path"])), doing)

    async def _set(self, ref: Ref, action: ChangeField, patch: list[Row], doing: str) -> Receipt:
        ticket = self._ticket(await self._site.patch(f"{TICKETS}/{ref.remote_id}", patch, doing=doing))
        if ticket.field(action.field) != action.to:
            # ConnectWise answers 200 to some operations that it does not carry out.
            kept = ticket.field(action.field)
            raise Rejected(self.http.connection, doing, f"the PSA said yes and kept {kept!r}")
        return _field_receipt(ticket, action)

    async def _wanted(self, ref: Ref, action: ChangeField, doing: str) -> list[Row]:
        """The operation that a PATCH takes for it, and what has to change along with it."""
        path = mapping.PATHS[action.field]
        match action.field:
            case Field.STATUS:
                board = (await self.ticket(ref)).board
                return [replace(path, await self._known(lambda known: _status(known, board, action.to), action, doing))]
            case Field.BOARD:
                return await self._wanted_board(ref, action, doing)
            case Field.PRIORITY:
                return [
                    replace(path, await self._known(lambda known: _named(known.priorities, action.to), action, doing))
                ]
            case Field.ASSIGNEE if action.to:
                return [replace(path, await self._known(lambda known: _member(known, action.to), action, doing))]
            case _:
                return [replace(path, action.to or None)]

    async def _wanted_board(self, ref: Ref, action: ChangeField, doing: str) -> list[Row]:
        """A board's statuses are its own: the ticket takes the one of the same name along, or the board's default."""
        board = await self._known(lambda known: _named(known.boards, action.to), action, doing)
        status = (await self.ticket(ref)).status
        directory = await self._known_directory()
        there = _status(directory, action.to, status) or _default_status(directory, action.to)
        return [replace("board", board), *([replace("status", there)] if there else [])]

    async def _known(self, look: Callable[[Directory], Row | None], action: ChangeField, doing: str) -> Row:
        """A reference by its label; an unknown label is looked up afresh once, since desks add values."""
        found = look(self._directory) if self._directory else None
        found = found or look(await self.directory())
        if found is None:
            raise Rejected(self.http.connection, doing, f"there is no {action.field} {action.to!r} for it")
        return found

    async def _find_note(self, ref: Ref, marker: str) -> Receipt | None:
        """Our note by its marker. Somebody who quotes our marker is not us, so the author counts too."""
        path, doing = f"{TICKETS}/{ref.remote_id}/notes", f"look for our note on ticket {ref.remote_id}"
        await self._known_directory()
        for row in await self._site.all(path, {"orderBy": "id desc"}, doing=doing):
            if marker_of(mapping.to_text(row.get("text"))) == marker and self._may_be_ours(row):
                return _note_receipt(row)
        return None

    def _may_be_ours(self, row: Row) -> bool:
        """Written by our account; where nobody told us who that is, at least not by a customer."""
        if not self._ourselves:
            return not row.get("contact")
        return mapping.author_of(row).casefold() == self._ourselves.casefold()

    async def _find_edit(self, ref: Ref, action: EditNote) -> Receipt | None:
        path = f"{TICKETS}/{ref.remote_id}/notes/{action.note_id}"
        try:
            note = await self._site.row(path, doing=f"look at note {action.note_id}")
        except NotFound:
            return None
        return _note_receipt(note) if _reads(note, action.body) else None

    def _ticket(self, row: Row) -> Ticket:
        try:
            return mapping.to_ticket(row, self.http.connection, self._link)
        except ValueError as exc:
            raise NotReady(self.http.connection, "understand a ticket", str(exc)) from exc


def _link(settings: ConnectWiseSettings) -> str:
    """What opens a ticket in a browser: people have a host of their own in the cloud."""
    parts = urlsplit(settings.url)
    site = f"{parts.scheme}://{parts.netloc.removeprefix('api-')}"
    asked = f"service_recid={{id}}&companyName={quote(settings.company, safe='')}"
    return f"{site}/v4_6_release/services/system_io/Service/fv_sr100_request.rails?{asked}"


def _only_api_member(members: list[Row]) -> str:
    """A guess good enough for a list: keys belong to a member, and one API member is active."""
    found = [row for row in members if row.get("licenseClass") == "A" and not row.get("inactiveFlag")]
    return str(found[0]["identifier"]) if len(found) == 1 else ""


def _reads(note: Row, body: str) -> bool:
    return same_text(mapping.to_text(note.get("text")), mapping.to_text(body))


def _note_receipt(note: Row) -> Receipt:
    return Receipt(remote_id=str(note["id"]), at=mapping.saved_at(note))


def _field_receipt(ticket: Ticket, action: ChangeField) -> Receipt:
    return Receipt(value=ticket.field(action.field), at=ticket.updated_at)


def _named(known: Iterable[Board | Priority | Status], name: str) -> Row | None:
    return next(({"id": int(one.remote_id)} for one in known if one.name == name), None)


def _member(known: Directory, identifier: str) -> Row | None:
    here = (person for person in known.technicians if person.active)
    return next(({"id": int(one.remote_id)} for one in here if one.identifier == identifier), None)


def _statuses(known: Directory, board: str) -> tuple[Status, ...]:
    return next((one.statuses for one in known.boards if one.name == board), ())


def _status(known: Directory, board: str, name: str) -> Row | None:
    return _named(_statuses(known, board), name)


def _default_status(known: Directory, board: str) -> Row | None:
    default = (one for one in _statuses(known, board) if one.is_default)
    return next(({"id": int(one.remote_id)} for one in default), None)
