"""Reads and writes the folder. A file's time of change is its ticket's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from psa_copilot import (
    Action,
    AddNote,
    AuthFailed,
    Can,
    ChangeField,
    ConnectionSettings,
    Connector,
    Directory,
    EditNote,
    Field,
    Finding,
    Moment,
    NotFound,
    NotReady,
    PsaError,
    Pulled,
    Receipt,
    Ref,
    Rejected,
    Setting,
    TicketPage,
    Unsupported,
    marker_of,
    same_text,
)
from psa_copilot_json_folder.mapping import Row, to_directory, to_message, to_ticket

PAGE = 100


class FolderSettings(ConnectionSettings):
    """Where the files are."""

    url: str = Setting("", description="Not used: a folder has no site.")
    folder: Path = Setting(description="The folder that holds desk.json and tickets/.")


class JsonFolder(Connector):
    """Tickets that lie in a folder, each in a file of its own."""

    name = "json_folder"
    can = Can(
        internal_notes=True,
        edit_notes=True,
        fields=frozenset({Field.TITLE, Field.STATUS, Field.PRIORITY, Field.ASSIGNEE}),
        message_bumps_ticket="yes",
    )
    Settings = FolderSettings
    settings: FolderSettings

    async def known_good(self) -> None:
        self._desk()

    async def check(self) -> list[Finding]:
        try:
            desk, tickets = self._desk(), self._files()
        except PsaError as exc:
            return [Finding("fault", "folder", str(exc))]
        return [Finding("ok", "folder", f"{len(desk.technicians)} people, {len(tickets)} tickets")]

    async def directory(self) -> Directory:
        return self._desk()

    # Reading

    def cursor_at(self, moment: Moment) -> str:
        return moment.isoformat()

    async def changes(self, since: str) -> AsyncIterator[TicketPage]:
        """A file that somebody is just saving is left for later: its time of change will be later too."""
        first, desk = datetime.fromisoformat(since), self._desk()
        found = sorted((changed, path) for path in self._files() if (changed := _changed(path)) >= first)
        for start in range(0, len(found), PAGE):
            page = found[start : start + PAGE]
            pulled = [one for _, path in page if (one := self._pulled_if_whole(path, desk))]
            yield TicketPage([one.ticket for one in pulled], page[-1][0].isoformat())

    async def ids(self) -> AsyncIterator[list[str]]:
        yield [path.stem for path in self._files()]

    async def pull(self, ref: Ref) -> Pulled:
        desk = self._desk()
        return self._pulled(self._path(ref), desk)

    def _pulled(self, path: Path, desk: Directory) -> Pulled:
        ref = Ref(connection=self.http.connection, remote_id=path.stem)
        with self._named(f"read {path.name}"):
            row = _row(path)
            messages = tuple(to_message(ref, one, desk) for one in row["messages"])
            return Pulled(ticket=to_ticket(ref, row, desk, _changed(path)), messages=messages)

    def _pulled_if_whole(self, path: Path, desk: Directory) -> Pulled | None:
        try:
            return self._pulled(path, desk)
        except NotReady:
            return None

    # Writing

    async def apply(self, ref: Ref, action: Action, marker: str) -> Receipt:
        match action:
            case AddNote(customer_visible=False):
                return self._add(ref, action)
            case EditNote():
                return self._edit(ref, action)
            case ChangeField() if _values(action).keys() <= self.can.fields:
                return self._set(ref, action)
        raise self._unsupported(action)

    async def find(self, ref: Ref, action: Action, marker: str) -> Receipt | None:
        us, pulled = self._desk().ourselves, await self.pull(ref)
        ours = [one for one in pulled.messages if one.author_id == us]
        match action:
            case AddNote(customer_visible=False):
                made = [one.remote_id for one in ours if marker_of(one.text) == marker]
                return Receipt(remote_id=made[0]) if made else None
            case EditNote():
                same = [one for one in ours if one.remote_id == action.note_id and same_text(one.text, action.body)]
                return Receipt(remote_id=action.note_id) if same else None
            case ChangeField():
                is_so = all(pulled.ticket.field(field) == value for field, value in _values(action).items())
                return Receipt(value=action.to) if is_so else None
        raise self._unsupported(action)

    def _add(self, ref: Ref, wish: AddNote) -> Receipt:
        note = {"id": uuid4().hex, "by": self._desk().ourselves, "at": self._now(), "internal": True}
        with self._changing(ref) as row:
            row["messages"].append(note | {"text": wish.body})
        return Receipt(remote_id=str(note["id"]))

    def _edit(self, ref: Ref, wish: EditNote) -> Receipt:
        us = self._desk().ourselves
        with self._changing(ref) as row:
            ours = [one for one in row["messages"] if (one["id"], one["by"]) == (wish.note_id, us)]
            if not ours:
                raise Rejected(self.http.connection, f"edit a note of {ref}", "it is not there, or not ours")
            ours[0].update(text=wish.body, edited=self._now())
        return Receipt(remote_id=wish.note_id)

    def _set(self, ref: Ref, wish: ChangeField) -> Receipt:
        desk, values = self._desk(), _values(wish)
        there = {
            Field.STATUS: {status.name for status in desk.boards[0].statuses},
            Field.PRIORITY: {priority.name for priority in desk.priorities},
            Field.ASSIGNEE: {person.identifier for person in desk.technicians if not person.is_api},
        }
        for field, value in values.items():
            if value not in there.get(field, {value}):
                raise Rejected(self.http.connection, f"set the {field} of {ref}", f"there is no {value}")
        with self._changing(ref) as row:
            row.update({field.value: value for field, value in values.items()})
        return Receipt(value=wish.to)

    @contextmanager
    def _changing(self, ref: Ref) -> Iterator[Row]:
        """A ticket to change: saved whole or not at all, and not over what somebody else has saved meanwhile."""
        path = self._path(ref)
        with self._named(f"change {path.name}"):
            before, row = _changed(path), _row(path)
            yield row
            beside = path.with_suffix(".new")
            beside.write_text(json.dumps(row, indent=2, ensure_ascii=False), encoding="utf-8")
            if _changed(path) != before:
                raise NotReady(self.http.connection, f"change {path.name}", "somebody has just saved it")
            beside.replace(path)

    # Files

    def _desk(self) -> Directory:
        with self._named("read desk.json"):
            return to_directory(_row(self.settings.folder / "desk.json"))

    def _files(self) -> list[Path]:
        with self._named("list the tickets"):
            return [path for path in (self.settings.folder / "tickets").iterdir() if path.suffix == ".json"]

    def _path(self, ref: Ref) -> Path:
        path = self.settings.folder / "tickets" / f"{ref.remote_id}.json"
        if path not in self._files():
            raise NotFound(self.http.connection, f"find {ref}", f"there is no {path.name}")
        return path

    @contextmanager
    def _named(self, doing: str) -> Iterator[None]:
        """Files fail in their own words; these are ours, which say what to do next. Nothing of a text is told."""
        us = self.http.connection
        try:
            yield
        except PermissionError as exc:
            raise AuthFailed(us, doing, f"we may not; check the rights of connections.{us}.folder") from exc
        except OSError as exc:
            raise NotReady(us, doing, f"{exc.strerror}; check connections.{us}.folder") from exc
        except (KeyError, TypeError, ValueError) as exc:
            raise NotReady(us, doing, f"its content is not as it should be ({type(exc).__name__})") from exc

    def _unsupported(self, action: Action) -> Unsupported:
        return Unsupported(self.http.connection, action.kind, "a folder keeps internal notes and a few fields")

    def _now(self) -> str:
        return self.http.psa_now().isoformat()


def _values(wish: ChangeField) -> dict[Field, str]:
    return {wish.field: wish.to, **wish.along}


def _row(path: Path) -> Row:
    row = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(row, dict):
        raise TypeError("a JSON object was expected")
    return row


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
