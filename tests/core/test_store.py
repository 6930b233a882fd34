"""The mirror and its history: what is kept, what is known when, and which tickets make one thread."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from psa_copilot.actions import AddNote
from psa_copilot.events import Event, EventKind, Source
from psa_copilot.models import ActorClass, Field, Message, MessageKind, Ref, Ticket
from psa_copilot.store import DecisionRow, Look, Store

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def look(at: datetime, source: Source = Source.POLL) -> Look:
    return Look(now=at, psa_now=at, source=source, first_contact=T0, ourselves="copilot")


def ticket(number: int = 1, *, at: datetime = T0 + HOUR, **fields: object) -> Ticket:
    ref = Ref(connection="main", remote_id=str(number))
    told = {"title": "Printer", "company_id": "7", "opened_at": T0 + HOUR, "updated_at": at} | fields
    return Ticket.model_validate({"ref": ref, "number": str(number)} | told)


def message(key: str, text: str, *, at: datetime = T0 + HOUR, number: int = 1) -> Message:
    ref = Ref(connection="main", remote_id=str(number))
    return Message(remote_id=key, ticket=ref, by=ActorClass.CUSTOMER, text=text, sent_at=at)


def save(store: Store, *tickets: Ticket, at: datetime, source: Source = Source.POLL) -> list[Event]:
    with store.transaction() as tx:
        return tx.mirror.save_tickets(tickets, look(at, source))


def test_a_changed_field_becomes_one_event_with_both_times(store: Store) -> None:
    save(store, ticket(status="New"), at=T0 + HOUR)
    [event] = save(store, ticket(status="Open", at=T0 + 2 * HOUR, updated_by="anna"), at=T0 + 3 * HOUR)
    assert (event.field, event.before, event.after, event.actor) == (Field.STATUS, "New", "Open", "anna")
    assert (event.happened_at, event.seen_at, event.gap) == (T0 + 2 * HOUR, T0 + 3 * HOUR, True)


def test_the_same_ticket_twice_is_no_news_and_older_news_is_dropped(store: Store) -> None:
    save(store, ticket(status="Open", at=T0 + 2 * HOUR), at=T0 + 2 * HOUR)
    assert save(store, ticket(status="Open", at=T0 + 2 * HOUR), at=T0 + 3 * HOUR) == []
    assert save(store, ticket(status="New", at=T0 + HOUR), at=T0 + 3 * HOUR) == []
    with store.reading() as tx:
        kept = tx.mirror.ticket(Ref.parse("main/1"))
    assert kept is not None
    assert kept.status == "Open"


def test_as_of_shows_a_polled_value_only_from_when_we_saw_it(store: Store) -> None:
    save(store, ticket(status="New"), at=T0 + HOUR)
    save(store, ticket(status="Open", at=T0 + 2 * HOUR), at=T0 + 5 * HOUR)
    with store.reading() as tx:
        early = tx.mirror.as_of("main/1", T0 + 4 * HOUR).fields["main/1"]
        late = tx.mirror.as_of("main/1", T0 + 5 * HOUR).fields["main/1"]
    assert (early[Field.STATUS], late[Field.STATUS]) == ("New", "Open")


def test_as_of_before_the_backfill_knows_nothing_rather_than_the_final_value(store: Store) -> None:
    old = ticket(status="Closed", at=T0 - HOUR, opened_at=T0 - 9 * HOUR)
    save(store, old, at=T0 + HOUR, source=Source.BACKFILL)
    with store.reading() as tx:
        before = tx.mirror.as_of("main/1", T0 - 2 * HOUR).fields["main/1"]
        after = tx.mirror.as_of("main/1", T0 - HOUR).fields["main/1"]
    assert (before[Field.STATUS], after[Field.STATUS]) == (None, "Closed")


def test_as_of_takes_the_psas_own_record_by_its_own_stamp(store: Store) -> None:
    save(store, ticket(status="Closed", at=T0 - HOUR, opened_at=T0 - 9 * HOUR), at=T0, source=Source.BACKFILL)
    entry = Event(
        kind=EventKind.FIELD_CHANGED,
        ticket=Ref.parse("main/1"),
        field=Field.STATUS,
        before="New",
        after="Closed",
        happened_at=T0 - 5 * HOUR,
        seen_at=T0,
        source=Source.HISTORY,
    )
    with store.transaction() as tx:
        tx.mirror.record([entry])
    with store.reading() as tx:
        told = [tx.mirror.as_of("main/1", T0 - n * HOUR).fields["main/1"][Field.STATUS] for n in (6, 4)]
    assert told == ["New", "Closed"]


def test_as_of_shows_the_version_of_a_message_that_could_be_read_then(store: Store) -> None:
    save(store, ticket(), at=T0 + HOUR)
    with store.transaction() as tx:
        tx.mirror.save_messages(ticket(), [message("5", "blank pages")], look(T0 + HOUR))
    with store.transaction() as tx:
        tx.mirror.save_messages(ticket(), [message("5", "blank pages, tray 2")], look(T0 + 3 * HOUR))
    with store.reading() as tx:
        texts = [[m.text for m in tx.mirror.as_of("main/1", T0 + n * HOUR).messages] for n in (0.5, 2, 3)]
    assert texts == [[], ["blank pages"], ["blank pages, tray 2"]]


def test_a_message_that_is_missing_was_deleted_and_stays_in_the_history(store: Store) -> None:
    save(store, ticket(), at=T0 + HOUR)
    with store.transaction() as tx:
        tx.mirror.save_messages(ticket(), [message("5", "one"), message("6", "two")], look(T0 + HOUR))
    with store.transaction() as tx:
        events = tx.mirror.save_messages(ticket(), [message("6", "two")], look(T0 + 2 * HOUR))
    assert [(event.kind, event.message) for event in events] == [(EventKind.MESSAGE_DELETED, "5")]
    with store.reading() as tx:
        assert [m.remote_id for m in tx.mirror.messages("main", "1")] == ["6"]
        assert len(tx.mirror.as_of("main/1", T0 + 1.5 * HOUR).messages) == 2


def test_a_message_from_before_the_first_contact_is_backfill_whenever_it_is_read(store: Store) -> None:
    save(store, ticket(opened_at=T0 - HOUR), at=T0 + HOUR)
    with store.transaction() as tx:
        told = [message("5", "old", at=T0 - HOUR), message("6", "new", at=T0)]
        events = tx.mirror.save_messages(ticket(), told, look(T0 + HOUR))
    assert [event.source for event in events] == [Source.BACKFILL, Source.POLL]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_merged_ticket_joins_the_thread_of_the_older_one_in_either_order(
    store: Store, order: tuple[int, int]
) -> None:
    made = {1: ticket(1), 2: ticket(2, opened_at=T0 + 2 * HOUR, merged_into="1")}
    for number in order:
        save(store, made[number], at=T0 + 3 * HOUR)
    with store.reading() as tx:
        thread = tx.mirror.thread("main/2")
    assert thread is not None
    assert thread.id == "main/1"
    assert [t.number for t in thread.tickets] == ["1", "2"]


def test_tickets_of_two_companies_never_make_one_thread(store: Store) -> None:
    save(store, ticket(1), ticket(2, company_id="8", parent="1"), at=T0 + HOUR)
    with store.reading() as tx:
        thread = tx.mirror.thread("main/2")
    assert thread is not None
    assert [t.number for t in thread.tickets] == ["2"]


def test_messages_read_within_the_stamps_own_second_are_read_once_more(store: Store) -> None:
    stamp = T0 + HOUR
    shown = ticket(at=stamp)
    with store.transaction() as tx:
        tx.mirror.save_tickets([shown], look(stamp))
        assert tx.mirror.needs_messages(shown)
        tx.mirror.save_messages(shown, [], look(stamp + timedelta(seconds=0.4)))
        assert tx.mirror.needs_messages(shown)
        tx.mirror.save_messages(shown, [], look(stamp + timedelta(seconds=1)))
        assert not tx.mirror.needs_messages(shown)


def test_the_first_migration_makes_exactly_the_tables_that_the_code_has(store: Store, tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext
    from sqlmodel import SQLModel

    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_what_keep_lets_go_of_is_gone_and_the_rest_stays(store: Store) -> None:
    old, new = ticket(1, is_closed=True), ticket(2)
    save(store, old, new, at=T0 + HOUR)
    with store.transaction() as tx:
        tx.mirror.save_messages(old, [message("5", "a secret")], look(T0 + HOUR))
        tx.mirror.save_messages(new, [message("6", "open still", number=2)], look(T0 + HOUR))
        tx.work.keep_delivery("main", "k", "1", None, T0, deleted=False)
        tx.work.delivered([1], T0)
    store.forget({"messages": HOUR, "events": None, "inbox": HOUR, "ledger": HOUR}, T0 + 9 * HOUR)
    with store.reading() as tx:
        assert [[m.text for m in tx.mirror.messages("main", n)] for n in ("1", "2")] == [[""], ["open still"]]
        assert tx.mirror.field_events(old.ref, Field.STATUS) == []
        assert tx.mirror.last_event_id() > 0
    with store.transaction() as tx:
        assert tx.work.keep_delivery("main", "k", "1", None, T0, deleted=False)


def test_a_contacts_other_tickets_are_those_of_the_same_client_that_changed_lately(store: Store) -> None:
    mine = ticket(1, contact_id="5")
    lately = [ticket(2, contact_id="5", at=T0 + 2 * HOUR), ticket(3, contact_id="5", at=T0 + 3 * HOUR)]
    others = [
        ticket(4, contact_id="6"),
        ticket(5, contact_id="5", company_id="9"),
        ticket(6, contact_id="5", at=T0 - HOUR, opened_at=T0 - HOUR),
        ticket(7, contact_id="5", at=T0 + 2 * HOUR, parent="1"),
    ]
    save(store, mine, *lately, *others, at=T0 + 4 * HOUR)
    with store.reading() as tx:
        found = tx.mirror.recent_of_contact(mine, T0)
    assert [each.number for each in found] == ["3", "2"]


def test_the_clients_are_the_companies_that_have_tickets(store: Store) -> None:
    save(
        store,
        *(ticket(number, company=name) for number, name in enumerate(["Fabrikam", "", "Contoso", "Fabrikam"])),
        at=T0,
    )
    with store.reading() as tx:
        assert tx.mirror.companies("main") == ["Contoso", "Fabrikam"]
        assert tx.mirror.companies("other") == []


def test_tickets_of_one_thread_may_number_their_notes_alike(store: Store) -> None:
    told = {ticket(1): "of the parent", ticket(2, parent="1"): "of the child"}
    save(store, *told, at=T0 + HOUR)
    with store.transaction() as tx:
        for shown, text in told.items():
            tx.mirror.save_messages(shown, [message("2", text, number=int(shown.ref.remote_id))], look(T0 + HOUR))
        thread = tx.mirror.thread("main/1")
    assert thread
    assert len(thread.messages) == 2
    notes = {text: thread.note(shown.ref, "2") for shown, text in told.items()}
    assert {text: note.text for text, note in notes.items() if note} == {text: text for text in told.values()}


def test_a_time_entry_with_the_number_of_our_note_is_not_ours(store: Store) -> None:
    save(store, ticket(), at=T0 + HOUR)
    note = AddNote(body="Recap.", because="a test")
    row = DecisionRow(
        at=T0, connection="main", thread_id="main/1", ticket="1", plugin="x", wish=note.model_dump(), verdict="promised"
    )
    with store.transaction() as tx:
        tx.ledger.add(row)
        write = tx.work.write(tx.work.promise(row, "x", note, "k7f3q5m2p4", T0, HOUR))
        assert write
        write.state, write.receipt = "done", {"remote_id": "5"}
        told = [message("5", "Recap."), message("5", "An hour.").model_copy(update={"kind": MessageKind.TIME_ENTRY})]
        assert [tx.mirror.claim(one, look(T0 + HOUR))[0].by for one in told] == [
            ActorClass.COPILOT,
            ActorClass.CUSTOMER,
        ]
