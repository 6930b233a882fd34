"""An Autotask PSA in small: what a client of its REST API sees, by the vendor's rules and quirks."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from psa_copilot.sandbox import Answer, Directory, MessageLine, PsaSandbox, Record, Request, TicketLine, World
from psa_copilot_connectors.autotask.sandbox.desk import API_USERS, FIRST_API, Desk, Login
from psa_copilot_connectors.autotask.sandbox.limits import Limits
from psa_copilot_connectors.autotask.sandbox.notes import Notes
from psa_copilot_connectors.autotask.sandbox.picklists import Picklists
from psa_copilot_connectors.autotask.sandbox.records import Change, Records
from psa_copilot_connectors.autotask.sandbox.replies import HTML_502, Failed, Refused, errors, no_route, told
from psa_copilot_connectors.autotask.sandbox.rules import Rules
from psa_copilot_connectors.autotask.sandbox.serve import Asked, Served
from psa_copilot_connectors.autotask.sandbox.switches import SWITCHES
from psa_copilot_connectors.autotask.sandbox.tickets import Tickets
from psa_copilot_connectors.autotask.sandbox.timesheet import Timesheet
from psa_copilot_connectors.autotask.sandbox.webhooks import Webhooks
from psa_copilot_connectors.autotask.sandbox.work import Work

__all__ = ["AutotaskSandbox"]

BASE, MOVED = "/ATServicesRest/", "/zone2/ATServicesRest/"
VERSION = "v1.0"
CODE = "CODE"
NEW_SECRETS = frozenset({"rotated"})
FIRST_USER = next(iter(API_USERS))
HOLD_AT_MOST = 2.0
PROGRAMS = frozenset(range(FIRST_API, FIRST_API + len(API_USERS)))
"""Resources that are API users."""


class AutotaskSandbox(PsaSandbox):
    """Autotask PSA, as far as tickets, notes, time, people, calendars and webhooks go."""

    name = "autotask"
    switches = SWITCHES

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.records = Records(world)
        self.desk = Desk(self.records, Picklists())
        self.tickets = Tickets(self.desk)
        self.notes = Notes(self.tickets)
        self.webhooks = Webhooks(self.records)
        timesheet = Timesheet(self.tickets)
        self._work = Work(self.tickets, self.notes, timesheet)
        self.rules = Rules(self.tickets, self.notes, self._work)
        self._served = Served(self.tickets, self.notes, self.webhooks, timesheet, f"{world.url}{BASE}V1.0/")
        self._limits = Limits(world)

    # The shared machinery asks.

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return self.records.revision

    def furnish(self, directory: Directory) -> None:
        """Set up the desk and the logins; `human` is its first technician."""
        self.desk.furnish(directory)

    def open_ticket(self, line: TicketLine, at: datetime) -> int:
        """A new ticket, without its messages."""
        return self.tickets.open(line, at)

    def find_ticket(self, reference: object) -> int | None:
        """A ticket's id, from its id or somebody else's."""
        return self.tickets.find(reference)

    def say(self, ticket: int, message: MessageLine, at: datetime) -> int:
        """Somebody writes."""
        return self.notes.say(ticket, message, at)

    def change(self, ticket: int, field_name: str, to: str, by: str, at: datetime) -> None:
        """Somebody sets a field."""
        self.tickets.change(ticket, field_name, to, by, at)

    def edit_note_of_api(self, ticket: int, text: str, by: str, at: datetime) -> None:
        """A technician adds a line to the copilot's note."""
        self.notes.edit_last_of(PROGRAMS, ticket, text, by, at)

    def record(self, line: Record, at: datetime) -> None:
        """Somebody leaves something on a ticket."""
        self._work.record(line, at)

    def begin(self) -> None:
        """From now on what happens sets off rules and webhooks."""
        self.records.settle()
        self.records.listeners += [self.webhooks.heard, self.rules.heard, self._tell]

    def counts(self) -> dict[str, int]:
        """How many of each there are."""
        tables = self.records.tables
        return {
            "tickets": len(tables["Tickets"]),
            "notes": len(tables["TicketNotes"]),
            "time_entries": len(tables["TimeEntries"]),
            "companies": len(tables["Companies"]),
            "contacts": len(tables["Contacts"]),
            "members": len(tables["Resources"]),
            "boards": len(self.desk.picklists.all_of("queueID")),
        }

    def all_notes(self) -> Iterable[Mapping[str, object]]:
        """Every note with its versions."""
        return self.notes.for_tests()

    def mailbox(self) -> Iterable[Mapping[str, object]]:
        """What it would have mailed."""
        return self.rules.mailbox

    def writes(self, request: Request) -> bool:
        """Whether a request would change something; a question is a POST that does not."""
        return request.method not in ("GET", "HEAD") and "/query" not in request.path.casefold()

    def key_of(self, request: Request) -> str:
        """The user that a request names."""
        return request.headers.get("username", "")

    def is_api_login(self, key: str) -> bool:
        """Whether a user is a program's."""
        return key.casefold() in API_USERS

    def reads_notes_of(self, request: Request) -> int | None:
        """The ticket whose notes a request reads, if it does."""
        parts = request.path.strip("/").casefold().split("/")
        if request.method == "GET" and parts[-1] == "notes" and parts[-2].isdigit():
            return int(parts[-2])
        return _asked_for(request, "ticketid") if "ticketnotes" in parts and "query" in parts else None

    def ticket_of(self, request: Request) -> int | None:
        """The ticket that a request is about, by its path or by what it sends."""
        parts = request.path.strip("/").casefold().split("/")
        if "tickets" in parts and parts[-1] != "tickets":
            after = parts[parts.index("tickets") + 1]
            return int(after) if after.isdigit() else _asked_for(request, "id")
        if parts[-1] == "tickets" and request.method == "PATCH":
            number = _object(request.body).get("id")
            return number if isinstance(number, int) else None
        return _asked_for(request, "ticketid")

    def lane_of(self, request: Request) -> str:
        """Threads are counted per entity."""
        return self._limits.lane_of(request)

    def arrives(self, request: Request) -> Answer | None:
        """The vendor counts threads per entity, and requests per hour."""
        return self._limits.arrives(request)

    def leaves(self, request: Request) -> None:
        """A thread is free again."""
        self._limits.leaves(request)

    def hold(self, request: Request) -> float:
        """From half of the hour's requests on, each answer comes later; a held PATCH lets another writer slip in."""
        held = request.method == "PATCH" and self.key_of(request).casefold() == FIRST_USER
        patience = min(self.world.switches.number("hold_patch"), HOLD_AT_MOST) if held else 0.0
        return patience + self._limits.latency() / self.world.clock.speed

    def failure(self, fault: str) -> Answer:
        """What the vendor answers when it cannot."""
        if fault == "http_401":
            return Answer(401, b"", (("WWW-Authenticate", 'Basic Realm="webservices1.autotask.net"'),))
        if fault == "html_502":
            return Answer(502, HTML_502, content_type="text/html")
        if fault == "http_429":
            wait = (("Retry-After", f"{self.world.switches.number('retry_after'):g}"),)
            return Answer(429, b'{"errors":["The request threshold has been exceeded."]}', wait)
        return told({"Message": "An error has occurred."}, 500)

    def answer(self, request: Request) -> Answer:
        """One request to the API."""
        try:
            answer = self._answer(request)
        except Failed as exc:
            return exc.answer
        except Refused as exc:
            return errors(str(exc))
        self._tell_of_many(request)
        return answer

    def _tell_of_many(self, request: Request) -> None:
        """Whoever waits for a ticket's notes to be read hears of it, also where those of several are."""
        parts = request.path.strip("/").casefold().split("/")
        tickets = _all_asked_for(request, "ticketid") if "ticketnotes" in parts and "query" in parts else []
        for ticket in tickets if len(tickets) > 1 else ():
            for read in self.watchers.notes_read:
                read(ticket)

    def _tell(self, change: Change) -> None:
        if change.what == "note" and change.action != "Delete" and change.by in PROGRAMS:
            for watcher in self.watchers.noted_by_api:
                watcher(change.ticket, str(change.row["description"]))

    # From the door to the record.

    def _answer(self, request: Request) -> Answer:
        path = request.path.rstrip("/")
        below, moved = self._below(path), self.world.switches.on("zone_moved")
        if below is None:
            raise no_route()
        at_new, rest = below
        first = rest[0].casefold() if rest else ""
        if first == "versioninformation":
            return told({"apiVersions": ["1.0"]})
        if first != VERSION or len(rest) < 2:
            raise no_route()
        if rest[1].casefold() == "zoneinformation":
            return self._zone(request)
        if at_new != moved:
            return self.failure("http_401")
        return self._route(request, rest[1:])

    def _below(self, path: str) -> tuple[bool, list[str]] | None:
        """Whether a path is at the new place, and what follows its base."""
        for base in (MOVED, BASE):
            if path.casefold().startswith(base.casefold()):
                return base == MOVED, [part for part in path[len(base) :].split("/") if part]
        return None

    def _zone(self, request: Request) -> Answer:
        user = parse_qs(request.query).get("user", [""])[0]
        if user.casefold() not in self.desk.logins:
            if self.world.switches.text("unknown_user") == "plain":
                raise Failed(told({"Message": "An error has occurred."}, 500))
            raise Refused("Unable to find a zone for this user.")
        base = MOVED if self.world.switches.on("zone_moved") else BASE
        url = self.world.url
        return told({"zoneName": "Sandbox", "url": f"{url}{base}", "webUrl": f"{url}/", "ci": 1})

    def _route(self, request: Request, rest: list[str]) -> Answer:
        login = self._login(request)
        match rest[0].casefold():
            case "thresholdinformation":
                return told(
                    {
                        "externalRequestThreshold": self._limits.most,
                        "requestThresholdTimeframe": 60,
                        "currentTimeframeRequestCount": self._limits.used(),
                    }
                )
            case "version":
                return told({"version": "2026.1"})
            case _:
                return self._served.answer(Asked(request, login, self._impersonated(request)), rest)

    def _login(self, request: Request) -> Login:
        """Whoever is let in; everything wrong with the three headers is one and the same 401."""
        login = self.desk.logins.get(self.key_of(request).casefold())
        secret, code = request.headers.get("secret", ""), request.headers.get("apiintegrationcode", "")
        rotated = login and login.user == FIRST_USER and self.world.switches.on("keys_rotated")
        secrets = NEW_SECRETS if rotated else login.secrets if login else ()
        known = any(hmac.compare_digest(secret.encode(), one.encode()) for one in secrets)
        if not login or not known or code != CODE:
            raise Failed(self.failure("http_401"))
        return login

    def _impersonated(self, request: Request) -> int | None:
        """The resource to write as, where a client asks for it; the security level must allow it."""
        asked = request.headers.get("impersonationresourceid", "")
        if not asked.isdigit() or request.method == "GET":
            return None
        if not self.world.switches.on("impersonation"):
            raise Refused("The logged in Resource does not have the adequate permissions to impersonate.")
        return int(asked)


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _asked_for(request: Request, field: str) -> int | None:
    """The number that a question wants a field to have, where it wants just one."""
    numbers = _all_asked_for(request, field)
    return numbers[0] if len(numbers) == 1 else None


def _all_asked_for(request: Request, field: str) -> list[int]:
    """The numbers that a question wants a field to have, where it names them."""
    for one in _object(request.body).get("filter") or []:
        if isinstance(one, dict) and str(one.get("field")).casefold() == field and one.get("op") in ("eq", "in"):
            value = one.get("value")
            return [number for number in (value if isinstance(value, list) else [value]) if isinstance(number, int)]
    return []
