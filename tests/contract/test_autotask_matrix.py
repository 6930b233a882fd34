"""The same promises with each switch of the Autotask sandbox in its other positions, alone. Opt-in: eight minutes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from psa_copilot.sandbox import Sandbox, running
from psa_copilot.testing.contract import SPEED, ConnectorContract
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from tests.connectors.autotask_desk import KEYS

BEYOND_US = frozenset({"rule_mails_notes", "rule_mails_status", "rule_mails_new", "rule_sets_status"})
"""Workflow rules that mail or undo: no request can stop them, so the canary has to find them."""
if not os.environ.get("PSA_COPILOT_MATRIX"):
    pytest.skip("opt in with PSA_COPILOT_MATRIX=1, which takes eight minutes", allow_module_level=True)


def positions() -> list[dict[str, object]]:
    """Every other position of every switch that has positions."""
    found: list[dict[str, object]] = []
    for switch in AutotaskSandbox.switches:
        others = [not switch.default] if isinstance(switch.default, bool) else switch.choices
        if switch.name not in BEYOND_US:
            found += [{switch.name: other} for other in others if other != switch.default]
    return found


class TestAutotaskWithEachSwitch(ConnectorContract):
    connector_class = Autotask
    sandbox_class = AutotaskSandbox
    ties = 20

    def settings(self, url: str) -> dict[str, object]:
        return {"use": "autotask", "url": url, **KEYS}

    @pytest.fixture(params=positions(), ids=lambda one: ",".join(f"{name}={value}" for name, value in one.items()))
    def psa(self, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
        with running(AutotaskSandbox, switches=request.param) as sandbox:
            sandbox.speed(SPEED)
            yield sandbox
