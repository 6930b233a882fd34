"""The API token: the configured one, or one that is made at the first start."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from pydantic import SecretStr

from psa_copilot import logs
from psa_copilot.errors import ConfigError
from psa_copilot.redact import SECRETS

_OTHERS = 0o077

log = logs.get(__name__)


def token_for(configured: SecretStr | None, database: Path) -> str:
    """The token to ask for; no log will show it."""
    token = configured.get_secret_value() if configured else _kept(database.with_suffix(".token"))
    SECRETS.add(token)
    return token


def _kept(path: Path) -> str:
    """The token in that file, which is made if it is not there."""
    if not path.exists():
        _make(path)
    if path.stat().st_mode & _OTHERS:
        path.chmod(0o600)
        log.warning("token_was_readable", path=str(path), fix="delete the file if others may have read it")
    token = path.read_text(encoding="ascii", errors="ignore").strip()
    if not token:
        raise ConfigError(f"web.token: {path} holds no token; delete it, and the next start makes another")
    return token


def _make(path: Path) -> None:
    # Written whole before it gets its name: another process never reads half a token.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    try:
        os.link(draft, path)
        log.info("token_made", path=str(path))
    except FileExistsError:
        pass  # somebody was faster; theirs counts
    finally:
        Path(draft).unlink()
