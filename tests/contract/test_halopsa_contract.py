"""HaloPSA keeps what every connector promises."""

from __future__ import annotations

from psa_copilot.connector import Connector
from psa_copilot.sandbox import Sandbox
from psa_copilot.testing.contract import ConnectorContract
from psa_copilot_connectors.halopsa import HaloPsa
from psa_copilot_connectors.halopsa.sandbox import HaloPsaSandbox


class TestHaloPsa(ConnectorContract):
    connector_class = HaloPsa
    sandbox_class = HaloPsaSandbox

    def settings(self, url: str) -> dict[str, object]:
        return {"use": "halopsa", "url": url, "client_id": "id", "client_secret": "secret"}

    async def test_nothing_is_sent_before_retry_after_has_passed(self, psa: Sandbox, connector: Connector) -> None:
        psa.switch(sends_retry_after=True)  # not promised, but heeded where it comes
        await super().test_nothing_is_sent_before_retry_after_has_passed(psa, connector)
