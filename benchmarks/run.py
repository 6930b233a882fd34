"""Figures, into build/bench.json: what `make bench` runs.

    python benchmarks/run.py                              every part
    python benchmarks/run.py --only latency --only reads
    python benchmarks/run.py --only fair_use --full       ten thousand tickets and a day of changes; about an hour

A part that could not run, or found what must not be, has the key `error`, and the exit code is 1. A goal that was
missed is a figure, not an error.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import (  # noqa: E402 - found by the line above
    digest,
    fair_use,
    first_sync,
    live_desk,
    process,
    recaps,
    shape,
    stream,
    two_connections,
)

OUT = ROOT / "build" / "bench.json"
PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "shape": shape.shape,
    "startup": process.startup,
    "latency": stream.latency,
    "reads": stream.reads,
    "recaps": recaps.recaps,
    "memory": process.memory,
    "digest": digest.digest,
    "first_sync": first_sync.first_sync,
    "backlog": live_desk.backlog,
    "storm": live_desk.storm,
    "two_connections": two_connections.two_connections,
    "fair_use": fair_use.fair_use,
}
IN_FULL = {"fair_use": fair_use.in_full}
"""Parts that are cut down to a few minutes unless they are asked for in full."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be repeated")
    parser.add_argument("--full", action="store_true", help=f"{', '.join(IN_FULL)} in full size")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write (build/bench.json)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what it started is ended
    figures: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    for name in args.only or PARTS:
        figures[name] = _carry_out(name, IN_FULL.get(name, PARTS[name]) if args.full else PARTS[name])
        _save(args.out, figures)
    failed = [name for name in PARTS if "error" in figures.get(name, {})]
    print(f"{args.out}: {f'failed: {failed}' if failed else 'all parts ran'}")
    return 1 if failed else 0


def _carry_out(name: str, part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    print(f"{name} ...", flush=True)
    began = time.monotonic()
    try:
        figures = part()
    except (Exception, SystemExit) as exc:  # noqa: BLE001 - whatever went wrong, the other parts still run
        figures = {"error": f"{type(exc).__name__}: {exc}"}
    figures["seconds"] = round(time.monotonic() - began, 1)
    print(f"{name}: {json.dumps(figures)[:2000]}", flush=True)
    return figures


def _save(out: Path, figures: dict[str, Any]) -> None:
    """After each part, so that a long run that is broken off keeps what it has."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
