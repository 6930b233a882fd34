"""First sync: 100,000 tickets from a server that only hands out what it has rendered, against a bare floor.

The floor asks the same server the same questions and does no more than must be done: httpx, json, and one
executemany a page into a table of the same columns and indices, at `synchronous=FULL`. Both run by turns.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

TICKETS = 100_000
RUNS = 5
GOAL = 0.5
PAGE = 250
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SINCE = "2026-03-03T00:00:00Z"
STARTED_WITHIN = 60.0
READY = "ready "
COMPANY_INFO = {"CompanyName": "Sandbox MSP", "Codebase": "v4_6_release/", "CompanyID": "sandbox", "IsCloud": False}


def first_sync(tickets: int = TICKETS, runs: int = RUNS) -> dict[str, Any]:
    """Ratio of the floor's time to ours, median of alternating runs; a kill in the middle; memory."""
    with tempfile.TemporaryDirectory() as folder, _server(tickets) as url:
        rounds = [_round(url, Path(folder), number, tickets) for number in range(runs)]
        killed = _killed_in_the_middle(url, Path(folder), tickets)
        small = _ours(url, Path(folder) / "small", tickets // 10)
    ratio = statistics.median(one["ratio"] for one in rounds)
    return {
        "tickets": tickets,
        "ratio": round(ratio, 3),
        "goal": GOAL,
        "met": ratio >= GOAL,
        "floor_s": statistics.median(one["floor_s"] for one in rounds),
        "ours_s": statistics.median(one["ours_s"] for one in rounds),
        "peak_mb": {"a_tenth": small["peak_mb"], "all": max(one["peak_mb"] for one in rounds)},
        "after_kill_9": killed,
        "rounds": rounds,
    }


def _round(url: str, folder: Path, number: int, tickets: int) -> dict[str, Any]:
    """One run of each; who begins changes from round to round."""
    ours_first = number % 2 == 1
    ours = _ours(url, folder / f"ours{number}", tickets) if ours_first else None
    floor = _floor(url, folder / f"floor{number}.db", tickets)
    ours = ours or _ours(url, folder / f"ours{number}", tickets)
    found = {"floor_s": floor, "ours_s": ours["seconds"], "ratio": round(floor / ours["seconds"], 3)}
    print(f"  round {number + 1}: {found}", flush=True)
    return found | {"peak_mb": ours["peak_mb"]}


# -- the server --------------------------------------------------------------------------------------------------


def _rendered(tickets: int) -> tuple[list[str], list[bytes]]:
    """Stamps in order, and beside each the ticket as the PSA would show it."""
    step = timedelta(days=85) / tickets
    stamps, rows = [], []
    for number in range(tickets):
        stamp = (datetime(2026, 3, 4, tzinfo=UTC) + number * step).strftime("%Y-%m-%dT%H:%M:%SZ")
        stamps.append(stamp)
        rows.append(json.dumps(_ticket(10_001 + number, stamp)).encode())
    return stamps, rows


def _ticket(number: int, stamp: str) -> dict[str, Any]:
    closed = number % 5 != 0
    return {
        "id": number,
        "summary": f"Printer {number} in room {number % 97} prints blank pages since the last update",
        "recordType": "ServiceTicket",
        "board": {
            "id": 1 + number % 4,
            "name": f"Board {number % 4}",
            "_info": {"board_href": "https://psa.example/b"},
        },
        "status": {
            "id": 17,
            "name": "Closed" if closed else "In Progress",
            "_info": {"status_href": "https://x.example"},
        },
        "priority": {"id": 8, "name": "Priority 3 - Medium", "sort": 3, "level": "Medium"},
        "company": {"id": number % 300, "identifier": f"C{number % 300}", "name": f"Company {number % 300}"},
        "contact": {"id": number % 3000, "name": f"Contact {number % 3000}"},
        "type": {"id": 3, "name": "Printer"},
        "owner": {"id": number % 12, "identifier": f"tech{number % 12}", "name": f"Technician {number % 12}"},
        "source": {"id": 1, "name": "Email"},
        "severity": "Medium",
        "impact": "Medium",
        "closedFlag": closed,
        "closedDate": stamp if closed else None,
        "customFields": [],
        "_info": {"lastUpdated": stamp, "updatedBy": f"tech{number % 12}", "dateEntered": stamp, "enteredBy": "mail"},
    }


_CONDITION = re.compile(r"lastUpdated\s*(>=|=|>)\s*\[([^\]]+)\](?:\s+and\s+id\s*>\s*(\d+))?", re.IGNORECASE)


class _Pages:
    """Answers the questions of a first sync, and nothing else."""

    def __init__(self, tickets: int) -> None:
        self.stamps, self.rows = _rendered(tickets)

    def answer(self, target: str) -> tuple[bytes, bool]:
        """The body for one request, and whether there is a next page."""
        parts = urlsplit(target)
        if parts.path.startswith("/login/companyinfo"):
            return json.dumps(COMPANY_INFO).encode(), False
        if parts.path.endswith("/system/info"):
            return b'{"version":"v2026.1","isCloud":false,"serverTimeZone":"UTC"}', False
        if not parts.path.endswith("/service/tickets"):
            return b"[]", False
        asked = parse_qs(parts.query)
        match = _CONDITION.search(asked.get("conditions", [""])[0])
        if not match:
            return b"[]", False
        start, size = self._start(*match.groups()), int(asked.get("pageSize", ["25"])[0])
        end = start + size if match[1] != "=" else self._end_of(match[2], start, size)
        return b"[" + b",".join(self.rows[start:end]) + b"]", end < len(self.rows) and end > start

    def _start(self, op: str, stamp: str, beyond: str | None) -> int:
        stamp = stamp if stamp.endswith("Z") else f"{stamp}Z"
        at = bisect_left(self.stamps, stamp if op != ">" else f"{stamp}~")
        return max(at, int(beyond) - 10_000) if beyond else at

    def _end_of(self, stamp: str, start: int, size: int) -> int:
        return min(start + size, bisect_left(self.stamps, f"{stamp}~"))


async def _serve(tickets: int) -> None:
    pages = _Pages(tickets)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            target = head.split(" ", 2)[1]
            body, more = pages.answer(target)
            link = '\r\nLink: <http://127.0.0.1/next>; rel="next"' if more else ""
            said = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}{link}\r\n\r\n"
            writer.write(said.encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1 << 20)
    print(f"{READY}http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return ""


@contextmanager
def _server(tickets: int) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, __file__, "serve", str(tickets)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout  # noqa: S101 - it was asked for
            yield process.stdout.readline().removeprefix(READY).strip()
        finally:
            process.terminate()


# -- the floor ---------------------------------------------------------------------------------------------------


def _floor(url: str, path: Path, tickets: int) -> float:
    command = [sys.executable, __file__, "floor", url, str(path), str(tickets)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _read_bare(url: str, path: Path, tickets: int) -> float:
    """Seconds for httpx, json and executemany."""
    import httpx

    from psa_copilot.store import Store

    store = Store(path)
    store.upgrade()  # the same table with the same indices
    store.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    columns = [row[1] for row in connection.execute("PRAGMA table_info(ticket)")]
    insert = f"INSERT OR REPLACE INTO ticket ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})"  # noqa: S608
    began, since, count = time.monotonic(), SINCE, 0
    with httpx.Client(base_url=url, auth=("sandbox+pub", "priv"), headers={"clientId": "bench"}) as client:
        while True:
            asked: dict[str, str | int] = {
                "conditions": f"lastUpdated >= [{since}]",
                "orderBy": "lastUpdated asc,id asc",
                "pageSize": PAGE,
            }
            answer = client.get("/v4_6_release/apis/3.0/service/tickets", params=asked)
            rows = json.loads(answer.content)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, [_bare(row, columns) for row in rows])
            connection.execute("COMMIT")
            count += len(rows)
            since = rows[-1]["_info"]["lastUpdated"]
            if "next" not in answer.links or len(rows) < PAGE or count > 2 * tickets:
                break
    took = time.monotonic() - began
    [[kept]] = connection.execute("SELECT count(*) FROM ticket")
    if kept < tickets:
        raise SystemExit(f"the floor kept {kept} of {tickets}")
    return took


def _bare(row: dict[str, Any], columns: list[str]) -> list[Any]:
    info = row["_info"]
    known = {
        "connection": "main",
        "remote_id": str(row["id"]),
        "thread_id": f"main/{row['id']}",
        "company_id": str(row["company"]["id"]),
        "board": row["board"]["name"],
        "status": row["status"]["name"],
        "assignee": row["owner"]["identifier"],
        "is_open": not row["closedFlag"],
        "opened_at": info["dateEntered"],
        "updated_at": info["lastUpdated"],
        "seen_at": info["lastUpdated"],
        "value": json.dumps(row),
        "message_state": "none",
    }
    return [known.get(column, "" if not column.endswith("_at") else None) for column in columns]


# -- ours --------------------------------------------------------------------------------------------------------


def _ours(url: str, folder: Path, tickets: int) -> dict[str, Any]:
    folder.mkdir()
    command = [sys.executable, __file__, "ours", url, str(folder), str(tickets)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _killed_in_the_middle(url: str, folder: Path, tickets: int) -> dict[str, Any]:
    """`kill -9` when a third is there; a second process reads the rest, and nothing twice."""
    place = folder / "killed"
    place.mkdir()
    with subprocess.Popen(
        [sys.executable, __file__, "ours", url, str(place), str(tickets)], stdout=subprocess.DEVNULL
    ) as process:
        there = _wait_for_rows(place / "copilot.db", tickets // 3)
        os.kill(process.pid, signal.SIGKILL)
    command = [sys.executable, __file__, "ours", url, str(place), str(tickets)]
    second = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"killed_at": there, "kept": second["kept"], "read_again": second["read"] - (tickets - there)}


def _wait_for_rows(path: Path, rows: int) -> int:
    end = time.monotonic() + STARTED_WITHIN * 3
    while time.monotonic() < end:
        if path.exists():
            try:
                with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as connection:
                    [[count]] = connection.execute("SELECT count(*) FROM ticket")
            except sqlite3.Error:
                count = 0
            if count >= rows:
                return int(count)
        time.sleep(0.05)
    raise RuntimeError("the first sync made no headway")


async def _read_ours(url: str, folder: Path, tickets: int) -> dict[str, Any]:
    from psa_copilot import app, config
    from psa_copilot.clock import Clock
    from psa_copilot.engine.sync import Sync

    path = folder / "config.yaml"
    connection: dict[str, object] = {
        "use": "connectwise",
        "url": url,
        "company": "sandbox",
        "public_key": "pub",
        "private_key": "priv",
    }
    connection |= {"client_id": "bench", "rate": 1_000_000, "backfill": "90d"}
    path.write_text(json.dumps({"database": "sqlite:///copilot.db", "connections": {"main": connection}}))
    read, clock = config.load(path), Clock()
    clock.set(NOW)
    store = app.open_store(read)
    line = app.open_line(read, "main", store, clock)
    sync = Sync(line, store, lambda: None)
    await sync.contact()
    with store.reading() as tx:
        before = tx.mirror.counts("main")["tickets"]
    began = time.monotonic()
    await sync.backfill()
    took = time.monotonic() - began
    with store.reading() as tx:
        kept = tx.mirror.counts("main")["tickets"]
    await line.connector.http.close()
    store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    requests = line.connector.http.requests
    return {"seconds": took, "kept": kept, "read": kept - before, "peak_mb": round(peak), "requests": requests}


def main(role: str, *given: str) -> None:
    match role:
        case "serve":
            asyncio.run(_serve(int(given[0])))
        case "floor":
            print(_read_bare(given[0], Path(given[1]), int(given[2])))
        case "ours":
            print(json.dumps(asyncio.run(_read_ours(given[0], Path(given[1]), int(given[2])))))
        case _:
            print(
                json.dumps(
                    first_sync(int(role) if role.isdigit() else TICKETS, int(given[0]) if given else RUNS), indent=2
                )
            )


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["all"]))
