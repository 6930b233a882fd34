"""Watches a demo from outside: what people do in the PSA, what the copilot does, and when all is quiet."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from psa_copilot import registry
from psa_copilot.cli.demo_psas import Psa
from psa_copilot.cli.expected import STORIES, WROTE, Note, Outcome, is_ours, new_lines
from psa_copilot.models import Ref, Ticket
from psa_copilot.sandbox import Sandbox
from psa_copilot.store import DecisionRow, Store, Transaction, WriteRow

CONNECTION = "main"
LONGEST = 180.0
"""Seconds; a demo that takes longer has failed."""
QUIET = 2.0
"""Seconds in which nothing may happen before we say that all is quiet."""
HELD_WITHIN = 15.0
"""Seconds in which a write must be promised and held back."""
LOOK_EVERY = 0.3
WIDTH = 110
SWEEPER = "stale_sweeper"


class Watch:
    """Tells what happens on the desk until all is quiet, and remembers it."""

    def __init__(
        self, psa: Psa, sandbox: Sandbox, database: Path, daemon: subprocess.Popen[str], console: Console
    ) -> None:
        self._psa, self._sandbox, self._daemon, self._console = psa, sandbox, daemon, console
        self._store = Store(database)
        self._before: dict[str, Ticket] = {}
        self._after: dict[str, Ticket] = {}
        self._decisions: Sequence[DecisionRow] = ()
        self._notes: Sequence[Note] = sandbox.notes()
        self._versions = {_key(note): len(note["versions"]) for note in self._notes}
        self._logged = len(sandbox.log())
        self._told: set[tuple[int | None, str]] = set()
        self._begin = self._moved_at = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._begin

    def close(self) -> None:
        """Enough seen."""
        self._store.close()

    def until_quiet(self, after: datetime, left: int) -> None:
        """Watch until the PSA's clock has come so far and all but `left` deeds of people are done, and the copilot too.

        Or for too long.
        """
        self._moved_at = time.monotonic()
        with self._live() as live:
            while not self._over(after, left):
                self._look()
                if live:
                    live.update(self._table())
                time.sleep(LOOK_EVERY)

    def until_promised(self, ticket: str, *, why: str) -> WriteRow | None:
        """Watch until a write for this ticket is owed and held back for that reason; None when it takes too long."""
        until = time.monotonic() + HELD_WITHIN
        while self._daemon.poll() is None and time.monotonic() < until:
            self._look()
            held = [row for row in self._owed_for(ticket) if why in row.why]
            if held:
                return held[-1]
            time.sleep(LOOK_EVERY)
        return None

    def outcome(self, digest: Mapping[str, Any], model: str, asked: Sequence[str]) -> Outcome:
        """How the desk stands now."""
        self._look()
        known = self._before.items()
        ours = [row for row in self._sandbox.log() if row["key"] == self._psa.login]
        with self._store.reading() as tx:
            backlog = tx.backlog.worst(SWEEPER, 1000)
            looks = {name: [run.plugin for run in tx.ledger.runs(str(ticket.ref))] for name, ticket in known}
            away = {name: tx.standings.row(ticket.ref).away_until for name, ticket in known}
        can = registry.connector(self._psa.name).can
        return Outcome(
            before=self._before,
            after=self._after,
            notes=self._sandbox.notes(),
            mails=self._sandbox.mailbox(),
            psa=self._psa,
            hides_from_client_it=can.hides_from_client_it,
            writes=[row for row in ours if row["committed"] and row["n"] > self._logged],
            requests=len(ours),
            decisions=self._decisions,
            backlog=backlog,
            looks=looks,
            away_until={name: back for name, back in away.items() if back},
            digest=digest,
            model=model,
            asked=asked,
        )

    def _owed_for(self, name: str) -> list[WriteRow]:
        ref = self._before[name].ref
        with self._store.reading() as tx:
            return list(tx.work.writes(ticket=(ref.connection, ref.remote_id), state="pending"))

    @contextmanager
    def _live(self) -> Iterator[Live | None]:
        if not self._console.is_terminal:
            yield None
            return
        with Live(self._table(), console=self._console, transient=True, refresh_per_second=4) as live:
            yield live

    def _over(self, after: datetime, left: int) -> bool:
        if self._daemon.poll() is not None or self.seconds > LONGEST:
            return True
        if time.monotonic() - self._moved_at <= QUIET:
            return False
        return self._sandbox.now() >= after and self._sandbox.state()["people"]["left"] <= left

    def _look(self) -> None:
        self._notes = self._sandbox.notes()
        news = [note for note in self._notes if self._versions.get(_key(note), 0) < len(note["versions"])]
        copilot_is_done = self._copilot_is_done()
        for note in news:
            self._versions[_key(note)] = len(note["versions"])
            self._tell_note(note)
        if news or not copilot_is_done:
            self._moved_at = time.monotonic()

    def _copilot_is_done(self) -> bool:
        """Whether the copilot knows all there is, and owes nothing."""
        with self._store.reading() as tx:
            self._keep(tx)
            done = self._knows_all(tx) and not _owed(tx)
        self._tell_decisions()
        return done

    def _keep(self, tx: Transaction) -> None:
        for remote_id in tx.mirror.live_ids(CONNECTION):
            ticket = tx.mirror.ticket(Ref(connection=CONNECTION, remote_id=remote_id))
            if ticket and ticket.external_ref:
                self._before.setdefault(ticket.external_ref, ticket)
                self._after[ticket.external_ref] = ticket
        self._decisions = list(reversed(tx.ledger.decisions()))

    def _knows_all(self, tx: Transaction) -> bool:
        tickets = {ticket.ref.remote_id for name, ticket in self._after.items() if name in STORIES}
        known = {(one, message.key) for one in tickets for message in tx.mirror.messages(CONNECTION, one)}
        return all(key in known for key in map(_key, self._notes) if key[0] in tickets)

    def _tell_decisions(self) -> None:
        for row in self._decisions:
            if (row.id, row.verdict) not in self._told and row.verdict not in WROTE:
                self._told.add((row.id, row.verdict))
                self._tell("yellow", "copilot", row.ticket, f"writes nothing: {row.reason}")

    def _tell_note(self, note: Note) -> None:
        first, last = note["versions"][0], note["versions"][-1]
        ticket, by = str(note["ticket"]), str(last["by"])
        if ticket not in {one.ref.remote_id for name, one in self._before.items() if name in STORIES}:
            return  # alerts come in great number, and nobody speaks in them
        if not is_ours(note):
            self._tell("cyan", str(note.get("contact") or note["author"] or by), ticket, f"writes: {note['text']}")
        elif by == str(first["by"]):
            verb = "updates its internal note" if last is not first else "writes an internal note"
            self._tell("green", "copilot", ticket, f"{verb}: {note['text']}")
        else:
            self._tell("magenta", by, ticket, f"edits the copilot's note: {new_lines(note)}")

    def _tell(self, color: str, who: str, ticket: str, what: str) -> None:
        line = in_one_line(f"{who} on #{ticket} {what}")
        at = f"{self._sandbox.now():%a %H:%M}"
        self._console.print(f"{at}  [{color}]{escape(line)}[/]", soft_wrap=True)

    def _table(self) -> Table:
        table = Table("ticket", "story", "messages", "copilot", box=None, header_style="bold")
        for name, story in STORIES.items():
            if ticket := self._before.get(name):
                notes = [note for note in self._notes if str(note["ticket"]) == ticket.ref.remote_id]
                ours = sum(map(is_ours, notes))
                table.add_row(escape(ticket.title), story.title, str(len(notes) - ours), "note" if ours else "")
        return table


def _key(note: Note) -> tuple[str, str]:
    """A note among all; on some PSAs each ticket numbers its own."""
    return str(note["ticket"]), str(note["id"])


def in_one_line(text: str) -> str:
    """A text as far as a line goes."""
    line = " ".join(text.split())
    return line if len(line) < WIDTH else f"{line[: WIDTH - 1]}…"


def _owed(tx: Transaction) -> bool:
    counts = tx.work.counts()
    return any(counts.get(owed) for owed in (("change", "open"), ("write", "pending"), ("write", "sending")))
