"""How commands show things: a table for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table

from psa_copilot.redact import SECRETS

# A table in a file or a pipe must not be folded to the width of a terminal that is not there.
WIDE = 200


def console(*, err: bool = False) -> Console:
    """Where people read."""
    stream = sys.stderr if err else sys.stdout
    return Console(stderr=err, highlight=False, soft_wrap=True, width=None if stream.isatty() else WIDE)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Says on stderr how far the reading has come: as bars for people, nothing elsewhere."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:

        def told(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=None)
            bar.update(tasks[what], completed=done, total=of or None)

        yield told


def show_json(document: object) -> None:
    """One document on stdout."""
    typer.echo(SECRETS.clean(json.dumps(document, ensure_ascii=False, indent=2)))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], nothing: str) -> None:
    """A table; where there is nothing to show, a line that says so."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(SECRETS.clean(str(cell))) for cell in row))
    if table.row_count:
        console().print(table, soft_wrap=False)
    else:
        say(nothing)


def say(line: str) -> None:
    """A line for people, on stdout."""
    typer.echo(SECRETS.clean(line))


def hint(line: str) -> None:
    """A line beside the work, on stderr."""
    typer.echo(SECRETS.clean(line), err=True)


def when(moment: datetime) -> str:
    """A time for people."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
