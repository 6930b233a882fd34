"""The same promises with each switch of the HaloPSA sandbox in its other positions, alone. Opt-in: half an hour."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from psa_copilot.actions import EditNote
from psa_copilot.connector import Connector
from psa_copilot.errors import Forged, Rejected
from psa_copilot.markers import signed
from psa_copilot.models import Ref
from psa_copilot.sandbox import Sandbox
from psa_copilot.testing.listener import listening
from psa_copilot_connectors.halopsa import HaloPsa
from psa_copilot_connectors.halopsa.sandbox import TRAPS, HaloPsaSandbox
from psa_copilot_connectors.halopsa.sandbox.switches import PLANTED
from tests.contract.switched import Position, Switched

BEYOND_US = frozenset(
    {*TRAPS, *PLANTED, "status_mails", "type_charges", "keys_rotated", "agent_disabled", "ticket_dates"}
)
"""Outcomes, statuses and rates that do more, a secret that is none, and what nothing can stop: each has tests of its
own, that `check` names it or the canary finds it, and that nothing is written then. Where only tickets are dated in
another zone, no setting fits appointments too: what it does to the walk over changes has a test of its own."""
MORE: Position = {"per_5_minutes": 0.0, "token_life": 90.0, "late_visibility": 3.0, "tenant": "example"}
"""Positions of switches that have no list of them."""
TOLD: dict[tuple[str, object], Position] = {
    ("tenant", "example"): {"tenant": "example"},
    ("action_dates", "local"): {"action_zone": "America/New_York"},
}
"""What the connection has to be told, where a switch stands so."""
ON_US: Position = {"rules_on": "api"}
"""Where rules mail whoever writes, the mails about people's own deeds are not ours to count."""
SIDE_EFFECTS: Position = {"all_side_effects": True, "system_actions": True, "type_sets_status": True, **ON_US}
NO_EDITS = ({"action_edit": "refused"}, {"action_edit": "another"})
if not os.environ.get("PSA_COPILOT_MATRIX"):
    pytest.skip("opt in with PSA_COPILOT_MATRIX=1, which takes half an hour", allow_module_level=True)


def positions() -> list[Position]:
    """Every other position of every switch that has positions, and all side effects at once."""
    found: list[Position] = [{name: value} for name, value in MORE.items()]
    for switch in HaloPsaSandbox.switches:
        others = [not switch.default] if isinstance(switch.default, bool) else switch.choices
        if switch.name not in BEYOND_US and not switch.name.endswith("_right"):
            along = ON_US if switch.name.startswith(("rule_", "all_")) else {}
            found += [{switch.name: other, **along} for other in others if other != switch.default]
    return [*found, SIDE_EFFECTS]


class TestHaloPsaWithEachSwitch(Switched):
    connector_class = HaloPsa
    sandbox_class = HaloPsaSandbox
    late = "late_visibility"
    ties = 20

    @pytest.fixture(params=positions(), ids=lambda one: ",".join(f"{name}={value}" for name, value in one.items()))
    def position(self, request: pytest.FixtureRequest) -> Position:
        told: Position = request.param
        self.told = {key: value for one in told.items() for key, value in TOLD.get(one, {}).items()}
        return told

    def settings(self, url: str) -> dict[str, object]:
        return {"use": "halopsa", "url": url, "client_id": "id", "client_secret": "secret", **self.told}

    async def test_a_note_of_ours_gets_new_words(  # type: ignore[override] # the position comes beside
        self, psa: Any, connector: Connector, position: Position
    ) -> None:
        if position not in NO_EDITS:
            await super().test_a_note_of_ours_gets_new_words(psa, connector)
            return
        ref, wish, marker = await self.note(psa, connector)
        made = await connector.apply(ref, wish, marker)
        body = signed("Recap: all is well.", "summarize", marker)
        with pytest.raises(Rejected, match=r"can no longer be edited|made another action"):
            await connector.apply(ref, EditNote(note_id=made.remote_id, body=body, because="a test"), marker)
        assert psa.mailbox() == []

    async def test_a_fresh_ticket_can_be_closed(  # type: ignore[override] # as above
        self, psa: Any, connector: Connector, position: Position
    ) -> None:
        if position != {"parent_filter": "ignored"}:
            await super().test_a_fresh_ticket_can_be_closed(psa, connector)
            return
        number = psa.inject({"title": "Tray 2"})
        [told] = await connector.blocks_closing(Ref(connection=connector.http.connection, remote_id=str(number)))
        assert told.startswith("its children cannot be looked at")

    async def test_a_forged_webhook_is_not_believed_and_asks_nothing(  # type: ignore[override] # as above
        self, psa: Sandbox, connector: Connector, position: Position
    ) -> None:
        if position != {"webhook_type_3": "key"}:
            await super().test_a_forged_webhook_is_not_believed_and_asks_nothing(psa, connector)
            return
        async with listening() as listener:  # the secret itself says nothing of the body
            await connector.register_webhooks(listener.url)
            psa.inject({"title": "Till prints no receipts"})
            genuine = await listener.next()
        await connector.read_webhook(genuine)
        asked = len(psa.log())
        for forged in (replace(genuine, headers={}), replace(genuine, headers={"token": "a guess"})):
            with pytest.raises(Forged):
                await connector.read_webhook(forged)
        assert len(psa.log()) == asked

    async def test_nothing_is_sent_before_retry_after_has_passed(self, psa: Sandbox, connector: Connector) -> None:
        psa.switch(sends_retry_after=True)
        await super().test_nothing_is_sent_before_retry_after_has_passed(psa, connector)
