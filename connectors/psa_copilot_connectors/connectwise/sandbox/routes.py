"""Resources by path and method: what all kinds of records have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from psa_copilot.sandbox import Answer, Row, Table, World
from psa_copilot_connectors.connectwise.sandbox.desk import API
from psa_copilot_connectors.connectwise.sandbox.http import DELETED, Asked, Failed, answer
from psa_copilot_connectors.connectwise.sandbox.query import Indexed, Question, View, matching, page, project
from psa_copilot_connectors.connectwise.sandbox.shapes import Shape

Serve = Callable[[Asked], Answer]
Rows = Callable[[Asked], Indexed | list[Row]]
Edit = Callable[[int, Mapping[str, object], str], Row]
Delete = Callable[[int, str], object]

NO_RIGHT = "You do not have permission to {what}."
HTML_403 = b"<html><head><title>403</title></head><body><h2>403 - Forbidden: Access is denied.</h2></body></html>"


class Forbidden(Exception):
    """The role of this login does not allow it."""

    def __init__(self, what: str) -> None:
        super().__init__(NO_RIGHT.format(what=what))


@dataclass(frozen=True)
class Kind:
    """A kind of record that has a list at a path; `#` in it stands for an id."""

    path: str
    table: Table
    names: Shape
    label: str
    right: str = ""  # the switch that takes the right to read it away
    view: View | None = None  # how it is shown, where that is not how it is kept
    parent: str = ""  # the field that holds the id in the path before it

    def fits(self, row: Row, numbers: tuple[int, ...]) -> bool:
        """Whether a record is where the path says."""
        return not self.parent or row.get(self.parent) == numbers[0]


class Routes:
    """All resources by path and method."""

    def __init__(self, world: World) -> None:
        self.by_path: dict[str, dict[str, Serve]] = {}
        self.world = world
        self.switches = world.switches

    def kind(self, kind: Kind, rows: Rows | None = None, **others: Serve) -> None:
        """A list, its count, and one record of it."""
        self.lists(kind.path, kind.names, rows or (lambda _: kind.table), right=kind.right, view=kind.view, **others)
        self.by_path[f"{kind.path}/#"] = {"GET": lambda asked: self._one(asked, kind)}

    def lists(
        self, path: str, names: Shape, rows: Rows, *, right: str = "", view: View | None = None, **others: Serve
    ) -> None:
        """A list and its count."""

        def found_rows(asked: Asked) -> Indexed | list[Row]:
            return rows(asked) if self.may(right, asked, f"inquire {path}") else []

        def listed(asked: Asked) -> Answer:
            url = f"{self.world.url}{asked.request.path}"
            return self.paged(page(self.question(asked), found_rows(asked), names, url, view))

        def counted(asked: Asked) -> Answer:
            return answer(200, {"count": len(matching(self.question(asked), found_rows(asked), names))})

        self.by_path[path] = {"GET": listed, **others}
        self.by_path[f"{path}/count"] = {"GET": counted}

    def edits(self, kind: Kind, edit: Edit, delete: Delete | None = None, right: str = "") -> None:
        """Changing one record, and taking it away."""

        def patch(asked: Asked) -> Answer:
            self.demand(right, asked, f"change {kind.path}")
            changes = self._changes(asked, kind)
            row = self.row(asked, kind)
            return answer(200, self.shown(edit(asked.number, changes, asked.by) if changes else row, kind.view))

        def put(asked: Asked) -> Answer:
            self.demand(right, asked, f"change {kind.path}")
            self.row(asked, kind)
            # Whatever is not sent is blanked.
            blank = dict.fromkeys(sorted(name for name in kind.names.all_writable() if name != "id"))
            return answer(200, self.shown(edit(asked.number, {**blank, **asked.body()}, asked.by), kind.view))

        self.by_path[f"{kind.path}/#"] |= {"PATCH": patch, "PUT": put}
        if delete:
            self.by_path[f"{kind.path}/#"]["DELETE"] = self.deletes(kind, delete, right)

    def deletes(self, kind: Kind, delete: Delete, right: str = "") -> Serve:
        """Taking one record away."""

        def gone(asked: Asked) -> Answer:
            self.row(asked, kind)
            self.demand(right, asked, f"change {kind.path}")
            self.demand("delete_right", asked, "delete records")
            delete(asked.number, asked.by)
            return DELETED

        return gone

    # Parts of requests.

    def question(self, asked: Asked) -> Question:
        """What a list is asked for, on a server that understands dates its own way."""
        return replace(asked.question(), dates=self.switches.text("datetime_literal"))

    def row(self, asked: Asked, kind: Kind) -> Row:
        """The record that the path names."""
        row = kind.table.get(asked.number)
        if row is None or not kind.fits(row, asked.numbers):
            raise Failed(404, "NotFound", f"{kind.label} {asked.number} not found")
        return row

    def demand(self, switch: str, asked: Asked, what: str) -> None:
        """Forbidden where the role of the copilot's login lacks a right."""
        if switch and asked.login.key == "pub" and not self.switches.on(switch):
            raise Forbidden(what)

    def may(self, switch: str, asked: Asked, what: str) -> bool:
        """The same for a list, which may also be empty instead."""
        try:
            self.demand(switch, asked, what)
        except Forbidden:
            if self.switches.text("missing_right_shows") == "403":
                raise
            return False
        return True

    def shown(self, row: Row, view: View | None = None) -> Row:
        """A record as it is sent."""
        row = view(row) if view else row
        if not self.switches.on("null_lists"):
            return row
        return {name: None if value == [] else value for name, value in row.items()}

    def paged(self, found: Any) -> Answer:
        """A page as it is sent."""
        links = [("Link", found.link)] if found.link else []
        return answer(200, [self.shown(row) for row in found.rows], *links)

    def pointer(self, kind: str, path: str, number: int, /, **shown: object) -> Row:
        """A reference in a list of references."""
        return {"id": number, **shown, "_info": {f"{kind}_href": f"{self.world.url}{API}{path}/{number}"}}

    def _one(self, asked: Asked, kind: Kind) -> Answer:
        self.demand(kind.right, asked, f"inquire {kind.path}")
        row = self.row(asked, kind)
        [shown] = project([kind.view(row) if kind.view else row], asked.question(), kind.names)
        return answer(200, self.shown(shown))

    def _changes(self, asked: Asked, kind: Kind) -> dict[str, object]:
        changes: dict[str, object] = {}
        for operation in asked.operations():
            path, op = str(operation["path"]).removeprefix("/"), str(operation.get("op", "")).lower()
            if op not in ("add", "replace", "remove"):
                raise Failed(400, "InvalidObject", f"The operation '{operation.get('op')}' is not known.")
            if "/" in path:
                if self.switches.text("patch_subpath") == "refused":
                    raise Failed(400, "InvalidObject", f"The path {path} is not valid.")
                continue
            if not kind.names.writable(path):
                raise Failed(400, "InvalidObject", f"The path {path} is not valid.")
            self._check_unassign(path, op, operation.get("value"))
            changes[path] = None if op == "remove" else operation.get("value")
        return changes

    def _check_unassign(self, path: str, op: str, value: object) -> None:
        how = self.switches.text("unassign")
        wrong = {"both": False, "remove": op != "remove" and value is None, "null": op == "remove"}[how]
        if path == "owner" and wrong:
            raise Failed(400, "InvalidObject", "The owner cannot be removed in this way.")
