"""What people made of tickets, as it was known at a moment; what a plugin learns from it, keeps, and has to give up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from psa_copilot import Action, Case, Change, Example, Notebook, Outcome, Plugin, Rule, Thread, Tools, app, config
from psa_copilot.clock import Clock
from psa_copilot.config import EnabledPlugin
from psa_copilot.desk import Desk
from psa_copilot.engine.finding import Follower, refresh
from psa_copilot.engine.learning import FEWEST, Learning, Lesson, learn
from psa_copilot.engine.remembering import StoredMemory
from psa_copilot.events import Source
from psa_copilot.models import ActorClass, Directory, Field, Message, Ref, Ticket
from psa_copilot.plugin import PluginSettings, When
from psa_copilot.store import DecisionRow, Look, Reading, Store
from psa_copilot.text import Text

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = T0 + 100 * DAY
KINDS = {
    "Network": "The VPN tunnel to the depot drops after {} minutes, the gateway blinks.",
    "Print": "Toner is empty in tray {} and the printer prints blank pages.",
}
PEOPLE = {"ines": ActorClass.TECHNICIAN, "robot": ActorClass.INTEGRATION, "copilot": ActorClass.COPILOT}


class Boards(Plugin):
    """Learns which board a ticket goes to."""

    name = "boards"

    async def run(self, change: Change, thread: Thread, tools: Tools) -> list[Action]:
        return []

    def learn(self, outcomes: Sequence[Outcome], notebook: Notebook, text: Text) -> None:
        settled = [one for one in outcomes if Field.BOARD in one.settled]
        examples = [Example(str(one.ref), Case(one.title, one.text), one.settled[Field.BOARD]) for one in settled]
        notebook.keep("board", text.learned_choices(examples))
        habit = Rule(name="vpn-network", field=Field.BOARD, value="Network", says=("vpn",), right=9, of=9)
        notebook.keep_rules((habit,))


def look(at: datetime, source: Source = Source.POLL) -> Look:
    return Look(now=at, psa_now=at, source=source, first_contact=T0, ourselves="copilot", people=PEOPLE)


def ticket(number: int, at: datetime, board: str = "Intake", status: str = "New", **fields: object) -> Ticket:
    told = {
        "ref": Ref(connection="main", remote_id=str(number)),
        "number": str(number),
        "title": f"Trouble {number}",
        "board": board,
        "status": status,
        "company": "Kestrel Joinery",
        "company_id": "7",
        "contact": "Mara Quill",
        "opened_at": at,
        "updated_at": at,
    }
    return Ticket.model_validate(told | fields)


def save(
    store: Store,
    one: Ticket,
    at: datetime,
    *said: tuple[ActorClass, str],
    by: str = "",
    since: datetime | None = None,
) -> None:
    fresh = one.model_copy(update={"updated_at": at, "updated_by": by})
    messages = [
        Message(
            remote_id=f"{one.number}-{number}",
            ticket=one.ref,
            by=who,
            author_id="ines" if who is ActorClass.TECHNICIAN else "",
            text=text,
            sent_at=(since or one.opened_at) + number * timedelta(minutes=1),
        )
        for number, (who, text) in enumerate(said)
    ]
    with store.transaction() as tx:
        tx.mirror.save_tickets([fresh], look(at))
        if messages:
            tx.mirror.save_messages(fresh, messages, look(at))


def fill(store: Store, count: int = FEWEST * 2) -> None:
    """Tickets that came in on the intake board and were moved by a person, one an hour."""
    for number in range(1, count + 1):
        at, board = T0 + number * HOUR, list(KINDS)[number % len(KINDS)]
        came = ticket(number, at)
        save(store, came, at, (ActorClass.CUSTOMER, KINDS[board].format(number)))
        save(store, came.model_copy(update={"board": board}), at + HOUR / 2, by="ines")


def known(store: Store, at: datetime = LATER) -> dict[str, Outcome]:
    reading = Reading(at, lambda board, status: status == "Done")
    with store.reading() as tx:
        return {one.ref.remote_id: one for one in tx.outcomes.known("main", reading)}


def task(store: Store, plugin: type[Plugin] = Boards) -> Lesson:
    enabled = EnabledPlugin(plugin.name, plugin, PluginSettings())
    return Lesson(store.path, "main", enabled, Desk(), frozenset({("Network", "Done")}), LATER)


def test_a_board_that_a_person_chose_is_settled_and_one_that_a_program_set_is_not(store: Store) -> None:
    save(store, ticket(1, T0 + HOUR), T0 + HOUR, (ActorClass.CUSTOMER, "The VPN drops."))
    save(store, ticket(1, T0 + HOUR, "Print"), T0 + 2 * HOUR, by="robot")
    assert known(store)["1"].settled == {}
    save(store, ticket(1, T0 + HOUR, "Network"), T0 + 3 * HOUR, by="ines")
    one = known(store)["1"]
    assert (one.settled, one.first) == ({Field.BOARD: "Network"}, {Field.BOARD: "Network"})
    assert (one.opened_with[Field.BOARD], one.text, one.contact) == ("Intake", "The VPN drops.", "Mara Quill")


def test_whatever_stands_when_the_ticket_is_done_is_settled(store: Store) -> None:
    save(store, ticket(1, T0 + HOUR, "Network"), T0 + HOUR, (ActorClass.CUSTOMER, "Slow."))
    save(store, ticket(1, T0 + HOUR, "Network", "Done"), T0 + 5 * HOUR, by="robot")
    one = known(store)["1"]
    assert one.settled[Field.BOARD] == "Network"
    assert one.resolved_at == T0 + 5 * HOUR
    save(store, ticket(1, T0 + HOUR, "Network", "New"), T0 + 6 * HOUR)
    again = known(store)["1"]
    assert (again.resolved_at, again.reopened) == (None, True)


@pytest.mark.parametrize(
    ("closes", "said_at", "settled"),
    [("robot", None, False), ("robot", HOUR, False), ("robot", 3 * HOUR, True), ("ines", None, True)],
)
def test_what_we_set_ourselves_is_settled_only_where_a_technician_has_seen_it_since(
    store: Store, closes: str, said_at: timedelta | None, *, settled: bool
) -> None:
    came = ticket(1, T0 + HOUR)
    save(store, came, T0 + HOUR)
    save(store, came.model_copy(update={"board": "Network"}), T0 + 2 * HOUR, by="copilot")
    said = [(ActorClass.TECHNICIAN, "Fixed.")] if said_at else []
    since = T0 + said_at if said_at else None
    save(store, ticket(1, T0 + HOUR, "Network", "Done"), T0 + 5 * HOUR, *said, by=closes, since=since)
    assert (known(store)["1"].settled.get(Field.BOARD) == "Network") is settled


def test_nothing_is_learned_of_what_is_gone_or_came_in_with_a_delicate_title(store: Store) -> None:
    for number in (1, 2, 3):
        came = ticket(number, T0 + HOUR, title="Dismissal of a clerk" if number == 2 else "Trouble")
        save(store, came, T0 + HOUR, (ActorClass.CUSTOMER, "Please see to it."))
    save(store, ticket(2, T0 + HOUR, title="User change"), T0 + 2 * HOUR, by="ines")
    with store.transaction() as tx:
        tx.mirror.delete(Ref(connection="main", remote_id="3"), look(T0 + 3 * HOUR))
    assert [str(one.ref) for one in task(store).outcomes(store, LATER)] == ["main/1"]
    assert [str(one.ref) for one in task(store).outcomes(store, T0 + 5 * HOUR / 2)] == ["main/1", "main/3"]


def test_nobody_is_remembered_of_a_company_that_is_none_or_ours(store: Store) -> None:
    for number, company in ((1, "Catchall"), (2, "Lantern IT"), (3, "Kestrel Joinery")):
        save(store, ticket(number, T0 + number * HOUR, company=company), T0 + number * HOUR)
    lesson = replace(task(store), desk=Desk(catch_all=frozenset({"catchall"}), own_company="Lantern IT"))
    told = [(one.company, one.contact) for one in lesson.outcomes(store, LATER)]
    assert told == [("", ""), ("Lantern IT", ""), ("Kestrel Joinery", "Mara Quill")]


def test_nothing_later_than_the_moment_is_told(store: Store) -> None:
    fill(store, 4)
    before = known(store, T0 + 2 * HOUR)
    save(store, ticket(1, T0 + HOUR, "Print"), LATER - DAY, (ActorClass.CUSTOMER, "It belongs to Print."), by="ines")
    save(store, ticket(9, T0 + HOUR, "Print"), LATER - DAY, by="ines")
    assert known(store, T0 + 2 * HOUR) == before
    assert set(before) == {"1", "2"}
    assert before["2"].settled == {}
    assert before["1"].settled == {Field.BOARD: "Print"}
    assert all(one.known_at <= T0 + 2 * HOUR for one in before.values())


def test_where_a_person_chose_otherwise_a_plugin_is_corrected(store: Store) -> None:
    fill(store, 2)
    wish = {"kind": "change_field", "field": "board", "was": "Intake", "to": "Print", "learned": "version 3, rule x"}
    with store.transaction() as tx:
        for number in (1, 2):
            tx.ledger.add(
                DecisionRow(
                    at=T0 + number * HOUR,
                    connection="main",
                    thread_id=f"main/{number}",
                    ticket=str(number),
                    plugin="boards",
                    wish=wish,
                    verdict="suggested",
                    evidence=[],
                )
            )
    found = known(store)
    [correction] = found["2"].corrections
    assert (correction.kind, correction.ours, correction.theirs) == ("changed", "Print", "Network")
    assert (correction.learned, correction.actor) == ("version 3, rule x", "ines")
    assert found["1"].corrections == ()
    with store.reading() as tx:
        told = list(tx.outcomes.corrections("main", Reading(LATER, lambda board, status: False)))
        none = list(tx.outcomes.corrections("main", Reading(LATER, lambda board, status: False, lambda one: True)))
    assert told == [("2", correction)]
    assert none == []


def test_a_learning_becomes_a_version_that_knows_its_tickets_again(store: Store) -> None:
    assert learn(task(store)) == 0  # there is nothing to learn from
    fill(store)
    assert (learn(task(store)), learn(task(store))) == (1, 2)
    memory = StoredMemory(store, "main", "boards").renew()
    choices = memory.choices("board")
    assert choices is not None
    assert choices.decide(Case("Trouble", KINDS["Network"].format(3))).label == "Network"
    assert choices.decide(Case("Trouble", KINDS["Print"].format(3))).label == "Print"
    assert memory.version == 2
    assert StoredMemory(store, "main", "another").renew().choices("board") is None
    assert StoredMemory(store, "other", "boards").renew().choices("board") is None


def test_a_rule_that_a_human_removed_is_not_learned_again(store: Store) -> None:
    fill(store)
    learn(task(store))
    memory = StoredMemory(store, "main", "boards").renew()
    assert [rule.name for rule in memory.rules()] == ["vpn-network"]
    with store.transaction() as tx:
        assert tx.memories.remove_rule("main", "boards", "vpn-network", "it was the depot's own", LATER)
        assert not tx.memories.remove_rule("main", "boards", "vpn-network", "again", LATER)
    assert memory.renew().rules() == ()
    learn(task(store))
    assert memory.renew().rules() == ()
    with store.transaction() as tx:
        assert tx.memories.restore_rule("main", "boards", "vpn-network")
    assert [rule.name for rule in memory.renew().rules()] == ["vpn-network"]


def test_an_index_follows_the_mirror_and_is_kept_for_others(store: Store) -> None:
    fill(store, 6)
    assert refresh(store, "main") == 6
    kept = Follower(store, "main")
    kept.load()
    assert kept.follow() == 0
    assert kept.index.search("VPN tunnel", "the gateway blinks", 3)[0].key in {"2", "4", "6"}
    save(store, ticket(7, T0 + DAY), T0 + DAY, (ActorClass.CUSTOMER, "The pager of the night watch is silent."))
    assert kept.follow() == 1
    assert kept.index.search("pager", "night watch", 1)[0].key == "7"


def test_a_confidential_ticket_is_in_no_index_and_leaves_it_once_it_is_one(store: Store) -> None:
    fill(store, 4)
    save(store, ticket(5, T0 + DAY, title="Payroll of the depot"), T0 + DAY, (ActorClass.CUSTOMER, "Wrong again."))
    kept = Follower(store, "main")
    kept.follow()
    assert "5" not in kept.index
    assert "4" in kept.index
    save(store, ticket(4, T0 + 4 * HOUR, title="Disciplinary matter"), T0 + 2 * DAY)
    kept.follow()
    assert "4" not in kept.index


class Hours(Clock):
    """Goes on when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.moment = LATER

    def now(self) -> datetime:
        return self.moment


async def test_what_came_to_nothing_or_is_not_looked_at_takes_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    access = {"url": "http://127.0.0.1:9", "company": "c", "public_key": "p", "private_key": "q", "client_id": "i"}
    path.write_text(json.dumps({"connections": {"main": {"use": "connectwise", **access}}}))
    elsewhere = PluginSettings(when=When(connection=["second"]))
    plugins = {
        "boards": EnabledPlugin("boards", Boards, PluginSettings()),
        "others": EnabledPlugin("others", Boards, elsewhere),
    }
    settings = replace(config.load(path), plugins=plugins)
    store, clock, began = Store(settings.database_path), Hours(), list[str]()
    store.upgrade()
    fill(store, FEWEST)

    async def ends_at_once(work: object, task: Lesson) -> int:
        began.append(task.plugin.name)
        return 0

    monkeypatch.setattr(Learning, "_child", staticmethod(ends_at_once))
    line = app.open_line(settings, "main", store, clock)
    line.directory = Directory()
    learning = Learning(settings, store, {"main": line})
    await learning.tick()
    await learning.tick()
    assert began == ["boards"]
    clock.moment += HOUR
    await learning.tick()
    assert began == ["boards", "boards"]
    await line.connector.http.close()
    store.close()


def test_a_missed_sla_is_told_of_what_is_done_as_long_as_nothing_has_come_since(store: Store) -> None:
    for number, met in ((1, True), (2, False), (3, None)):
        came = ticket(number, T0 + HOUR, "Network", sla_met=met)
        save(store, came.model_copy(update={"sla_met": None}), T0 + HOUR, (ActorClass.CUSTOMER, "Slow."))
        save(store, came.model_copy(update={"status": "Done"}), T0 + 5 * HOUR, by="ines")
    assert [one.sla_missed for one in known(store).values()] == [False, True, None]
    assert [one.sla_missed for one in known(store, T0 + 2 * HOUR).values()] == [None, None, None]
