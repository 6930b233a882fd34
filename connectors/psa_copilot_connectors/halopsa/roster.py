"""Who and what exists in one Halo: agents, teams, statuses, outcomes, and the numbers that writes mean them by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from psa_copilot import Board, Directory, Moment, NotFound, Priority, Rejected
from psa_copilot_connectors.halopsa import mapping
from psa_copilot_connectors.halopsa.mapping import Names
from psa_copilot_connectors.halopsa.rows import Row, count, number, text
from psa_copilot_connectors.halopsa.settings import HaloPsaSettings
from psa_copilot_connectors.halopsa.site import Site

T = TypeVar("T")
BETWEEN_READS = timedelta(minutes=1)
"""A number that we do not know makes us read it all again at most this often."""
A_MOMENT = timedelta(seconds=30)
TICKET_STATUS = 0
FIRST_STATUS = "1"
ACTS_BY_ITSELF: Mapping[str, Row] = {"/TicketRules": {}, "/Notification": {"showall": "true"}}
EVERYBODY = {"includedisabled": "true", "includeapiagents": "true"}


@dataclass(frozen=True)
class Known:
    """Everything as it was when we last looked."""

    directory: Directory
    names: Names
    priorities: tuple[Row, ...]
    outcomes: tuple[Row, ...]
    setup: Mapping[str, list[Row]]
    """What decides what a write sets off, as the PSA shows it."""

    def team(self, name: str) -> str | None:
        """The number of a team."""
        return next((board.remote_id for board in self.directory.boards if board.name == name), None)

    def status(self, name: str) -> str | None:
        """The number of a status."""
        statuses = self.directory.boards[0].statuses if self.directory.boards else ()
        return next((status.remote_id for status in statuses if status.name == name), None)

    def priority(self, name: str, sla: str) -> str | None:
        """The number of a priority within an SLA."""
        own = (row for row in self.priorities if number(row.get("slaid")) == sla and text(row, "name") == name)
        return next((number(row.get("priorityid")) for row in own), None)

    def agent(self, identifier: str) -> str | None:
        """The number of somebody who still works here."""
        here = (person for person in self.directory.technicians if person.active)
        return next((one.remote_id for one in here if one.identifier == identifier), None)

    def category(self, path: str) -> str | None:
        """A category in Halo's own words."""
        rows = (text(row, "category_name") or text(row, "value") for row in self.setup["categories"])
        return next((name for name in rows if mapping.category(name) == path), None)

    def outcome(self, wanted: str) -> Row | None:
        """An outcome by its name or its number."""
        named = (row for row in self.outcomes if text(row, "outcome").casefold() == wanted.casefold())
        return next(named, next((row for row in self.outcomes if number(row.get("id")) == wanted), None))


class Roster:
    """Reads it all, and keeps what it read until somebody asks afresh."""

    def __init__(self, site: Site, settings: HaloPsaSettings, now: Callable[[], Moment]) -> None:
        self.known: Known | None = None
        self._site, self._settings, self._now = site, settings, now
        self._read_at: Moment | None = None

    async def read(self) -> Known:
        """Everything, afresh."""
        me, agents = await self.me(), await self._site.rows("/Agent", EVERYBODY, doing="list agents")
        setup = await self._setup()
        identifiers = _identifiers(agents)
        ourselves = identifiers.get(number(me.get("id"))) or text(me, "name")
        names = self._names(setup, identifiers)
        people = tuple(mapping.to_person(row, identifiers[number(row.get("id"))], ourselves) for row in agents)
        if all(person.identifier != ourselves for person in people):
            people = (*people, mapping.to_person(me, ourselves, ourselves))
        directory = Directory(
            technicians=people,
            boards=self._boards(setup, names),
            priorities=_priorities(setup["priorities"]),
            ourselves=ourselves,
        )
        self.known = Known(directory, names, tuple(setup["priorities"]), tuple(setup["outcomes"]), setup)
        self._read_at = self._now()
        return self.known

    async def me(self) -> Row:
        """The agent that our application is bound to."""
        return await self._site.row("/Agent/me", doing="ask who we are")

    async def setup(self) -> Mapping[str, list[Row]]:
        """What decides what a write sets off; what was read for the directory a moment ago is not read again."""
        if self.known and self._read_within(A_MOMENT):
            return self.known.setup
        return await self._setup()

    async def _setup(self) -> dict[str, list[Row]]:
        lists: dict[str, tuple[str, Row]] = {
            "teams": ("/Team", {"showall": "true"}),
            "statuses": ("/Status", {}),
            "priorities": ("/Priority", {}),
            "types": ("/TicketType", {"showall": "true"}),
            "categories": ("/Category", {"type_id": 1}),
            "outcomes": ("/Outcome", {"showhidden": "true"}),
        }
        told = {name: await self._site.rows(path, asked, doing=f"list {name}") for name, (path, asked) in lists.items()}
        # Filters may be ignored without a word, so what came back is looked at again.
        told["statuses"] = [row for row in told["statuses"] if row.get("type") in (None, TICKET_STATUS)]
        told["categories"] = [row for row in told["categories"] if row.get("type_id") in (None, 1)]
        return told | await self._what_acts_by_itself()

    async def _what_acts_by_itself(self) -> dict[str, list[Row]]:
        """Rules and notifications, where we may read them; webhooks, ours among them, are none."""
        rules, notifications = [await self._maybe(path, asked) for path, asked in ACTS_BY_ITSELF.items()]
        return {"rules": rules, "notifications": [row for row in notifications if not row.get("webhook_id")]}

    async def _maybe(self, path: str, asked: Row) -> list[Row]:
        try:
            return await self._site.rows(path, asked, doing="list what acts by itself")
        except (NotFound, Rejected):
            return []

    async def at_hand(self) -> Known:
        """What we know, read once if we know nothing yet."""
        return self.known or await self.read()

    async def names_for(self, rows: Iterable[Row]) -> Names:
        """What the numbers on these tickets mean; an unknown one is looked up afresh, since desks add values."""
        known = await self.at_hand()
        if all(known.names.know(row) for row in rows):
            return known.names
        return known.names if self._read_within(BETWEEN_READS) else (await self.read()).names

    def _read_within(self, span: timedelta) -> bool:
        return self._read_at is not None and timedelta() <= self._now() - self._read_at < span

    async def find(self, look: Callable[[Known], T | None]) -> T | None:
        """Something by its label; an unknown one is looked up afresh, unless that was done a moment ago."""
        found = look(self.known) if self.known else None
        if found is not None or self._read_within(A_MOMENT):
            return found
        return look(await self.read())

    async def accounts(self) -> frozenset[str]:
        """Identifiers of API agents, ours among them, as the mapping wants them."""
        people = (await self.at_hand()).directory.technicians
        return frozenset(person.identifier.casefold() for person in people if person.is_api)

    def _names(self, setup: Mapping[str, list[Row]], identifiers: Mapping[str, str]) -> Names:
        closed = {one.casefold() for one in self._settings.closed}
        statuses = {number(row.get("id")): text(row, "name") for row in setup["statuses"]}
        priorities = {
            (number(row.get("slaid")), number(row.get("priorityid"))): text(row, "name") for row in setup["priorities"]
        }
        return Names(
            statuses=statuses,
            closed=frozenset(key for key, name in statuses.items() if key in closed or name.casefold() in closed),
            priorities=priorities,
            agents=identifiers,
            types={number(row.get("id")): text(row, "name") for row in setup["types"]},
            teams={number(row.get("id")): text(row, "name") for row in setup["teams"]},
        )

    def _boards(self, setup: Mapping[str, list[Row]], names: Names) -> tuple[Board, ...]:
        """Teams are what others call boards; statuses and categories are everybody's."""
        default = _default_status(setup)
        statuses = tuple(
            mapping.to_status(row, is_closed=key in names.closed, is_default=key == default)
            for row in setup["statuses"]
            for key in [number(row.get("id"))]
        )
        paths = (mapping.category(text(row, "category_name") or text(row, "value")) for row in setup["categories"])
        categories = tuple(sorted(set(filter(None, paths))))
        mails = any(status.mails for status in statuses)
        live = (row for row in setup["teams"] if not row.get("inactive"))
        return tuple(
            Board(
                remote_id=number(row.get("id")),
                name=text(row, "name"),
                statuses=statuses,
                categories=categories,
                mails=mails,
            )
            for row in live
        )


def _identifiers(agents: Iterable[Row]) -> dict[str, str]:
    """What each agent is called; two of one name get their numbers behind it."""
    rows = list(agents)
    times = Counter(text(row, "name") for row in rows)
    told = {number(row.get("id")): text(row, "name") for row in rows}
    return {key: name if times[name] == 1 else f"{name} ({key})" for key, name in told.items()}


def _default_status(setup: Mapping[str, list[Row]]) -> str:
    """What most ticket types begin with; else the first status that every tenant has."""
    there = [number(row.get("id")) for row in setup["statuses"]]
    begun = Counter(number(row.get("initial_status")) for row in setup["types"] if count(row.get("initial_status")))
    known = [status for status, _ in begun.most_common() if status in there]
    return next(iter([*known, *(one for one in there if one == FIRST_STATUS), *there]), "")


def _priorities(rows: Iterable[Row]) -> tuple[Priority, ...]:
    """Each name once: the same priority is there in every SLA."""
    named: dict[str, Priority] = {}
    for row in rows:
        name, key = text(row, "name"), number(row.get("priorityid"))
        if name and not row.get("ishidden"):
            level = mapping.priority_level(name, row.get("priorityid"))
            named.setdefault(name, Priority(remote_id=key, name=name, level=level))
    return tuple(named.values())
