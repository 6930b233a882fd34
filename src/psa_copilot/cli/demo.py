"""The demo: a PSA in small and the copilot beside it, watched until everybody is done; and what came of it."""

from __future__ import annotations

import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from rich.console import Console
from rich.markup import escape

from psa_copilot.cli import output
from psa_copilot.cli.expected import EXPECTED, KEY, STORY, Outcome, failures, is_ours
from psa_copilot.cli.processes import daemon_beside, end, sandbox_beside
from psa_copilot.cli.watching import CONNECTION, Watch, in_one_line
from psa_copilot.errors import ConfigError

PSAS = ("connectwise",)
DATABASE = "demo.db"
LONG_THREAD = "vpn"
LOG_LINES = 15


def play(psa: str, *, keep: bool) -> int:
    """The whole demo; returns the exit code."""
    if psa not in PSAS:
        raise ConfigError(f"--psa: the demo cannot play {psa} yet; there is: {', '.join(PSAS)}")
    # What ends us ends both processes too: the blocks below are left in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = output.console()
    console.print(f"A {psa} look-alike with {len(EXPECTED)} tickets, and the copilot beside it, over real HTTP.\n")
    with _folder(keep=keep) as folder, sandbox_beside(psa, folder) as sandbox:
        config = _write_config(folder, psa, sandbox.url)
        with daemon_beside(config) as daemon:
            watch = Watch(sandbox, folder / DATABASE, daemon, console)
            watch.until_quiet()
            code = end(daemon)
        outcome = watch.outcome()
        _show(console, outcome)
        wrong = [*failures(outcome), *([f"the copilot ended with exit code {code}"] if code else [])]
        if wrong:
            return _failed(wrong, config)
        _say(console, f"All {len(EXPECTED)} tickets ended as they should, after {watch.seconds:.0f} s.\n")
        _say_what_next(console, config if keep else None)
        return 0


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    if keep:
        yield Path(tempfile.mkdtemp(prefix="psa-copilot-demo-"))
        return
    with tempfile.TemporaryDirectory(prefix="psa-copilot-demo-") as folder:
        yield Path(folder)


def _write_config(folder: Path, psa: str, url: str) -> Path:
    address = f"127.0.0.1:{_free_port()}"
    connection = {"use": psa, "url": url, "company": "sandbox", "public_key": KEY, "private_key": "priv"}
    settings = {
        "database": f"sqlite:///{DATABASE}",
        "web": {"listen": address, "url": f"http://{address}"},
        "connections": {CONNECTION: connection | {"client_id": "demo", "poll_every": "2s", "accept_risk": True}},
        "plugins": {"summarize": {"mode": "act"}},
        "stop": {"status": ["Internal IT"]},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return path


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _show(console: Console, outcome: Outcome) -> None:
    """One ticket before and after, and the sums."""
    if outcome.ours.get(LONG_THREAD):
        _show_recap(console, outcome)
    alone = [STORY[name] for name, notes in outcome.ours.items() if name in STORY and not notes]
    _say(console, f"\nLeft alone: {', '.join(alone) or 'none'}.")
    _say(
        console,
        f"wrote {outcome.written} notes, left {outcome.left_alone} tickets alone, "
        f"{len(outcome.mails)} mails to customers",
    )


def _show_recap(console: Console, outcome: Outcome) -> None:
    said = [note for note in outcome.notes_on(LONG_THREAD) if not is_ours(note)]
    _say(console, f"\nOne ticket before, {len(said)} messages long: {outcome.before[LONG_THREAD].title}\n")
    lines = [in_one_line(f"{note['contact'] or note['author']}: {note['text']}") for note in said]
    for line in (*lines[:2], "...", lines[-1]):
        _say(console, f"    {line}")
    _say(console, "\nand after, with one internal note more:\n")
    for line in str(outcome.ours[LONG_THREAD][0]["text"]).splitlines():
        console.print(f"[green]    {escape(line)}[/]")


def _failed(wrong: Sequence[str], config: Path) -> int:
    for what in wrong:
        output.hint(f"not as expected: {what}")
    log = config.with_name("copilot.log").read_text(encoding="utf-8", errors="replace")
    for line in log.splitlines()[-LOG_LINES:]:
        output.hint(f"copilot.log: {line}")
    return 1


def _say_what_next(console: Console, kept: Path | None) -> None:
    look = f"psa-copilot ledger --config {kept}" if kept else "psa-copilot demo --keep keeps a demo's ledger"
    _say(console, f"Why it wrote what it wrote:  {look}")
    _say(console, "Your own PSA:                copy config.example.yaml, then psa-copilot check and psa-copilot try")
    _say(console, "What it will never do:       README.md")


def _say(console: Console, line: str) -> None:
    console.print(escape(line))
