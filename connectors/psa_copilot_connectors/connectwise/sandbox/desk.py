"""What is there in the ConnectWise sandbox besides tickets: boards, people, clients, and how they are referred to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psa_copilot.sandbox import Client, Contact, Directory, Row, Table, Technician, World
from psa_copilot_connectors.connectwise.sandbox import making
from psa_copilot_connectors.connectwise.sandbox.bodies import Refused, entered
from psa_copilot_connectors.connectwise.sandbox.switches import is_on
from psa_copilot_connectors.connectwise.sandbox.usual import (
    BOARD_FLAGS,
    BOARDS,
    CATEGORIES,
    CLOSED_WORDS,
    DESCRIBED,
    MEANINGS,
    NO_MEANING,
    OPEN_DESK,
    ORIGINS,
    PRIORITIES,
    PRIORITY_WORDS,
    SMALL,
    STATUSES,
    TEMPLATED_WORDS,
    USUAL_PRIORITY,
    Status,
)

ADMIN = "Admin1"
API_LOGINS = {"copilot": "Copilot Api", "api2": "Second Api"}
HUMAN_LICENSES = ("F", "X")
UTC_ZONE = {"id": 1, "name": "UTC"}
# What a reference shows besides id and name, and the path it points to.
_EXTRA = {
    "status": ("sort",),
    "priority": ("sort", "level"),
    "company": ("identifier",),
    "owner": ("identifier",),
    "configuration": ("deviceIdentifier",),
    "scheduleType": ("identifier",),
    "agreement": ("type",),
}
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
    "configuration": "/company/configurations/{id}",
    "site": "/company/companies/{company}/sites/{id}",
    "agreement": "/finance/agreements/{id}",
    **SMALL,
}
ON_A_BOARD = ("status", "type", "subType", "item", "team")
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
        self.associations = Table()
        self.teams = Table(21)
        self.priorities = Table()
        self.sources = Table()
        self.members = Table(151)
        self.companies = Table(251)
        self.contacts = Table(351)
        self.sites = Table(901)
        self.configurations = Table(601)
        self.small = {kind: Table() for kind in SMALL}
        self._paths = dict(_PATHS)
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
            "configuration": self.configurations,
            "site": self.sites,
            **self.small,
        }
        self._technicians: list[Technician] = []
        self._contacts_of: dict[int, list[Row]] = {}
        self._statuses_of: dict[int, list[int]] = {}
        self._devices_of: dict[int, list[Row]] = {}
        self._domains: dict[int, str] = {}
        self._named: dict[tuple[str, int, str], Row] = {}
        self._references: dict[tuple[str, int], Row] = {}

    # References: what other records show of one.

    def register(self, kind: str, table: Table, path: str) -> None:
        """Let others refer to the records of a table."""
        self._tables[kind], self._paths[kind] = table, path

    def reference(self, kind: str, row: Row) -> Row:
        """`{id, name, …}`; one object for all who refer to it."""
        known = self._references.get((kind, row["id"]))
        if known is None:
            known = self._references[kind, row["id"]] = self._make_reference(kind, row)
        return known

    def _make_reference(self, kind: str, row: Row) -> Row:
        places = {"board": _board_of(row), "company": (row.get("company") or {}).get("id")}
        path = self._paths[kind].format(id=row["id"], **places)
        reference: Row = {"id": row["id"], "name": name_of(row)}
        for extra in _EXTRA.get(kind, ()):
            value = row.get({"sort": "sortOrder"}.get(extra, extra))
            reference[extra] = value["name"] if isinstance(value, Mapping) else value
        if kind in ("configuration", "scheduleType"):
            del reference["name"]
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
        scope = board if kind in ON_A_BOARD else 0
        if given.get("id") is not None:
            row = self._tables[kind].get(int(str(given["id"]))) if str(given["id"]).isdigit() else None
            fits = row is not None and scope in (0, _board_of(row))
            return row if fits else None
        for key in ("identifier", "name", "deviceIdentifier"):
            if found := self._named.get((kind, scope, str(given.get(key, "")).casefold())):
                return found
        return None

    def row_of(self, kind: str, reference: Row | None) -> Row:
        """The record behind a reference, or nothing."""
        return (self._tables[kind].get(reference["id"]) or {}) if reference else {}

    # Things by name, made when they are new: the tickets of a file may name what nobody has set up.

    def board(self, name: str = "") -> Row:
        """A board, by default the first."""
        if not name:
            return self._named.get(("board", 0, OPEN_DESK.casefold())) or next(iter(self.boards))
        return self._named.get(("board", 0, name.casefold())) or self._new_board(making.board_fields(name))

    def status(self, board: Row, name: str = "") -> Row:
        """A status of a board, by default the one of new tickets."""
        if not name:
            return self.default_status(board["id"])
        known = self._named.get(("status", board["id"], name.casefold()))
        return known or self._new_status(board, Status(name, NO_MEANING, name.casefold() in CLOSED_WORDS))

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
        return known or self.keep("source", self.sources, {"name": name, "defaultFlag": False})

    def category(self, board: Row, path: str) -> dict[str, Row]:
        """Type, subtype and item of a path such as `Hardware / Printer`."""
        names = [part.strip() for part in path.replace(">", "/").split("/") if part.strip()][:3]
        kinds = (("type", self.types), ("subType", self.subtypes), ("item", self.items))
        rows = {
            kind: self._category_part(kind, table, board, name)
            for (kind, table), name in zip(kinds, names, strict=False)
        }
        self._associate(board, rows)
        return rows

    def member(self, name: str) -> Row:
        """A technician, by login or name."""
        known = self._named.get(("owner", 0, name.casefold()))
        return self.members.rows[known["id"]] if known else self._hire(_stranger(name), "F")

    def member_reference(self, login: str) -> Row:
        """How others refer to a technician or an API member."""
        return self.reference("owner", self.member(login))

    def technicians(self) -> list[Row]:
        """Everybody who is no API member and still here."""
        return [row for row in self.members if row["licenseClass"] != "A" and not row["inactiveFlag"]]

    def let_go(self, name: str) -> None:
        """A technician's login is switched off."""
        row = self.member(name)
        info = entered(ADMIN, self.world.clock.now())
        self.members.put(row | {"inactiveFlag": True, "_info": info}, info["lastUpdated"])

    def company(self, name: str) -> Row:
        """A client."""
        return self._named.get(("company", 0, name.casefold())) or self._welcome(Client(name=name, contacts=[]))

    def contact(self, company: Row, name: str) -> Row:
        """One of a client's people."""
        key = ("contact", company["id"], name.casefold())
        return self._named.get(key) or self._new_contact(company, Contact(name=name))

    def contacts_of(self, company: Row) -> list[Row]:
        """All of a client's people."""
        return self._contacts_of.get(company["id"], [])

    def device(self, company: Row, name: str) -> Row:
        """One of a client's devices."""
        known = self._named.get(("configuration", 0, name.casefold()))
        return known or self._new_configuration(company, None, name)

    def devices_of(self, contact: Row | None) -> list[Row]:
        """The devices of one of a client's people."""
        return self._devices_of.get(contact["id"], []) if contact else []

    def one_of(self, kind: str, name: str, **fields: object) -> Row:
        """A record of one of the small tables."""
        known = self._named.get((kind, 0, name.casefold()))
        called = "description" if kind in DESCRIBED else "name"
        return known or self.keep(kind, self.small[kind], {called: name, **fields})

    def statuses_of(self, board: int) -> list[Row]:
        """The statuses of a board, in their order."""
        return [self.statuses.rows[status] for status in self._statuses_of.get(board, ())]

    def default_status(self, board: int) -> Row:
        """What a ticket on this board begins with: its default, or its first."""
        statuses = self.statuses_of(board)
        return next((row for row in statuses if self.shown_status(row)["defaultFlag"]), statuses[0])

    # What a switch adds to a board and its statuses.

    def shown_board(self, row: Row) -> Row:
        """A board as it stands with the switches."""
        switches = self.world.switches
        shown = dict(row)
        for flag, name in BOARD_FLAGS.items():
            if flag == "sendToContactFlag":
                shown[flag] = row[flag] and is_on(switches, name)
            else:
                shown[flag] = row[flag] or is_on(switches, name)
        for field, wanted, on in (
            ("emailConnectorReopenStatus", "Customer replied", is_on(switches, "reopen_by_mail")),
            ("autoCloseStatus", "Closed", switches.number("auto_close_days") > 0),
        ):
            if on and (status := self._named.get(("status", row["id"], wanted.casefold()))):
                shown[field] = self.reference("status", status)
        return shown

    def shown_status(self, row: Row) -> Row:
        """A status as it stands with the switches."""
        shown = row
        if self.world.switches.on("no_default_status"):
            shown = shown | {"defaultFlag": False}
        if is_on(self.world.switches, "status_email_templates") and row["name"].casefold() in TEMPLATED_WORDS:
            template = {"id": row["id"], "identifier": row["name"], "name": row["name"], "type": "ServiceStatus"}
            shown = shown | {"emailTemplate": template}
        return shown

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
            self._hire(Technician(login=login, name=name, tier=0, team="", title=""), "A")
        self._technicians = directory.technicians
        for number, technician in enumerate(directory.technicians):
            self._hire(technician, HUMAN_LICENSES[number % 2])
        for name in () if directory.boards else BOARDS:
            self._new_board(making.board_fields(name), teams=True)
        for line in directory.boards:
            fields = making.board_fields(line.name, mails_contact=line.mails_contact, project=line.project)
            meanings = [(status, MEANINGS.get(status.meaning, NO_MEANING)) for status in line.statuses]
            none_is = not any(status.default for status in line.statuses)
            statuses = [
                Status(s.name, meaning, s.meaning == "closed", s.default or (none_is and place == 0))
                for place, (s, meaning) in enumerate(meanings)
            ]
            self._new_board(fields, statuses or STATUSES, line.categories or CATEGORIES, teams=True)
        for client in directory.clients:
            self._welcome(client)

    def _hire(self, technician: Technician, license_class: str) -> Row:
        fields = making.member_fields(technician, license_class, UTC_ZONE)
        if technician.calendar:
            fields["calendar"] = self.reference("calendar", self.one_of("calendar", technician.calendar))
        return self.keep("owner", self.members, fields, names=(technician.login, technician.name))

    def _welcome(self, client: Client) -> Row:
        company = self._new_company(client)
        contacts = [self._new_contact(company, contact) for contact in client.contacts]
        for number, device in enumerate(client.devices):
            self._new_configuration(company, contacts[number % len(contacts)] if contacts else None, device)
        return company

    # Making records.

    def keep(self, kind: str, table: Table, fields: Row, *, scope: int = 0, names: Iterable[str] | None = None) -> Row:
        """A new record, found by its names from now on."""
        info = entered(ADMIN, self.world.clock.now())
        row = table.put({"id": table.new_id(), **fields, "_info": info}, info["lastUpdated"])
        for name in (name_of(row),) if names is None else names:
            self._named.setdefault((kind, scope, name.casefold()), row)
        return row

    def _new_board(
        self,
        fields: Row,
        statuses: Iterable[Status] = STATUSES,
        categories: Iterable[str] = CATEGORIES,
        *,
        teams: bool = False,
    ) -> Row:
        board = self.keep("board", self.boards, fields)
        for status in statuses:
            self._new_status(board, status)
        for path in categories:
            self.category(board, path)
        if teams:
            for team in dict.fromkeys(technician.team for technician in self._technicians):
                self._new_team(board, team, [t.login for t in self._technicians if t.team == team])
        return board

    def _new_status(self, board: Row, status: Status) -> Row:
        there = self._statuses_of.setdefault(board["id"], [])
        fields = making.status_fields(status, self.reference("board", board), len(there))
        row = self.keep("status", self.statuses, fields, scope=board["id"])
        there.append(row["id"])
        return row

    def _new_team(self, board: Row, name: str, logins: list[str]) -> Row:
        members = [self.member(login) for login in logins]
        fields = {
            "name": name,
            "teamLeader": self.reference("owner", members[0]),
            "members": [member["id"] for member in members],
            "defaultFlag": False,
            "boardId": board["id"],
        }
        return self.keep("team", self.teams, fields, scope=board["id"])

    def _category_part(self, kind: str, table: Table, board: Row, name: str) -> Row:
        known = self._named.get((kind, board["id"], name.casefold()))
        if known:
            return table.rows[known["id"]]
        fields: Row = {"name": name, "inactiveFlag": False, "board": self.reference("board", board)}
        if kind == "type":
            fields |= {"category": "Reactive", "defaultFlag": False}
        return self.keep(kind, table, fields, scope=board["id"])

    def _associate(self, board: Row, rows: Mapping[str, Row]) -> None:
        """Remember which subtype and item belong to which type."""
        if "subType" not in rows:
            return
        name = "/".join(str(row["id"]) for row in rows.values())
        if ("association", board["id"], name) in self._named:
            return
        references = {kind: self.reference(kind, row) for kind, row in rows.items()}
        fields = {**references, "board": self.reference("board", board)}
        self.keep("association", self.associations, fields, scope=board["id"], names=(name,))
        subtype = self.subtypes.rows[rows["subType"]["id"]]
        types = [*subtype.get("typeAssociationIds", []), rows["type"]["id"]]
        self.subtypes.put(subtype | {"typeAssociationIds": sorted(set(types))}, subtype["_info"]["lastUpdated"])

    def belongs(self, row: Row) -> bool:
        """Whether a ticket's subtype belongs to its type, and its item to both."""
        names = [str(row[kind]["id"]) for kind in ("type", "subType", "item") if row.get(kind)]
        if len(names) < 2 and not row.get("subType") and not row.get("item"):
            return True
        wanted = "/".join(names)
        known = (key[2] for key in self._named if key[0] == "association")
        return any(name == wanted or name.startswith(f"{wanted}/") for name in known)

    def _new_priority(self, name: str) -> Row:
        order = len(self.priorities) + 1
        fields = {
            "name": name,
            "color": PRIORITIES.get(name, "Gray"),
            "sortOrder": order,
            "defaultFlag": name == USUAL_PRIORITY,
            "level": str(order),
        }
        return self.keep("priority", self.priorities, fields)

    def _new_company(self, client: Client) -> Row:
        identifier = "".join(c for c in client.name if c.isalnum())[:25] or f"Company{len(self.companies) + 1}"
        status = self.reference("companyStatus", self.one_of("companyStatus", client.status))
        types = [self.reference("companyType", self.one_of("companyType", name)) for name in client.types]
        fields = making.company_fields(client, identifier, status, types)
        if client.calendar:
            fields["calendar"] = self.reference("calendar", self.one_of("calendar", client.calendar))
        row = self.keep("company", self.companies, fields, names=(client.name, identifier))
        self._domains[row["id"]] = client.domain or f"{identifier.casefold()}.example"
        place = {"name": "Main", "inactiveFlag": False, "primaryAddressFlag": True}
        site = self.keep("site", self.sites, place | {"company": self.reference("company", row)}, names=())
        row["site"] = self.reference("site", site)
        return row

    def _new_contact(self, company: Row, contact: Contact) -> Row:
        domain = self._domains[company["id"]]
        mail = contact.email or f"{'.'.join(contact.name.casefold().split())}@{domain}"
        types = [self.reference("contactType", self.one_of("contactType", name)) for name in contact.types]
        fields = making.contact_fields(contact, self.reference("company", company), mail, len(self.contacts) + 1, types)
        row = self.keep("contact", self.contacts, fields, scope=company["id"])
        self._contacts_of.setdefault(company["id"], []).append(row)
        company.setdefault("defaultContact", self.reference("contact", row))
        return row

    def _new_configuration(self, company: Row, contact: Row | None, name: str) -> Row:
        number = len(self.configurations) + 1
        fields: Row = {
            "name": name,
            "type": self.reference("configurationType", self.one_of("configurationType", "Managed Device")),
            "status": self.reference("configurationStatus", self.one_of("configurationStatus", "Active")),
            "company": self.reference("company", company),
            **({"contact": self.reference("contact", contact)} if contact else {}),
            "serialNumber": f"SB{number:05}",
            "activeFlag": True,
            "deviceIdentifier": f"device-{number}",
        }
        row = self.keep("configuration", self.configurations, fields, names=(name, f"device-{number}"))
        if contact:
            self._devices_of.setdefault(contact["id"], []).append(row)
        return row


def name_of(row: Row) -> str:
    """What a record is called: its name, or first and last name."""
    called = row.get("name") or row.get("description")
    return str(called) if called else f"{row.get('firstName', '')} {row.get('lastName', '')}".strip()


def mail_of(contact: Row) -> str:
    """Where a contact gets mail."""
    items: list[dict[str, Any]] = contact.get("communicationItems") or []
    return next((str(item["value"]) for item in items if item["communicationType"] == "Email"), "")


def _board_of(row: Row) -> Any:
    return (row.get("board") or {}).get("id", row.get("boardId"))


def _stranger(name: str) -> Technician:
    return Technician(login=_login(name), name=name, tier=1, team="", title="")


def _login(name: str) -> str:
    first, _, last = name.casefold().partition(" ")
    return "".join(c for c in (first[:1] + last if last else first) if c.isalnum())[:15] or "technician"
