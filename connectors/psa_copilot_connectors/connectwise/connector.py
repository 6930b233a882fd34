"""ConnectWise PSA: tickets and notes of one company."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from psa_copilot import (
    Action,
    AddNote,
    Answer,
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
    Pulled,
    Receipt,
    Ref,
    Rejected,
    Step,
    Ticket,
    TicketPage,
    Unsupported,
    keyset,
    marker_of,
    same_text,
)
from psa_copilot_connectors.connectwise import mapping, webhooks
from psa_copilot_connectors.connectwise.mapping import Row
from psa_copilot_connectors.connectwise.settings import KEYS, ConnectWiseSettings

TICKETS = "/service/tickets"
CALLBACKS = "/system/callbacks"
PAGE = 250
"""Whole tickets a page: big enough for a backfill, small enough for one transaction."""
LONG_PAGE = 1000
AGAIN = timedelta(minutes=1)
"""A PSA that answers 404 is looked for again at most this often."""
MEMBER_FIELDS = "id,identifier,firstName,lastName,inactiveFlag,licenseClass,primaryEmail,officeEmail"

_CODEBASE = re.compile(r"[\w.-]+/")


class Site:
    """Where the API is: the company's codebase, looked for again when an upgrade has moved it."""

    def __init__(self, settings: ConnectWiseSettings, http: Http) -> None:
        self._settings, self._http = settings, http.at(settings.url, keys=("url", "company"))
        self._api: Http | None = None
        self._looked_again_at: Moment | None = None
        self._lock = asyncio.Lock()

    async def ask(self, verb: Callable[[Http], Awaitable[Answer]]) -> Answer:
        """Do one request; a 404 may mean that the codebase moved, and then it is done once more there."""
        api = await self._open()
        try:
            return await verb(api)
        except NotFound:
            moved = await self._look_again(api)
            if moved is None:
                raise
        return await verb(moved)

    async def _open(self) -> Http:
        async with self._lock:
            if self._api is None:
                self._api = await self._found()
            return self._api

    async def _look_again(self, old: Http) -> Http | None:
        async with self._lock:
            if self._api is not old:
                return self._api
            now = self._http.psa_now()
            if self._looked_again_at and now - self._looked_again_at < AGAIN:
                return None
            self._looked_again_at = now
            found = await self._found()
            if found.base == old.base:
                return None
            self._api = found
            return found

    async def _found(self) -> Http:
        company = self._settings.company
        doing = f"find the codebase of company {company}"
        try:
            told = (await self._http.get(f"/login/companyinfo/{quote(company, safe='')}", doing=doing)).json
        except NotFound as exc:
            raise NotReady(self._http.connection, doing, f"{exc.why}; is this the root of a ConnectWise site?") from exc
        if told is None:
            where = f"connections.{self._http.connection}.company"
            raise AuthFailed(self._http.connection, doing, f"no such company; check {where}")
        codebase = told.get("Codebase") if isinstance(told, dict) else None
        if not isinstance(codebase, str) or not _CODEBASE.fullmatch(codebase):
            raise NotReady(self._http.connection, doing, "the answer names no codebase")
        return self._door(codebase)

    def _door(self, codebase: str) -> Http:
        return self._http.at(
            f"{self._settings.url}/{codebase}apis/3.0",
            headers={"clientId": self._settings.client_id, "Accept": "application/json"},
            auth=self._settings.login(),
            keys=KEYS,
            locked_out=_locked_out,
        )


def _locked_out(status: int, words: str) -> bool:
    """401, or the 403 that means the client id and not a missing right."""
    return status == 401 or (status == 403 and "clientid" in words.casefold().replace(" ", ""))


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
        self._shows_all_notes: bool | None = None
        self._members_path = ""

    # Reading

    async def known_good(self) -> None:
        doing = "read its own version"
        try:
            await self._get("/system/info", doing=doing)
        except NotFound as exc:
            raise AuthFailed(
                self.http.connection, doing, f"{exc.why}, as it answers to bad keys; check {self._keys}"
            ) from exc

    async def changes(self, since: str) -> AsyncIterator[TicketPage]:
        async for rows in keyset(self._changed, since, lambda row: (mapping.changed(row), int(row["id"]))):
            yield TicketPage([self._ticket(row) for row in rows], cursor=mapping.changed(rows[-1]))

    def cursor_at(self, moment: Moment) -> str:
        return mapping.stamp(moment)

    async def pull(self, ref: Ref) -> Pulled:
        return await self.messages(await self.ticket(ref))

    async def ticket(self, ref: Ref) -> Ticket:
        answer = await self._get(f"{TICKETS}/{ref.remote_id}", doing=f"read ticket {ref.remote_id}")
        return self._ticket(self._row(answer))

    async def messages(self, ticket: Ticket) -> Pulled:
        accounts = await self._accounts()
        rows = await self._notes(ticket.ref.remote_id)
        return Pulled(ticket=ticket, messages=mapping.to_messages(rows, ticket.ref, accounts))

    async def ids(self) -> AsyncIterator[list[str]]:
        last = 0
        while True:
            asked = {"conditions": f"id > {last}", "orderBy": "id asc", "fields": "id", "pageSize": LONG_PAGE}
            answer = await self._get(TICKETS, asked, doing="list the numbers of all tickets")
            numbers = [int(row["id"]) for row in self._rows(answer)]
            if numbers:
                yield [str(number) for number in numbers]
            if len(numbers) < LONG_PAGE and not answer.has_next:
                return
            last = max(numbers, default=last)

    async def history(self, ref: Ref) -> list[Event]:
        try:
            rows = await self._all(
                "/system/audittrail", {"type": "Ticket", "id": ref.remote_id}, "read the audit trail"
            )
        except Rejected:
            return []  # the role may not read it; `check` says so
        seen_at = self.http.psa_now()
        events = (mapping.to_event(row, ref, seen_at) for row in rows)
        return sorted((event for event in events if event), key=lambda event: event.happened_at)

    async def directory(self) -> Directory:
        members = await self._members()
        ourselves = await self._who_we_are() or _only_api_member(members)
        priorities = await self._all("/service/priorities", {}, "list priorities")
        self._directory = Directory(
            technicians=tuple(mapping.to_person(row, ourselves) for row in members),
            boards=tuple(await self._boards()),
            priorities=tuple(map(mapping.to_priority, priorities)),
            ourselves=ourselves,
        )
        return self._directory

    async def _changed(self, step: Step) -> tuple[list[Row], bool]:
        """One page of a walk over changed tickets, ordered so that nothing can hide between two pages."""
        conditions = f"lastUpdated {step.op} [{step.stamp}]"
        if step.beyond is not None:
            conditions += f" and id > {step.beyond}"
        asked = {"conditions": conditions, "orderBy": "lastUpdated asc,id asc", "pageSize": PAGE}
        answer = await self._get(TICKETS, asked, doing="list changed tickets")
        rows = self._rows(answer)
        if not all(mapping.changed(row) for row in rows):
            raise NotReady(self.http.connection, "list changed tickets", "one of them has no lastUpdated")
        return rows, bool(rows) and (len(rows) >= PAGE or answer.has_next)

    async def _notes(self, number: str) -> list[Row]:
        """Notes and time entries in one read; in two where the server is too old for that."""
        doing, path = f"read the notes of ticket {number}", f"{TICKETS}/{number}/allNotes"
        if self._shows_all_notes is not False:
            try:
                rows = await self._all(path, {}, doing)
            except (NotFound, Rejected):
                if self._shows_all_notes or not await self._lacks_all_notes(number):
                    raise
            else:
                self._shows_all_notes = True
                return rows
        return [*await self._all(f"{TICKETS}/{number}/notes", {}, doing), *await self._time_entries(number)]

    async def _lacks_all_notes(self, number: str) -> bool:
        """Whether it is the server's age that failed: 404 is also what a deleted ticket and bad keys get."""
        await self._get(f"{TICKETS}/{number}/notes", {"pageSize": 1}, doing=f"read the notes of ticket {number}")
        try:
            await self._get(f"{TICKETS}/{number}/allNotes", {"pageSize": 1}, doing="see all notes at once")
        except (NotFound, Rejected):
            self._shows_all_notes = False
        return self._shows_all_notes is False

    async def _time_entries(self, number: str) -> list[Row]:
        # The ticket's own list names only ids; the entries themselves can be asked for by what they charge to.
        charged = f'chargeToId = {number} and chargeToType = "ServiceTicket"'
        return await self._all("/time/entries", {"conditions": charged}, f"read the time entries of ticket {number}")

    async def _members(self) -> list[Row]:
        """Everybody who works here; the short list serves where the role may not read the long one."""
        if self._members_path != "/system/info/members":
            try:
                return await self._all("/system/members", {"fields": MEMBER_FIELDS}, "list members")
            except (NotFound, Rejected):
                rows = await self._all("/system/info/members", {}, "list members")
                self._members_path = "/system/info/members"
                return rows
        return await self._all(self._members_path, {}, "list members")

    async def _who_we_are(self) -> str:
        """Our own account, where somebody really told: our last note's author, the PSA, or the config."""
        self._ourselves = self._ourselves or await self._told_by_psa() or self.settings.member
        return self._ourselves

    async def _told_by_psa(self) -> str:
        try:
            told = (await self._get("/system/myMembers/info", doing="ask who we are")).json
        except (NotFound, Rejected):
            return ""
        row = told[0] if isinstance(told, list) and told else told
        return str(row.get("identifier") or "") if isinstance(row, dict) else ""

    async def _accounts(self) -> frozenset[str]:
        """Identifiers of API members, ours among them, as the mapping wants them."""
        people = (self._directory or await self.directory()).technicians
        known = {person.identifier.casefold() for person in people if person.is_api}
        return frozenset(known | ({self._ourselves.casefold()} - {""}))

    async def _boards(self) -> list[Board]:
        rows = [row for row in await self._all("/service/boards", {}, "list boards") if not row.get("inactiveFlag")]
        return [mapping.to_board(row, await self._statuses(row)) for row in rows]

    async def _statuses(self, board: Row) -> list[Row]:
        return await self._all(f"/service/boards/{board['id']}/statuses", {}, f"list statuses of {board.get('name')}")

    # Writing

    async def apply(self, ref: Ref, action: Action, marker: str) -> Receipt:
        match action:
            case AddNote():
                return await self._add_note(ref, action)
            case EditNote():
                return await self._edit_note(ref, action)
            case ChangeField():
                return await self._change_field(ref, action)
            case _:
                raise Unsupported(self.http.connection, "write", f"ConnectWise has no {type(action).__name__} here")

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
                raise Unsupported(
                    self.http.connection, "find a write", f"ConnectWise has no {type(action).__name__} here"
                )

    async def _add_note(self, ref: Ref, action: AddNote) -> Receipt:
        path, doing = f"{TICKETS}/{ref.remote_id}/notes", f"add a note to ticket {ref.remote_id}"
        answer = await self._site.ask(lambda api: api.post(path, mapping.from_note(action.body), doing=doing))
        note = self._row(answer, wrote=True)
        self._ourselves = mapping.author_of(note) or self._ourselves  # nobody knows better whose note this is
        return _note_receipt(note)

    async def _edit_note(self, ref: Ref, action: EditNote) -> Receipt:
        path, doing = f"{TICKETS}/{ref.remote_id}/notes/{action.note_id}", f"edit note {action.note_id}"
        try:
            answer = await self._site.ask(lambda api: api.patch(path, mapping.from_edit(action.body), doing=doing))
        except NotFound as exc:
            await self.ticket(ref)  # the ticket is gone as well, or nothing can be read: that is the news
            raise Rejected(self.http.connection, doing, f"{exc.why}; somebody deleted it") from exc
        note = self._row(answer, wrote=True)
        if not same_text(mapping.to_text(note.get("text")), mapping.to_text(action.body)):
            raise Rejected(self.http.connection, doing, "the PSA said yes and kept another text")
        return _note_receipt(note)

    async def _change_field(self, ref: Ref, action: ChangeField) -> Receipt:
        doing = f"set {action.field} of ticket {ref.remote_id}"
        if action.field not in self.can.fields:
            raise Unsupported(self.http.connection, doing, f"this connector does not write {action.field}")
        patch = mapping.from_change(action, *await self._wanted(ref, action, doing))
        answer = await self._site.ask(lambda api: api.patch(f"{TICKETS}/{ref.remote_id}", patch, doing=doing))
        ticket = self._ticket(self._row(answer, wrote=True))
        if ticket.field(action.field) != action.to:
            # Seen for paths like status/id: HTTP 200, and nothing happened.
            raise Rejected(self.http.connection, doing, f"the PSA said yes and kept {ticket.field(action.field)!r}")
        return _field_receipt(ticket, action)

    async def _wanted(self, ref: Ref, action: ChangeField, doing: str) -> tuple[Any, ...]:
        """The value as a PATCH takes it, and what has to change along with it."""
        match action.field:
            case Field.STATUS:
                board = (await self.ticket(ref)).board
                return (await self._known(lambda known: _status_id(known, board, action.to), action, doing),)
            case Field.BOARD:
                return await self._known_board(ref, action, doing)
            case Field.PRIORITY:
                return (await self._known(lambda known: _id_of(known.priorities, action.to), action, doing),)
            case Field.ASSIGNEE:
                return (
                    await self._known(lambda known: _member_id(known, action.to), action, doing) if action.to else None,
                )
            case _:
                return (action.to,)

    async def _known_board(self, ref: Ref, action: ChangeField, doing: str) -> tuple[Any, ...]:
        """A board's statuses are its own: the ticket takes the one of the same name along, or the board's default."""
        board = await self._known(lambda known: _id_of(known.boards, action.to), action, doing)
        status = (await self.ticket(ref)).status
        directory = self._directory or await self.directory()
        there = _status_id(directory, action.to, status) or _default_status_id(directory, action.to)
        return (board, mapping.replace("status", there)) if there else (board,)

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
        ours = await self._who_we_are()
        for row in await self._all(path, {"orderBy": "id desc"}, doing):
            if marker_of(mapping.to_text(row.get("text"))) == marker and _may_be_ours(row, ours):
                return _note_receipt(row)
        return None

    async def _find_edit(self, ref: Ref, action: EditNote) -> Receipt | None:
        path = f"{TICKETS}/{ref.remote_id}/notes/{action.note_id}"
        try:
            note = self._row(await self._get(path, doing=f"look at note {action.note_id}"))
        except NotFound:
            return None
        same = same_text(mapping.to_text(note.get("text")), mapping.to_text(action.body))
        return _note_receipt(note) if same else None

    # Checking

    async def check(self) -> list[Finding]:
        return []

    # Webhooks

    async def read_webhook(self, delivery: Delivery) -> list[Hint]:
        return await webhooks.read(delivery, self._keyring, self.http, self._link)

    async def register_webhooks(self, url: str) -> None:
        return None

    # What all of them need

    @property
    def _keys(self) -> str:
        return ", ".join(f"connections.{self.http.connection}.{key}" for key in KEYS)

    async def _get(self, path: str, params: Row | None = None, *, doing: str) -> Answer:
        return await self._site.ask(lambda api: api.get(path, params, doing=doing))

    async def _all(self, path: str, params: Row, doing: str) -> list[Row]:
        """All rows of a short list, page by page."""
        rows: list[Row] = []
        page, more = 1, True
        while more:
            answer = await self._get(path, {**params, "pageSize": LONG_PAGE, "page": page}, doing=doing)
            new = self._rows(answer)
            rows += new
            more = bool(new) and (len(new) >= LONG_PAGE or answer.has_next)
            page += 1
        return rows

    def _ticket(self, row: Row) -> Ticket:
        try:
            return mapping.to_ticket(row, self.http.connection, self._link)
        except ValueError as exc:
            raise NotReady(self.http.connection, "understand a ticket", str(exc)) from exc

    def _row(self, answer: Answer, *, wrote: bool = False) -> Row:
        try:
            return answer.row
        except ValueError as exc:
            raise NotReady(self.http.connection, "understand the answer", str(exc), maybe_done=wrote) from exc

    def _rows(self, answer: Answer) -> list[Row]:
        try:
            return answer.rows
        except ValueError as exc:
            raise NotReady(self.http.connection, "understand the answer", str(exc)) from exc


def _link(settings: ConnectWiseSettings) -> str:
    """What opens a ticket in a browser: people have a host of their own in the cloud."""
    parts = urlsplit(settings.url)
    site = f"{parts.scheme}://{parts.netloc.removeprefix('api-')}"
    asked = f"service_recid={{id}}&companyName={quote(settings.company, safe='')}"
    return f"{site}/v4_6_release/services/system_io/Service/fv_sr100_request.rails?{asked}"


def _only_api_member(members: list[Row]) -> str:
    """Keys belong to a member; where one API member is active, it is us."""
    found = [
        str(row["identifier"]) for row in members if row.get("licenseClass") == "A" and not row.get("inactiveFlag")
    ]
    return found[0] if len(found) == 1 else ""


def _may_be_ours(row: Row, ourselves: str) -> bool:
    """Written by our account; where nobody told us who that is, at least not by a customer."""
    if not ourselves:
        return not row.get("contact")
    return mapping.author_of(row).casefold() == ourselves.casefold()


def _note_receipt(note: Row) -> Receipt:
    return Receipt(remote_id=str(note["id"]), at=mapping.moment((note.get("_info") or {}).get("lastUpdated")))


def _field_receipt(ticket: Ticket, action: ChangeField) -> Receipt:
    return Receipt(value=ticket.field(action.field), at=ticket.updated_at)


def _id_of(known: tuple[Board, ...] | tuple[Any, ...], name: str) -> Row | None:
    return next(({"id": int(one.remote_id)} for one in known if one.name == name), None)


def _member_id(known: Directory, identifier: str) -> Row | None:
    here = (person for person in known.technicians if person.active)
    return next(({"id": int(one.remote_id)} for one in here if one.identifier == identifier), None)


def _board(known: Directory, name: str) -> Board | None:
    return next((board for board in known.boards if board.name == name), None)


def _status_id(known: Directory, board: str, name: str) -> Row | None:
    there = _board(known, board)
    return _id_of(there.statuses, name) if there else None


def _default_status_id(known: Directory, board: str) -> Row | None:
    there = _board(known, board)
    return next(({"id": int(one.remote_id)} for one in there.statuses if one.is_default), None) if there else None
