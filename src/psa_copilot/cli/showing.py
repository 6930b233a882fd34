"""What the demo shows: the desk before, one note, the human who wins, and the board of what was done and left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from psa_copilot.cli.comparing import Comparison
from psa_copilot.cli.expected import STORIES, Note, Outcome, Played, is_ours, kind
from psa_copilot.cli.watching import CONNECTION, in_one_line
from psa_copilot.engine.flight import Report
from psa_copilot.models import Origin, Ticket
from psa_copilot.store import Store, WriteRow
from psa_copilot.survey.titles import folded

LONG_THREAD, HUMAN = "printer", "human"
MOST_TITLE = 52


def say(console: Console, line: str = "") -> None:
    """A line as it is."""
    console.print(escape(line), soft_wrap=True)


def head(console: Console, line: str) -> None:
    """What comes next."""
    console.print(f"\n[bold]{escape(line)}[/]", soft_wrap=True)


# -- before ------------------------------------------------------------------------------------------------------


def desk(console: Console, database: Path, digest: Mapping[str, Any]) -> None:
    """What the dispatcher sees, alerts folded, and what nobody has noticed."""
    tickets = _open_tickets(database)
    alerts = Counter(folded(ticket.title) for ticket in tickets if ticket.origin is Origin.ALERT)
    head(console, f"Monday, 8:00. What the dispatcher sees: {len(tickets)} tickets.")
    table = Table(box=None, pad_edge=False, show_header=False)
    for ticket in tickets:
        if ticket.origin is Origin.PERSON:
            owner = ticket.assignee or "nobody"
            table.add_row(f"#{ticket.number}", *map(escape, (ticket.title, ticket.company, ticket.status, owner)))
    newest = {folded(ticket.title): ticket for ticket in tickets if ticket.origin is Origin.ALERT}
    for title, count in alerts.items():
        table.add_row("", f"{count} × {escape(newest[title].title)}", escape(newest[title].company), "alerts", "folded")
    console.print(table)
    head(console, "What `psa-copilot digest` says first, with nothing written:")
    say(console, str((digest.get("first") or {}).get("says", "nothing")))


def canary(console: Console, report: Report) -> None:
    """What each kind of write set off on a test ticket."""
    kinds = ", ".join(f"{one.kind} {one.state}" for one in report.trials)
    head(console, "`psa-copilot check --canary`, before anything may be written:")
    say(console, f"{kinds}; {report.wait.seconds // 60} minutes later the mailbox is {report.mailbox}")


def _open_tickets(database: Path) -> list[Ticket]:
    store = Store(database)
    try:
        with store.reading() as tx:
            return [stand.ticket for stand in tx.standings.page(CONNECTION)]
    finally:
        store.close()


# -- after -------------------------------------------------------------------------------------------------------


def came_of_it(console: Console, outcome: Outcome) -> None:
    """One note before and after, the human who wins, and the board."""
    if outcome.ours.get(LONG_THREAD):
        _note(console, outcome)
    refused = outcome.refused(HUMAN) if HUMAN in outcome.before else []
    if refused:
        head(console, "The human who wins:")
        say(console, f"stale_sweeper wished {_wish(refused[0].wish)} ({refused[0].because}).")
        say(console, f"Dropped: {refused[0].reason}.")
    head(console, "What it did, and what it left alone:")
    console.print(_board(outcome))


def _note(console: Console, outcome: Outcome) -> None:
    said = [note for note in outcome.notes_on(LONG_THREAD) if not is_ours(note)]
    head(console, f"One ticket before, {len(said)} messages long: {outcome.before[LONG_THREAD].title}")
    lines = [in_one_line(f"{note.get('contact') or note['author']}: {note['text']}") for note in said]
    for line in (*lines[:2], "...", lines[-1]):
        say(console, f"    {line}")
    head(console, "and after, with one internal note more:")
    for line in str(outcome.ours[LONG_THREAD][0]["text"]).splitlines():
        console.print(f"[green]    {escape(line)}[/]", soft_wrap=True)


def _wish(wish: Mapping[str, Any]) -> str:
    return f"{wish.get('field')}: {wish.get('was')} → {wish.get('to')}" if wish.get("field") else str(wish.get("kind"))


def _board(outcome: Outcome) -> Table:
    table = Table("", "story", "did", "left alone, and why", box=box.SIMPLE, header_style="bold", pad_edge=False)
    for number, (name, story) in enumerate(STORIES.items(), start=1):
        if name in outcome.before:
            table.add_row(str(number), escape(story.title), escape(_did(outcome, name)), escape(_alone(outcome, name)))
    return table


def _did(outcome: Outcome, name: str) -> str:
    notes = outcome.ours[name]
    if not notes:
        return "nothing written"
    kinds = Counter(_kind(note) for note in notes)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


def _kind(note: Note) -> str:
    updates = len(note["versions"]) - 1
    often = "once" if updates == 1 else f"{updates} times"
    return f"{kind(note)}, updated {often}" if updates else kind(note)


def _alone(outcome: Outcome, name: str) -> str:
    reasons = list(_refusals(outcome, name))
    reasons += [f"in the backlog: {row.because}" for row in _held(outcome, name)]
    if name in outcome.away_until:
        reasons.append(f"away until {outcome.away_until[name]:%d %B}")
    if not reasons and not outcome.ours[name]:
        reasons = [f"{plugin} looked {_times(count)}" for plugin, count in Counter(outcome.looks[name]).items()]
    return "; ".join(filter(None, (STORIES[name].alone, *reasons)))


def _refusals(outcome: Outcome, name: str) -> Iterator[str]:
    """What the ledger says; a note that is not written because its change was not is told with the change."""
    told = ""
    for row in outcome.refused(name):
        if not told or told not in row.reason:
            yield f"{row.verdict}: {row.reason}"
        told = told or row.reason


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _held(outcome: Outcome, name: str) -> Iterator[Any]:
    remote_id = outcome.before[name].ref.remote_id
    return (row for row in outcome.backlog if row.ticket == remote_id)


def stopped(console: Console, paused: WriteRow | None, control: WriteRow | None) -> None:
    """The twelfth story: what was promised while everything is stopped, and why it is not written."""
    head(console, "12. `psa-copilot pause`, and a customer writes once more:")
    say(console, f"promised and not written: {paused.why}" if paused else "nothing was promised")
    say(console, "A technician takes the control ticket out of its armed status, and somebody types `resume`:")
    say(console, f"still not written: {control.why}" if control else "nothing was held back")


def end(console: Console, played: Played, kept: Path | None) -> None:
    """The sums, and where to look next."""
    outcome = played.outcome
    say(console)
    say(
        console,
        f"wrote {outcome.written} notes, left {outcome.left_alone} of {len(outcome.before)} tickets alone, "
        f"{len(outcome.mails)} mails to customers",
    )
    say(console, f"All {len(STORIES) + 1} stories ended as they should, after {played.seconds:.0f} s.\n")
    look = f"psa-copilot ledger --config {played.config}" if kept else "psa-copilot demo --keep keeps a demo's ledger"
    say(console, f"Why it wrote what it wrote:  {look}")
    say(console, "Your own PSA:                psa-copilot init, then psa-copilot digest")
    say(console, "What it will never do:       README.md")


# -- several PSAs ------------------------------------------------------------------------------------------------


def all_of_them(console: Console, played: Sequence[Played], same: Comparison, kept: Path | None) -> None:
    """A row for each PSA, and whether their notes are the same."""
    head(console, "The same Monday, and one configuration but for `connections:`")
    columns = ("PSA", "stories", "notes", "left alone", "mails", "requests", "seconds")
    table = Table(*columns, box=box.SIMPLE, header_style="bold", pad_edge=False)
    for one in played:
        table.add_row(*map(escape, _row(one)))
    console.print(table)
    for told in same.withheld:
        say(console, f"not there to compare: {told}")
    if not same.differences:
        say(console, f"{same.compared} notes, each the same wherever it can be, without ids, markers and markup.")
    if kept:
        say(console, f"What each of them did:  {kept}")


def _row(played: Played) -> Iterator[str]:
    outcome, stories = played.outcome, len(STORIES) + 1
    yield outcome.psa.called
    yield f"all {stories}" if not played.wrong else f"{len(played.wrong)} things went wrong"
    yield str(outcome.written)
    yield f"{outcome.left_alone} of {len(outcome.before)} tickets"
    yield str(len(outcome.mails))
    yield str(outcome.requests)
    yield f"{played.seconds:.0f}"
