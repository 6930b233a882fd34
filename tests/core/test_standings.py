"""How a ticket stands is kept up as its messages are read."""

from datetime import UTC, datetime, timedelta

from psa_copilot.models import ActorClass, Message, Ref, Ticket
from psa_copilot.store import Store

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REF = Ref(connection="main", remote_id="1")
ASKED = (ActorClass.TECHNICIAN, "Does tray 1 print?")
AWAY = (ActorClass.CUSTOMER, "Automatic reply: I am out of the office until 12 March. For urgent matters call Bo.")


def away_until(store: Store, *said: tuple[ActorClass, str]) -> datetime | None:
    """What stands there once these messages, ten minutes apart, were read."""
    messages = [
        Message(remote_id=f"m{number}", ticket=REF, by=by, text=text, sent_at=T0 + number * timedelta(minutes=10))
        for number, (by, text) in enumerate(said)
    ]
    ticket = Ticket(ref=REF, number="1", title="Printer", opened_at=T0, updated_at=T0)
    with store.transaction() as tx:
        tx.standings.update(ticket, messages)
    with store.reading() as tx:
        return tx.standings.row(REF).away_until


def test_an_automatic_reply_says_until_when_nobody_is_there(store: Store) -> None:
    assert away_until(store, ASKED, AWAY) == datetime(2026, 3, 12, tzinfo=UTC)


def test_a_technicians_note_does_not_bring_the_customer_back(store: Store) -> None:
    assert away_until(store, ASKED, AWAY, (ActorClass.TECHNICIAN, "They are away.")) is not None


def test_the_customers_own_word_does(store: Store) -> None:
    assert away_until(store, ASKED, AWAY, (ActorClass.CUSTOMER, "Yes, tray 1 prints.")) is None
    assert away_until(store, ASKED, AWAY, (ActorClass.CUSTOMER, "Thanks!")) is not None


def test_the_newest_reply_counts(store: Store) -> None:
    later = (ActorClass.CUSTOMER, "Automatic reply: I am out of the office until 20 March. Call Bo if it is urgent.")
    assert away_until(store, AWAY, ASKED, later) == datetime(2026, 3, 21, tzinfo=UTC)


def test_what_a_technician_has_set_stays_an_act_of_theirs(store: Store) -> None:
    took_it = T0 + timedelta(hours=1)
    with store.transaction() as tx:
        tx.standings.field_set(REF, at=took_it, by=ActorClass.TECHNICIAN, is_status=False)
    away_until(store, ASKED, (ActorClass.CUSTOMER, "Yes, tray 1 prints."))
    with store.reading() as tx:
        assert tx.standings.row(REF).technician_at == took_it
