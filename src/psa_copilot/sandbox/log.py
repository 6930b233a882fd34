"""The request log: what the sandbox saw, row by row."""

from __future__ import annotations

from datetime import datetime

from psa_copilot.sandbox.clock import iso

Row = dict[str, object]


class Log:
    """All requests to the API, in the order in which they were done with; status 0 means no answer was given."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def add(
        self,
        *,
        at: datetime,
        method: str,
        path: str,
        query: str,
        key: str,
        status: int = 0,
        fault: str = "",
        committed: bool = False,
    ) -> None:
        """Note one request."""
        self._rows.append(
            {
                "n": len(self._rows) + 1,
                "at": iso(at),
                "method": method,
                "path": path,
                "query": query,
                "key": key,
                "status": status,
                "fault": fault,
                "committed": committed,
            }
        )

    def after(self, n: int) -> list[Row]:
        """The rows behind the nth."""
        return self._rows[max(0, n) :]
