"""What plugins are handed: the past of their own, and a look at other tickets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from psa_copilot.actions import Purpose
from psa_copilot.config import Config
from psa_copilot.desk import Desk, is_among
from psa_copilot.engine.finding import Finder
from psa_copilot.engine.lines import Line
from psa_copilot.engine.policy import stopped_ticket
from psa_copilot.engine.remembering import StoredMemory
from psa_copilot.engine.spending import StoredAnswers, StoredSpend
from psa_copilot.engine.views import confidential, is_away, standing_of
from psa_copilot.events import Event
from psa_copilot.llm import Gateway, Llm
from psa_copilot.markers import unsigned
from psa_copilot.models import Directory, Field, Meaning, Person, Ref, Thread, Ticket
from psa_copilot.plugin import Similar, Standing, Tools, Working
from psa_copilot.store import MODEL_CALLS, Store, Transaction
from psa_copilot.store.history import is_humans
from psa_copilot.text import Text

CLIENTS_KEEP = timedelta(hours=1)
SHOWS_WITHIN = timedelta(minutes=15)
"""By then an assignment of ours was sent and read back, or has come to nothing."""
NEWEST_WRITES = 200


class StoredPast:
    """What one plugin did on one thread before, from the ledger."""

    def __init__(self, store: Store, plugin: str, thread: Thread) -> None:
        self._store, self._plugin, self._thread = store, plugin, thread

    def last_note(self) -> str | None:
        """The text of its living note on the ticket that it would write to."""
        with self._store.reading() as tx:
            living = tx.ledger.living(self._thread.ticket.ref, self._plugin)
        return unsigned(living.body) if living else None

    def verdicts(self) -> list[tuple[str, str]]:
        """Its earlier decisions on the thread's tickets, oldest first."""
        with self._store.reading() as tx:
            rows = [
                row
                for ticket in self._thread.tickets
                for row in tx.ledger.decisions(ref=ticket.ref, plugin=self._plugin)
            ]
        return [(str(row.wish.get("kind", "")), row.verdict) for row in sorted(rows, key=lambda row: row.id or 0)]

    def asked(self, field: Field) -> list[tuple[str, str]]:
        """Its earlier wishes for that field of the ticket that it would write to, oldest first."""
        with self._store.reading() as tx:
            rows = tx.ledger.decisions(ref=self._thread.ticket.ref, plugin=self._plugin)
        mine = [row for row in rows if row.wish.get("field") == field.value]
        return [(str(row.wish.get("to", "")), row.verdict) for row in sorted(mine, key=lambda row: row.id or 0)]

    def noted(self, purpose: Purpose) -> list[str]:
        """What it has wished to note on the ticket that it would write to."""
        with self._store.reading() as tx:
            rows = tx.ledger.decisions(ref=self._thread.ticket.ref, plugin=self._plugin)
        mine = [row.wish for row in reversed(rows) if row.wish.get("kind") == "add_note"]
        return [str(wish.get("body", "")) for wish in mine if wish.get("purpose") == purpose]


class MirroredTickets:
    """Tickets of one connection; those of another are not there."""

    def __init__(
        self,
        store: Store,
        connection: str,
        line: Line | None,
        clients: Sequence[str] = (),
        finder: Finder | None = None,
    ) -> None:
        self._store, self._connection, self._line, self._clients = store, connection, line, clients
        self._finder = finder

    def get(self, ref: Ref) -> Ticket | None:
        """One mirrored ticket."""
        if ref.connection != self._connection:
            return None
        with self._store.reading() as tx:
            return tx.mirror.ticket(ref)

    def recent_of_contact(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        """Others of the same contact; none where nobody knows whose ticket it is."""
        if ticket.ref.connection != self._connection or not (ticket.contact_id and ticket.company_id):
            return []
        if self._line is None or self._is_nobody(ticket, self._line.settings.desk):
            return []
        desk = self._line.settings.desk
        with self._store.reading() as tx:
            return [other for other in tx.mirror.recent_of_contact(ticket, since) if not confidential(other, desk)]

    def recent_of_company(self, ticket: Ticket, since: datetime) -> list[Ticket]:
        """Others of the same client; none where the company only collects what could not be assigned."""
        if ticket.ref.connection != self._connection or self._line is None or not ticket.company_id:
            return []
        desk = self._line.settings.desk
        if is_among(ticket.company, desk.catch_all):
            return []
        with self._store.reading() as tx:
            others = tx.mirror.recent_of_company(ticket, since)
        told = (other.model_copy(update={"meaning": self._line.meaning(other)}) for other in others)
        return [other for other in told if not confidential(other, desk)]

    def _is_nobody(self, ticket: Ticket, desk: Desk) -> bool:
        """A company that collects what could not be assigned, ours, or an address with many people behind it."""
        if is_among(ticket.company, desk.catch_all | {desk.own_company}):
            return True
        with self._store.reading() as tx:
            contact = tx.standings.contact(self._connection, ticket.contact_id)
        return contact is not None and is_among(contact.email, desk.shared_mailboxes)

    def other_clients(self, ticket: Ticket) -> list[str]:
        """All companies with tickets here but this one."""
        return [name for name in self._clients if name.casefold() != ticket.company.casefold()]

    def thread(self, ref: Ref) -> Thread | None:
        """A mirrored ticket's whole conversation, as plugins get it."""
        if ref.connection != self._connection or self._line is None:
            return None
        with self._store.reading() as tx:
            thread = tx.mirror.thread_of(ref)
        hidden = thread is None or confidential(thread.ticket, self._line.settings.desk)
        return None if thread is None or hidden else self._line.understood(thread)

    def similar(self, thread: Thread, most: int = 10, *, resolved: bool = False, own: bool = False) -> list[Similar]:
        """Tickets that are like this thread."""
        return self._finder.similar(thread, most, resolved=resolved, own=own) if self._finder else []

    def meaning(self, board: str, status: str) -> Meaning | None:
        """The config's word, else what the PSA's flags say."""
        return self._line.meaning_of(board, status) if self._line else None


def taken_from(hands: Iterable[Event]) -> tuple[str, ...]:
    """Who had a ticket before a human gave it to another, or to nobody; from all changes of its assignee."""
    had = {event.before.casefold(): event.before for event in hands if event.before and is_humans(event)}
    return tuple(had.values())


class StoredRoster:
    """The technicians of one connection, from its directory, the desk's words and the mirror."""

    def __init__(self, store: Store, line: Line) -> None:
        self._store, self._line = store, line

    def working(self) -> tuple[Working, ...]:
        """How each of them is placed now."""
        now, name = self._line.clock.now(), self._line.name
        with self._store.reading() as tx:
            off = tx.standings.time_off(name, now)
            open_work, last = Counter(tx.standings.open_work(name)), tx.standings.assigned_last(name)
            promised = list(self._promised(tx, now))
            booked = tx.standings.booked(name, now, self._line.calendars.of("").add_days(now, 1))
        for who, at in promised:
            open_work[who] += 1
            last[who] = max(at, last.get(who, at))
        people = self._line.directory.technicians if self._line.directory else ()
        return tuple(
            Working(
                person=person,
                on_shift=self._is_there(person, off, now),
                tier=self._tier(person),
                open_tickets=open_work.get(person.identifier.casefold(), 0),
                booked=booked.get(person.identifier.casefold(), timedelta()),
                last_assigned_at=last.get(person.identifier.casefold()),
            )
            for person in people
            if person.active and not person.is_api
        )

    def _promised(self, tx: Transaction, now: datetime) -> Iterator[tuple[str, datetime]]:
        """Tickets that are about to be theirs, or are and do not show it yet: else all that come at once go to one."""
        for row in tx.work.writes(limit=NEWEST_WRITES):
            wish, is_live = row.action, row.state in ("pending", "sending", "done")
            is_new = row.connection == self._line.name and now - row.created_at <= SHOWS_WITHIN
            if is_live and is_new and wish.get("field") == Field.ASSIGNEE and wish.get("to"):
                there = tx.mirror.row(self._line.ref(row.ticket))
                if there is not None and there.assignee == wish.get("was"):
                    yield str(wish["to"]).casefold(), row.created_at

    def _is_there(self, person: Person, off: dict[str, datetime], now: datetime) -> bool:
        """Nobody who is away; within their own hours, where those are told."""
        shift = self._line.calendars.shift(person.identifier)
        away = is_away(person.identifier, self._line.settings.desk, off, now)
        return not away and (shift is None or shift.is_open(now))

    def _tier(self, person: Person) -> int | None:
        tiers = {name.casefold(): tier for name, tier in self._line.settings.desk.tiers.items()}
        return tiers.get(person.team.casefold()) if person.team else None


class Bench:
    """Lays out the tools for each run."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store, self._config = store, config
        self._gateways: dict[str, Gateway] = {}
        self._clients: dict[str, tuple[datetime, list[str]]] = {}
        self._memories: dict[tuple[str, str], StoredMemory] = {}
        self.finders: dict[str, Finder] = {}
        """By connection, once somebody has looked for something similar there."""

    def tools(self, plugin: str, thread: Thread, line: Line) -> Tools:
        """The tools of one plugin for one thread."""
        standing = self._standing(thread, line)
        return Tools(
            now=line.clock.now(),
            past=StoredPast(self._store, plugin, thread),
            tickets=MirroredTickets(self._store, line.name, line, self._clients_of(line), self._finder(line)),
            text=Text(),
            llm=self._llm(plugin, thread, line),
            standing=standing,
            memory=self._memory(line.name, plugin).renew(),
            directory=line.directory or Directory(),
            roster=StoredRoster(self._store, line),
        )

    def _finder(self, line: Line) -> Finder:
        return self.finders.setdefault(line.name, Finder(self._store, line))

    def _memory(self, connection: str, plugin: str) -> StoredMemory:
        return self._memories.setdefault((connection, plugin), StoredMemory(self._store, connection, plugin))

    def _clients_of(self, line: Line) -> list[str]:
        """Every client that has a ticket here; looked up once an hour, since it means reading all of them."""
        at, names = self._clients.get(line.name, (None, []))
        if at is None or line.clock.now() - at >= CLIENTS_KEEP:
            with self._store.reading() as tx:
                names = tx.mirror.companies(line.name)
            self._clients[line.name] = (line.clock.now(), names)
        return names

    def _standing(self, thread: Thread, line: Line) -> Standing:
        with self._store.reading() as tx:
            stand = tx.standings.of(thread.ticket)
            hands = tx.mirror.field_events(thread.ticket.ref, Field.ASSIGNEE)
        why = stopped_ticket(self._config, line, thread.ticket)
        return standing_of(
            stand,
            line.settings.desk,
            line.meaning(thread.ticket),
            stopped=why,
            calendar=line.calendar(thread.ticket),
            had_by=taken_from(hands),
        )

    def _llm(self, plugin: str, thread: Thread, line: Line) -> Llm:
        closed = any(confidential(ticket, line.settings.desk) for ticket in thread.tickets)
        barred = "a ticket of the thread is confidential" if closed else self._incident(thread, line.clock.now())
        people = [person.name for person in line.directory.technicians] if line.directory else []
        return self._gateway(line).llm(plugin, thread, people=people, barred=barred)

    async def close(self) -> None:
        """Hang up on the models."""
        for gateway in self._gateways.values():
            await gateway.close()

    def _gateway(self, line: Line) -> Gateway:
        if line.name not in self._gateways:
            spend = StoredSpend(self._store, line.name)
            self._gateways[line.name] = Gateway(self._config.llm, spend, StoredAnswers(self._store), line.clock)
        return self._gateways[line.name]

    def _incident(self, thread: Thread, now: datetime) -> str:
        """An incident has so many calls of a model and no more, however many tickets it has."""
        with self._store.reading() as tx:
            cluster = tx.incidents.of(thread.ticket.ref, now)
        spent = cluster is not None and cluster.model_calls >= MODEL_CALLS
        return "its incident has had its calls of a model" if spent else ""
