"""A ConnectWise PSA in small: what a client of its REST API sees, by the vendor's rules and quirks."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime

from psa_copilot.sandbox import Answer, Directory, MessageLine, PsaSandbox, Record, Request, TicketLine, World
from psa_copilot_connectors.connectwise.sandbox.attachments import Attachments
from psa_copilot_connectors.connectwise.sandbox.bodies import Refused
from psa_copilot_connectors.connectwise.sandbox.callbacks import KEY_PATH, Callbacks
from psa_copilot_connectors.connectwise.sandbox.change import Change
from psa_copilot_connectors.connectwise.sandbox.changelogs import ChangeLogs
from psa_copilot_connectors.connectwise.sandbox.conditions import BadCondition
from psa_copilot_connectors.connectwise.sandbox.desk import API_LOGINS, Desk
from psa_copilot_connectors.connectwise.sandbox.family import Family
from psa_copilot_connectors.connectwise.sandbox.hands import Hands
from psa_copilot_connectors.connectwise.sandbox.http import Asked, Failed, Login, answer, credentials
from psa_copilot_connectors.connectwise.sandbox.mail import Mailbox
from psa_copilot_connectors.connectwise.sandbox.notes import Notes
from psa_copilot_connectors.connectwise.sandbox.recording import Recording
from psa_copilot_connectors.connectwise.sandbox.routes import HTML_403, Forbidden, Routes
from psa_copilot_connectors.connectwise.sandbox.rules import Rules
from psa_copilot_connectors.connectwise.sandbox.schedule import Schedule
from psa_copilot_connectors.connectwise.sandbox.serve_desk import DeskServed
from psa_copilot_connectors.connectwise.sandbox.serve_system import SystemServed
from psa_copilot_connectors.connectwise.sandbox.serve_tickets import OnTickets, TicketsServed
from psa_copilot_connectors.connectwise.sandbox.setup import Setup
from psa_copilot_connectors.connectwise.sandbox.sla import Slas
from psa_copilot_connectors.connectwise.sandbox.switches import HOLD_AT_MOST, PLANTED, SWITCHES
from psa_copilot_connectors.connectwise.sandbox.tasks import Tasks
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets
from psa_copilot_connectors.connectwise.sandbox.timesheet import Timesheet

__all__ = ["PLANTED", "ConnectWiseSandbox"]

COMPANY = "sandbox"
LONGEST_URL = 10_000
ALIAS = "v4_6_release/"  # on premises the only codebase
HTML_502 = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
HTML_404 = b"<html><head><title>404</title></head><body><h2>404 - File or directory not found.</h2></body></html>"


class ConnectWiseSandbox(PsaSandbox):
    """ConnectWise PSA, as far as tickets, notes, time, appointments, people, boards and callbacks go."""

    name = "connectwise"
    switches = SWITCHES

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.desk = Desk(world)
        self.slas = Slas(self.desk)
        self.tickets = tickets = Tickets(self.desk, self.slas)
        self.callbacks = Callbacks(world)
        self.mails = Mailbox(tickets)
        self.parts = OnTickets(
            tickets, Notes(tickets), Timesheet(tickets), Schedule(tickets), Tasks(tickets),
            Family(tickets), Attachments(tickets), ChangeLogs(tickets),
        )  # fmt: skip
        parts = self.parts
        self.rules = Rules(Hands(tickets, parts.notes, parts.timesheet, parts.schedule, parts.tasks, self.mails))
        self._recording = Recording(self.desk, parts)
        self._setup = Setup(self.desk, self.slas)
        self._routes = self._served().by_path
        self._logins: dict[str, Login] = {}

    # The shared machinery asks.

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return self.tickets.revision + self.callbacks.rows.version

    def furnish(self, directory: Directory) -> None:
        """Set up the desk and the logins; `human` is its first technician."""
        self._setup.furnish(directory)
        self.desk.furnish(directory)
        self.slas.furnish()
        self._setup.sign_agreements()
        technician = directory.technicians[0].login
        api, second = API_LOGINS
        for login in (Login("pub", "priv", api), Login("api2", "api2", second), Login("human", "human", technician)):
            self._logins[login.key] = login

    def open_ticket(self, line: TicketLine, at: datetime) -> int:
        """A new ticket, without its messages."""
        ticket = self.tickets.open(line, at)
        if line.description and line.description not in [message.text for message in line.messages[:1]]:
            self.say(ticket, MessageLine(role="customer", text=line.description), at)
        return ticket

    def find_ticket(self, reference: object) -> int | None:
        """A ticket's id, from its id or its external reference."""
        return self.tickets.find(reference)

    def say(self, ticket: int, message: MessageLine, at: datetime) -> int:
        """Somebody writes."""
        return self.parts.notes.say(ticket, message, at)

    def change(self, ticket: int, field_name: str, to: str, by: str, at: datetime) -> None:
        """Somebody sets a field."""
        self.tickets.change(ticket, field_name, to, by, at)

    def edit_note_of_api(self, ticket: int, text: str, by: str, at: datetime) -> None:
        """A technician adds a line to the copilot's note."""
        self.parts.notes.edit_last_of(frozenset(API_LOGINS), ticket, text, by, at)

    def record(self, line: Record, at: datetime) -> None:
        """Somebody leaves something on a ticket."""
        self._recording.record(line, at)

    def begin(self) -> None:
        """From now on what happens sets off rules."""
        self.tickets.listeners += [self._tell, self.mails.heard, self.parts.changelogs.heard, self.rules.heard]

    def counts(self) -> dict[str, int]:
        """How many of each there are."""
        return {
            "tickets": len(self.tickets.rows),
            "notes": len(self.parts.notes.rows),
            "time_entries": len(self.parts.timesheet.rows),
            "companies": len(self.desk.companies),
            "contacts": len(self.desk.contacts),
            "members": len(self.desk.members),
            "boards": len(self.desk.boards),
        }

    def all_notes(self) -> Iterable[Mapping[str, object]]:
        """Every note with its versions."""
        return self.parts.notes.for_tests()

    def mailbox(self) -> Iterable[Mapping[str, object]]:
        """What it would have mailed."""
        return self.mails.rows

    def hold(self, request: Request) -> float:
        """A held PATCH lets another writer slip in between."""
        ours = (
            request.method == "PATCH" and "/service/tickets/" in request.path.lower() and self.key_of(request) == "pub"
        )
        return min(self.world.switches.number("hold_patch"), HOLD_AT_MOST) if ours else 0.0

    def writes(self, request: Request) -> bool:
        """Whether a request would change something; a search is a POST that does not."""
        return request.method not in ("GET", "HEAD") and not request.path.rstrip("/").lower().endswith("/search")

    def key_of(self, request: Request) -> str:
        """The public key that a request names."""
        return credentials(request)[1]

    def is_api_login(self, key: str) -> bool:
        """Whether a key belongs to an API member."""
        return key in self._logins and self._logins[key].identifier in API_LOGINS

    def reads_notes_of(self, request: Request) -> int | None:
        """The ticket whose notes a request reads, if it does."""
        parts = request.path.rstrip("/").lower().split("/")
        reads = request.method == "GET" and parts[-1] in ("notes", "allnotes") and parts[-2].isdigit()
        return int(parts[-2]) if reads else None

    def ticket_of(self, request: Request) -> int | None:
        """The ticket in a request's path, if there is one."""
        path, numbers = request.path.lower(), [part for part in request.path.split("/") if part.isdigit()]
        if "/service/tickets/" in path or "/project/tickets/" in path:
            return int(numbers[0]) if numbers else None
        return None

    def failure(self, fault: str) -> Answer:
        """What the vendor answers when it cannot."""
        if fault == "http_429":
            return self._too_many()
        if fault == "html_502":
            return Answer(502, HTML_502, content_type="text/html")
        if fault == "http_401":
            return answer(401, {"code": "ConnectWiseApi", "message": "UserNotAuthenticated", "errors": None})
        return answer(500, {"code": "InternalServerError", "message": "An unexpected error occurred.", "errors": None})

    def answer(self, request: Request) -> Answer:
        """One request to the API."""
        try:
            return self._answer(request)
        except Failed as exc:
            return exc.answer
        except Forbidden as exc:
            return self._forbidden(str(exc))
        except Refused as exc:
            return answer(400, {"code": "InvalidObject", "message": exc.message, "errors": exc.errors})
        except BadCondition as exc:
            return answer(400, {"code": "ApiFindCondition", "message": str(exc), "errors": None})

    # From the door to the record.

    def _answer(self, request: Request) -> Answer:
        path = request.path.rstrip("/")
        if path.lower().startswith("/login/companyinfo/"):
            return self._company_info(path.rpartition("/")[2])
        resource = self._below_codebase(path)
        if resource is None:
            return Answer(404, HTML_404, content_type="text/html")
        if len(request.query) > LONGEST_URL:
            return Answer(414, b"", content_type="text/html")
        if resource.lower() == KEY_PATH:
            return answer(200, {"signing_key": self.callbacks.signing_key})
        return self._route(request, resource, self._authenticated(request))

    def _below_codebase(self, path: str) -> str | None:
        for codebase in (ALIAS, self._codebase()):
            prefix = f"/{codebase.strip('/')}/apis/3.0"
            if path.lower().startswith(f"{prefix.lower()}/"):
                return path[len(prefix) :]
        return None

    def _company_info(self, company: str) -> Answer:
        if company.lower() != COMPANY:
            return Answer(200, b"null")
        codebase, cloud = self._codebase(), not self.world.switches.on("on_premises")
        version = self.world.switches.text("codebase").strip("/").replace("_", ".")
        return answer(
            200,
            {
                "CompanyName": "Sandbox MSP",
                "Codebase": codebase,
                "VersionCode": version,
                "VersionNumber": f"{version}.10001",
                "CompanyID": COMPANY,
                "IsCloud": str(cloud) if self.world.switches.on("is_cloud_as_text") else cloud,
            },
        )

    def _codebase(self) -> str:
        return ALIAS if self.world.switches.on("on_premises") else self.world.switches.text("codebase")

    def _forbidden(self, why: str) -> Answer:
        how = self.world.switches.text("forbidden_body")
        if how == "html":
            return Answer(403, HTML_403, content_type="text/html")
        return Answer(403) if how == "empty" else answer(403, {"code": "Forbidden", "message": why, "errors": None})

    def _authenticated(self, request: Request) -> Login:
        company, key, private = credentials(request)
        login = self._logins.get(key)
        known = login is not None and company.lower() == COMPANY and hmac.compare_digest(private, login.private)
        if not known or login is None or (key == "pub" and self.world.switches.on("keys_rotated")):
            if self.world.switches.text("bad_credentials_status") == "404":
                raise Failed(404, "NotFound", "The requested resource was not found.")
            raise Failed(401, "ConnectWiseApi", "UserNotAuthenticated")
        if not request.headers.get("clientid"):
            status = int(self.world.switches.text("missing_client_id_status"))
            raise Failed(status, "ClientIdRequired", "A clientId header is required.")
        return login

    def _route(self, request: Request, resource: str, login: Login) -> Answer:
        parts = resource.strip("/").split("/")
        numbers = tuple(int(part) for part in parts if part.isdigit())
        pattern = "/".join("#" if part.isdigit() else part.lower() for part in parts)
        if pattern.startswith("system/members/") and pattern not in self._routes:
            pattern = "system/members/*"
        serves = self._routes.get(pattern)
        if serves is None:
            raise Failed(404, "NotFound", f"No resource at {resource}.")
        if request.method not in serves:
            raise Failed(405, "MethodNotAllowed", f"{request.method} is not allowed here.")
        return serves[request.method](Asked(request, login, numbers, parts[-1]))

    def _served(self) -> Routes:
        routes = Routes(self.world)
        DeskServed(routes, self.desk, self._setup, self.slas)
        TicketsServed(routes, self.parts)
        SystemServed(routes, self.desk, self.tickets, self.callbacks, self.parts.attachments)
        return routes

    def _too_many(self) -> Answer:
        seconds = f"{self.world.switches.number('retry_after'):g}"
        message = f"Too many requests. Please try again in {seconds} seconds."
        return answer(429, {"error": "ConnectWiseAPI", "message": message}, ("Retry-After", seconds))

    def _tell(self, change: Change) -> None:
        self.callbacks.tell(change)
        if change.what == "note" and change.action != "deleted" and change.part and change.by in API_LOGINS:
            for watcher in self.watchers.noted_by_api:
                watcher(change.ticket, change.part["text"])
