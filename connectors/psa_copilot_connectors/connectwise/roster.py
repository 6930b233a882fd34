"""Who and what exists in one ConnectWise: people, boards, categories, and the numbers that writes mean them by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from psa_copilot import Board, Directory, Moment, NotFound, Priority, Rejected, Status
from psa_copilot_connectors.connectwise import mapping, sla
from psa_copilot_connectors.connectwise.rows import Row, part, reference
from psa_copilot_connectors.connectwise.site import Site

BOARDS = "/service/boards"
MEMBERS, SHORT_MEMBERS = "/system/members", "/system/info/members"
MEMBER_FIELDS = "id,identifier,firstName,lastName,inactiveFlag,licenseClass,primaryEmail,officeEmail"

A_MOMENT = timedelta(seconds=30)

Category = tuple[Row | None, Row | None, Row | None]
"""Type, subtype and item as a body means them."""
T = TypeVar("T")


@dataclass(frozen=True)
class Setup:
    """What decides what a write sets off, as the PSA shows it."""

    at: Moment
    boards: tuple[tuple[Row, list[Row]], ...]
    """Each with its statuses."""
    priorities: list[Row]
    slas: list[tuple[Row, list[Row]]]
    """Each with its priorities."""


@dataclass(frozen=True)
class Room:
    """One board, and what on it a write can name."""

    row: Row
    statuses: list[Row]
    board: Board
    categories: Mapping[str, Category] = field(default_factory=dict)
    teams: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Known:
    """Everything as it was when we last looked."""

    directory: Directory
    rooms: tuple[Room, ...]
    promises: sla.Promises
    setup: Setup

    def room(self, board: str) -> Room | None:
        """The board of that name."""
        return next((room for room in self.rooms if room.board.name == board), None)

    def board(self, name: str) -> Row | None:
        """How a body means a board."""
        return _named(self.directory.boards, name)

    def priority(self, name: str) -> Row | None:
        """How a body means a priority."""
        return _named(self.directory.priorities, name)

    def status(self, board: str, name: str) -> Row | None:
        """How a body means a status of a board."""
        return _named(self._statuses(board), name)

    def default_status(self, board: str) -> Row | None:
        """What a ticket on this board begins with."""
        return next((_meant(one) for one in self._statuses(board) if one.is_default), None)

    def category(self, board: str, path: str) -> Category | None:
        """How a body means a category of a board."""
        room = self.room(board)
        return room.categories.get(path) if room else None

    def team(self, board: str, name: str) -> Row | None:
        """How a body means a team of a board."""
        room = self.room(board)
        return next((reference(row) for row in room.teams if row.get("name") == name), None) if room else None

    def member(self, identifier: str) -> Row | None:
        """How a body means somebody who still works here."""
        here = (person for person in self.directory.technicians if person.active)
        return next(({"id": int(one.remote_id)} for one in here if one.identifier == identifier), None)

    def _statuses(self, board: str) -> tuple[Status, ...]:
        room = self.room(board)
        return room.board.statuses if room else ()


class Roster:
    """Reads it all, and keeps what it read until somebody asks afresh."""

    def __init__(self, site: Site, member: str) -> None:
        self.known: Known | None = None
        self.ourselves = ""
        self._site, self._named_in_config = site, member
        self._members_at = MEMBERS

    async def read(self) -> Known:
        """Everything, afresh."""
        members = await self.members()
        ourselves = await self._who_we_are() or _only_api_member(members)
        priorities, at = await self._priorities(), self._site.now()
        rooms = [await self._room(row) for row in await self._live_boards()]
        slas = await self._slas()
        directory = Directory(
            technicians=tuple(mapping.to_person(row, ourselves, _team_of(row, rooms)) for row in members),
            boards=tuple(room.board for room in rooms),
            priorities=tuple(map(mapping.to_priority, priorities)),
            ourselves=ourselves,
        )
        promises = {key: one for row, rows in slas for key, one in sla.promises(row, rows).items()}
        setup = Setup(at, tuple((room.row, room.statuses) for room in rooms), priorities, slas)
        self.known = Known(directory, tuple(rooms), promises, setup)
        return self.known

    async def setup(self) -> Setup:
        """The PSA's setup as it stands; what was read for the directory a moment ago is not read again."""
        if self.known and timedelta() <= self._site.now() - self.known.setup.at < A_MOMENT:
            return self.known.setup
        at, boards = self._site.now(), await self._live_boards()
        with_statuses = [(row, await self._statuses(row)) for row in boards]
        return Setup(at, tuple(with_statuses), await self._priorities(), await self._slas())

    async def at_hand(self) -> Known:
        """What we know, read once if we know nothing yet."""
        return self.known or await self.read()

    async def find(self, look: Callable[[Known], T | None]) -> T | None:
        """Something by its label; an unknown one is looked up afresh once, since desks add values."""
        found = look(self.known) if self.known else None
        return found if found is not None else look(await self.read())

    async def accounts(self) -> frozenset[str]:
        """Identifiers of API members, ours among them, as the mapping wants them."""
        people = (await self.at_hand()).directory.technicians
        known = {person.identifier.casefold() for person in people if person.is_api}
        return frozenset(known | ({self.ourselves.casefold()} - {""}))

    async def members(self) -> list[Row]:
        """Everybody who works here; the short list serves where the role may not read the long one."""
        if self._members_at == MEMBERS:
            try:
                rows = await self._site.all(MEMBERS, {"fields": MEMBER_FIELDS}, doing="list members")
            except (NotFound, Rejected):
                rows = []
            if rows:
                return rows
            self._members_at = SHORT_MEMBERS  # a list without anybody on it is a missing right, too
        return await self._site.all(SHORT_MEMBERS, doing="list members")

    async def _live_boards(self) -> list[Row]:
        return [row for row in await self._site.all(BOARDS, doing="list boards") if not row.get("inactiveFlag")]

    async def _statuses(self, board: Row) -> list[Row]:
        return await self._site.all(f"{BOARDS}/{board['id']}/statuses", doing=f"list statuses of {_called(board)}")

    async def _priorities(self) -> list[Row]:
        return await self._site.all("/service/priorities", doing="list priorities")

    async def _slas(self) -> list[tuple[Row, list[Row]]]:
        """As far as we may read them."""
        rows = await self._site.maybe_all("/service/SLAs", doing="list SLAs") or []
        return [(row, await self._sla_priorities(row)) for row in rows]

    async def _sla_priorities(self, row: Row) -> list[Row]:
        doing = f"list priorities of SLA {row.get('name')}"
        return await self._site.maybe_all(f"/service/SLAs/{row['id']}/priorities", doing=doing) or []

    async def _room(self, row: Row) -> Room:
        teams = await self._site.maybe_all(f"{BOARDS}/{row['id']}/teams", doing=f"list teams of {_called(row)}") or []
        categories = await self._categories(row)
        statuses = await self._statuses(row)
        board = mapping.to_board(row, statuses, sorted(categories), teams)
        return Room(row, statuses, board, categories, tuple(teams))

    async def _categories(self, board: Row) -> dict[str, Category]:
        """The paths that go together here. Older servers tell no items with them: then none is offered."""
        types, subtypes = await self._live(board, "types"), await self._live(board, "subtypes")
        path = f"{BOARDS}/{board['id']}/typeSubTypeItemAssociations"
        together = await self._site.maybe_all(path, doing=f"list categories of {_called(board)}")
        return paths(types, subtypes, _by_types(types, subtypes) if together is None else together)

    async def _live(self, board: Row, what: str) -> list[Row]:
        rows = await self._site.maybe_all(f"{BOARDS}/{board['id']}/{what}", doing=f"list {what} of {_called(board)}")
        return [row for row in rows or [] if not row.get("inactiveFlag")]

    async def _who_we_are(self) -> str:
        """Our own account, where somebody really told: our last note's author, the PSA, or the config."""
        self.ourselves = self.ourselves or await self._told_by_psa() or self._named_in_config
        return self.ourselves

    async def _told_by_psa(self) -> str:
        try:
            told = (await self._site.get("/system/myMembers/info", doing="ask who we are", may_lack=True)).json
        except (NotFound, Rejected):
            return ""
        row = told[0] if isinstance(told, list) and told else told
        return str(row.get("identifier") or "") if isinstance(row, dict) else ""


def paths(types: Iterable[Row], subtypes: Iterable[Row], together: Iterable[Row]) -> dict[str, Category]:
    """Every category of a board by its path: each type alone, with its subtypes, and with their items."""
    found: dict[str, Category] = {str(row.get("name") or ""): (reference(row), None, None) for row in types}
    live = {row["id"] for row in types}, {row["id"] for row in subtypes}
    for row in together:
        kind, subtype, item = (part(row, name) for name in mapping.CATEGORY)
        if kind.get("id") not in live[0] or subtype.get("id") not in live[1]:
            continue
        wider = {"type": kind, "subType": subtype}
        found[mapping.category(wider)] = (reference(kind), reference(subtype), None)
        if item:
            found[mapping.category({**wider, "item": item})] = (reference(kind), reference(subtype), reference(item))
    return found


def _by_types(types: Iterable[Row], subtypes: Iterable[Row]) -> list[Row]:
    """What goes together by the subtypes' own word; which items do is not told in these lists."""
    return [
        {"type": kind, "subType": subtype}
        for kind in types
        for subtype in subtypes
        if kind["id"] in (subtype.get("typeAssociationIds") or ())
    ]


def _team_of(member: Row, rooms: Iterable[Room]) -> str:
    """The first team that names somebody; teams belong to boards, and most people are in one."""
    teams = (team for room in rooms for team in room.teams if member["id"] in (team.get("members") or ()))
    return next((str(team.get("name") or "") for team in teams), "")


def _only_api_member(members: list[Row]) -> str:
    """A guess good enough for a list: keys belong to a member, and one API member is active."""
    found = [row for row in members if row.get("licenseClass") == "A" and not row.get("inactiveFlag")]
    return str(found[0]["identifier"]) if len(found) == 1 else ""


def _called(board: Row) -> str:
    return f"board {board.get('name')}"


def _named(known: Iterable[Board | Priority | Status], name: str) -> Row | None:
    return next((_meant(one) for one in known if one.name == name), None)


def _meant(one: Board | Priority | Status) -> Row:
    return {"id": int(one.remote_id)}
