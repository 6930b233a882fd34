"""The tables: a mirror of the PSA, the history, the work that is owed, and the ledger.

Times are kept as UTC text of fixed width (`moment`), so that they compare and sort the same on every
database. Every row names its connection: nothing of one PSA tenant can be read through another's.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, Dialect, Index, Integer, LargeBinary, String, TypeDecorator, UniqueConstraint, text
from sqlmodel import Field, SQLModel


class Instant(TypeDecorator[datetime]):
    """An aware UTC time, kept as ISO text with microseconds."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else datetime.fromisoformat(value)


def moment(**options: Any) -> Any:
    """A column of a time that is always known."""
    return Field(sa_type=Instant, **options)


def maybe_moment(**options: Any) -> Any:
    """A column of a time that may not have come yet."""
    return Field(default=None, sa_type=Instant, nullable=True, **options)


def json_column() -> Any:
    """A column of a JSON value."""
    return Field(sa_column=Column(JSON, nullable=False))


class TicketRow(SQLModel, table=True):
    """The mirror of one ticket; `value` is the whole frozen ticket, the columns are what queries need."""

    __tablename__ = "ticket"
    __table_args__ = (
        Index("ix_ticket_open", "connection", "is_open", "remote_id"),
        Index("ix_ticket_seen", "connection", "seen_at", "remote_id"),
        Index("ix_ticket_read", "connection", "messages_read_at", "remote_id"),
        Index("ix_ticket_company", "connection", "company_id"),
        Index("ix_ticket_doubted", "connection", "look_again_at"),
    )

    connection: str = Field(primary_key=True)
    remote_id: str = Field(primary_key=True)
    thread_id: str = Field(index=True)
    company_id: str
    board: str
    status: str
    assignee: str
    is_open: bool
    parent: str = Field(default="", index=True)
    merged_into: str = Field(default="", index=True)
    opened_at: datetime = moment()
    updated_at: datetime = moment(index=True)
    value: dict[str, Any] = json_column()
    seen_at: datetime = moment()
    message_state: str
    """How much of its messages we hold: none, partial, full."""
    messages_at: datetime | None = maybe_moment()
    """The ticket's changed-stamp when its messages were read last."""
    messages_read_at: datetime | None = maybe_moment()
    """When that was, by the PSA's clock: a read within the stamp's own second may have missed something."""
    look_again_at: datetime | None = maybe_moment()
    """From when on, by the PSA's clock, its messages are to be read again: one of them may not have shown yet."""
    wants: str = Field(default="", index=True)
    """Work that its reading owes: messages (read them), change (and think about it afterwards)."""
    deleted_at: datetime | None = maybe_moment()


class MessageRow(SQLModel, table=True):
    """One version of a message; the newest one is `current`."""

    __tablename__ = "message"
    __table_args__ = (Index("ix_message_ticket", "connection", "ticket", "current"),)

    connection: str = Field(primary_key=True)
    ticket: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    current: bool
    value: dict[str, Any] = json_column()
    marker: str = Field(default="", index=True)
    """Marker of our write, when this message is ours."""
    sent_at: datetime = moment()
    seen_at: datetime = moment()
    known_at: datetime = moment()
    """From when on `as_of` may show it: backfill by the PSA's stamps, everything else by when we saw it."""
    deleted_at: datetime | None = maybe_moment()


class EventRow(SQLModel, table=True):
    """One thing that happened, with both of its times (bitemporal from the first migration)."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_ticket", "connection", "ticket", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    connection: str
    ticket: str
    kind: str
    field: str | None = None
    before: str | None = None
    after: str | None = None
    message: str = ""
    actor: str = ""
    actor_class: str
    happened_at: datetime = moment()
    seen_at: datetime = moment()
    source: str
    gap: bool = False


class StandingRow(SQLModel, table=True):
    """How a ticket stands, so that a sweep over all open ones reads no texts; kept up as messages are read."""

    __tablename__ = "standing"

    connection: str = Field(primary_key=True)
    ticket: str = Field(primary_key=True)
    last_key: str = ""
    last_by: str = "unknown"
    last_at: datetime | None = maybe_moment()
    customer_at: datetime | None = maybe_moment()
    technician_at: datetime | None = maybe_moment()
    responded_at: datetime | None = maybe_moment()
    away_until: datetime | None = maybe_moment()
    bounced: bool = False
    messages: int = 0
    status_since: datetime | None = maybe_moment()
    history_at: datetime | None = maybe_moment()
    """When the PSA's own record of its fields was read last."""


class AppointmentRow(SQLModel, table=True):
    """An entry in a technician's calendar."""

    __tablename__ = "appointment"
    __table_args__ = (Index("ix_appointment_ticket", "connection", "ticket"),)

    connection: str = Field(primary_key=True)
    remote_id: str = Field(primary_key=True)
    kind: str
    person: str
    ticket: str
    starts: datetime = moment()
    ends: datetime = moment()
    done: bool = False


class ContactRow(SQLModel, table=True):
    """A person at a client."""

    __tablename__ = "contact"
    __table_args__ = (Index("ix_contact_email", "connection", "email"),)

    connection: str = Field(primary_key=True)
    remote_id: str = Field(primary_key=True)
    company_id: str
    name: str
    email: str
    kind: str
    active: bool = True


class ThreadRow(SQLModel, table=True):
    """A thread's revision, counted per id."""

    __tablename__ = "thread"

    id: str = Field(primary_key=True)
    connection: str
    revision: int


class ThreadAliasRow(SQLModel, table=True):
    """A thread id that went into an older one."""

    __tablename__ = "thread_alias"

    id: str = Field(primary_key=True)
    survivor: str


class CursorRow(SQLModel, table=True):
    """How far a walk over the PSA has come, in the PSA's own terms."""

    __tablename__ = "cursor"

    connection: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str


class InboxRow(SQLModel, table=True):
    """A genuine webhook delivery, kept until its ticket was read."""

    __tablename__ = "inbox"
    __table_args__ = (UniqueConstraint("connection", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    connection: str
    key: str
    remote_id: str
    deleted: bool = False
    value: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    received_at: datetime = moment()
    done_at: datetime | None = maybe_moment(index=True)


class ChangeRow(SQLModel, table=True):
    """Thinking that is owed: a thread at a revision, or a sweep's find for one plugin."""

    __tablename__ = "change"
    __table_args__ = (UniqueConstraint("thread_id", "plugin", "key"), Index("ix_change_due", "state", "not_before"))

    id: int | None = Field(default=None, primary_key=True)
    connection: str
    thread_id: str
    plugin: str = ""
    """For a sweep's find: whose it is; empty: every plugin's."""
    key: str
    revision: int
    because: str = ""
    facts: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False, server_default=text("'{}'"))
    )
    happened_at: datetime | None = maybe_moment()
    """For a sweep's find: when it fell due."""
    state: str = "open"
    """open, done, dead."""
    attempt: int = 0
    failures: int = 0
    why: str = ""
    not_before: datetime = moment()
    created_at: datetime = moment()


class RunRow(SQLModel, table=True):
    """One plugin's look at one change; found again instead of asked again."""

    __tablename__ = "run"
    __table_args__ = (UniqueConstraint("thread_id", "plugin", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    connection: str
    thread_id: str
    plugin: str
    key: str
    revision: int
    last_event: int
    """Id of the newest event that this run has seen."""
    outcome: str
    """wished, silent, failed."""
    why: str = ""
    at: datetime = moment()
    took_ms: int = 0


class DecisionRow(SQLModel, table=True):
    """One wish and what became of it."""

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_ticket", "connection", "ticket"),)

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = moment(index=True)
    connection: str
    thread_id: str
    ticket: str
    plugin: str
    run_id: int | None = None
    revision: int = 0
    wish: dict[str, Any] = json_column()
    verdict: str
    reason: str = ""
    because: str = ""
    evidence: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    confidence: float | None = None
    model: str = ""
    cost: float = 0.0
    tokens: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    """Sent to the model and got from it."""
    happened_at: datetime | None = maybe_moment()
    """When the newest event behind it happened."""
    expires: datetime | None = maybe_moment()
    code: str = ""
    """One-time code of a suggestion."""
    history: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Earlier verdicts with their times, oldest first."""
    mark: str = ""
    """useful, useless or leak, as a human marked it."""


class WriteRow(SQLModel, table=True):
    """Writing that is owed or done: one action on one ticket, under one marker."""

    __tablename__ = "write"
    __table_args__ = (
        UniqueConstraint("marker"),
        Index("ix_write_due", "state", "not_before"),
        Index("ix_write_ticket", "connection", "ticket", "state"),
    )

    id: int | None = Field(default=None, primary_key=True)
    decision_id: int = Field(foreign_key="decision.id", index=True)
    connection: str
    ticket: str
    plugin: str
    action: dict[str, Any] = json_column()
    marker: str
    state: str = "pending"
    """pending, sending, done, rejected, dropped, expired, collision, dead, undone."""
    undoes: int | None = None
    """Id of the write that this one takes back."""
    attempt: int = 0
    failures: int = 0
    why: str = ""
    not_before: datetime = moment()
    expires: datetime = moment()
    created_at: datetime = moment()
    sending_since: float | None = None
    """Real seconds since the epoch; requests and their grace run in real time."""
    sent: int = 0
    """How many times a request left for it."""
    read_stamp: datetime | None = maybe_moment()
    """The ticket's changed-stamp at the fresh read before the request."""
    sla_before: str = Field(default="", sa_column=Column(String, nullable=False, server_default=""))
    """How its SLA stood then."""
    receipt: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    done_at: datetime | None = maybe_moment()


class LivingNoteRow(SQLModel, table=True):
    """The note that a plugin keeps up to date on a ticket."""

    __tablename__ = "living_note"

    connection: str = Field(primary_key=True)
    ticket: str = Field(primary_key=True)
    plugin: str = Field(primary_key=True)
    note_id: str
    marker: str
    body: str
    """Our own text, with its marker line."""
    touched: bool = False
    """A human edited or deleted it: left alone for ever."""


class LockRow(SQLModel, table=True):
    """A field that a plugin may not change on a ticket any more."""

    __tablename__ = "lock"

    connection: str = Field(primary_key=True)
    ticket: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    plugin: str = Field(primary_key=True)
    why: str
    at: datetime = moment()


class PluginStateRow(SQLModel, table=True):
    """Since when a plugin has been out of observe on a connection, and whether its breaker has tripped."""

    __tablename__ = "plugin_state"

    connection: str = Field(primary_key=True)
    plugin: str = Field(primary_key=True)
    mode: str
    since: datetime = moment()
    tripped_at: datetime | None = maybe_moment()
    tripped_why: str = ""
    rearmed_at: datetime | None = maybe_moment()


class CanaryRow(SQLModel, table=True):
    """One kind of write that was tried on a test ticket, and what else the PSA did then."""

    __tablename__ = "canary"

    connection: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    """Kind of action, with its field or place: `change_field status`."""
    ticket: str
    plan: str
    """The values that were written, as a line for people."""
    fingerprint: str
    """The PSA's settings that decide what a write sets off; another one, and the canary has expired."""
    state: str
    """waiting, clean, refused."""
    found: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """What changed besides, a line each."""
    before: dict[str, Any] = json_column()
    """How the ticket stood before."""
    at: datetime = moment()
    done_at: datetime | None = maybe_moment()


class BacklogRow(SQLModel, table=True):
    """An old finding of a sweep: nothing is done about it before a human releases it."""

    __tablename__ = "backlog"
    __table_args__ = (UniqueConstraint("thread_id", "plugin", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    connection: str
    ticket: str
    thread_id: str
    plugin: str = Field(index=True)
    key: str
    because: str
    facts: dict[str, Any] = json_column()
    score: float
    since: datetime = moment()
    at: datetime = moment()
    released_at: datetime | None = maybe_moment()


class ClusterRow(SQLModel, table=True):
    """Many tickets on one matter within minutes: one incident, on whose members plugins are silent."""

    __tablename__ = "cluster"

    id: int | None = Field(default=None, primary_key=True)
    connection: str = Field(index=True)
    matter: str
    """Board and what the titles have in common."""
    parent: str
    """Remote id of the member that speaks for all."""
    began_at: datetime = moment()
    last_at: datetime = moment()
    model_calls: int = 0


class ClusterMemberRow(SQLModel, table=True):
    """A ticket of an incident, or one that may become part of one."""

    __tablename__ = "cluster_member"
    __table_args__ = (Index("ix_cluster_member_matter", "connection", "matter", "opened_at"),)

    connection: str = Field(primary_key=True)
    ticket: str = Field(primary_key=True)
    matter: str = Field(primary_key=True)
    company_id: str
    opened_at: datetime = moment()
    cluster_id: int | None = Field(default=None, index=True)


class MemoryRow(SQLModel, table=True):
    """One thing that a plugin has learned: arrays, and what JSON can hold; never code."""

    __tablename__ = "memory"

    connection: str = Field(primary_key=True)
    plugin: str = Field(primary_key=True)
    """Empty for what the core keeps itself, for example to find similar tickets."""
    name: str = Field(primary_key=True)
    version: int
    kind: str
    """What it is, and so what reads it: choices, risk, index."""
    arrays: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    facts: dict[str, Any] = json_column()


class MemoryVersionRow(SQLModel, table=True):
    """One learning of one plugin: when it was, and what it rested on."""

    __tablename__ = "memory_version"

    connection: str = Field(primary_key=True)
    plugin: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    outcomes: int
    known_at: datetime | None = maybe_moment()
    """When the newest of these outcomes became known."""
    seconds: float
    at: datetime = moment()


class RuleRow(SQLModel, table=True):
    """A habit of the desk that a plugin has learned; one that a human removed stays, and is not learned again."""

    __tablename__ = "rule"

    connection: str = Field(primary_key=True)
    plugin: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    version: int
    """The learning that found it last."""
    value: dict[str, Any] = json_column()
    removed_at: datetime | None = maybe_moment()
    removed_why: str = ""
    at: datetime = moment()


class SpendRow(SQLModel, table=True):
    """One call of a model, or one saved by the cache."""

    __tablename__ = "spend"

    id: int | None = Field(default=None, primary_key=True)
    connection: str
    plugin: str
    company: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: float
    at: datetime = moment(index=True)


class AnswerRow(SQLModel, table=True):
    """A model's answer, kept so that nothing unchanged is asked twice."""

    __tablename__ = "answer"

    key: str = Field(primary_key=True)
    value: str
    at: datetime = moment(index=True)


class FlagRow(SQLModel, table=True):
    """A switch that holds for a whole connection or for a ticket: paused, muted, first contact."""

    __tablename__ = "flag"

    connection: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str
    at: datetime = moment()


class FeedbackRow(SQLModel, table=True):
    """What humans did with something of ours: edited, deleted, declined, marked."""

    __tablename__ = "feedback"

    id: int | None = Field(default=None, primary_key=True)
    connection: str
    ticket: str
    plugin: str
    kind: str
    actor: str = ""
    write_id: int | None = None
    at: datetime = moment()


class BudgetRow(SQLModel, table=True):
    """The request budget of one PSA tenant (GCRA), shared by all processes."""

    __tablename__ = "budget"

    connection: str = Field(primary_key=True)
    next_at: float
    """Theoretical arrival time of the next request: seconds since the epoch, on `clock.now()`."""
    blocked_until: float = 0.0
