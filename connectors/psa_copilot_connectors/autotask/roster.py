"""Who and what there is in the PSA, read once and kept: resources, roles, picklists, and names by number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from psa_copilot import Directory, Moment, Person, Seldom
from psa_copilot_connectors.autotask import mapping
from psa_copilot_connectors.autotask.mapping import Words
from psa_copilot_connectors.autotask.picklists import Picklist
from psa_copilot_connectors.autotask.rows import Row, full_name, number, text
from psa_copilot_connectors.autotask.settings import AutotaskSettings
from psa_copilot_connectors.autotask.site import Site

LISTS = ("status", "priority", "queueID", "issueType", "subIssueType", "source")
MATCH_ALL: Row = {"op": "gte", "field": "id", "value": 0}
RESOURCE_FIELDS = (
    "id", "firstName", "lastName", "email", "userName", "isActive", "defaultServiceDeskRoleID", "licenseType",
)  # fmt: skip
OWNER = "assignedResourceID"
AGAIN = timedelta(minutes=1)
"""For a number that nobody has told us of, everything is read afresh at most this often; for a name, only that."""
LINK = "Autotask/AutotaskExtend/ExecuteCommand.aspx?Code=OpenTicketDetail&TicketID={id}"

T = TypeVar("T")


@dataclass(frozen=True)
class Known:
    """What was read, all at one time."""

    directory: Directory
    words: Words
    notes: dict[str, Picklist]
    roles: dict[int, int]
    """In which role somebody is put on a ticket."""
    ourselves: int | None
    """Number of our own resource, where the PSA lists it."""

    def person(self, identifier: str) -> Person | None:
        """Somebody who works here, by what they are called."""
        people = self.directory.technicians
        return next((one for one in people if one.identifier == identifier), None)


class Roster:
    """Reads it all, and keeps what it read until somebody asks afresh."""

    def __init__(self, site: Site, settings: AutotaskSettings) -> None:
        self.known: Known | None = None
        self._site, self._settings = site, settings
        self._lock = asyncio.Lock()
        self._reads_again = Seldom(AGAIN)
        self._strange: set[tuple[str, int]] = set()
        self._asked_at: dict[tuple[str, int], Moment] = {}

    async def read(self) -> Known:
        """Everything, afresh; names of companies and contacts are looked up again when they are met."""
        fields, notes = await self._site.fields("Tickets"), await self._site.fields("TicketNotes")
        licenses = Picklist.read(await self._site.fields("Resources"), "licenseType")
        rows = await self._site.all("Resources", MATCH_ALL, fields=RESOURCE_FIELDS, doing="list resources")
        ourselves = self._who_we_are(rows, licenses)
        people = {int(row["id"]): mapping.to_person(row, licenses, ourselves) for row in rows}
        words = Words(
            connection=self._site.connection,
            picklists={name: Picklist.read(fields, name) for name in LISTS},
            people=people,
            link=f"{self._site.web_url}{LINK}" if self._site.web_url else "",
        )
        self.known = Known(
            directory=self._directory(words, ourselves),
            words=words,
            notes={name: Picklist.read(notes, name) for name in ("noteType", "publish")},
            roles=await self._roles(rows),
            ourselves=ourselves,
        )
        return self.known

    async def at_hand(self) -> Known:
        """What we know, read once if we know nothing yet."""
        async with self._lock:
            return self.known or await self.read()

    async def find(self, look: Callable[[Known], T | None]) -> T | None:
        """Something by its label; an unknown one is looked up afresh once, since desks add values."""
        found = look(self.known) if self.known else None
        return found if found is not None else look(await self.read())

    async def words_for(self, rows: Iterable[Row]) -> Words:
        """What these rows need to be read by people: names that we have not met are asked for together."""
        # Somebody may read it all afresh meanwhile: what is asked for belongs into the words that we give.
        there = list(rows)
        words = await self._words_of_all(there)
        companies = {one for row in there if (one := number(row, "companyID")) is not None}
        contacts = {one for row in there for key in ("contactID", "createdByContactID") if (one := number(row, key))}
        await self._name("Companies", companies, words.companies, ("id", "companyName"))
        await self._name("Contacts", contacts, words.contacts, ("id", "firstName", "lastName"))
        return words

    async def _words_of_all(self, rows: list[Row]) -> Words:
        """The words at hand; read once afresh for a queue, a status or a technician that is newer than they are."""
        known = await self.at_hand()
        if not (_unknown(rows, known.words) - self._strange):
            return known.words
        async with self._lock:
            now = self.known or known
            if _unknown(rows, now.words) - self._strange and self._reads_again.passes(self._site.now()):
                now = await self.read()
                self._strange |= _unknown(rows, now.words)
            return now.words

    async def _name(self, entity: str, wanted: set[int], known: dict[int, str], fields: tuple[str, ...]) -> None:
        now = self._site.now()
        lately = {one for one in wanted if timedelta() <= now - self._asked_at.get((entity, one), now - AGAIN) < AGAIN}
        missing = wanted - known.keys() - lately
        if not missing:
            return
        rows = await self._site.those(entity, "id", missing, fields, doing=f"read the names of {entity}")
        known.update({int(row["id"]): text(row, "companyName") or full_name(row) for row in rows})
        # One that nobody shows us is gone, or so new that the server that answers does not have it yet.
        self._asked_at.update(dict.fromkeys(((entity, one) for one in missing - known.keys()), now))

    def _who_we_are(self, rows: list[Row], licenses: Picklist) -> int | None:
        """By what the config says, by the name that we log in with, or as the only API user."""
        if self._settings.resource is not None:
            return self._settings.resource
        user = self._settings.username.casefold()
        named = [row for row in rows if user in (text(row, "userName").casefold(), text(row, "email").casefold())]
        apis = [row for row in rows if mapping.to_person(row, licenses, None).is_api]
        [us] = named if len(named) == 1 else apis if len(apis) == 1 else [None]
        return int(us["id"]) if us else None

    def _directory(self, words: Words, ourselves: int | None) -> Directory:
        people = [person for one, person in words.people.items() if one != mapping.SYSTEM]
        us = words.people.get(ourselves) if ourselves is not None else None
        if us is None:  # the PSA may not list API users
            name = self._settings.username
            us = Person(remote_id=str(ourselves or ""), identifier=name, name=name, is_api=True)
            people.append(us)
        return Directory(
            technicians=tuple(sorted(people, key=lambda person: person.is_api)),
            boards=mapping.to_boards(words, self._settings.mailing_statuses, self._settings.sla_statuses),
            priorities=mapping.to_priorities(words),
            ourselves=us.identifier,
        )

    async def _roles(self, rows: list[Row]) -> dict[int, int]:
        """The default role of each, or the first that is active."""
        held = await self._site.all("ResourceServiceDeskRoles", MATCH_ALL, doing="list the roles of resources")
        active = [one for one in held if one.get("isActive") is not False]
        roles: dict[int, int] = {}
        for one in sorted(active, key=lambda one: not one.get("isDefault")):
            roles.setdefault(int(one["resourceID"]), int(one["roleID"]))
        for row in rows:
            if (role := number(row, "defaultServiceDeskRoleID")) is not None:
                roles.setdefault(int(row["id"]), role)
        return roles


def _unknown(rows: Iterable[Row], words: Words) -> set[tuple[str, int]]:
    """The numbers in rows for which there is no word."""
    known: dict[str, frozenset[int]] = {name: choices.values() for name, choices in words.picklists.items()}
    known[OWNER] = frozenset(words.people)
    told = ((name, number(row, name)) for row in rows for name in known)
    return {(name, value) for name, value in told if value is not None and value not in known[name]}
