"""Work is handed over in turn: what one connection owes in great number is no other one's wait."""

from __future__ import annotations

from datetime import UTC, datetime

from psa_copilot.store import Store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MANY = 300


def test_the_few_pieces_of_one_connection_do_not_wait_for_the_many_of_another(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(MANY):
            tx.work.owe_change("ill", f"ill/{number}", 1, NOON)
        for number in range(2):
            tx.work.owe_change("well", f"well/{number}", 1, NOON)
    with store.reading() as tx:
        due = tx.work.due(NOON)
    assert [item.connection for item in due[:5]] == ["ill", "well", "ill", "well", "ill"]
    assert [item.partition for item in due if item.connection == "well"] == ["well/0", "well/1"]
    of_ill = [item.row for item in due if item.connection == "ill"]
    assert of_ill == sorted(of_ill)
