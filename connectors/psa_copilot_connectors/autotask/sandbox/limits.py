"""What the vendor takes: three threads of an integration to one entity, and so many requests an hour from everybody."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timedelta

from psa_copilot.sandbox import Answer, Request, World
from psa_copilot_connectors.autotask.sandbox.replies import errors

HOUR = timedelta(hours=1)
LATENCY = ((0.75, 1.0), (0.5, 0.5))
"""From this share of the hour's requests on, each answer waits so many seconds."""
UNCOUNTED = "zoneinformation"


class Limits:
    """Counts who is in, and who was here in the last hour."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._inside: Counter[tuple[str, str]] = Counter()
        self._hour: deque[datetime] = deque()

    @property
    def most(self) -> int:
        """Requests that an hour takes."""
        return int(self._world.switches.number("hourly_limit"))

    def used(self) -> int:
        """Requests of the last hour."""
        since = self._world.clock.now() - HOUR
        while self._hour and self._hour[0] <= since:
            self._hour.popleft()
        return len(self._hour)

    def latency(self) -> float:
        """Seconds of the sandbox's time that an answer waits."""
        share = self.used() / self.most if self.most else 0.0
        return next((seconds for least, seconds in LATENCY if share >= least), 0.0)

    def arrives(self, request: Request) -> Answer | None:
        """Count one in; the refusal of one too many."""
        thread = self._thread(request)
        self._inside[thread] += 1
        if thread[1] == UNCOUNTED:
            return None
        if self.most and self.used() >= self.most:
            return self._refused("The request threshold of this database has been exceeded.", 429)
        self._hour.append(self._world.clock.now())
        threads = int(self._world.switches.number("thread_limit"))
        if threads and self._inside[thread] > threads:
            status = int(self._world.switches.text("thread_refusal"))
            return self._refused(f"The thread threshold of {threads} threads has been exceeded.", status)
        return None

    def _refused(self, words: str, status: int) -> Answer:
        how = self._world.switches.text("refusal_body")
        if status != 429 or how == "errors":
            return errors(words, status=status)
        return Answer(status, words.encode() if how == "text" else b"", content_type="text/plain")

    def lane_of(self, request: Request) -> str:
        """The entity that a request is counted by."""
        return self._thread(request)[1]

    def _thread(self, request: Request) -> tuple[str, str]:
        """What threads are counted by: the integration, and the entity, for a child its own or its path's first."""
        code, entity = request.headers.get("apiintegrationcode", ""), _entity(request)
        root = self._world.switches.text("thread_family") == "root"
        return code, entity.partition("/")[0] if root else entity

    def leaves(self, request: Request) -> None:
        """Count one out."""
        self._inside[self._thread(request)] -= 1


def _entity(request: Request) -> str:
    parts = [part for part in request.path.casefold().split("/") if part and not part.lstrip("-").isdigit()]
    below = parts[parts.index("v1.0") + 1 :] if "v1.0" in parts else parts
    return "/".join(part for part in below if part not in ("query", "count", "next"))
