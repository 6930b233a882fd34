"""Runs a sandbox as a process of its own, as `psa-copilot sandbox` does."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from psa_copilot.sandbox.house import House, Setup, listen, serving, url_of
from psa_copilot.sandbox.psa import PsaSandbox

GROUP = "psa_copilot.sandboxes"
USAGE, FAILED = 2, 1


def serve(
    psa: type[PsaSandbox],
    *,
    port: int = 0,
    tickets: Path | None = None,
    scenario: str = "",
    play: float = 0.0,
    faults: str = "",
    switches: Mapping[str, object] | Sequence[str] = (),
) -> int:
    """Serve until SIGTERM; returns the exit code. `switches` are a mapping, or `NAME=VALUE` as typed."""
    try:
        sock = listen(port)
    except (OSError, OverflowError) as exc:
        return _say(FAILED, f"port {port}: {exc}; choose another with --port, or leave it out")
    with sock:
        try:
            setup = Setup(psa, port, tickets, scenario, play, faults, _pairs(switches))
            return asyncio.run(_serve(setup, sock))
        except ValueError as exc:
            return _say(USAGE, str(exc))


async def _serve(setup: Setup, sock: socket.socket) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gc.disable()  # a hundred thousand tickets are there to stay: nobody need look through them again and again
    house = House(setup, url_of(sock))
    gc.freeze()
    gc.enable()
    async with serving(house, sock):
        print(f"ready {url_of(sock)}", flush=True)  # noqa: T201 - what starts us waits for this line
        await stop.wait()
    return 0


def _pairs(switches: Mapping[str, object] | Sequence[str]) -> Mapping[str, object]:
    if isinstance(switches, Mapping):
        return switches
    pairs: dict[str, object] = {}
    for typed in switches:
        name, equals, value = typed.partition("=")
        if not equals:
            raise ValueError(f"switch {typed!r}: write NAME=VALUE")
        pairs[name.strip()] = value.strip()
    return pairs


def _say(code: int, line: str) -> int:
    print(f"sandbox: {line}", file=sys.stderr, flush=True)  # noqa: T201 - the one line a caller reads
    return code


def find_sandbox(name: str) -> type[PsaSandbox]:
    """The sandbox that came in by entry point under this name; ValueError names those there are."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise ValueError(f"unknown sandbox {name}; there are {', '.join(sorted(found))}")
    loaded: type[PsaSandbox] = found[name].load()
    return loaded


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of `python -m psa_copilot.sandbox`."""
    parser = argparse.ArgumentParser("psa_copilot.sandbox", description="A PSA in small, on this machine.")
    parser.add_argument("psa")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tickets", type=Path)
    parser.add_argument("--scenario", default="")
    parser.add_argument("--play", type=float, default=0.0, metavar="RATE")
    parser.add_argument("--faults", default="", metavar="SPEC")
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE")
    options = vars(parser.parse_args(arguments))
    options["switches"] = options.pop("switch")
    try:
        psa = find_sandbox(options.pop("psa"))
    except ValueError as exc:
        return _say(USAGE, str(exc))
    return serve(psa, **options)
