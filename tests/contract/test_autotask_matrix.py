"""The same promises with each switch of the Autotask sandbox in its other positions, alone. Opt-in: half an hour."""

from __future__ import annotations

import os
from typing import Any

import pytest

from psa_copilot.actions import AddNote, LinkTo
from psa_copilot.connector import Connector
from psa_copilot.errors import Rejected
from psa_copilot.http import Http
from psa_copilot.models import Ref
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox
from psa_copilot_connectors.autotask.sandbox.switches import PLANTED, RIGHTS, SIDE_EFFECTS
from tests.connectors.autotask_desk import KEYS
from tests.contract.switched import A_WHILE, Position, Switched

HARMLESS = frozenset({"rule_adds_note", "rule_adds_time", "rule_note_sets_status"}) | {
    name for name in SIDE_EFFECTS if name.startswith("sla_")
}
BEYOND_US = (
    frozenset(
        {
            *SIDE_EFFECTS,
            *PLANTED,
            *RIGHTS,
            "rule_mails_notes",
            "rule_mails_status",
            "all_side_effects",
            "keys_rotated",
            "access_levels",
        }
        | {"sees_non_billable", "api_user_role", "finance_right", "timesheet_locked", "time_bills_anyway"}
    )
    - HARMLESS
)
"""Rules that mail or undo, missing rights, and time that cannot be ours: each has tests of its own, that the canary
finds it, or that it is told by name and nothing is written."""
MORE: Position = {"read_lag": 3.0, "edit_lag": 3.0, "kept_pages": 1.0, "hourly_limit": 0.0, "thread_limit": 0.0}
"""Positions of switches that have no list of them."""
if not os.environ.get("PSA_COPILOT_MATRIX"):
    pytest.skip("opt in with PSA_COPILOT_MATRIX=1, which takes half an hour", allow_module_level=True)


def positions() -> list[Position]:
    """Every other position of every switch that has positions."""
    found: list[Position] = [{name: value} for name, value in MORE.items()]
    for switch in AutotaskSandbox.switches:
        others = [not switch.default] if isinstance(switch.default, bool) else switch.choices
        if switch.name not in BEYOND_US:
            found += [{switch.name: other} for other in others if other != switch.default]
    return found


class TestAutotaskWithEachSwitch(Switched):
    connector_class = Autotask
    sandbox_class = AutotaskSandbox
    late = "read_lag"
    ties = 20

    def settings(self, url: str) -> dict[str, object]:
        return {"use": "autotask", "url": url, **KEYS}

    @pytest.fixture(params=positions(), ids=lambda one: ",".join(f"{name}={value}" for name, value in one.items()))
    def position(self, request: pytest.FixtureRequest) -> Position:
        told: Position = request.param
        return told

    def connected(self, psa: Any, http: Http, **more: object) -> Connector:
        """Whoever registers waits too: another registration that nobody sees yet would be made twice."""
        connector = super().connected(psa, http, **more)
        if psa.switches()[self.late]["value"]:
            register = connector.register_webhooks

            async def registered(url: str) -> None:
                await register(url)
                psa.advance(A_WHILE)

            connector.register_webhooks = registered  # type: ignore[method-assign] # this one only
        return connector

    async def note(self, psa: Any, connector: Connector) -> tuple[Ref, AddNote, str]:
        """Where only those who are on a ticket can be booked for it, somebody is."""
        ref, wish, marker = await super().note(psa, connector)
        if psa.switches()["call_needs_assignment"]["value"]:
            who = next(one for one in (await connector.directory()).technicians if one.active and not one.is_api)
            number = psa.inject({"title": "Tray 2", "assignee": who.identifier})
            return Ref(connection="main", remote_id=str(number)), wish, marker
        return ref, wish, marker

    async def test_two_changes_of_one_second_are_two(self, psa: Any, connector: Connector) -> None:
        if psa.switches()["edit_lag"]["value"]:
            pytest.skip("time stands still there, so that no edit ever shows")
        await super().test_two_changes_of_one_second_are_two(psa, connector)

    async def test_a_ticket_becomes_the_child_of_another(self, psa: Any, connector: Connector) -> None:
        if psa.switches()["links"]["value"] == "any":
            await super().test_a_ticket_becomes_the_child_of_another(psa, connector)
            return
        ref, _, marker = await self.note(psa, connector)
        parent = str(psa.inject({"title": "Printers of the whole floor"}))
        with pytest.raises(Rejected, match="Only an Incident"):
            await connector.apply(ref, LinkTo(parent=parent, because="a test"), marker)
        assert (await connector.ticket(ref)).parent == ""
