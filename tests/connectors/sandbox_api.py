"""A plain client of the ConnectWise sandbox, as a stranger would write one."""

from typing import Any

import httpx

ROOT = "/v4_6_release/apis/3.0"


def api(url: str, key: str = "pub", private: str = "priv", **headers: str) -> httpx.Client:
    """A client that is logged in."""
    return httpx.Client(
        base_url=f"{url}{ROOT}",
        auth=(f"sandbox+{key}", private),
        headers={"clientId": "tests", **headers},
        timeout=10.0,
        trust_env=False,
    )


def human(url: str) -> httpx.Client:
    """The same as a technician."""
    return api(url, "human", "human")


def everything(client: httpx.Client, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """All pages of a list, by the Link header."""
    answer = client.get(path, params=parameters)
    rows = list(answer.raise_for_status().json())
    while "next" in answer.links and answer.json():
        answer = client.get(answer.links["next"]["url"])
        rows += answer.raise_for_status().json()
    return rows


def internal(text: str) -> dict[str, object]:
    """The body of an internal note."""
    return {"text": text, "internalAnalysisFlag": True}


def replace(path: str, value: object) -> list[dict[str, object]]:
    """The body of a PATCH of one field."""
    return [{"op": "replace", "path": path, "value": value}]
