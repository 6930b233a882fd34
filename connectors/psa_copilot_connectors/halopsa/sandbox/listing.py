"""How lists are asked for: paging, order, filters. What Halo does not know it ignores without a word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from psa_copilot.sandbox import Row, Switches, Table
from psa_copilot_connectors.halopsa.sandbox.rows import local, read_stamp

LONGEST_PAGE, USUAL_COUNT, MOST = 100, 50, 1000
ORDERS = tuple((f"order{n}", f"orderdesc{n}") for n in ("", 2, 3, 4, 5))
FILTERS: dict[str, Callable[[Row, str], bool]] = {
    "client_id": lambda row, value: row["client_id"] == int(value),
    "site_id": lambda row, value: row.get("site_id") == int(value),
    "user_id": lambda row, value: row.get("user_id") == int(value),
    "agent_id": lambda row, value: row["agent_id"] == int(value),
    "status_id": lambda row, value: row["status_id"] == int(value),
    "status": lambda row, value: row["status_id"] == int(value),
    "team": lambda row, value: row.get("team_id") == int(value),
    "parent_id": lambda row, value: row["parent_id"] == int(value),
    "requesttype_id": lambda row, value: row["tickettype_id"] == int(value),
    "requesttype": lambda row, value: row["tickettype_id"] == int(value),
    "search_id": lambda row, value: str(row["id"]).startswith(value),
    "search_summary": lambda row, value: value.casefold() in row["summary"].casefold(),
    "search": lambda row, value: value.casefold() in row["summary"].casefold(),
    "open_only": lambda row, value: not is_true(value) or not row["dateclosed"],
    "closed_only": lambda row, value: not is_true(value) or bool(row["dateclosed"]),
}


def is_true(text: str) -> bool:
    """Whether a parameter says yes, in any letter case."""
    return text.casefold() == "true"


def tickets_of(table: Table, asked: Mapping[str, str], switches: Switches) -> Sequence[Row]:
    """The tickets that a list is asked for, ordered."""
    rows = _since(table, asked, switches)
    heeded = FILTERS | ({"team_id": FILTERS["team"]} if switches.on("team_id_filter") else {})
    if switches.text("parent_filter") == "ignored":
        heeded = {name: test for name, test in heeded.items() if name != "parent_id"}
    tests = [(heeded[name], value) for name, value in asked.items() if name in heeded and value]
    if tests:
        rows = [row for row in rows if all(test(row, value) for test, value in tests)]
    return ordered(rows, asked, switches)


def _since(table: Table, asked: Mapping[str, str], switches: Switches) -> Sequence[Row]:
    low, high = asked.get("lastupdatefromdate", ""), asked.get("lastupdatetodate", "")
    if switches.text("since_filter") == "ignored" or not (low or high):
        return table.in_id_order()
    start, end = (_moment(text) for text in (low, high))
    reads, inclusive = switches.text("since_reads"), switches.on("since_inclusive")
    clock = local if switches.text("ticket_dates") == "local" else str
    if reads == "last_update" and inclusive and clock is str:
        return table.in_stamp_order(start, end)
    rows = []
    for row in table:
        when = clock(_compared(row, reads))
        if (when > start or (inclusive and when == start)) and (not end or when <= end):
            rows.append(row)
    return rows


def _compared(row: Row, reads: str) -> str:
    stamps = [str(row[name]) for name in ("last_update", "lastactiondate") if reads in ("both", name)]
    return max(stamps)


def _moment(text: str) -> str:
    """A date as clients send it; one that is none filters nothing."""
    try:
        return read_stamp(text) if text else ""
    except ValueError:
        return ""


def ordered(rows: Sequence[Row], asked: Mapping[str, str], switches: Switches) -> Sequence[Row]:
    """As asked; newest first where nothing, or nothing known, is asked."""
    orders = [(asked[name], is_true(asked.get(desc, ""))) for name, desc in ORDERS if asked.get(name)]
    orders = [(name, desc) for name, desc in orders if rows and name in rows[0]]
    if not orders or switches.text("order") == "ignored":
        orders = [("id", True)]
    done = list(rows)
    for name, desc in reversed(orders):
        done.sort(key=lambda row: _sortable(row[name]), reverse=desc)
    return done


def _sortable(value: object) -> tuple[int, float, str]:
    number = isinstance(value, int | float)
    return (int(number), float(value) if isinstance(value, int | float) else 0.0, "" if number else str(value or ""))


def enveloped(key: str, rows: Sequence[Row], asked: Mapping[str, str], switches: Switches) -> object:
    """A page, or as many as come without paging."""
    if not is_true(asked.get("pageinate", "")):
        count = min(int(asked.get("count") or USUAL_COUNT), MOST)
        few = list(rows[:count])
        told = len(few) if asked.get("count") else len(rows)
        return few if switches.on("bare_lists") else {"record_count": told, key: few}
    size = min(max(int(asked.get("page_size") or USUAL_COUNT), 1), LONGEST_PAGE)
    number = 1 if switches.on("repeats_first_page") else max(int(asked.get("page_no") or 1), 1)
    few = list(rows[(number - 1) * size : number * size])
    if switches.on("bare_lists"):
        return few
    return {"page_no": number, "page_size": size, "record_count": len(rows), key: few}


def as_a_whole(key: str, rows: Sequence[Row], asked: Mapping[str, str], switches: Switches) -> object:
    """A list that usually comes whole, in a bare array; by the switch it is cut where nobody asks for more."""
    how, few = switches.text("whole_lists"), list(rows)
    if how == "all":
        return few
    if is_true(asked.get("pageinate", "")):
        return enveloped(key, rows, asked, switches)
    few = few[: min(int(asked.get("count") or USUAL_COUNT), MOST)]
    return few if how == "cut" or switches.on("bare_lists") else {"record_count": len(rows), key: few}


def on_day(text: str) -> datetime:
    """A day as the list of actions wants it."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
