"""A HaloPSA in small: what a client of its REST API sees, by the vendor's rules and quirks."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from psa_copilot.sandbox import Answer, Directory, MessageLine, PsaSandbox, Record, Request, TicketLine, World
from psa_copilot_connectors.halopsa.sandbox import usual
from psa_copilot_connectors.halopsa.sandbox.actions import Actions
from psa_copilot_connectors.halopsa.sandbox.appointments import Appointments
from psa_copilot_connectors.halopsa.sandbox.change import Change, Refused
from psa_copilot_connectors.halopsa.sandbox.desk import Desk
from psa_copilot_connectors.halopsa.sandbox.effects import Effects
from psa_copilot_connectors.halopsa.sandbox.logins import Login, Logins, WrongTenant
from psa_copilot_connectors.halopsa.sandbox.recording import Recording
from psa_copilot_connectors.halopsa.sandbox.serve import Asked, Parts, Served, told_as
from psa_copilot_connectors.halopsa.sandbox.switches import SWITCHES, TRAPS
from psa_copilot_connectors.halopsa.sandbox.telling import Telling
from psa_copilot_connectors.halopsa.sandbox.tickets import Tickets
from psa_copilot_connectors.halopsa.sandbox.webhooks import Webhooks

__all__ = ["TRAPS", "HaloPsaSandbox"]

WINDOW = timedelta(minutes=5)
HTML_502 = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
HTML_500 = (
    b"<html><head><title>Runtime Error</title></head><body><h1>Server Error in '/' Application.</h1></body></html>"
)
TOO_FAST = "Rate Limit Reached - 300 Requests per rolling 5 minute window."
HOLD_AT_MOST = 2.0
TOKEN = "/auth/token"  # noqa: S105 - a path


class HaloPsaSandbox(PsaSandbox):
    """HaloPSA, as far as tickets, actions, appointments, agents, clients and webhooks go."""

    name = "halopsa"
    switches = SWITCHES

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.desk = Desk(world)
        self.tickets = Tickets(self.desk)
        self.actions = Actions(self.tickets)
        self.appointments = Appointments(self.tickets)
        telling = Telling(world)
        self.webhooks = Webhooks(world, telling)
        self.logins = Logins(world)
        self._recording = Recording(self.tickets, self.actions, self.appointments)
        self.effects = Effects(self._recording)
        parts = (self._recording, self.webhooks, self.logins, telling)
        self._served = Served(Parts(*parts)).by_path
        self._answered: deque[datetime] = deque()

    # The shared machinery asks.

    @property
    def revision(self) -> int:
        """Grows with every change; a token is none."""
        return self.tickets.revision + self.webhooks.revision + self.desk.revision

    def furnish(self, directory: Directory) -> None:
        """Set up the desk and the logins; `human` is its first technician."""
        self.desk.furnish(directory)
        human = self.desk.agent(directory.technicians[0].name)
        for client, name in usual.API_AGENTS.items():
            words = {"secret", client} - {"id"}
            login = Login(client, frozenset(words), self.desk.agent(name), usual.APPLICATIONS[client])
            self.logins.by_client[client] = login
        self.logins.by_client["human"] = Login("human", frozenset({"human", "secret"}), human)

    def open_ticket(self, line: TicketLine, at: datetime) -> int:
        """A new ticket, without its messages."""
        return self.tickets.open(line.model_copy(update={"description": line.description or _opening(line, at)}), at)

    def find_ticket(self, reference: object) -> int | None:
        """A ticket's id, from its id or somebody else's."""
        return self.tickets.find(reference)

    def say(self, ticket: int, message: MessageLine, at: datetime) -> int:
        """Somebody writes."""
        return self.actions.say(ticket, message, at)

    def change(self, ticket: int, field_name: str, to: str, by: str, at: datetime) -> None:
        """Somebody sets a field."""
        self.tickets.change(ticket, field_name, to, by, at)

    def edit_note_of_api(self, ticket: int, text: str, by: str, at: datetime) -> None:
        """A technician adds a line to the copilot's note."""
        self.actions.edit_last_of_api(ticket, text, by, at)

    def record(self, line: Record, at: datetime) -> None:
        """Somebody leaves something on a ticket."""
        self._recording.record(line, at)

    def begin(self) -> None:
        """From now on what happens sets off rules."""
        self.tickets.listeners += [self._tell, self.effects.heard]

    def counts(self) -> dict[str, int]:
        """How many of each there are."""
        told = list(self.actions)
        return {
            "tickets": len(self.tickets.rows),
            "notes": sum(bool(row["_text"]) for row in told),
            "time_entries": sum(row["timetaken"] > 0 for row in told),
            "companies": len(self.desk.clients),
            "contacts": len(self.desk.users),
            "members": len(self.desk.agents) - 1,
            "boards": len(self.desk.teams),
        }

    def all_notes(self) -> Iterable[Mapping[str, object]]:
        """Every note with its versions."""
        return self.actions.for_tests()

    def mailbox(self) -> Iterable[Mapping[str, object]]:
        """What it would have mailed."""
        return self.effects.mails

    def writes(self, request: Request) -> bool:
        """Whether a request would change something; to log in changes nothing."""
        return request.method not in ("GET", "HEAD") and not _is_login(request)

    def key_of(self, request: Request) -> str:
        """The client whose token a request shows, or who asks for one."""
        if _is_login(request):
            return _form(request).get("client_id", "")
        return self.logins.client_of(request.headers)

    def is_api_login(self, key: str) -> bool:
        """Whether a client is a program and not a person."""
        return key in usual.API_AGENTS

    def reads_notes_of(self, request: Request) -> int | None:
        """The ticket whose actions a request reads, if it does."""
        reads = request.method == "GET" and request.path.rstrip("/").casefold() == "/api/actions"
        return self._asked_ticket(request) if reads else None

    def ticket_of(self, request: Request) -> int | None:
        """The one ticket that a request is about: by its path, its query, or its body."""
        parts = request.path.strip("/").casefold().split("/")
        if parts[:2] == ["api", "tickets"] and len(parts) > 2:
            return int(parts[2]) if parts[2].isdigit() else None
        if request.method == "POST" and parts[1:] in (["tickets"], ["actions"]):
            return _written_ticket(request, "id" if parts[1] == "tickets" else "ticket_id")
        return self._asked_ticket(request) if parts[:2] == ["api", "actions"] else None

    def _asked_ticket(self, request: Request) -> int | None:
        number = {name.casefold(): value for name, value in parse_qsl(request.query)}.get("ticket_id", "")
        return int(number) if number.isdigit() else None

    def hold(self, request: Request) -> float:
        """A held update lets another writer slip in between."""
        updates = request.method == "POST" and request.path.casefold() == "/api/tickets"
        held = updates and self.key_of(request) == "id"
        return min(self.world.switches.number("hold_patch"), HOLD_AT_MOST) if held else 0.0

    def failure(self, fault: str) -> Answer:
        """What the vendor answers when it cannot."""
        if fault == "http_429":
            return self._too_many()
        if fault == "html_502":
            return Answer(502, HTML_502, content_type="text/html")
        if fault == "http_401":
            return told_as(401, {"error": "invalid_token", "error_description": "The access token expired"})
        return told_as(500, {"ClassName": "System.Exception", "Message": "An unexpected error occurred."})

    def answer(self, request: Request) -> Answer:
        """One request to the API or to the authorization server."""
        if self._too_fast():
            return self._too_many()
        try:
            return self._answer(request)
        except Refused as exc:
            return told_as(exc.status, _words(exc))
        except WrongTenant:
            return Answer(500, HTML_500, content_type="text/html")
        except ValueError as exc:
            return told_as(400, {"ClassName": "System.FormatException", "Message": str(exc)})

    # From the door to the record.

    def _answer(self, request: Request) -> Answer:
        if _is_login(request):
            return told_as(200, self.logins.give(dict(parse_qsl(request.query)) | _form(request)))
        parts = request.path.strip("/").split("/")
        if parts[0].casefold() != "api" or len(parts) < 2:
            raise Refused(404, "Not found")
        login = self.logins.of(request.headers)
        if login is None:
            raise Refused(401, "The access token is missing, wrong or expired")
        serves = self._served.get((request.method, parts[1].casefold()))
        if serves is None:
            raise Refused(404, f"There is no {request.method} {request.path}")
        told = serves(Asked(request, login, "/".join(parts[2:])))
        return told if isinstance(told, Answer) else told_as(200, {} if told is None else told)

    def _too_fast(self) -> bool:
        limit, now = self.world.switches.number("per_5_minutes"), self.world.clock.now()
        if not limit:
            return False
        while self._answered and self._answered[0] <= now - WINDOW:
            self._answered.popleft()
        if len(self._answered) >= limit:
            return True
        self._answered.append(now)
        return False

    def _too_many(self) -> Answer:
        wait = f"{self.world.switches.number('retry_after'):g}"
        headers = (("Retry-After", wait),) if self.world.switches.on("sends_retry_after") else ()
        return Answer(429, TOO_FAST.encode(), headers, content_type="text/plain")

    def _tell(self, change: Change) -> None:
        self.webhooks.heard(change)
        action = change.action
        if action and action["actionby_application_id"] and action["last_updated"] == action["actiondatecreated"]:
            for watcher in self.watchers.noted_by_api:
                watcher(change.ticket, action["_text"])


def _opening(line: TicketLine, at: datetime) -> str:
    """What a ticket is opened with becomes its details; an only message may be held back, and tells nothing yet."""
    if len(line.messages) < 2 or line.messages[0].role != "customer":
        return ""
    first = line.messages[0]
    return first.text if first.at is None or first.at <= at else ""


def _is_login(request: Request) -> bool:
    return request.method == "POST" and request.path.rstrip("/").casefold() == TOKEN


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _written_ticket(request: Request, name: str) -> int | None:
    """The ticket that the first object of a body names."""
    try:
        return int(json.loads(request.body)[0][name])
    except (ValueError, LookupError, TypeError):
        return None


def _words(exc: Refused) -> object:
    """Halo says no in several dialects."""
    if exc.words.startswith("invalid_"):
        return {"error": exc.words, "error_description": "The client is unknown or its secret is wrong."}
    return {"error": exc.words} if exc.status in (401, 403) else exc.words
