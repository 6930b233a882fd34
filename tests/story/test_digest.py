"""The first quarter of an hour: what a digest finds on a desk that nobody knows, and what it keeps to itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from psa_copilot.models import Field, Ref
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.store import Store
from tests.story.psas import CHOSEN, PSAS
from tests.story.terminal import typed

pytestmark = pytest.mark.timeout(300)  # whole commands, on machines that are busy with other things

NOW = datetime.now(UTC)
NAMES = CHOSEN.names
IN_PROGRESS, WAITING = NAMES.in_progress, NAMES.waiting
LOW, HIGH, CRITICAL = NAMES.medium, NAMES.high, NAMES.critical
INES, MARTA, AWAY, LEFT = "Ines Dahl", "Marta Ruiz", "Tobi Okafor", "Petra Novak"
NASTY = 'Fan </td><script>alert("x")</script> & noise'
LONG_TALK = [
    ("customer", "The label printer in the packing hall prints blank pages since Monday.", 3.0),
    ("agent", "I replaced its driver and restarted the spooler, please try again.", 2.5),
    ("customer", "Still blank, and its display shows error 51.20 after each job.", 2.0),
    ("agent", "I will bring a new toner sensor on Thursday at nine.", 1.0),
]


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat()


def ticket(number: int, title: str, hours: float, *said: tuple[str, str, float], **more: Any) -> dict[str, Any]:
    usual = {"board": "Help Desk", "company": "Millbrook Paper", "contact": "Gus Fenwick", "priority": LOW}
    messages = [{"role": role, "text": text, "at": ago(hours=at)} for role, text, at in said]
    found = {
        "id": number,
        "title": title,
        "opened_at": ago(hours=hours),
        "messages": messages,
        "status": NAMES.in_progress,
    }
    return usual | found | {"assignee": INES} | more


def asks(hours: float) -> tuple[str, str, float]:
    return ("customer", "It still does not work for any of us.", hours)


def answers(hours: float) -> tuple[str, str, float]:
    return ("agent", "I am on it and will call you.", hours)


def handed(field: str, *names: str) -> list[dict[str, str]]:
    days = range(len(names) + 1, 1, -1)
    return [{"at": ago(days=day), "field": field, "to": to} for day, to in zip(days, names, strict=True)]


def desk() -> list[dict[str, Any]]:
    parked = ("customer", "It is still down, and nobody came.", 130.0)
    there_and_back = [
        *handed("status", NAMES.closed),
        {"at": ago(hours=30), "field": "status", "to": IN_PROGRESS},
    ]
    return [
        ticket(7001, "Till dead", 200, asks(180), answers(170), parked, status=WAITING, assignee=AWAY)
        | {"priority": HIGH},
        ticket(7002, NASTY, 80, asks(78), company="Alder <i>Dental</i>"),
        ticket(7003, "Thanked", 90, asks(80), answers(79), ("customer", "Thank you so much!", 70.0)),
        ticket(7004, "Cold room warm", 2, asks(2), priority=CRITICAL, status=NAMES.new),
        ticket(7005, "Badge for a visitor", 5, asks(5), answers(1), assignee=""),
        ticket(7006, "Laptop, Friday", 99, asks(99), answers(2), status=NAMES.scheduled),
        ticket(7007, "Router swap", 99, asks(99), answers(2), status=NAMES.scheduled),
        ticket(7008, "Phone dead", 20, asks(20), answers(1), assignee=LEFT),
        ticket(7009, "VPN drops", 150, asks(150), answers(2), history=handed("assignee", MARTA, INES, MARTA)),
        ticket(7010, "Mail lost", 150, asks(150), answers(2), history=there_and_back),
        ticket(7011, "Confidential: leaver today 17:00", 60, asks(60), assignee=""),
        ticket(7012, "Nothing to see", 60, asks(60), board="Internal IT", assignee=""),
        ticket(7013, "Label printer", 4, *LONG_TALK),
        *(ticket(7100 + n, f"Disk C: < {n} % on MILL-SRV{n:02}", n + 1, origin="alert") for n in range(12)),
    ]


def said(*words: str) -> str:
    """What a command says that goes well."""
    told = typed(*words)
    assert told.returncode == 0, told.stderr
    return told.stdout


def which(line: dict[str, Any]) -> int:
    """The ticket of a line."""
    return int(line["ticket"].removeprefix("main/"))


class Look:
    """What the command said, wrote and asked the PSA for."""

    def __init__(self, folder: Path, psa: Sandbox) -> None:
        self._folder, self._psa = folder, psa
        self.config = folder / "config.yaml"
        self.config.write_text(
            json.dumps(
                {
                    "connections": {"main": {**CHOSEN.connection, "url": psa.url, "rate": 60_000}},
                    "plugins": {"summarize": {"mode": "observe"}},
                    "stop": {"board": ["Internal IT"]},
                }
            )
        )
        self.page_file = folder / "digest.html"
        self.made: dict[str, Any] = json.loads(self.run("--json", "--html", str(self.page_file)))
        self.page = self.page_file.read_text()

    def run(self, *options: str) -> str:
        return said("digest", "--config", str(self.config), *options)

    def numbers(self, key: str) -> set[int]:
        return {which(one) for one in self.finding(key)["tickets"]}

    def finding(self, key: str) -> dict[str, Any]:
        [found] = [one for one in self.made["findings"] if one["key"] == key]
        return dict(found)

    def why(self, key: str, number: int) -> str:
        return str(next(one["why"] for one in self.finding(key)["tickets"] if which(one) == number))

    def writes(self) -> list[dict[str, Any]]:
        return [row for row in self._psa.log() if row["committed"]]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    folder = tmp_path_factory.mktemp("digest")
    file = folder / "tickets.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in desk()))
    with running(CHOSEN.sandbox, tickets=file, switches=CHOSEN.limits_off) as psa:
        psa.record("time_off", by=AWAY, starts="-1h", ends="+10h")
        psa.record("leaver", by=LEFT)
        psa.record("appointment", ticket=7007, by=INES, starts="+20h", minutes=60)
        yield Look(folder, psa)


@pytest.mark.parametrize(
    ("key", "planted", "innocent"),
    [
        ("unanswered", {7001, 7002}, {7003, 7004, 7005}),
        ("untouched", {7004}, {7001}),
        ("unassigned", {7005}, {7004, 7011, 7012}),
        ("nothing_scheduled", {7006}, {7007}),
        ("owner_gone", {7001, 7008}, {7009}),
        ("ping_pong", {7009}, {7010}),
        ("reopened", {7010}, {7009}),
        ("sla", {7003 if CHOSEN is PSAS["autotask"] else 7004}, set()),  # there, targets are the same for all
        ("plugins", {7013}, {7003}),
    ],
)
def test_each_finding_opens_its_tickets(look: Look, key: str, planted: set[int], innocent: set[int]) -> None:
    assert planted <= look.numbers(key)
    assert not innocent & look.numbers(key)


def test_alerts_of_one_title_are_one_line(look: Look) -> None:
    alerts = look.finding("same_alert")
    [line] = alerts["tickets"]
    assert alerts["count"] == 12
    assert line["why"].startswith("12 times in 7 days at Millbrook Paper")
    assert look.made["counts"]["alerts"] == 12


def test_the_first_line_is_one_ticket_with_client_and_age(look: Look) -> None:
    first = look.made["first"]
    assert which(first["ticket"]) == 7001
    assert "Millbrook Paper" in first["says"]
    assert "8 days" in first["says"]
    assert sum(term["points"] for term in first["because"]) == pytest.approx(first["points"])
    assert any("away" in term["says"] for term in first["because"])


def test_each_line_says_why(look: Look) -> None:
    assert f"while the status still says {WAITING}" in look.why("unanswered", 7001)
    assert look.why("nothing_scheduled", 7006) == "its status is Scheduled, and there is no appointment"
    assert "Petra Novak" in look.why("owner_gone", 7008)
    assert look.why("ping_pong", 7009).endswith("Ines Dahl → Marta Ruiz")


def test_confidential_and_stopped_tickets_have_no_line(look: Look) -> None:
    everything = json.dumps(look.made) + look.page + look.run("--no-sync")
    assert "7011" not in everything
    assert "leaver" not in everything
    assert "Nothing to see" not in everything
    assert (look.made["counts"]["confidential"], look.made["counts"]["stopped"]) == (1, 1)


def test_a_recap_that_would_have_been_written_is_shown_whole(look: Look) -> None:
    [would] = [one for one in look.finding("plugins")["tickets"] if which(one) == 7013]
    assert would["why"].startswith("summarize: Recap: ")
    assert "51.20" in would["body"]


def test_nothing_is_written_and_nothing_is_owed(look: Look) -> None:
    assert look.writes() == []
    assert json.loads(said("outbox", "--json", "--config", str(look.config))) == []


def test_the_mirror_alone_tells_the_same_and_asks_for_no_ticket(look: Look) -> None:
    before = len(look._psa.log())
    again = json.loads(look.run("--no-sync", "--json"))
    asked = [row["path"].casefold() for row in look._psa.log(before)]
    assert not [path for path in asked if "/tickets" in path.replace("/tickets/entityinformation", "")]
    assert {one["key"]: one["count"] for one in again["findings"]} == {
        one["key"]: one["count"] for one in look.made["findings"]
    }
    assert which(again["first"]["ticket"]) == 7001


def test_beside_a_daemon_the_mirror_is_read(look: Look) -> None:
    from psa_copilot.engine.lock import hold

    with hold(look.config.parent / "psa-copilot.db"):
        again = json.loads(look.run("--json"))
    assert which(again["first"]["ticket"]) == 7001
    assert "daemon" in again["notes"][0]


class Page(HTMLParser):
    """The elements of a page, its links and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_and_runs_nothing(look: Look) -> None:
    page = Page(look.page)
    assert not page.tags & {"script", "link", "img", "iframe", "i"}
    assert all(link.startswith(("#", look._psa.url)) for link in page.links)
    assert not re.search(r"url\(|@import|\son\w+=", look.page)
    assert "Alder <i>Dental</i>" in page.text
    assert look.made["first"]["ticket"]["number"] in page.text
    assert "prefers-color-scheme: dark" in look.page
    assert "@media print" in look.page
    assert look.page_file.stat().st_mode & 0o077 == 0


def test_a_person_reads_it_on_a_terminal(look: Look) -> None:
    shown = look.run("--no-sync")
    number = look.made["first"]["ticket"]["number"]
    assert shown.splitlines()[0].startswith(f"Millbrook Paper has had “Till dead” (#{number}) open for 8 days")
    assert "Nothing was written to the PSA." in shown


def test_the_leaflet_names_the_words_that_stop_it(look: Look, tmp_path: Path) -> None:
    html = tmp_path / "leaflet.html"
    told = said("leaflet", "--config", str(look.config), "--control", "4711", "--html", str(html))
    for text in (told, Page(html.read_text()).text):
        assert "copilot off" in text
        assert "#4711" in text
        assert "summarize" in text
        assert "watches only" in text


def test_a_later_sync_goes_on_from_there_and_owes_nothing(look: Look) -> None:
    told = json.loads(said("sync", "--once", "--json", "--config", str(look.config)))
    assert told["tickets"] == len(desk())
    store = Store(look.config.parent / "psa-copilot.db")
    try:
        with store.reading() as tx:
            assert tx.work.counts() == {}
            history = tx.mirror.field_events(Ref(connection="main", remote_id="7009"), Field.ASSIGNEE)
    finally:
        store.close()
    assert [event.after for event in history] == [
        NAMES.marta,
        NAMES.ines,
        NAMES.marta,
    ]  # once, whoever read it how often


def test_without_a_mirror_there_is_nothing_to_tell(look: Look, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(look.config.read_text())
    done = typed("digest", "--no-sync", "--config", str(config))
    assert done.returncode == 1
    assert "leave out --no-sync" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


def test_what_could_not_be_read_in_time_is_told(look: Look, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(look.config.read_text())
    made = json.loads(said("digest", "--json", "--patience", "0s", "--config", str(config)))
    [unanswered] = [one for one in made["findings"] if one["key"] == "unanswered"]
    assert made["counts"]["unread"] == made["counts"]["open"] > 0
    assert "not read yet" in unanswered["unknown"]
    assert any("were not read in time" in note for note in made["notes"])
