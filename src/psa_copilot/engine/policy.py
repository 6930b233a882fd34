"""The policy: every wish passes here before it is promised, and again before it is sent. Mode comes last.

Each guard looks at one thing and answers with a `Verdict` where it says no. The order is that of the stop
contract: what a human or the config has forbidden goes before what a budget has used up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from psa_copilot.actions import AddNote, ChangeField, EditNote, LinkTo, Mention
from psa_copilot.config import Config, EnabledPlugin
from psa_copilot.desk import is_among
from psa_copilot.engine import brakes, breaker, canary
from psa_copilot.engine.cases import SUGGEST, Case, Guard, Verdict
from psa_copilot.engine.lines import Line
from psa_copilot.engine.spoken import muted
from psa_copilot.engine.views import in_category, is_security
from psa_copilot.events import Source
from psa_copilot.markers import unsigned
from psa_copilot.models import ActorClass, Field, Meaning, Ref, Thread, Ticket
from psa_copilot.store import Transaction
from psa_copilot.text.noise import quiet

DAY, HOUR = timedelta(hours=24), timedelta(hours=1)
LONGEST_NOTE = 1200  # characters
NOTES_A_DAY = 1  # new ones, on one ticket, over all plugins


def judge(case: Case) -> Verdict:
    """The verdict on a new wish."""
    for guard in (*STANDING, *SPENDING):
        found = guard(case)
        if found:
            return found
    return _mode(case)


def judge_again(case: Case) -> Verdict | None:
    """On a fresh read, right before sending: whether a promised write still may go."""
    return next((found for guard in STANDING if (found := guard(case))), None)


def stopped(config: Config, line: Line, thread: Thread, ticket: Ticket) -> str:
    """Why nothing at all is written to a ticket, or nothing."""
    why = stopped_ticket(config, line, ticket)
    by = "" if why else muted(thread, line, ticket.ref.remote_id)
    return why or (f"copilot off, by {by}" if by else "")


def stopped_ticket(config: Config, line: Line, ticket: Ticket) -> str:
    """The same, as far as the ticket itself tells. Names compare whatever their case."""
    lists = config.stop
    looked_at = {
        "status": (lists.status, ticket.status),
        "board": (lists.board, ticket.board),
        "company": (lists.company, ticket.company),
        "contact": (lists.contact, ticket.contact),
        "assignee": (lists.assignee, ticket.assignee),
        "source": (lists.source, ticket.source),
    }
    for name, (stops, value) in looked_at.items():
        if is_among(value, frozenset(stops)):
            return f"{name} {value!r} is on the stop list"
    if in_category(ticket, frozenset(lists.category)):
        return f"category {ticket.category!r} is on the stop list"
    if line.confirmed_meaning(ticket) is Meaning.STOP:
        return f"status {ticket.status!r} of board {ticket.board!r} means stop"
    return ""


def effective_mode(case: Case) -> tuple[str, str]:
    """The mode that counts, and why it is not the configured one."""
    mode = case.plugin.settings.mode
    if mode == "observe":
        return mode, ""
    state = case.tx.ledger.state(case.line.name, case.plugin.name)
    if not case.line.settings.accept_risk:
        why = canary.missing(case.tx, case.line, case.wish, mode)
        if why:
            return "observe", why
    if state and state.tripped_at:
        return "observe", f"breaker: {state.tripped_why}"
    return mode, ""


# -- guards that hold whenever something is about to be written -----------------------------------------------


def _stop(case: Case) -> Verdict | None:
    why = stopped(case.config, case.line, case.thread, case.ticket)
    return Verdict("stopped", why) if why else None


def _canary(case: Case) -> Verdict | None:
    """Where a trial is under way, every other write would count as its effect."""
    return Verdict("stopped", "a canary is at work on this ticket") if canary.at_work(case.tx, case.ref) else None


def _merged(case: Case) -> Verdict | None:
    return Verdict("stopped", f"merged into {case.ticket.merged_into}") if case.ticket.merged_into else None


def _child(case: Case) -> Verdict | None:
    """What is to be said of a matter is said on the parent while that is open."""
    parent = case.tx.mirror.ticket(case.line.ref(case.ticket.parent)) if case.ticket.parent else None
    return Verdict("stopped", f"child of {parent.number}, which is open") if parent and not parent.is_closed else None


def _shape(case: Case) -> Verdict | None:
    """A note fits on a screen; the one that collects suggestions holds several."""
    if not isinstance(case.wish, AddNote) or case.plugin.name == SUGGEST.name:
        return None
    length = len(unsigned(case.wish.body))
    return (
        Verdict("dropped", f"a note of {length} characters; {LONGEST_NOTE} at most") if length > LONGEST_NOTE else None
    )


def _capability(case: Case) -> Verdict | None:
    can, use = case.line.connector.can, case.line.settings.use
    match case.wish:
        case ChangeField(field=field) if field not in can.fields:
            return Verdict("dropped", f"{use} cannot change {field.value}")
        case AddNote(place="internal") if not can.internal_notes:
            return Verdict("dropped", f"{use} has no internal notes")
        case AddNote(place="discussion") if not can.public_notes:
            return Verdict("dropped", f"{use} has no notes for customers")
        case AddNote(place="resolution") if not can.resolution_notes:
            return Verdict("dropped", f"{use} has no resolution notes")
        case EditNote() if not can.edit_notes:
            return Verdict("dropped", f"{use} cannot edit notes")
    return None


def _was(case: Case) -> Verdict | None:
    """A field still has the value that the plugin saw; anything else means that somebody acted."""
    if not isinstance(case.wish, ChangeField) or case.ticket.field(case.wish.field) == case.wish.was:
        return None
    now_is = case.ticket.field(case.wish.field)
    if now_is == case.wish.to:
        return Verdict("dropped", f"{case.wish.field.value} is {now_is!r} already")
    who = case.ticket.updated_by or "somebody"
    at = case.ticket.updated_at.isoformat(timespec="seconds")
    return Verdict("dropped", f"{case.wish.field.value} was {case.wish.was!r}, is {now_is!r} since {at}, by {who}")


def _human_lock(case: Case) -> Verdict | None:
    """A field that a human has set after us is never overwritten."""
    if not isinstance(case.wish, ChangeField):
        return None
    lock = case.tx.ledger.lock(case.ref, case.wish.field.value, case.plugin.name)
    if lock:
        return Verdict("dropped", f"{case.wish.field.value} is locked: {lock.why}")
    return _set_after_us(case, case.wish.field)


def _set_after_us(case: Case, field: Field) -> Verdict | None:
    ours_at = [row.done_at for row in case.tx.ledger.our_field_writes(case.ref, field.value) if row.done_at]
    if not ours_at:
        return None
    for event in reversed(case.tx.mirror.field_events(case.ref, field)):
        if event.source is Source.OURS:
            return None
        if event.actor_class is not ActorClass.SYSTEM and event.seen_at >= min(ours_at):
            at = event.happened_at.isoformat(timespec="seconds")
            return Verdict("dropped", f"{field.value} was set by {event.actor or 'somebody'} after us, {at}")
    return None


def _confirmed(case: Case) -> Verdict | None:
    """A status that no human has given a meaning counts as stop for field writes."""
    needs = isinstance(case.wish, ChangeField) or (isinstance(case.wish, AddNote) and case.wish.purpose == "nudge")
    why = unconfirmed(case.line, case.ticket) if needs else ""
    if not why and isinstance(case.wish, ChangeField):
        # Nor is a ticket put into a status of which nobody has said what it means: it might close.
        why = unconfirmed(case.line, case.ticket.model_copy(update=_status_after(case.ticket, case.wish)))
    return Verdict("stopped", why) if why else None


def _status_after(ticket: Ticket, wish: ChangeField) -> dict[str, str]:
    """Board and status as the write would leave them, as far as it names them."""
    if wish.field is Field.STATUS:
        return {"status": wish.to}
    if wish.field is Field.BOARD and Field.STATUS in wish.along:
        return {"board": wish.to, "status": wish.along[Field.STATUS]}
    return {}


def unconfirmed(line: Line, ticket: Ticket) -> str:
    """What a human would have to confirm in the config before more than recaps may happen."""
    if line.confirmed_meaning(ticket):
        return ""
    return f"nobody has confirmed what status {ticket.status!r} of board {ticket.board!r} means"


def _closing(case: Case) -> Verdict | None:
    """Only a configured rule closes, and it says which one it is."""
    if not isinstance(case.wish, ChangeField) or not closes(case.line, case.ticket, case.wish):
        return None
    if not case.wish.rule:
        return Verdict("dropped", f"status {case.wish.to!r} closes the ticket; only a closing rule with an id may")
    why = never_closed(case)
    return Verdict("dropped", f"no rule closes this ticket: {why}") if why else None


def never_closed(case: Case) -> str:
    """What spares a ticket from every closing rule, whatever has changed since the rule's time came."""
    if case.ticket.priority_level in (1, None):
        return f"priority {case.ticket.priority or 'unknown'}"
    if is_security(case.ticket, case.desk):
        return "a security event"
    if is_among(case.ticket.contact, case.desk.vips):
        return "its contact is a VIP"
    planned = case.tx.standings.of(case.ticket).appointments
    return "an appointment is planned" if any(not one.done and one.ends > case.now for one in planned) else ""


def _parent(case: Case) -> Verdict | None:
    """Nothing is attached to what is over, or to another client's ticket; a suggestion is approved days later."""
    parent = case.tx.mirror.ticket(case.line.ref(case.wish.parent)) if isinstance(case.wish, LinkTo) else None
    if parent is None:
        return None
    ours = is_among(parent.company, frozenset({case.desk.own_company}))
    if parent.company_id != case.ticket.company_id and not ours:
        return Verdict("dropped", f"{parent.number} is a ticket of another client")
    gone = case.line.is_over(parent) or parent.merged_into
    return Verdict("dropped", f"{parent.number} is over or merged") if gone else None


def _answered(case: Case) -> Verdict | None:
    """Who has written since is no longer silent: a nudge or a rule that was wished before that is wrong now."""
    rests_on_silence = bool(case.wish.rule) or (isinstance(case.wish, AddNote) and case.wish.purpose == "nudge")
    if case.decided_at is None or not rests_on_silence:
        return None
    since = case.decided_at.replace(microsecond=0)
    customers = (ActorClass.CUSTOMER, ActorClass.CLIENT_IT)
    for message in case.thread.messages:
        if message.by in customers and message.sent_at >= since and not quiet(message, case.thread):
            return Verdict("dropped", f"the customer has written since, at {message.sent_at:%d %b %H:%M} UTC")
    return None


def closes(line: Line, ticket: Ticket, wish: ChangeField) -> bool:
    """Whether a field write ends the ticket."""
    board = wish.to if wish.field is Field.BOARD else ticket.board
    to = wish.to if wish.field is Field.STATUS else wish.along.get(Field.STATUS, "")
    status = line.status(board, to)
    meaning = line.settings.statuses.get(board, {}).get(to)
    return bool(to) and ((status is not None and status.is_closed) or meaning in (Meaning.CLOSED, Meaning.RESOLVED))


def _allowed(case: Case) -> Verdict | None:
    """Only values that exist in the PSA."""
    directory = case.line.directory
    if not isinstance(case.wish, ChangeField) or directory is None:
        return None
    known = {
        Field.STATUS: {
            status.name for board in directory.boards if board.name == case.ticket.board for status in board.statuses
        },
        Field.BOARD: {board.name for board in directory.boards},
        Field.PRIORITY: {priority.name for priority in directory.priorities},
        Field.ASSIGNEE: {person.identifier for person in directory.technicians if person.active} | {""},
        Field.CATEGORY: _categories(case),
    }.get(case.wish.field)
    if known is None or case.wish.to in known:
        return None
    return Verdict("dropped", f"there is no {case.wish.field.value} {case.wish.to!r}")


def _categories(case: Case) -> set[str] | None:
    """What the ticket's board can file it under; None where the PSA does not tell."""
    board = case.line.board(case.ticket.board)
    return {*board.categories, ""} if board and board.categories else None


def _touched(case: Case) -> Verdict | None:
    """A note of ours that a human edited or deleted is left alone for ever."""
    if not isinstance(case.wish, AddNote) or not case.wish.living:
        return None
    living = case.tx.ledger.living(case.ref, case.plugin.name)
    return (
        Verdict("dropped", "a human edited or deleted our note here; it is left alone")
        if living and living.touched
        else None
    )


# -- guards that count what was spent -------------------------------------------------------------------------


def _late(case: Case) -> Verdict | None:
    """Late is wrong: what happened longer ago than the wish is good for is history."""
    if case.found or case.happened_at is None or case.happened_at + time_to_live(case) >= case.now:
        return None
    return Verdict("expired", f"noticed too late: it happened at {case.happened_at.isoformat(timespec='seconds')}")


def time_to_live(case: Case) -> timedelta:
    """How long after its verdict the wish is worth writing."""
    return case.plugin.settings.time_to_live or case.wish.time_to_live


def _confidence(case: Case) -> Verdict | None:
    if case.wish.abstains:
        return Verdict("dropped", f"abstains: {case.wish.abstains}")
    if not isinstance(case.wish, ChangeField) or case.wish.confidence is None:
        return None
    bar = case.plugin.settings.bars.of(case.ticket.board, case.wish.was)
    return (
        Verdict("dropped", f"abstains: confidence {case.wish.confidence:.2f} is below {bar:.2f}")
        if case.wish.confidence < bar
        else None
    )


def noise(case: Case) -> Verdict | None:
    """At most one new note a ticket and day, and so many that concern one technician. Updates in place are free."""
    if not isinstance(case.wish, AddNote) or case.plugin.settings.mode == "observe" or _updates(case):
        return None
    if case.wish.rule or (case.plugin.settings.mode == "suggest" and _updates_suggestions(case)):
        return None
    today = case.tx.ledger.new_notes(case.line.name, case.now - DAY)
    on_ticket = [row for row in today if row.ticket == case.ref.remote_id]
    # A hand-off to another tier may say so in a second one.
    most = NOTES_A_DAY + (case.wish.purpose == "hand-off")
    if len(on_ticket) >= most:
        return Verdict("dropped", "noise: this ticket has had its new note for 24 hours")
    limit = case.line.settings.notes_per_technician
    for name in _technicians_named(case):
        if sum(_concerns(case, row.ticket, str(row.action.get("body", "")), name) for row in today) >= limit:
            return Verdict("dropped", f"noise: {limit} new notes in 24 hours concern {name}")
    return None


def _updates_suggestions(case: Case) -> bool:
    """A suggestion goes into the one note that there is for all of them."""
    note = AddNote(body="Suggestions", because="suggestions wait for an answer", living=True)
    return case.plugin.name != SUGGEST.name and _updates(replace(case, plugin=SUGGEST, wish=note))


def _updates(case: Case) -> bool:
    """A living note goes on in place: it stands, or it is on its way."""
    if not isinstance(case.wish, AddNote) or not case.wish.living:
        return False
    living = case.tx.ledger.living(case.ref, case.plugin.name)
    if living:
        # A note just written may not have come home to the mirror yet; the outbox looks again before it sends.
        is_home = case.thread.note(case.ref, living.note_id) is not None
        return not is_home or is_among_last(case.thread, case.ref, living.note_id)
    rows = case.tx.work.writes(ticket=(case.ref.connection, case.ref.remote_id))
    return any(row.plugin == case.plugin.name and row.state in ("pending", "sending") for row in rows)


def is_among_last(thread: Thread, ref: Ref, note_id: str, count: int = 3) -> bool:
    """Whether a note is one of the last messages of its ticket."""
    on_ticket = [message for message in thread.messages if message.ticket == ref]
    return any(message.key == note_id for message in on_ticket[-count:])


def _technicians_named(case: Case) -> Iterator[str]:
    body = case.wish.body if isinstance(case.wish, AddNote) else ""
    for person in case.line.directory.technicians if case.line.directory else ():
        if person.identifier == case.ticket.assignee or (person.name and person.name in body):
            yield person.identifier


def _concerns(case: Case, ticket: str, body: str, identifier: str) -> bool:
    people = case.line.directory.technicians if case.line.directory else ()
    name = next((person.name for person in people if person.identifier == identifier), "")
    row = case.tx.mirror.row(case.line.ref(ticket))
    return bool(row and row.assignee == identifier) or bool(name and name in body)


def _breaker(case: Case) -> Verdict | None:
    """So many tickets an hour and a day; then the plugin is put to observe and a human has to look."""
    mode, _ = effective_mode(case)
    begins = _begins(case, mode)
    if isinstance(case.wish, Mention) or (case.happened_at and begins and case.happened_at < begins):
        return None  # nothing would be written
    why = breaker.over(case, mode) if mode != "observe" else ""
    return Verdict("observed", f"breaker: {why}", trips_breaker=True) if why else None


def _mode(case: Case) -> Verdict:
    if isinstance(case.wish, Mention):
        return Verdict("observed", "a line for the digest")
    mode, why = effective_mode(case)
    if mode == "observe":
        return Verdict("observed", why or "mode is observe")
    begins = _begins(case, mode)
    if case.happened_at and begins and case.happened_at < begins:
        return Verdict(
            "observed", f"it happened before {begins.isoformat(timespec='seconds')}, when this plugin began to act"
        )
    return Verdict("suggested" if mode == "suggest" or case.wish.suggest_only else "promised")


def _begins(case: Case, mode: str) -> datetime | None:
    """Since when this wish may become a write: no earlier than its canary came home, unless the config says when."""
    begins = acts_from(case.tx, case.plugin, case.line.name)
    if case.plugin.settings.acts_from or case.line.settings.accept_risk:
        return begins
    cleared = canary.cleared_at(case.tx, case.line, case.wish, mode)
    return max((moment for moment in (begins, cleared) if moment), default=None)


def acts_from(tx: Transaction, plugin: EnabledPlugin, connection: str) -> datetime | None:
    """Since when a plugin may act: the config's word, or the moment it left observe."""
    if plugin.settings.acts_from:
        return plugin.settings.acts_from
    state = tx.ledger.state(connection, plugin.name)
    return state.since.replace(microsecond=0) if state else None


STANDING: tuple[Guard, ...] = (
    _stop, _canary, _merged, _child, *brakes.ALWAYS,
    _capability, _shape, _allowed, _parent, _answered, _closing, _confirmed, _was, _human_lock, _touched,
)  # fmt: skip
SPENDING: tuple[Guard, ...] = (_late, _confidence, noise, _breaker)
