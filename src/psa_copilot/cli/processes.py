"""The sandbox, the daemon and single commands as processes of their own, ended by their ids whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from psa_copilot.errors import ConfigError, CopilotError
from psa_copilot.sandbox import Sandbox

STOP_WITHIN = 10.0
COMMAND_WITHIN = 120.0
USAGE = 2
CLOCK = "PSA_COPILOT_CLOCK"


@contextmanager
def sandbox_beside(psa: str, scenario: str, folder: Path) -> Iterator[Sandbox]:
    with _process(folder / "sandbox.log", {}, "sandbox", psa, "--scenario", scenario) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("ready "):
            told = (folder / "sandbox.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise CopilotError(f"the {psa} sandbox did not start: {told[-1] if told else 'it said nothing'}")
        sandbox = Sandbox(line.split()[1])
        try:
            yield sandbox
        finally:
            sandbox.close()


@contextmanager
def daemon_beside(config: Path, clock_url: str) -> Iterator[subprocess.Popen[str]]:
    log = config.with_name("copilot.log")
    with _process(log, {CLOCK: clock_url}, "run", "--config", str(config)) as process:
        yield process


def command(config: Path, clock_url: str, *words: str) -> str:
    """What a command of ours prints, typed by somebody beside the daemon."""
    typed = [sys.executable, "-m", "psa_copilot.cli", *words, "--config", str(config)]
    ended = subprocess.run(  # noqa: S603 - our own command
        typed, env=_env({CLOCK: clock_url}), capture_output=True, text=True, timeout=COMMAND_WITHIN, check=False
    )
    if ended.returncode:
        raised = ConfigError if ended.returncode == USAGE else CopilotError
        raise raised(f"psa-copilot {words[0]} ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout


@contextmanager
def in_its_time(clock_url: str) -> Iterator[None]:
    """What this process does lives in the sandbox's time."""
    before = os.environ.get(CLOCK)
    os.environ[CLOCK] = clock_url
    try:
        yield
    finally:
        os.environ.pop(CLOCK)
        if before is not None:
            os.environ[CLOCK] = before


@contextmanager
def _process(log: Path, env: dict[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    typed = [sys.executable, "-m", "psa_copilot.cli", *words]
    with log.open("w", encoding="utf-8") as errors:
        process = _started(typed, env, errors)
        try:
            yield process
        finally:
            end(process)


def _started(typed: list[str], env: dict[str, str], errors: IO[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        typed, stdout=subprocess.PIPE, stderr=errors, text=True, env=_env(env), start_new_session=True
    )


def _env(more: dict[str, str]) -> dict[str, str]:
    # A clock or a configuration of the caller's is not the demo's.
    return {name: value for name, value in os.environ.items() if not name.startswith("PSA_COPILOT_")} | more


def end(process: subprocess.Popen[str]) -> int:
    """Have a process end by itself, or end it; returns its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(STOP_WITHIN)
    finally:
        if process.stdout:
            process.stdout.close()
