"""Compares the names in the file with those that the PSAs really have: a stop list with a typo stops nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from psa_copilot.models import Board, Directory, Meaning
from psa_copilot.plugin import When

Directories = Mapping[str, Directory]


def stop_lists(status: Iterable[str], board: Iterable[str], there: Directories, *, all_of: set[str]) -> Iterator[str]:
    """Stop entries that no PSA knows; nothing can be said while one of them has not answered."""
    if all_of <= there.keys():
        yield from _unknown("stop.status", "no board of {} has a status", status, _statuses(there), there)
        yield from _unknown("stop.board", "{} has no board", board, _boards(there), there)


def statuses(meanings: Mapping[str, Mapping[str, Mapping[str, Meaning]]], there: Directories) -> Iterator[str]:
    """Boards and statuses with a meaning that their own PSA does not know."""
    for connection in meanings.keys() & there.keys():
        boards = {board.name: board for board in there[connection].boards}
        for name, given in meanings[connection].items():
            where = f"connections.{connection}.statuses.{name}"
            if name not in boards:
                yield f"{where}: {connection} has no board {_quoted(name, boards)}"
            else:
                yield from _on_board(where, boards[name], given)


def whens(given: Mapping[str, When], there: Directories, *, all_of: set[str]) -> Iterator[str]:
    """Boards and priorities in `when:` that would let nothing through."""
    for plugin, when in given.items():
        asked = set(when.connection) or all_of
        if not asked <= there.keys():
            continue
        some = {name: there[name] for name in asked}
        where = f"plugins.{plugin}.when"
        yield from _unknown(f"{where}.board", "{} has no board", when.board, _boards(some), some)
        yield from _unknown(f"{where}.priority", "{} has no priority", when.priority, _priorities(some), some)


def _unknown(where: str, says: str, names: Iterable[str], known: set[str], there: Directories) -> Iterator[str]:
    who = says.format(" or ".join(sorted(there)))
    for number, name in enumerate(names):
        if name not in known:
            yield f"{where}[{number}]: {who} {_quoted(name, known)}"


def _on_board(where: str, board: Board, given: Iterable[str]) -> Iterator[str]:
    known = [status.name for status in board.statuses]
    for name in given:
        if name not in known:
            yield f'{where}.{name}: board "{board.name}" has no status {_quoted(name, known)}'


def _quoted(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    fix = f'did you mean "{close[0]}"?' if close else f"it has: {', '.join(known) or 'none'}"
    return f'"{name}"; {fix}'


def _boards(there: Directories) -> set[str]:
    return {board.name for directory in there.values() for board in directory.boards}


def _statuses(there: Directories) -> set[str]:
    boards = (board for directory in there.values() for board in directory.boards)
    return {status.name for board in boards for status in board.statuses}


def _priorities(there: Directories) -> set[str]:
    return {priority.name for directory in there.values() for priority in directory.priorities}
