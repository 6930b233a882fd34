"""ConnectWise keeps what every connector promises."""

from psa_copilot.testing.contract import ConnectorContract
from psa_copilot_connectors.connectwise import ConnectWise
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox

CLIENT = "00000000-0000-4000-8000-000000000000"  # vendors give out GUIDs


class TestConnectWise(ConnectorContract):
    connector_class = ConnectWise
    sandbox_class = ConnectWiseSandbox

    def settings(self, url: str) -> dict[str, object]:
        keys = {"company": "sandbox", "public_key": "pub", "private_key": "priv", "client_id": CLIENT}
        return {"use": "connectwise", "url": url, **keys}
