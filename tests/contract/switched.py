"""A connector's promises on a sandbox with one switch in another position; also where what is written shows late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from psa_copilot.actions import Action, Receipt
from psa_copilot.connector import Connector
from psa_copilot.http import Http
from psa_copilot.models import Ref
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.testing.contract import SPEED, ConnectorContract

Position = dict[str, object]
A_WHILE = "4s"


class Switched(ConnectorContract):
    """Give it a fixture `position`."""

    late: ClassVar[str]
    """The switch under which what is written shows late: then whoever has written waits until it does."""

    @pytest.fixture
    def psa(self, position: Position, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
        with running(self.sandbox_class, switches=position) as sandbox:
            sandbox.speed(SPEED)
            if self.late in position:
                inject = sandbox.inject

                def injected(*what: Any) -> int:
                    made = inject(*what)
                    sandbox.advance(A_WHILE)
                    return made

                monkeypatch.setattr(sandbox, "inject", injected)
            yield sandbox

    def connected(self, psa: Any, http: Http, **more: object) -> Connector:
        connector = super().connected(psa, http, **more)
        if psa.switches()[self.late]["value"]:
            _make_patient(connector, psa)
        return connector


def _make_patient(connector: Connector, psa: Sandbox) -> None:
    """It looks at what it has written once that shows."""
    apply = connector.apply

    async def applied(ref: Ref, action: Action, marker: str) -> Receipt:
        try:
            return await apply(ref, action, marker)
        finally:
            psa.advance(A_WHILE)

    connector.apply = applied  # type: ignore[method-assign] # this one only, whatever its class
