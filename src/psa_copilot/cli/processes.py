"""The sandbox and the daemon as processes of their own, ended by their ids whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from psa_copilot.errors import CopilotError
from psa_copilot.sandbox import Sandbox

STOP_WITHIN = 10.0


@contextmanager
def sandbox_beside(psa: str, folder: Path) -> Iterator[Sandbox]:
    with _process(folder / "sandbox.log", "sandbox", psa, "--scenario", "demo") as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("ready "):
            raise CopilotError(f"the sandbox did not start: {(folder / 'sandbox.log').read_text().strip()}")
        sandbox = Sandbox(line.split()[1])
        try:
            yield sandbox
        finally:
            sandbox.close()


@contextmanager
def daemon_beside(config: Path) -> Iterator[subprocess.Popen[str]]:
    with _process(config.with_name("copilot.log"), "run", "--config", str(config)) as process:
        yield process


@contextmanager
def _process(log: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "psa_copilot.cli", *words]
    with log.open("w", encoding="utf-8") as errors:
        process = _started(command, errors)
        try:
            yield process
        finally:
            end(process)


def _started(command: list[str], errors: IO[str]) -> subprocess.Popen[str]:
    # A clock or a configuration of the caller's is not the demo's.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PSA_COPILOT_")}
    return subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env, start_new_session=True
    )


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
