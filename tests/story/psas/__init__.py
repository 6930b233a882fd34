"""The PSAs that stories are told on: PSA_COPILOT_PSA chooses one, ConnectWise by default."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

import pytest

from psa_copilot.sandbox import PsaSandbox, Request
from tests.story.psas.autotask import AutotaskPsa
from tests.story.psas.connectwise import ConnectWisePsa
from tests.story.psas.halopsa import HaloPsaPsa
from tests.story.psas.psa import Asked, Callback, Names, People, Psa

__all__ = ["AT_LENGTH", "CHOSEN", "PSAS", "Asked", "Callback", "Names", "People", "Psa", "needs", "variant", "watched"]

PSAS: dict[str, Psa] = {psa.sandbox.name: psa for psa in (ConnectWisePsa(), AutotaskPsa(), HaloPsaPsa())}
CHOSEN: Psa = PSAS[os.environ.get("PSA_COPILOT_PSA") or "connectwise"]
AT_LENGTH = any(os.environ.get(name) == "1" for name in ("PSA_COPILOT_MATRIX", "PSA_COPILOT_LONG"))
"""Every variant of a story, as `make contract` tells them; `make test` has one or two of each."""
variant = pytest.mark.skipif(not AT_LENGTH, reason="a variant of what is told anyway; `make contract` tells it too")


def each(names: Iterable[str], often: Collection[str]) -> list[object]:
    """Parameters of which some are variants."""
    return [name if name in often else pytest.param(name, marks=variant) for name in names]


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
