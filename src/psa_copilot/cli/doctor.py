"""Commands for when something is wrong: `doctor` says what; `revive` and `restored` put it right."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from psa_copilot.cli import desk, output
from psa_copilot.cli.options import AsJson, ConfigFile

if TYPE_CHECKING:
    from psa_copilot.config import Config
    from psa_copilot.doctor import Complaint


def add_to(app: typer.Typer) -> None:
    """These commands become the program's."""
    for command in (doctor, revive, restored):
        app.command()(command)


def doctor(config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Say what is wrong with this installation, and what mends it; changes nothing, and writes nothing to the PSA.

    Works beside a running daemon and without one. Exit code 1 when anything is wrong.

    JSON: {"healthy": bool, "complaints": [{"about", "where", "says", "mend"}]}. about is one of lock, database, schema,
    cursor, stranded write, dead work, clock, request budget, model budget, unreachable, key, right.
    """
    from psa_copilot import logs

    logs.setup(level="error")
    complaints = asyncio.run(_examined(desk.read_config(config)))
    if as_json:
        output.show_json({"healthy": not complaints, "complaints": [asdict(one) for one in complaints]})
    else:
        for line in _lines(complaints):
            output.say(line)
    if complaints:
        raise typer.Exit(1)


async def _examined(config: Config) -> list[Complaint]:
    from psa_copilot.app import timekeeping
    from psa_copilot.doctor import examine

    async with timekeeping() as clock:
        return await examine(config, clock)


def _lines(complaints: list[Complaint]) -> list[str]:
    if not complaints:
        return ["Nothing is wrong."]
    told = [(f"{one.about}: {one.where}: {one.says}", f"    mend: {one.mend}") for one in complaints]
    return [line for pair in told for line in pair]


def revive(config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Try again what was given up after eight failures, once its cause is mended; a running daemon does it at once.

    Each write is judged again, and one that may have left already is looked for first. JSON: {"revived": number}.
    """
    with desk.opened(desk.read_config(config)) as store:
        count = store.revive(desk.now())
    if as_json:
        output.show_json({"revived": count})
    else:
        output.say(f"{count} pieces of work are tried again" if count else "no work was given up")


def restored(config: ConfigFile = desk.DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Say that the database comes from a backup, once, before the next `psa-copilot run`.

    What happened since the backup is then read as history, on which nobody acts; writes that the backup has promised
    are looked for in the PSA, and sent only where they are absent. JSON: {"owed": number of such writes}.
    """
    from psa_copilot.engine.lock import hold

    settings = desk.read_config(config)
    path = settings.database_path
    with hold(path), desk.opened(settings) as store:
        store.begin_again(desk.now())
        # The engine remembers work by numbers, and the copy will give the same ones out again.
        for file in path.parent.glob(f"{path.name}-engine*"):
            file.unlink()
        with store.reading() as tx:
            owed = len(tx.work.writes(state="sending"))
    if as_json:
        output.show_json({"owed": owed})
    else:
        output.say(f"begins again; {owed} promised writes are looked for first")
