"""The process that works on the database: whether it is there, and alive."""

from __future__ import annotations

from pathlib import Path

import httpx

from psa_copilot.config import Config
from psa_copilot.doctor.complaint import Complaint
from psa_copilot.engine.lock import held, holder, lock_file

PATIENCE = 3.0  # real seconds that a daemon has for its sign of life


async def complaints(config: Config) -> list[Complaint]:
    """At most one, about the lock."""
    try:
        found = await _about_lock(config)
    except OSError as exc:
        says = f"it cannot be read: {exc.strerror}"
        found = Complaint("lock", str(lock_file(config.database_path)), says, "run this as the daemon's own user")
    return [found] if found else []


async def _about_lock(config: Config) -> Complaint | None:
    path, pid = config.database_path, holder(config.database_path)
    where = str(lock_file(path))
    if not held(path):
        if pid is None:
            return None
        says = f"process {pid} was killed or crashed while it worked on the database, and nobody has taken over"
        return Complaint("lock", where, says, "start `psa-copilot run`: it takes the lock over and ends what was begun")
    if _is_other_command(pid) or await _lives(config):
        return None
    says = f"process {pid or 'unknown'} holds the database and does not answer at {config.web.listen}"
    return Complaint("lock", where, says, f"it hangs: end it (kill {pid or 'PID'}), then start `psa-copilot run`")


def _is_other_command(pid: int | None) -> bool:
    """Whether the holder is one of our commands that end by themselves, as far as the system tells."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return False
    ours = any("psa-copilot" in word or "psa_copilot" in word for word in words)
    return ours and "run" not in words


async def _lives(config: Config) -> bool:
    host, port = config.web.address
    if not port:
        return True  # wherever it listens, nobody can tell
    host = f"[{host}]" if ":" in host else host
    try:
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            return (await http.get(f"http://{host}:{port}/healthz")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
