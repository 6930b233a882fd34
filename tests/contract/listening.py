"""A fixture that holds whatever a test says to a sandbox against the vendor's description."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from psa_copilot.sandbox.house import House, Setup
from tests.contract import autotask_wire, connectwise_wire, halopsa_wire
from tests.contract.tally import TALLIES
from tests.contract.wire import Wire

DESCRIBED = {"autotask": autotask_wire, "connectwise": connectwise_wire, "halopsa": halopsa_wire}
"""The descriptions that there are, by the name of the sandbox."""


@pytest.fixture(autouse=True)
def wires(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, Wire]]:
    """Listens while the test runs, and fails it for what should not have been said."""
    # The tests of a sandbox and of other clients play strangers, who may ask wrongly.
    strangers = request.path.stem.endswith(("_sandbox", "_clients"))
    wires = {name: psa.wire(strangers=strangers) for name, psa in DESCRIBED.items() if not psa.ABSENT}
    monkeypatch.setattr("psa_copilot.sandbox.trial.House", houses(wires))
    yield wires
    faults = {str(fault) for wire in wires.values() for fault in wire.judge()}
    for name, wire in wires.items():
        request.config.stash[TALLIES][name].add(wire.tally.as_json())
    if faults:
        pytest.fail("\n".join(["said against the vendor's description:", *sorted(faults)]))


def houses(wires: Mapping[str, Wire]) -> Callable[[Setup, str], House]:
    """Builds houses of which the wire of their PSA hears every request and every answer."""

    def house(setup: Setup, url: str) -> House:
        wire = wires.get(setup.psa.name)
        return wire.tapped(House)(setup, url) if wire else House(setup, url)

    return house
