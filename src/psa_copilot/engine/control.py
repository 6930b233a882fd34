"""The control ticket: in any status but its armed one, or out of sight, nothing is written."""

from __future__ import annotations

import time
from datetime import timedelta

from psa_copilot import logs
from psa_copilot.engine.lines import Line
from psa_copilot.errors import NotReady, PsaError, RateLimited

log = logs.get("control")

GOOD_FOR = timedelta(seconds=20)
"""How long one look counts; a stop must hold within 60 s. In the clock's time and in real time."""


class ControlTicket:
    """Looks at the control ticket of one connection when something is about to be written."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._why = ""
        self._looked_at = line.clock.now() - 2 * GOOD_FOR
        self._looked_really = 0.0

    async def why(self) -> str:
        """Why nothing may be written now, or nothing. NotReady when it cannot be told."""
        settings = self._line.settings.desk.control_ticket
        if settings is None:
            return ""
        if self._is_old():
            before, self._why = self._why, await self._look(settings.ticket, settings.armed)
            self._looked_at, self._looked_really = self._line.clock.now(), time.monotonic()
            if self._why != before:
                log.warning("control_ticket", connection=self._line.name, why=self._why or "armed again")
        return self._why

    def _is_old(self) -> bool:
        spans = (self._line.clock.now() - self._looked_at, timedelta(seconds=time.monotonic() - self._looked_really))
        return max(spans) > GOOD_FOR

    async def _look(self, number: str, armed: str) -> str:
        try:
            status = (await self._line.connector.ticket(self._line.ref(number))).status
        except (NotReady, RateLimited):
            raise
        except PsaError as exc:
            return f"control ticket {number} cannot be read: {exc}"
        return "" if status.casefold() == armed.casefold() else f"control ticket {number} is {status!r}, not {armed!r}"
