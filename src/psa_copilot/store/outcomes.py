"""How tickets came in and what people made of them, as it could be known at one moment: what learning rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from sqlmodel import Session, col, func, or_, select

from psa_copilot.events import Event, EventKind, Source
from psa_copilot.memory import Correction, Outcome
from psa_copilot.models import ActorClass, Field, Ticket
from psa_copilot.store import values
from psa_copilot.store.history import NO_HUMAN, fields_at, is_humans, known_from, versions_at
from psa_copilot.store.tables import DecisionRow, EventRow, FeedbackRow, MessageRow, StandingRow, TicketRow

AT_ONCE = 500
CHOSEN = (Field.BOARD, Field.CATEGORY, Field.PRIORITY, Field.ASSIGNEE, Field.TITLE)
WISHED = ("promised", "written", "suggested", "observed", "undone", "declined", "expired")
"""Verdicts on wishes that were meant; what a guard dropped was never shown to anybody."""


@dataclass(frozen=True)
class Reading:
    """For whom outcomes are told."""

    at: datetime
    is_done: Callable[[str, str], bool]
    """Whether a status of a board means resolved or closed."""
    leaves_out: Callable[[Ticket], bool] = lambda _: False
    """Tickets, as they stood then, that nothing may be learned from."""


@dataclass
class _Kept:
    """What the store has of one ticket."""

    row: TicketRow
    whole: bool = False
    events: list[Event] = field(default_factory=list)
    messages: list[MessageRow] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    feedback: list[FeedbackRow] = field(default_factory=list)


class Outcomes:
    """Reads within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def known(self, connection: str, reading: Reading) -> Iterator[Outcome]:
        """All tickets that had come in by then and still were there, oldest first."""
        query = select(TicketRow.remote_id).where(
            TicketRow.connection == connection,
            col(TicketRow.opened_at) <= reading.at,
            TicketRow.merged_into == "",
            or_(col(TicketRow.deleted_at).is_(None), col(TicketRow.deleted_at) > reading.at),
        )
        ids = list(self._session.exec(query.order_by(col(TicketRow.opened_at), col(TicketRow.remote_id))))
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            for kept in self._kept(connection, some):
                found = _outcome(kept, reading)
                if found is not None:
                    yield found
            self._session.expunge_all()

    def corrections(self, connection: str, reading: Reading) -> Iterator[tuple[str, Correction]]:
        """(ticket, correction): where people have corrected a plugin, ticket by ticket."""
        query = select(DecisionRow.ticket).where(DecisionRow.connection == connection).distinct()
        ids = sorted(self._session.exec(query))
        for start in range(0, len(ids), AT_ONCE):
            for kept in self._kept(connection, ids[start : start + AT_ONCE]):
                if reading.leaves_out(values.to_ticket(kept.row)):
                    continue
                yield from ((kept.row.remote_id, one) for one in _corrections(kept, _chosen(kept, reading), reading.at))

    def choices_since(self, connection: str, at: datetime) -> int:
        """How many fields people have set since then."""
        query = select(func.count()).where(
            EventRow.connection == connection,
            col(EventRow.seen_at) > at,
            col(EventRow.field).in_([name.value for name in CHOSEN]),
            EventRow.source != Source.OURS,
            col(EventRow.actor_class).not_in([one.value for one in NO_HUMAN]),
        )
        return self._session.exec(query).one()

    def _kept(self, connection: str, ids: Sequence[str]) -> list[_Kept]:
        rows = self._session.exec(
            select(TicketRow).where(TicketRow.connection == connection, col(TicketRow.remote_id).in_(ids))
        )
        kept = {row.remote_id: _Kept(row) for row in rows}
        for event in self._session.exec(
            select(EventRow)
            .where(EventRow.connection == connection, col(EventRow.ticket).in_(ids))
            .where(col(EventRow.message) == "")
            .order_by(col(EventRow.id))
        ):
            kept[event.ticket].events.append(values.to_event(event))
        for message in self._session.exec(
            select(MessageRow).where(MessageRow.connection == connection, col(MessageRow.ticket).in_(ids))
        ):
            kept[message.ticket].messages.append(message)
        for decision in self._session.exec(
            select(DecisionRow)
            .where(DecisionRow.connection == connection, col(DecisionRow.ticket).in_(ids))
            .order_by(col(DecisionRow.id))
        ):
            kept[decision.ticket].decisions.append(decision)
        for said in self._session.exec(
            select(FeedbackRow).where(FeedbackRow.connection == connection, col(FeedbackRow.ticket).in_(ids))
        ):
            kept[said.ticket].feedback.append(said)
        read = select(StandingRow.ticket).where(
            StandingRow.connection == connection,
            col(StandingRow.ticket).in_(ids),
            col(StandingRow.history_at).is_not(None),
        )
        for ticket in self._session.exec(read):
            kept[ticket].whole = True
        return [kept[number] for number in ids]


def _outcome(kept: _Kept, reading: Reading) -> Outcome | None:
    events = sorted(
        (event for event in kept.events if known_from(event) <= reading.at),
        key=lambda event: (known_from(event), event.id),
    )
    fields = {name: value for name, value in fields_at(kept.events, reading.at, whole=kept.whole).items() if value}
    ticket = _ticket(kept.row, fields, reading.at)
    opened_with = _at_opening(kept)
    title = opened_with.get(Field.TITLE) or fields.get(Field.TITLE, "")
    # What it came in with counts too: a delicate title is often the first thing that people change.
    if not fields or reading.leaves_out(ticket) or reading.leaves_out(ticket.model_copy(update={"title": title})):
        return None
    messages = _messages(kept.messages, reading.at)
    technicians = _technicians(messages)
    done = reading.is_done(ticket.board, ticket.status)
    moves = [event for event in events if event.kind is EventKind.FIELD_CHANGED]
    chosen = _chosen(kept, reading)
    known = [*(known_from(event) for event in events), *(row.known_at for row in messages)]
    return Outcome(
        ref=ticket.ref,
        opened_at=kept.row.opened_at,
        known_at=max(known, default=kept.row.opened_at),
        title=title,
        text=values.opening_of(messages),
        company=ticket.company,
        contact=ticket.contact,
        contact_id=ticket.contact_id,
        opened_with=opened_with,
        first={name: told[0].after or "" for name, told in chosen.items() if told},
        settled=_settled(moves, fields, done=done, seen_at=_last_looked(moves, messages)),
        technicians=technicians,
        resolved_at=_resolved(events, reading) if done else None,
        reopened=_reopened(events, reading),
        sla_missed=_missed(kept, reading, done=done),
        corrections=tuple(_corrections(kept, chosen, reading.at)),
    )


def _chosen(kept: _Kept, reading: Reading) -> dict[Field, list[Event]]:
    """What people chose for each field, oldest first."""
    known = [event for event in kept.events if event.kind is EventKind.FIELD_CHANGED and is_humans(event)]
    known = [event for event in known if known_from(event) <= reading.at]
    known.sort(key=lambda event: (known_from(event), event.id))
    return {name: [event for event in known if event.field is name] for name in CHOSEN}


def _ticket(row: TicketRow, fields: Mapping[Field, str], at: datetime) -> Ticket:
    """The ticket as it stood then, as far as its fields tell; nothing of what stands only now."""
    now = values.to_ticket(row)
    told = {name.value: fields.get(name, "") for name in Field}
    then = Ticket(
        ref=now.ref,
        number=now.number,
        origin=now.origin,
        source=now.source,
        created_by=now.created_by,
        title=told["title"],
        contact_id=now.contact_id if told["contact"] == now.contact else "",
        company_id=now.company_id if told["company"] == now.company else "",
        opened_at=now.opened_at,
        updated_at=min(at, now.updated_at),
    )
    return then.model_copy(update=told)


def _messages(rows: Iterable[MessageRow], at: datetime) -> list[MessageRow]:
    """The versions that were known then, oldest message first."""
    return sorted(versions_at(rows, at), key=lambda row: (row.sent_at, row.key))


def _at_opening(kept: _Kept) -> dict[Field, str]:
    """The values that it came in with: as we saw them, or as the PSA's own record tells."""
    opened = next((event for event in kept.events if event.kind is EventKind.TICKET_OPENED), None)
    at = known_from(opened) if opened else kept.row.opened_at
    return {name: value for name, value in fields_at(kept.events, at, whole=kept.whole).items() if value}


def _settled(
    moves: Sequence[Event], fields: Mapping[Field, str], *, done: bool, seen_at: datetime | None
) -> dict[Field, str]:
    """What stands and was a human's word: chosen by one, or left so when the ticket was done.

    What we set ourselves was left so only where somebody of the desk has `seen` the ticket since: we do not learn
    from ourselves.
    """
    last = {event.field: event for event in moves}
    return {name: fields[name] for name in CHOSEN if name in fields and _is_word(last.get(name), done, seen_at)}


def _is_word(last: Event | None, done: bool, seen_at: datetime | None) -> bool:
    """Whether people stand behind the value that the last event has set; without any it came in with the ticket."""
    if last is None:
        return done
    if not _is_ours(last):
        return done or is_humans(last)
    return done and seen_at is not None and seen_at > last.happened_at


def _last_looked(moves: Iterable[Event], messages: Iterable[MessageRow]) -> datetime | None:
    """When somebody of the desk last did anything to the ticket: they have seen what stood in it."""
    did = [event.happened_at for event in moves if event.actor_class is ActorClass.TECHNICIAN and is_humans(event)]
    said = [row.sent_at for row in messages if row.value["by"] == ActorClass.TECHNICIAN]
    return max([*did, *said], default=None)


def _is_ours(event: Event | None) -> bool:
    return event is not None and (event.source is Source.OURS or event.actor_class is ActorClass.COPILOT)


def _technicians(messages: Sequence[MessageRow]) -> tuple[str, ...]:
    said: dict[str, int] = {}
    for row in messages:
        if row.value["by"] == ActorClass.TECHNICIAN and row.value.get("author_id"):
            said[row.value["author_id"]] = said.get(row.value["author_id"], 0) + 1
    return tuple(sorted(said, key=lambda name: (-said[name], name)))


def _steps(events: Sequence[Event], reading: Reading) -> Iterator[tuple[datetime, bool]]:
    """When the ticket came to be done, or to be open again."""
    board = status = ""
    was: bool | None = None
    for event in events:
        told = fields_at([event], known_from(event))
        board, status = told[Field.BOARD] or board, told[Field.STATUS] or status
        done = bool(status) and reading.is_done(board, status)
        if status and done is not was:
            yield event.happened_at, done
            was = done


def _resolved(events: Sequence[Event], reading: Reading) -> datetime | None:
    return next((at for at, done in reversed(list(_steps(events, reading))) if done), None)


def _reopened(events: Sequence[Event], reading: Reading) -> bool:
    steps = [done for _, done in _steps(events, reading)]
    return any(before and not after for before, after in pairwise(steps))


def _missed(kept: _Kept, reading: Reading, *, done: bool) -> bool | None:
    """Whether it missed its SLA; the PSA says so of a ticket as it stands, so not where more has come since then."""
    met = kept.row.value.get("sla_met")
    is_latest = all(known_from(event) <= reading.at for event in kept.events)
    return not met if done and is_latest and met is not None else None


def _corrections(kept: _Kept, chosen: Mapping[Field, Sequence[Event]], at: datetime) -> Iterator[Correction]:
    for row in kept.decisions:
        if row.at <= at and row.verdict in WISHED:
            yield from _correction(row, chosen, kept.feedback)
    for said in kept.feedback:
        if said.at <= at and said.kind.startswith("note "):
            yield Correction(plugin=said.plugin, kind=said.kind.removeprefix("note "), actor=said.actor, at=said.at)


def _correction(
    row: DecisionRow, chosen: Mapping[Field, Sequence[Event]], feedback: Sequence[FeedbackRow]
) -> Iterator[Correction]:
    wish = row.wish
    ours, learned = str(wish.get("to", "")), str(wish.get("learned", ""))
    name = Field(wish["field"]) if wish.get("kind") == "change_field" else None
    if row.verdict == "declined":
        why = next((one.kind for one in reversed(feedback) if one.plugin == row.plugin and "declined" in one.kind), "")
        yield Correction(
            plugin=row.plugin,
            kind="declined",
            field=name,
            ours=ours,
            why=why.removeprefix("declined: "),
            learned=learned,
            at=row.at,
        )
    later = [event for event in chosen.get(name, ()) if event.seen_at >= row.at] if name else []
    if later and later[-1].after != ours:
        yield Correction(
            plugin=row.plugin,
            kind="changed",
            field=name,
            ours=ours,
            theirs=later[-1].after or "",
            learned=learned,
            actor=later[-1].actor,
            at=later[-1].happened_at,
        )
