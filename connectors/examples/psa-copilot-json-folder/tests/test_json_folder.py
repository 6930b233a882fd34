"""The folder keeps what every connector promises."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from psa_copilot_json_folder import JsonFolder

from psa_copilot.sandbox import MessageLine, TicketLine
from psa_copilot.testing.contract import ConnectorContract
from psa_copilot.testing.psa import LocalPsa, Psa

DESK = {
    "copilot": "copilot",
    "people": {"ines": "Ines Example", "tobi": "Tobi Example", "copilot": "The copilot"},
    "statuses": ["New", "In progress", "Done"],
    "closed": ["Done"],
    "priorities": ["Urgent", "High", "Normal", "Low"],
}
WHO = {"customer": "robin", "agent": "ines", "system": "postmaster"}


class Office(LocalPsa):
    """People who save files in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.url, self._folder, self._last = str(folder), folder, 0
        (folder / "tickets").mkdir(parents=True)
        (folder / "desk.json").write_text(json.dumps(DESK))
        for title in ("Scanner", "Till", "Headset"):
            self.inject({"title": title, "messages": [{"role": "customer", "text": f"The {title} is silent."}]})

    def open_ticket(self, line: TicketLine, at: datetime) -> str:
        self._last += 1
        row = {"title": line.heading(), "status": "New", "priority": "Normal", "contact": "robin"}
        self._save(str(self._last), row | {"opened": at.isoformat(), "messages": []})
        return str(self._last)

    def say(self, ticket: int | str, message: MessageLine, at: datetime) -> str:
        row = self._row(ticket)
        said = {"id": str(len(row["messages"]) + 1), "by": message.by or WHO[message.role], "at": at.isoformat()}
        row["messages"].append(said | {"text": message.text, "internal": message.internal})
        self._save(str(ticket), row)
        return str(said["id"])

    def counts(self) -> Mapping[str, int]:
        return {"tickets": len(list(self._folder.glob("tickets/*.json")))}

    def notes(self, ticket: int | str) -> list[dict[str, Any]]:
        return list(self._row(ticket)["messages"])

    def written(self) -> object:
        return {path: path.read_text() for path in self._folder.rglob("*.*")}

    @contextmanager
    def away(self) -> Iterator[None]:
        elsewhere = self._folder.rename(self._folder.with_name("elsewhere"))
        yield
        elsewhere.rename(self._folder)

    def _row(self, ticket: int | str) -> dict[str, Any]:
        return dict(json.loads((self._folder / "tickets" / f"{ticket}.json").read_text()))

    def _save(self, ticket: str, row: Mapping[str, object]) -> None:
        path, now = self._folder / "tickets" / f"{ticket}.json", self.now().timestamp()
        path.write_text(json.dumps(row))
        os.utime(path, (now, now))


class TestJsonFolder(ConnectorContract):
    connector_class = JsonFolder

    def settings(self, url: str) -> dict[str, object]:
        return {"use": "json_folder", "folder": url}

    @pytest.fixture
    def psa(self, tmp_path: Path) -> Psa:
        return Office(tmp_path / "desk")

    async def test_a_file_that_is_being_saved_holds_up_no_other(self, psa: Psa, connector: JsonFolder) -> None:
        (Path(psa.url) / "tickets" / "2.json").write_text('{"title": "Ti')
        pages = [page async for page in connector.changes("2000-01-01T00:00:00+00:00")]
        assert [ticket.number for page in pages for ticket in page.tickets] == ["1", "3"]
