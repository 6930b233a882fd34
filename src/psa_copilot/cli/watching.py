"""Watches a demo from outside: what people write in the PSA, what the copilot does, and when all is quiet."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from psa_copilot.cli.expected import KEY, STORY, Note, Outcome, is_ours, new_lines
from psa_copilot.models import Ref, Ticket
from psa_copilot.sandbox import Sandbox
from psa_copilot.store import Store, Transaction

CONNECTION = "main"
LONGEST = 45.0
"""Seconds; a demo that takes longer has failed."""
QUIET = 3.0
"""Seconds in which nothing may happen before we say that it is over."""
LOOK_EVERY = 0.3
WIDTH = 100


class Watch:
    """Tells what happens on the desk until all is quiet, and remembers it."""

    def __init__(self, sandbox: Sandbox, database: Path, daemon: subprocess.Popen[str], console: Console) -> None:
        self._sandbox, self._daemon, self._console = sandbox, daemon, console
        self._store = Store(database)
        self._before: dict[str, Ticket] = {}
        self._after: dict[str, Ticket] = {}
        self._notes: Sequence[Note] = sandbox.notes()
        self._versions = {note["id"]: len(note["versions"]) for note in self._notes}
        self._told: set[int | None] = set()
        self._begin = self._moved_at = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._begin

    def until_quiet(self) -> None:
        """Watch until the people are done and the copilot too, or for too long."""
        with self._live() as live:
            while not self._over():
                self._look()
                if live:
                    live.update(self._table())
                time.sleep(LOOK_EVERY)
        self._store.close()

    def outcome(self) -> Outcome:
        """How the desk stands now, on the PSA's side: what the daemon did while it was ending counts too."""
        log = self._sandbox.log()
        writes = [row for row in log if row["committed"] and row["key"] == KEY and "/tickets/" in row["path"]]
        return Outcome(self._before, self._after, self._sandbox.notes(), self._sandbox.mailbox(), writes)

    @contextmanager
    def _live(self) -> Iterator[Live | None]:
        if not self._console.is_terminal:
            yield None
            return
        with Live(self._table(), console=self._console, transient=True, refresh_per_second=4) as live:
            yield live

    def _over(self) -> bool:
        quiet = time.monotonic() - self._moved_at
        return self._daemon.poll() is not None or self.seconds > LONGEST or quiet > QUIET

    def _look(self) -> None:
        self._notes = self._sandbox.notes()
        news = [note for note in self._notes if self._versions.get(note["id"], 0) < len(note["versions"])]
        for note in news:
            self._versions[note["id"]] = len(note["versions"])
            self._tell_note(note)
        people_left = self._sandbox.state()["people"]["left"]
        copilot_is_done = self._copilot_is_done()
        if news or people_left or not copilot_is_done:
            self._moved_at = time.monotonic()

    def _copilot_is_done(self) -> bool:
        """Whether the copilot knows all there is, and owes nothing."""
        if not self._sandbox.log():
            return False  # its database may not be made yet
        with self._store.reading() as tx:
            self._keep_tickets(tx)
            self._tell_decisions(tx)
            return self._knows_all(tx) and not _owed(tx)

    def _keep_tickets(self, tx: Transaction) -> None:
        for remote_id in tx.mirror.live_ids(CONNECTION):
            ticket = tx.mirror.ticket(Ref(connection=CONNECTION, remote_id=remote_id))
            if ticket and ticket.external_ref:
                self._before.setdefault(ticket.external_ref, ticket)
                self._after[ticket.external_ref] = ticket

    def _knows_all(self, tx: Transaction) -> bool:
        known = {
            (ticket.ref.remote_id, message.key)
            for ticket in self._after.values()
            for message in tx.mirror.messages(CONNECTION, ticket.ref.remote_id)
        }
        return all((str(note["ticket"]), str(note["id"])) in known for note in self._notes)

    def _tell_decisions(self, tx: Transaction) -> None:
        for row in reversed(tx.ledger.decisions()):
            if row.id not in self._told and row.verdict not in ("promised", "written"):
                self._told.add(row.id)
                self._tell("yellow", "copilot", row.ticket, f"writes nothing: {row.reason}")

    def _tell_note(self, note: Note) -> None:
        first, last = note["versions"][0], note["versions"][-1]
        ticket, by = str(note["ticket"]), str(last["by"])
        if not is_ours(note):
            self._tell("cyan", str(note["contact"] or by), ticket, f"writes: {note['text']}")
        elif by == first["by"]:
            verb = "updates its internal note" if last is not first else "writes an internal note"
            self._tell("green", "copilot", ticket, f"{verb}: {note['text']}")
        else:
            self._tell("magenta", by, ticket, f"edits the copilot's note: {new_lines(note)}")

    def _tell(self, color: str, who: str, ticket: str, what: str) -> None:
        line = in_one_line(f"{who} on #{ticket} {what}")
        self._console.print(f"{self.seconds:5.1f} s  [{color}]{escape(line)}[/]")

    def _table(self) -> Table:
        table = Table("ticket", "story", "messages", "copilot", box=None, header_style="bold")
        for name, ticket in sorted(self._before.items()):
            notes = [note for note in self._notes if str(note["ticket"]) == ticket.ref.remote_id]
            ours = sum(map(is_ours, notes))
            table.add_row(escape(ticket.title), STORY.get(name, ""), str(len(notes) - ours), "recap" if ours else "")
        return table


def in_one_line(text: str) -> str:
    """A text as far as a line goes."""
    line = " ".join(text.split())
    return line if len(line) < WIDTH else f"{line[: WIDTH - 1]}…"


def _owed(tx: Transaction) -> bool:
    counts = tx.work.counts()
    return any(counts.get(owed) for owed in (("change", "open"), ("write", "pending"), ("write", "sending")))
