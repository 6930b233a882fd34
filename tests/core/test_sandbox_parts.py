"""The parts that all PSA sandboxes share: faults, switches, tables, the reader of tickets."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psa_copilot.sandbox import BadTickets, Switch, Table
from psa_copilot.sandbox.faults import KINDS, Faults
from psa_copilot.sandbox.scenarios import load_scenario, scenario_names
from psa_copilot.sandbox.switches import Switches
from psa_copilot.sandbox.tickets import TicketLine, read_file, read_ticket, timed

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class TestFaults:
    def test_the_same_seed_strikes_the_same_requests(self) -> None:
        struck = [[Faults.read(f"http_500=0.3,seed={seed}") for _ in range(2)] for seed in (1, 2)]
        runs = [[faults.on_request(writes=False) for _ in range(50)] for pair in struck for faults in pair]
        assert runs[0] == runs[1]
        assert runs[2] == runs[3]
        assert runs[0] != runs[2]
        assert 5 < sum(fault == "http_500" for fault in runs[0]) < 25

    def test_every_nth(self) -> None:
        faults = Faults.read("http_429=@3")
        assert [bool(faults.on_request(writes=False)) for _ in range(6)] == [False, False, True] * 2

    def test_one_kind_does_not_shift_the_dice_of_another(self) -> None:
        alone, together = Faults.read("slow=0.5"), Faults.read("http_401=@2,slow=0.5")
        for _ in range(40):
            one, both = alone.on_request(writes=True), together.on_request(writes=True)
            assert both in ("http_401", one)

    def test_only_writes_are_cut_after_their_commit(self) -> None:
        faults = Faults.read("cut_after=@2")
        assert [faults.on_request(writes=writes) for writes in (True, False, False, True)] == ["", "", "", "cut_after"]

    def test_callbacks_have_their_own(self) -> None:
        faults = Faults.read("callback_lost=1")
        assert (faults.on_request(writes=True), faults.on_callback()) == ("", "callback_lost")

    def test_an_empty_spec_ends_all(self) -> None:
        assert Faults.read("").on_request(writes=True) == ""

    @pytest.mark.parametrize("spec", [*(f"{kind}=0.5" for kind in KINDS), " slow = @2 , seed = 4 ,", "seed=1"])
    def test_good_specs(self, spec: str) -> None:
        Faults.read(spec)

    @pytest.mark.parametrize(
        "spec", ["nonsense=1", "slow", "slow=2", "slow=-0.1", "slow=often", "slow=@0", "slow=@x", "seed=x", "slow=nan"]
    )
    def test_bad_specs_name_the_part(self, spec: str) -> None:
        with pytest.raises(ValueError, match=spec.partition("=")[0]):
            Faults.read(f"http_500=0.1,{spec}")


class TestSwitches:
    switches = (Switch("flag", False, ""), Switch("limit", 1.0, ""), Switch("how", "a", "", ("a", "b")))

    @pytest.mark.parametrize(
        ("name", "given", "value"),
        [("flag", "on", True), ("flag", True, True), ("flag", "0", False), ("limit", "2.5", 2.5), ("how", "b", "b")],
    )
    def test_values_come_as_text_or_as_json(self, name: str, given: object, value: object) -> None:
        switches = Switches(self.switches)
        switches.set(name, given)
        assert switches.listed()[name]["value"] == value

    @pytest.mark.parametrize(
        ("name", "given", "says"),
        [
            ("flags", True, "did you mean flag"),
            ("xyz", True, "there are flag, limit, how"),
            ("flag", "perhaps", "neither true nor false"),
            ("limit", "much", "no number"),
            ("limit", "-1", "0 or more"),
            ("how", "c", "none of a, b"),
        ],
    )
    def test_what_cannot_be_set_says_why(self, name: str, given: object, says: str) -> None:
        with pytest.raises(ValueError, match=says):
            Switches(self.switches).set(name, given)


class TestTable:
    @given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from("abcdef"), st.booleans()), max_size=60))
    def test_both_orders_stay_right_whatever_comes_and_goes(self, deeds: list[tuple[int, str, bool]]) -> None:
        table, kept = Table(), dict[int, str]()
        for row_id, stamp, drops in deeds:
            table.in_stamp_order()  # so that the index exists and must be kept up
            if drops and row_id in kept:
                table.drop(row_id)
                del kept[row_id]
            else:
                table.put({"id": row_id}, stamp)
                kept[row_id] = stamp
        by_stamp = sorted((stamp, row_id) for row_id, stamp in kept.items())
        assert [row["id"] for row in table] == sorted(kept)
        assert [row["id"] for row in table.in_stamp_order()] == [row_id for _, row_id in by_stamp]
        middle = [row_id for stamp, row_id in by_stamp if "b" <= stamp <= "d"]
        assert [row["id"] for row in table.in_stamp_order("b", "d")] == middle
        assert [row["id"] for row in table.in_id_order(5, 20)] == [n for n in sorted(kept) if 5 <= n <= 20]

    def test_ids_only_grow(self) -> None:
        table = Table(10)
        table.put({"id": 99})
        table.drop(99)
        assert table.new_id() == 100


class TestReader:
    def read(self, tmp_path: Path, *lines: object) -> list[TicketLine]:
        file = tmp_path / "tickets.jsonl"
        file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        return list(read_file(file, start=START))

    def test_ids_titles_and_blank_lines(self, tmp_path: Path) -> None:
        said = {"role": "customer", "text": "one two three four five six seven eight nine ten"}
        lines = self.read(tmp_path, {"id": 7, "messages": [said]}, "", {"id": "T-7", "title": "A title"}, {"id": None})
        assert [(line.known_id, line.reference) for line in lines] == [(7, ""), (None, "T-7"), (None, "")]
        assert [line.heading() for line in lines] == ["one two three four five six seven eight", "A title", "Untitled"]

    def test_a_packed_file(self, tmp_path: Path) -> None:
        file = tmp_path / "tickets.jsonl.gz"
        with gzip.open(file, "wt") as packed:
            packed.write('{"title": "x"}\n')
        assert [line.title for line in read_file(file, start=START)] == ["x"]

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("{", r"tickets.jsonl:2: no JSON"),
            ([], r"tickets.jsonl:2: a ticket is a JSON object"),
            ({"title": 5}, r"tickets.jsonl:2: title: "),
            ({"id": 1.5}, r"tickets.jsonl:2: id"),
            ({"id": 1}, r"tickets.jsonl:2: id: 1 was already used in line 1"),
            ({"messages": [{"role": "boss", "text": "x"}]}, r"tickets.jsonl:2: messages.0.role: .*'customer'"),
            ({"messages": [{"role": "agent"}]}, r"tickets.jsonl:2: messages.0.text: "),
            ({"messages": [{"role": "agent", "text": "x", "at": "soon"}]}, r":2: messages.0.at: 'soon' is no time"),
            ({"opened_at": 17}, r":2: opened_at: write the time as text"),
            ({"history": [{"at": "2026-01-01", "field": "mood", "to": "x"}]}, r":2: history.0.field: "),
        ],
    )
    def test_a_bad_line_names_its_place_and_key(self, tmp_path: Path, line: object, says: str) -> None:
        with pytest.raises(BadTickets, match=says):
            self.read(tmp_path, {"id": 1}, line)

    def test_a_missing_file_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(BadTickets, match="cannot be read"):
            list(read_file(tmp_path / "nowhere.jsonl", start=START))

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
            ("2026-03-01T10:00:00+02:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
            ("2026-03-01T10:00:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
            ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
            ("-3h", START - timedelta(hours=3)),
            ("+5s", START + timedelta(seconds=5)),
        ],
    )
    def test_times(self, written: str, meant: datetime) -> None:
        assert read_ticket({"opened_at": written}, start=START, where="x").opened_at == meant


class TestMoments:
    def line(self, *ats: str | None, **others: object) -> TicketLine:
        said = [{"role": "customer", "text": "x", "at": at} if at else {"role": "customer", "text": "x"} for at in ats]
        return read_ticket({"messages": said, **others}, start=START, where="x")

    def test_what_is_missing_lies_in_the_past_and_in_order(self) -> None:
        for number in range(200):
            ticket = timed(self.line(None, None, None), start=START, number=number)
            moments = [moment for moment, _ in ticket.messages]
            assert moments == sorted(moments)
            assert len(set(moments)) == 3
            assert ticket.opened_at <= moments[0]
            assert moments[-1] < START

    def test_gaps_are_filled_between_what_is_known(self) -> None:
        ticket = timed(self.line(None, "-2h", None, "-1h", opened_at="-4h"), start=START)
        hours = [(moment - START) / timedelta(hours=1) for moment, _ in ticket.messages]
        assert hours == [-4, -2, -1.5, -1]

    def test_what_comes_in_live_is_said_now(self) -> None:
        ticket = timed(self.line(None, None), start=START, live=True)
        assert [ticket.opened_at, *(moment for moment, _ in ticket.messages)] == [START] * 3

    def test_messages_stand_in_the_order_of_time(self) -> None:
        ticket = timed(self.line("-1h", "-2h"), start=START)
        assert [moment for moment, _ in ticket.messages] == [START - timedelta(hours=2), START - timedelta(hours=1)]
        assert ticket.opened_at == START - timedelta(hours=2)


class TestScenarios:
    @pytest.mark.parametrize("name", scenario_names())
    def test_each_can_be_read_and_its_steps_name_its_tickets(self, name: str) -> None:
        scenario = load_scenario(name, start=START)
        known = {str(ticket.id) for ticket in scenario.tickets}
        assert {step.ticket for step in scenario.steps if isinstance(step.ticket, str)} <= known
        assert {str(entry.ticket) for entry in scenario.time_entries} <= known

    def test_an_unknown_one_names_those_there_are(self) -> None:
        with pytest.raises(ValueError, match="unknown scenario nope; there are desk, monday"):
            load_scenario("nope", start=START)

    def test_a_directory_is_no_scenario(self) -> None:
        assert "directory" not in scenario_names()
