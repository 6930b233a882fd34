"""Names of rules: of any script, one for each, and the same for as long as a rule is learned again."""

from __future__ import annotations

from datetime import UTC, datetime

from psa_copilot.deciding import Sighting, habits
from psa_copilot.memory import Rule
from psa_copilot.models import Field, Ref
from psa_copilot.store import Learning, Store
from psa_copilot.text import Text

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def learned(store: Store, *rules: Rule) -> list[str]:
    """What the rules that hold are called after this learning."""
    with store.transaction() as tx:
        tx.memories.learned("main", "route", Learning([], rules, 40, None, 0.0), NOW)
        return [row.name for row in tx.memories.rules("main", "route")]


def remove(store: Store, name: str) -> None:
    with store.transaction() as tx:
        assert tx.memories.remove_rule("main", "route", name, "", NOW)


def rule(name: str, value: str = "Network", field: Field = Field.BOARD, *says: str, company: str = "") -> Rule:
    return Rule(name=name, field=field, value=value, says=says, company=company, right=9, of=9)


def mined(field: Field, *rows: tuple[str, str, str]) -> tuple[Rule, ...]:
    """Habits of so many tickets each: value, company, title."""
    seen = [
        Sighting(Ref(connection="main", remote_id=str(number)), value, title, "", company)
        for number, (value, company, title) in enumerate(rows * 10)
    ]
    return habits(seen, field, Text())


def test_a_desk_of_another_script_learns_and_each_rule_has_a_name(store: Store) -> None:
    boards = [("Сети", "Ромашка", "роутер"), *[("Поддержка", "Лютик", "почта")] * 3]
    people = [("иванов", "Ромашка", "роутер"), *[("петров", "Лютик", "почта")] * 3]
    found = (*mined(Field.BOARD, *boards), *mined(Field.ASSIGNEE, *people))
    names = learned(store, *found)
    assert len(set(names)) == len(found) > 3
    assert {"ромашка-сети", "ромашка-иванов", "роутер-сети"} <= set(names)


def test_words_that_differ_by_an_umlaut_or_a_sign_are_rules_of_their_own(store: Store) -> None:
    words = [("Netz", "", "größe"), ("Netz", "", "grüße"), *[("Mail", "", "konto")] * 4]
    assert {one.name for one in mined(Field.BOARD, *words)} == {"grösse-netz", "grüsse-netz", "konto-mail"}
    signs = [("Netz", "C++ Hof", "a"), ("Netz", "C Hof", "b"), *[("Mail", "Lark", "konto")] * 4]
    names = learned(store, *mined(Field.BOARD, *signs))
    assert len(names) == len(set(names)) == len(mined(Field.BOARD, *signs))
    assert sum(name.startswith("c-hof-netz") for name in names) == 2


def test_no_rule_is_without_a_name(store: Store) -> None:
    [first] = learned(store, rule("", "!?"))
    assert first.startswith("rule-")
    assert learned(store, rule("", "!?")) == [first]
    remove(store, first)
    assert learned(store, rule("", "!?")) == []


def test_whoever_has_a_name_keeps_it_in_whatever_order_they_are_learned(store: Store) -> None:
    board, owner = rule("vpn-network"), rule("vpn-network", field=Field.ASSIGNEE)
    names = learned(store, board, owner)
    assert len(set(names)) == 2
    assert learned(store, owner, board) == names
    with store.reading() as tx:
        told = {Field(row.value["field"]): row.value["name"] for row in tx.memories.rules("main", "route")}
    assert told[Field.BOARD] == "vpn-network"
    assert told[Field.ASSIGNEE] in names


def test_a_removed_rule_stays_removed_by_what_it_says_and_takes_no_other_along(store: Store) -> None:
    as_it_was_called = rule("gr-e-netz", "Netz", Field.BOARD, "größe")
    learned(store, as_it_was_called)
    remove(store, "gr-e-netz")
    now = rule("grösse-netz", "Netz", Field.BOARD, "größe")
    assert learned(store, now, rule("gr-e-netz", "Netz", Field.BOARD, "grüße")) != []
    with store.reading() as tx:
        assert [row.value["says"] for row in tx.memories.rules("main", "route")] == [["grüße"]]


def test_a_name_that_was_removed_stays_so_where_it_speaks_of_the_same_tickets(store: Store) -> None:
    learned(store, rule("vpn", "Network", Field.BOARD, "vpn"))
    remove(store, "vpn")
    assert learned(store, rule("vpn", "Print", Field.BOARD, "vpn")) == []
