"""The configuration of the demo's copilot: what an MSP of three technicians would tell it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from psa_copilot.cli.demo_psas import Psa
from psa_copilot.cli.watching import CONNECTION

if TYPE_CHECKING:
    from psa_copilot.testing.model_server import ScriptedModel

DATABASE = "demo.db"
BOARD = "Help Desk"
DESK: Mapping[str, Any] = {
    "control_ticket": {"ticket": "900", "armed": "In Progress"},
    "hours": {"*": {"days": "mon-fri", "open": "08:00", "close": "17:30", "zone": "Europe/London", "holidays": "none"}},
    "own_company": "Lantern IT",
    "vips": ["Dr. Samir Quist"],
    "co_managed": ["Harbor Lane Accounting"],
}
SWEEPER: Mapping[str, Any] = {
    "mode": "act",
    "nudge": "note",
    "psa_ladder_off": ["Waiting customer"],
    "closing": {"quiet-7": {"status": ["Waiting customer"], "to": "Resolved", "after": "1bd"}},
    "named": ["Resolved"],
    "sla": "may_change",
}


def write_config(folder: Path, psa: Psa, url: str, server: ScriptedModel | None) -> Path:
    """The file for this PSA, and for this model if there is one."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(_settings(psa, url, server), sort_keys=False), encoding="utf-8")
    return path


def _settings(psa: Psa, url: str, server: ScriptedModel | None) -> dict[str, Any]:
    address = f"127.0.0.1:{_free_port()}"
    told: dict[str, Any] = {
        "database": f"sqlite:///{DATABASE}",
        "web": {"listen": address, "url": f"http://{address}"},
        "connections": {CONNECTION: _connection(psa, url)},
        "plugins": {"summarize": {"mode": "act", "after_messages": 3}, "stale_sweeper": SWEEPER},
    }
    if server is not None:
        from psa_copilot.cli.scripted import settings

        told["llm"] = dict(settings(server))
    return told


def _connection(psa: Psa, url: str) -> dict[str, Any]:
    """All that one PSA's copilot is told otherwise than another's."""
    desk = {**DESK, "client_it": [psa.client_it]}
    labels = {BOARD: psa.meanings()}
    return {"use": psa.name, "url": url, **psa.keys, "poll_every": "60s", "statuses": labels, "desk": desk}


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
