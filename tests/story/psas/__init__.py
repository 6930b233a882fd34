"""The PSAs that stories are told on: PSA_COPILOT_PSA chooses one, ConnectWise by default."""

from __future__ import annotations

import os

import pytest

from psa_copilot.sandbox import PsaSandbox, Request
from tests.story.psas.autotask import AutotaskPsa
from tests.story.psas.connectwise import ConnectWisePsa
from tests.story.psas.halopsa import HaloPsaPsa
from tests.story.psas.psa import Asked, Callback, Names, People, Psa

__all__ = ["CHOSEN", "PSAS", "Asked", "Callback", "Names", "People", "Psa", "needs", "watched"]

PSAS: dict[str, Psa] = {psa.sandbox.name: psa for psa in (ConnectWisePsa(), AutotaskPsa(), HaloPsaPsa())}
CHOSEN: Psa = PSAS[os.environ.get("PSA_COPILOT_PSA") or "connectwise"]


def needs(psa: Psa, *, can: str = "", switch: str = "") -> None:
    """Skip a story about what this PSA cannot do, or about what its sandbox does not play."""
    if can and not getattr(psa.connector.can, can):
        pytest.skip(f"{psa.sandbox.name} cannot: {can.replace('_', ' ')}")
    if switch and switch not in {one.name for one in psa.sandbox.switches}:
        pytest.skip(f"{psa.sandbox.name}: nothing in this PSA is like {switch.replace('_', ' ')}")


def watched(psa: Psa, asked: list[Asked]) -> type[PsaSandbox]:
    """Its sandbox, which tells every request that comes in, and what it is about."""

    def arrives(self: PsaSandbox, request: Request) -> object:
        whole = (request.method, request.path, request.query, request.body)
        asked.append(Asked(self.key_of(request), *whole, self.ticket_of(request), self.writes(request)))
        return psa.sandbox.arrives(self, request)

    return type(psa.sandbox.__name__, (psa.sandbox,), {"arrives": arrives})
