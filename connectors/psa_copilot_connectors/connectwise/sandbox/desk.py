"""What is there in the ConnectWise sandbox besides tickets: boards, people, clients, and how they are referred to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from psa_copilot.sandbox import Client, Directory, Row, Table, Technician, World
from psa_copilot_connectors.connectwise.sandbox.bodies import Refused, entered

ADMIN = "Admin1"
API_LOGINS = {"copilot": "Copilot Api", "api2": "Second Api"}
HUMAN_LICENSES = ("F", "X")
OPEN_DESK = "Help Desk"
BOARDS = (OPEN_DESK, "Escalations", "Infrastructure", "Internal IT")


class _Status(NamedTuple):
    name: str
    meaning: str  # escalationStatus
    closed: bool = False


STATUSES = (
    _Status("New", "NotResponded"),
    _Status("In Progress", "Responded"),
    _Status("Scheduled", "ResolutionPlan"),
    _Status("Waiting customer", "NoEscalation"),
    _Status("Waiting vendor", "NoEscalation"),
    _Status("Customer replied", "NoEscalation"),
    _Status("Internal IT", "NoEscalation"),
    _Status("Resolved", "Resolved"),
    _Status("Closed", "Resolved", closed=True),
)
PRIORITIES = {
    "Priority 1 - Critical": "Red",
    "Priority 2 - High": "Orange",
    "Priority 3 - Medium": "Yellow",
    "Priority 4 - Low": "White",
}
USUAL_PRIORITY = "Priority 3 - Medium"
PRIORITY_WORDS = {"critical": 1, "urgent": 1, "high": 2, "medium": 3, "normal": 3, "low": 4}
ORIGINS = {
    "person": "Email Connector",
    "alert": "RMM",
    "recurring": "Recurring",
    "internal": "Internal",
    "sync": "Sync",
    "project": "Project",
}
CATEGORIES = (
    "Hardware/Printer/Blank pages",
    "Hardware/Laptop/Slow",
    "Network/VPN/Cannot connect",
    "Network/Wireless/Weak signal",
    "Software/Mail/Cannot send",
    "Software/Accounting/License",
    "Access/Password/Reset",
    "Access/New starter/Setup",
)
CLOSED_WORDS = frozenset({"closed", "completed", "done", "cancelled", "canceled"})
# Captions are pasted from web pages, so they carry characters of no width, as real ones do.
CUSTOM_FIELDS = [
    {
        "id": 1,
        "caption": "\u200bSite Code",
        "type": "Text",
        "entryMethod": "EntryField",
        "numberOfDecimals": 0,
        "value": "12",
    }
]

# What a reference shows besides id and name, and the path it points to.
_EXTRA = {"status": ("sort",), "priority": ("sort", "level"), "company": ("identifier",), "owner": ("identifier",)}
_PATHS = {
    "board": "/service/boards/{id}",
    "status": "/service/boards/{board}/statuses/{id}",
    "type": "/service/boards/{board}/types/{id}",
    "subType": "/service/boards/{board}/subtypes/{id}",
    "item": "/service/boards/{board}/items/{id}",
    "team": "/service/boards/{board}/teams/{id}",
    "priority": "/service/priorities/{id}",
    "source": "/service/sources/{id}",
    "company": "/company/companies/{id}",
    "contact": "/company/contacts/{id}",
    "owner": "/system/members/{id}",
}
API = "/v4_6_release/apis/3.0"


class Desk:
    """Boards, people and clients, each in the shape in which the API shows it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.boards = Table()
        self.statuses = Table(101)
        self.types = Table(201)
        self.subtypes = Table(301)
        self.items = Table(401)
        self.teams = Table(21)
        self.priorities = Table()
        self.sources = Table()
        self.members = Table(151)
        self.companies = Table(251)
        self.contacts = Table(351)
        self.configurations = Table(601)
        self._tables = {
            "board": self.boards,
            "status": self.statuses,
            "type": self.types,
            "subType": self.subtypes,
            "item": self.items,
            "team": self.teams,
            "priority": self.priorities,
            "source": self.sources,
            "company": self.companies,
            "contact": self.contacts,
            "owner": self.members,
        }
        self._contacts_of: dict[int, list[Row]] = {}
        self._named: dict[tuple[str, int, str], Row] = {}
        self._references: dict[tuple[str, int], Row] = {}

    # References: what other records show of one.

    def reference(self, kind: str, row: Row) -> Row:
        """`{id, name, …}`; one object for all who refer to it."""
        known = self._references.get((kind, row["id"]))
        if known is None:
            known = self._references[kind, row["id"]] = self._make_reference(kind, row)
        return known

    def _make_reference(self, kind: str, row: Row) -> Row:
        path = _PATHS[kind].format(id=row["id"], board=(row.get("board") or {}).get("id", row.get("boardId")))
        reference: Row = {"id": row["id"], "name": name_of(row)}
        for extra in _EXTRA.get(kind, ()):
            reference[extra] = row.get({"sort": "sortOrder"}.get(extra, extra))
        name = "member" if kind == "owner" else kind
        return reference | {"_info": {f"{name}_href": f"{self.world.url}{API}{path}"}}

    def resolve(self, kind: str, given: object, *, board: int = 0, resource: str = "ticket") -> Row:
        """The reference that a body means by an id, an identifier or a name; Refused when there is none."""
        label = kind[0].upper() + kind[1:]
        if not isinstance(given, Mapping):
            raise Refused(resource, kind, f"{label} must be an object with an id.", "InvalidValue")
        row = self._meant(kind, given, board)
        if row is None:
            asked = next((given[key] for key in ("id", "identifier", "name") if key in given), "")
            raise Refused(resource, kind, f"{label} {asked} not found", "NotFound")
        return self.reference(kind, row)

    def _meant(self, kind: str, given: Mapping[str, object], board: int) -> Row | None:
        scope = board if kind in ("status", "type", "subType", "item", "team") else 0
        if given.get("id") is not None:
            row = self._tables[kind].get(int(str(given["id"]))) if str(given["id"]).isdigit() else None
            fits = row is not None and scope in (0, (row.get("board") or {}).get("id", row.get("boardId")))
            return row if fits else None
        for key in ("identifier", "name"):
            if found := self._named.get((kind, scope, str(given.get(key, "")).casefold())):
                return found
        return None

    def row_of(self, kind: str, reference: Row | None) -> Row:
        """The record behind a reference, or nothing."""
        return (self._tables[kind].get(reference["id"]) or {}) if reference else {}

    # Things by name, made when they are new: the tickets of a file may name what nobody has set up.

    def board(self, name: str = "") -> Row:
        """A board, by default the first."""
        name = name or OPEN_DESK
        return self._named.get(("board", 0, name.casefold())) or self._new_board(name)

    def status(self, board: Row, name: str = "") -> Row:
        """A status of a board, by default the one of new tickets."""
        name = name or STATUSES[0].name
        known = self._named.get(("status", board["id"], name.casefold()))
        return known or self._new_status(board, _Status(name, "NoEscalation", name.casefold() in CLOSED_WORDS))

    def priority(self, name: str = "") -> Row:
        """A priority by its name, its number, `P1`, or a usual word."""
        name = name or USUAL_PRIORITY
        word = name.casefold().strip()
        number = PRIORITY_WORDS.get(word) or (int(word[-1]) if word.removeprefix("p") in ("1", "2", "3", "4") else 0)
        if number:
            name = list(PRIORITIES)[number - 1]
        return self._named.get(("priority", 0, name.casefold())) or self._new_priority(name)

    def source(self, origin: str = "") -> Row:
        """Where a ticket came from, by origin or by the source's own name."""
        name = ORIGINS.get(origin or "person", origin)
        known = self._named.get(("source", 0, name.casefold()))
        return known or self._keep("source", self.sources, {"name": name, "defaultFlag": False})

    def category(self, board: Row, path: str) -> dict[str, Row]:
        """Type, subtype and item of a path such as `Hardware / Printer`."""
        names = [part.strip() for part in path.replace(">", "/").split("/") if part.strip()][:3]
        kinds = (("type", self.types), ("subType", self.subtypes), ("item", self.items))
        return {
            kind: self._category_part(kind, table, board, name)
            for (kind, table), name in zip(kinds, names, strict=False)
        }

    def member(self, name: str) -> Row:
        """A technician, by login or name."""
        return self._named.get(("owner", 0, name.casefold())) or self._new_member(_login(name), name, "F")

    def member_reference(self, login: str) -> Row:
        """How others refer to a technician or an API member."""
        return self.reference("owner", self.member(login))

    def technicians(self) -> list[Row]:
        """Everybody who is no API member."""
        return [row for row in self.members if row["licenseClass"] != "A"]

    def company(self, name: str) -> Row:
        """A client."""
        return self._named.get(("company", 0, name.casefold())) or self._new_company(name)

    def contact(self, company: Row, name: str) -> Row:
        """One of a client's people."""
        key = ("contact", company["id"], name.casefold())
        return self._named.get(key) or self._new_contact(company, name)

    def contacts_of(self, company: Row) -> list[Row]:
        """All of a client's people."""
        return self._contacts_of.get(company["id"], [])

    def statuses_of(self, board: int) -> list[Row]:
        """The statuses of a board, in their order."""
        return sorted((row for row in self.statuses if row["board"]["id"] == board), key=lambda row: row["sortOrder"])

    def default_status(self, board: int) -> Row:
        """What a ticket on this board begins with."""
        return next(row for row in self.statuses_of(board) if row["defaultFlag"])

    # What is there from the start.

    def furnish(self, directory: Directory) -> None:
        """Set up the desk."""
        for name in PRIORITIES:
            self.priority(name)
        for origin in ORIGINS:
            self.source(origin)
        self.source("Phone")
        self.source("Portal")
        for login, name in API_LOGINS.items():
            self._new_member(login, name, "A")
        for number, technician in enumerate(directory.technicians):
            self._hire(technician, HUMAN_LICENSES[number % 2])
        for name in BOARDS:
            self._new_board(name, directory.technicians)
        for client in directory.clients:
            self._welcome(client)

    def _hire(self, technician: Technician, license_class: str) -> None:
        self._new_member(technician.login, technician.name, license_class, technician.title)

    def _welcome(self, client: Client) -> None:
        company = self._new_company(client.name)
        contacts = [self._new_contact(company, name) for name in client.contacts]
        for number, device in enumerate(client.devices):
            self._new_configuration(company, contacts[number % len(contacts)] if contacts else None, device)

    # Making records.

    def _keep(self, kind: str, table: Table, fields: Row, *, scope: int = 0, names: Iterable[str] = ()) -> Row:
        info = entered(ADMIN, self.world.clock.now())
        row = table.put({"id": table.new_id(), **fields, "_info": info}, info["lastUpdated"])
        for name in names or (name_of(row),):
            self._named.setdefault((kind, scope, name.casefold()), row)
        return row

    def _new_board(self, name: str, technicians: Iterable[Technician] = ()) -> Row:
        board = self._keep(
            "board",
            self.boards,
            {
                "name": name,
                "location": {"id": 1, "name": "Main Office"},
                "department": {"id": 1, "name": "Professional Services"},
                "inactiveFlag": False,
                "projectFlag": False,
                "sendToContactFlag": True,
                "sendToResourceFlag": False,
                "sendToCCFlag": False,
                "sendToBundledFlag": False,
                "billTicketsAfterClosedFlag": False,
                "closedLoopInternalAnalysisFlag": False,
            },
        )
        for status in STATUSES:
            self._new_status(board, status)
        for path in CATEGORIES:
            self.category(board, path)
        for team in dict.fromkeys(technician.team for technician in technicians):
            self._new_team(board, team, [t.login for t in technicians if t.team == team])
        return board

    def _new_status(self, board: Row, status: _Status) -> Row:
        order = len(self.statuses_of(board["id"]))
        return self._keep(
            "status",
            self.statuses,
            {
                "name": status.name,
                "board": self.reference("board", board),
                "sortOrder": order,
                "displayOnBoard": True,
                "inactive": False,
                "closedStatus": status.closed,
                "timeEntryNotAllowed": False,
                "defaultFlag": order == 0,
                "escalationStatus": status.meaning,
                "customerPortalFlag": True,
            },
            scope=board["id"],
        )

    def _new_team(self, board: Row, name: str, logins: list[str]) -> Row:
        members = [self.member(login) for login in logins]
        return self._keep(
            "team",
            self.teams,
            {
                "name": name,
                "teamLeader": self.reference("owner", members[0]),
                "members": [member["id"] for member in members],
                "defaultFlag": False,
                "boardId": board["id"],
            },
            scope=board["id"],
        )

    def _category_part(self, kind: str, table: Table, board: Row, name: str) -> Row:
        known = self._named.get((kind, board["id"], name.casefold()))
        if known:
            return known
        fields: Row = {"name": name, "inactiveFlag": False, "board": self.reference("board", board)}
        if kind == "type":
            fields |= {"category": "Reactive", "defaultFlag": False}
        return self._keep(kind, table, fields, scope=board["id"])

    def _new_priority(self, name: str) -> Row:
        order = len(self.priorities) + 1
        return self._keep(
            "priority",
            self.priorities,
            {
                "name": name,
                "color": PRIORITIES.get(name, "Gray"),
                "sortOrder": order,
                "defaultFlag": name == USUAL_PRIORITY,
                "level": str(order),
            },
        )

    def _new_member(self, login: str, name: str, license_class: str, title: str = "") -> Row:
        first, _, last = name.partition(" ")
        return self._keep(
            "owner",
            self.members,
            {
                "identifier": login,
                "firstName": first,
                "lastName": last,
                "title": title,
                "licenseClass": license_class,
                "inactiveFlag": False,
                "disableOnlineFlag": False,
                "adminFlag": False,
                "officeEmail": f"{login}@msp.example",
                "primaryEmail": f"{login}@msp.example",
                "defaultEmail": "Office",
                "defaultPhone": "Office",
                "hireDate": "2020-01-01T00:00:00Z",
                "securityRole": {"id": 63, "name": "API" if license_class == "A" else "Technician"},
                "timeZone": {"id": 1, "name": "UTC"},
                "dailyCapacity": 8.0,
                "invoiceScreenDefaultTabFormat": "ShowInvoicingTab",
                "invoicingDisplayOptions": "RemainOnInvoicingScreen",
                "agreementInvoicingDisplayOptions": "RemainOnInvoicingScreen",
            },
            names=(login, name),
        )

    def _new_company(self, name: str) -> Row:
        identifier = "".join(c for c in name if c.isalnum())[:25] or f"Company{len(self.companies) + 1}"
        return self._keep(
            "company",
            self.companies,
            {
                "identifier": identifier,
                "name": name,
                "status": {"id": 1, "name": "Active"},
                "types": [{"id": 1, "name": "Client"}],
                "deletedFlag": False,
                "territory": {"id": 2, "name": "Main Office"},
                "site": {"id": 1, "name": "Main"},
            },
            names=(name, identifier),
        )

    def _new_contact(self, company: Row, name: str) -> Row:
        first, _, last = name.partition(" ")
        mail = f"{'.'.join(name.casefold().split())}@{company['identifier'].casefold()}.example"
        item = {
            "id": len(self.contacts) + 1,
            "type": {"id": 1, "name": "Email"},
            "value": mail,
            "defaultFlag": True,
            "domain": f"@{mail.partition('@')[2]}",
            "communicationType": "Email",
        }
        contact = self._keep(
            "contact",
            self.contacts,
            {
                "firstName": first,
                "lastName": last,
                "company": self.reference("company", company),
                "inactiveFlag": False,
                "title": "",
                "defaultFlag": False,
                "types": [{"id": 2, "name": "End User"}],
                "communicationItems": [item],
            },
            scope=company["id"],
        )
        self._contacts_of.setdefault(company["id"], []).append(contact)
        return contact

    def _new_configuration(self, company: Row, contact: Row | None, name: str) -> Row:
        number = len(self.configurations) + 1
        return self._keep(
            "configuration",
            self.configurations,
            {
                "name": name,
                "type": {"id": 1, "name": "Managed Device"},
                "status": {"id": 1, "name": "Active"},
                "company": self.reference("company", company),
                "contact": self.reference("contact", contact) if contact else None,
                "serialNumber": f"SB{number:05}",
                "activeFlag": True,
                "deviceIdentifier": f"device-{number}",
            },
        )


def name_of(row: Row) -> str:
    """What a record is called: its name, or first and last name."""
    return str(row["name"]) if "name" in row else f"{row.get('firstName', '')} {row.get('lastName', '')}".strip()


def mail_of(contact: Row) -> str:
    """Where a contact gets mail."""
    items: list[dict[str, Any]] = contact.get("communicationItems") or []
    return next((str(item["value"]) for item in items if item["communicationType"] == "Email"), "")


def _login(name: str) -> str:
    first, _, last = name.casefold().partition(" ")
    return "".join(c for c in (first[:1] + last if last else first) if c.isalnum())[:15] or "technician"
