"""A sandbox over real HTTP: its control API, faults, people, and life as a process (shown with ConnectWise's)."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from psa_copilot.sandbox import Sandbox, running, spawned
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.connectors.sandbox_api import api, human, internal, replace

TALK = str(Path(__file__).parents[1] / "scenarios" / "talk.json")
NOTES = "/service/tickets/1001/notes"


@pytest.fixture
def psa() -> Iterator[Sandbox]:
    with running(ConnectWiseSandbox) as sandbox:
        yield sandbox


@pytest.fixture
def cw(psa: Sandbox) -> Iterator[httpx.Client]:
    with api(psa.url) as client:
        yield client


def eventually(claim: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)


def tickets_file(folder: Path, *tickets: object) -> Path:
    file = folder / "tickets.jsonl"
    file.write_text("".join(f"{json.dumps(ticket)}\n" for ticket in tickets))
    return file


def said(*texts: str) -> list[dict[str, str]]:
    return [{"role": "customer", "text": text} for text in texts]


class TestControl:
    def test_the_state_counts_and_tells_the_time(self, psa: Sandbox) -> None:
        state = psa.state()
        assert set(state["counts"]) == {
            "tickets", "notes", "time_entries", "companies", "contacts", "members", "boards",
        }  # fmt: skip
        assert state["people"] == {"left": 0}
        assert "." in state["now"]

    def test_requests_at_one_time_are_counted_by_login_and_endpoint(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.faults("slow=1")
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda number: cw.get(f"/service/tickets/{number}"), (1, 2, 3)))
        psa.faults()
        cw.get("/service/boards")
        inside = {lane.rpartition("/service/")[2]: most for lane, most in psa.most_inside()["pub"].items()}
        assert inside == {"tickets": 3, "boards": 1}

    def test_the_log_has_a_row_for_each_request_and_none_for_the_control(self, psa: Sandbox, cw: httpx.Client) -> None:
        cw.get("/service/tickets", params={"conditions": "id=1"})
        cw.post(NOTES, json=internal("x"))
        httpx.get(f"{psa.url}/login/companyinfo/sandbox")
        rows = psa.log()
        assert [set(row) for row in rows] == [
            {"n", "at", "method", "path", "query", "key", "status", "fault", "committed"}
        ] * 3
        assert [row["n"] for row in rows] == [1, 2, 3]
        assert [row["committed"] for row in rows] == [False, True, False]
        assert [row["key"] for row in rows] == ["pub", "pub", ""]
        assert rows[0]["query"] == "conditions=id%3D1"
        assert psa.log(after=2) == rows[2:]

    def test_everything_follows_a_moved_clock(self, psa: Sandbox, cw: httpx.Client) -> None:
        before = psa.now()
        psa.advance("5h")
        assert 17_990 < (psa.now() - before).total_seconds() < 18_010
        note = cw.post(NOTES, json=internal("x")).json()
        assert abs((psa.now() - before).total_seconds() - 18_000) < 10
        assert note["dateCreated"][:16] == psa.now().isoformat()[:16]
        psa.speed(1000)
        shown = psa.now()
        eventually(lambda: (psa.now() - shown).total_seconds() > 100, seconds=2)
        assert httpx.get(psa.clock_url).json()["speed"] == 1000

    @pytest.mark.parametrize("order", [{"hold_patch": 2}, {"name": "hold_patch", "value": "2"}])
    def test_a_switch_is_set(self, psa: Sandbox, order: object) -> None:
        assert httpx.post(f"{psa.url}/_sandbox/switch", json=order).json() == {"hold_patch": 2}
        assert psa.switches()["hold_patch"]["value"] == 2
        assert psa.switches()["hold_patch"]["doc"]

    @pytest.mark.parametrize(
        ("what", "order"),
        [
            ("clock", {"advance": "soon"}),
            ("clock", {"speed": 0}),
            ("clock", {"back": "1h"}),
            ("faults", {"spec": "nonsense=1"}),
            ("switch", {"nonsense": 1}),
            ("inject", {"title": 5}),
            ("inject", {"ticket": 999_999, "message": {"role": "agent", "text": "x"}}),
            ("inject", {"ticket": 1001, "message": {"role": "boss", "text": "x"}}),
        ],
    )
    def test_what_cannot_be_done_is_400_with_one_line(self, psa: Sandbox, what: str, order: object) -> None:
        answer = httpx.post(f"{psa.url}/_sandbox/{what}", json=order)
        assert answer.status_code == 400
        assert answer.json()["error"]

    def test_the_control_is_never_faulted(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.faults("refuse=1")
        with pytest.raises(httpx.HTTPError):
            cw.get("/system/info")
        assert psa.state()["counts"]["tickets"] >= 20
        psa.faults()
        assert cw.get("/system/info").status_code == 200

    def test_an_injected_ticket_is_there_with_its_people(self, psa: Sandbox, cw: httpx.Client) -> None:
        ticket = psa.inject({
            "id": "ext-9",
            "title": "Help",
            "board": "New Board",
            "company": "New Company",
            "contact": "Una Nova",
            "assignee": "Otto Neu",
            "category": "Hardware / Camera",
            "origin": "alert",
            "priority": "P1",
            "messages": [
                {"role": "customer", "text": "one"},
                {"role": "agent", "text": "two", "internal": True},
                {"role": "system", "text": "three"},
            ],
        })  # fmt: skip
        row = cw.get(f"/service/tickets/{ticket}").json()
        assert row["externalXRef"] == "ext-9"
        assert (row["board"]["name"], row["company"]["name"], row["owner"]["name"]) == (
            "New Board", "New Company", "Otto Neu",
        )  # fmt: skip
        assert (row["type"]["name"], row["subType"]["name"], row["source"]["name"]) == ("Hardware", "Camera", "RMM")
        assert row["priority"]["sort"] == 1
        notes = cw.get(f"/service/tickets/{ticket}/notes").json()
        assert [(n.get("contact", {}).get("name"), n.get("member", {}).get("name")) for n in notes] == [
            ("Una Nova", None), (None, "Otto Neu"), (None, None),
        ]  # fmt: skip
        assert [note["internalAnalysisFlag"] for note in notes] == [False, True, False]
        psa.inject("ext-9", {"role": "customer", "text": "four"})
        assert len(psa.notes(ticket)) == 4


class TestFaults:
    @pytest.mark.parametrize(("kind", "status"), [("http_401", 401), ("http_429", 429), ("http_500", 500)])
    def test_answers_in_the_vendors_words(self, psa: Sandbox, cw: httpx.Client, kind: str, status: int) -> None:
        psa.faults(f"{kind}=@2")
        assert [cw.post(NOTES, json=internal("x")).status_code for _ in range(2)] == [201, status]
        assert [(row["status"], row["fault"], row["committed"]) for row in psa.log()] == [
            (201, "", True), (status, kind, False),
        ]  # fmt: skip

    def test_a_429_says_when_to_come_back_in_a_body_of_its_own(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(retry_after=2)
        psa.faults("http_429=1")
        answer = cw.get("/system/info")
        assert answer.headers["retry-after"] == "2"
        assert answer.json() == {
            "error": "ConnectWiseAPI",
            "message": "Too many requests. Please try again in 2 seconds.",
        }

    def test_a_gateway_answers_html(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.faults("html_502=1")
        answer = cw.get("/system/info")
        assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")

    @pytest.mark.parametrize(("kind", "written"), [("refuse", 0), ("cut_before", 0), ("cut_after", 1)])
    def test_a_dropped_connection_before_or_after_the_commit(
        self, psa: Sandbox, cw: httpx.Client, kind: str, written: int
    ) -> None:
        before = len(psa.notes(1001))
        psa.faults(f"{kind}=1")
        with pytest.raises(httpx.TransportError):
            cw.post(NOTES, json=internal("x"))
        assert len(psa.notes(1001)) == before + written
        [row] = psa.log()
        assert (row["status"], row["fault"], row["committed"]) == (0, kind, bool(written))

    def test_a_time_out_hangs_and_commits_nothing(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.faults("timeout=1")
        with pytest.raises(httpx.ReadTimeout):
            cw.post(NOTES, json=internal("x"), timeout=0.3)
        assert not psa.log()[0]["committed"]

    def test_a_slow_answer_comes(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.faults("slow=1")
        began = time.monotonic()
        assert cw.post(NOTES, json=internal("x")).status_code == 201
        assert 0.25 < time.monotonic() - began < 2

    def test_no_more_than_the_rate_in_any_minute_of_the_clock(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(rate_limit=3)
        statuses = [cw.get("/system/info").status_code for _ in range(5)]
        psa.advance("61s")
        assert [*statuses, cw.get("/system/info").status_code] == [200, 200, 200, 429, 429, 200]

    def test_a_late_commit_comes_after_the_connection_has_gone(self, psa: Sandbox, cw: httpx.Client) -> None:
        psa.switch(late_commit=0.4, late_commit_times=1)
        before = len(psa.notes(1001))
        with pytest.raises(httpx.TransportError):
            cw.post(NOTES, json=internal("late"))
        assert len(psa.notes(1001)) == before
        assert cw.post(NOTES, json=internal("in time")).status_code == 201
        eventually(lambda: len(psa.log()) == 2)
        assert [note["text"] for note in psa.notes(1001)[before:]] == ["in time", "late"]
        assert (psa.log()[1]["fault"], psa.log()[1]["committed"]) == ("late_commit", True)


class TestPeople:
    def test_what_lies_ahead_happens_when_the_clock_comes_to_it(self, tmp_path: Path) -> None:
        file = tickets_file(tmp_path, {
            "id": 1,
            "status": "New",
            "opened_at": "-2d",
            "messages": [*said("first"), {"role": "customer", "text": "later", "at": "+1h"}],
            "history": [
                {"at": "-1d", "field": "status", "to": "In Progress", "by": "Ines Dahl"},
                {"at": "+2h", "field": "assignee", "to": "Marta Ruiz", "by": "Petra Novak"},
                {"at": "+2h", "field": "board", "to": "Escalations"},
            ],
        })  # fmt: skip
        with running(ConnectWiseSandbox, tickets=file) as psa, api(psa.url) as cw:
            assert psa.state()["people"] == {"left": 3}
            assert cw.get("/service/tickets/1").json()["status"]["name"] == "In Progress"
            psa.advance("61m")
            eventually(lambda: len(psa.notes(1)) == 2)
            psa.advance("1h")
            eventually(lambda: psa.state()["people"] == {"left": 0})
            row = cw.get("/service/tickets/1").json()
            assert (row["owner"]["identifier"], row["board"]["name"]) == ("mruiz", "Escalations")
            assert row["status"]["name"] == "In Progress"
            trail = cw.get("/system/audittrail", params={"type": "Ticket", "id": 1}).json()
            assert [(entry["auditSubType"], entry["enteredBy"]) for entry in trail][1:4] == [
                ("Status", "idahl"), ("Owner", "pnovak"), ("Board", "zWorkflow"),
            ]  # fmt: skip
            assert trail[1]["enteredDate"] < trail[2]["enteredDate"]

    def test_the_last_message_is_held_back_until_the_notes_were_read(self, tmp_path: Path) -> None:
        file = tickets_file(
            tmp_path, {"id": 1, "messages": said("a", "b")}, {"id": 2, "messages": said("c")}, {"id": 3}
        )
        with running(ConnectWiseSandbox, tickets=file, play=20) as psa, api(psa.url) as cw:
            assert [len(psa.notes(ticket)) for ticket in (1, 2, 3)] == [1, 0, 0]
            assert psa.state()["people"] == {"left": 2}
            since = cw.get("/service/tickets/2").json()["_info"]["lastUpdated"]
            cw.get("/service/tickets/2/allNotes")
            eventually(lambda: len(psa.notes(2)) == 1)
            assert cw.get("/service/tickets/2").json()["_info"]["lastUpdated"] > since
            assert len(psa.notes(1)) == 1
            cw.get("/service/tickets/1/notes")
            eventually(lambda: [note["text"] for note in psa.notes(1)] == ["a", "b"])

    def test_what_is_played_comes_at_its_rate(self, tmp_path: Path) -> None:
        file = tickets_file(tmp_path, *({"id": number, "messages": said("x")} for number in range(1, 11)))
        with running(ConnectWiseSandbox, tickets=file, play=20) as psa, api(psa.url) as cw:
            began = time.monotonic()
            for number in range(1, 11):
                cw.get(f"/service/tickets/{number}/notes")
            eventually(lambda: psa.counts()["notes"] == 10)
            assert 0.4 < time.monotonic() - began < 2

    def test_a_talk_plays_to_its_end_once_a_copilot_is_there(self) -> None:
        with running(ConnectWiseSandbox, scenario=TALK) as psa, api(psa.url) as cw:
            psa.speed(20)
            waiting = psa.state()["people"]["left"]
            tickets = {row["externalXRef"]: row["id"] for row in cw.get("/service/tickets").json()}
            assert len(tickets) == 6
            before = psa.counts()["notes"]
            eventually(lambda: psa.state()["people"]["left"] == 2)
            assert psa.counts()["notes"] == before + waiting - 2
            recap = cw.post(f"/service/tickets/{tickets['edited']}/notes", json=internal("Recap: x")).json()
            eventually(lambda: psa.state()["people"]["left"] == 0)
            notes = psa.notes(tickets["edited"])
            assert [version["by"] for version in notes[-2]["versions"]] == ["copilot", "ashah"]
            assert notes[-2]["id"] == recap["id"]
            assert notes[-1]["contact"] == "Ben Achterberg"
            assert psa.mailbox() == []


class TestProcess:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "psa_copilot.sandbox", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    def test_sigterm_ends_it_with_0_though_requests_are_open(self, tmp_path: Path) -> None:
        file = tickets_file(tmp_path, {"id": 5, "messages": said("x")})
        with spawned("connectwise", tickets=file, switches={"rate_limit": 50}) as psa, api(psa.url) as cw:
            assert psa.counts()["tickets"] == 1
            assert psa.switches()["rate_limit"]["value"] == 50
            psa.faults("timeout=1")
            hanging = threading.Thread(target=lambda: _ignoring(lambda: cw.get("/system/info")))
            hanging.start()
            eventually(lambda: len(psa.log()) == 1)
            assert psa.process is not None
            began = time.monotonic()
            psa.process.send_signal(signal.SIGTERM)
            assert psa.process.wait(10) == 0
            assert time.monotonic() - began < 3
            hanging.join()

    def test_a_port_in_use_is_1_and_one_line(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            ended = self.run("connectwise", "--port", str(taken.getsockname()[1]))
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
        assert "--port" in ended.stderr

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("nothing",), "unknown sandbox nothing; there are"),
            (("connectwise", "--switch", "nonsense=1"), "unknown switch nonsense"),
            (("connectwise", "--switch", "hold_patch"), "write NAME=VALUE"),
            (("connectwise", "--scenario", "nope"), "unknown scenario nope"),
            (("connectwise", "--faults", "slow=x"), "fault 'slow=x'"),
            (("connectwise", "--tickets", "nowhere.jsonl"), "nowhere.jsonl: cannot be read"),
            (("connectwise", "--play", "-1"), "--play -1"),
        ],
    )
    def test_what_it_cannot_start_with_is_2_and_one_line(self, arguments: tuple[str, ...], says: str) -> None:
        ended = self.run(*arguments)
        assert ended.returncode == 2
        assert says in ended.stderr
        assert ended.stderr.count("\n") == 1
        assert ended.stdout == ""


def test_a_human_login_is_nobodys_copilot() -> None:
    with running(ConnectWiseSandbox, scenario=TALK) as psa, human(psa.url) as person:
        waiting = psa.state()["people"]["left"]
        person.get("/service/tickets")
        psa.advance("1h")
        assert psa.state()["people"]["left"] == waiting


def test_many_writers_get_ids_of_their_own_and_the_log_misses_nothing(psa: Sandbox) -> None:
    def write() -> None:
        with api(psa.url) as client:
            for _ in range(25):
                client.post(NOTES, json=internal("x")).raise_for_status()
                client.patch("/service/tickets/1001", json=replace("severity", "High")).raise_for_status()

    before = psa.counts()["notes"]
    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [note["id"] for note in psa.notes(1001)]
    assert len(set(ids)) == len(ids)
    assert psa.counts()["notes"] == before + 100
    assert [row["n"] for row in psa.log()] == list(range(1, 201))


def _ignoring(deed: Callable[[], object]) -> None:
    try:
        deed()
    except httpx.HTTPError:
        return
