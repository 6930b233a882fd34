"""Autotask keeps what every connector promises."""

from psa_copilot.testing.contract import ConnectorContract
from psa_copilot_connectors.autotask import Autotask
from psa_copilot_connectors.autotask.sandbox import AutotaskSandbox


class TestAutotask(ConnectorContract):
    connector_class = Autotask
    sandbox_class = AutotaskSandbox

    def settings(self, url: str) -> dict[str, object]:
        keys = {"username": "api@sandbox.example", "secret": "secret", "integration_code": "CODE"}
        return {"use": "autotask", "url": url, **keys}
