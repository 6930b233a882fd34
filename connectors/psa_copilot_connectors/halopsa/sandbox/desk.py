"""What is there in the HaloPSA sandbox besides tickets: agents, teams, clients, and the lists that ids point into."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import NAMESPACE_URL, uuid5

from psa_copilot.sandbox import Client, Contact, Directory, Row, Table, Technician, World
from psa_copilot_connectors.halopsa.sandbox import usual
from psa_copilot_connectors.halopsa.sandbox.switches import TRAPS, is_on


class Desk:
    """Everything that has a name, found by it; what files name and is not there yet is made."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.agents, self.teams, self.clients, self.sites, self.users = (Table() for _ in range(5))
        self.statuses, self.priorities, self.types, self.categories = Table(30), Table(), Table(30), Table()
        self.outcomes = Table(100)
        self.revision = 0
        self._by_name: dict[tuple[str, str], int] = {}
        self._domains: dict[int, str] = {}

    # Set up

    def furnish(self, directory: Directory) -> None:
        """Who and what is there from the start."""
        self._lists()
        boards = [board.name for board in directory.boards] or list(usual.TEAMS)
        for name in (*boards, *dict.fromkeys(one.team for one in directory.technicians)):
            self.team(name)
        for board in directory.boards:
            for status in board.statuses:
                self.status(status.name)
            for path in board.categories:
                self.category(path)
        self._people(directory)
        for client in directory.clients:
            self._new_client(client)

    def _lists(self) -> None:
        for number, name in usual.STATUSES.items():
            self._keep("status", self.statuses, name, _status(name), number)
        for number, name in usual.TICKET_TYPES.items():
            itil = number if number < 4 else 1  # 1 Incident, 3 Service Request
            fields: Row = {"use": "ticket", "itilrequesttype": itil, "initial_status": usual.NEW, "default_sla": 1}
            self._keep("type", self.types, name, fields, number)
        for sla in usual.SLAS:
            for number in usual.PRIORITIES:
                self.priorities.put(_priority(self.priorities.new_id(), sla, number))
        for path in usual.CATEGORIES:
            self.category(path)
        for number, fields in usual.OUTCOMES.items():
            self.outcomes.put(_outcome(number, fields))

    def _people(self, directory: Directory) -> None:
        self._keep("agent", self.agents, "Unassigned", _agent("Unassigned", ""), usual.UNASSIGNED)
        for technician in directory.technicians:
            self._new_agent(technician)
        for name in usual.API_AGENTS.values():
            self._keep("agent", self.agents, name, _agent(name, "") | {"isapiagent": True})
        self._keep("client", self.clients, "Unknown", {"inactive": False, "toplevel_id": 1}, usual.UNKNOWN_CLIENT)

    def _keep(self, kind: str, table: Table, name: str, fields: Mapping[str, object], number: int = 0) -> Row:
        row = table.put({"id": number or table.new_id(), "name": name, **fields})
        self._by_name[kind, name.casefold()] = row["id"]
        self.revision += 1
        return row

    def _known(self, kind: str, table: Table, name: str) -> Row | None:
        return table.get(self._by_name.get((kind, name.casefold()), 0))

    # Found by name

    def team(self, name: str = "") -> Row:
        """A team; the usual one without a name."""
        wanted = name or next((str(row["name"]) for row in self.teams), usual.OPEN_TEAM)
        fields = {"department_id": 1, "department_name": "Service", "inactive": False, "forrequests": True}
        return self._known("team", self.teams, wanted) or self._keep("team", self.teams, wanted, fields)

    def status(self, name: str = "") -> Row:
        """A status; New without a name."""
        wanted = name or usual.STATUSES[usual.NEW]
        known = self._known("status", self.statuses, wanted)
        return known or self._keep("status", self.statuses, wanted, _status(wanted))

    def is_closed(self, status: int) -> bool:
        """Whether a ticket in this status is closed."""
        row = self.statuses.get(status)
        return bool(row) and (status == usual.CLOSED or str(row and row["name"]).casefold() in usual.CLOSED_WORDS)

    def priority(self, name: str, sla: int) -> Row:
        """A priority of an SLA, by its name or by a word for it."""
        rows = [row for row in self.priorities if row["slaid"] == sla]
        words = name.casefold().replace("-", " ").split()
        number = next((usual.PRIORITY_WORDS[word] for word in words if word in usual.PRIORITY_WORDS), 0)
        named = next((row for row in rows if row["name"].casefold() == name.casefold()), None)
        return named or next(row for row in rows if row["priorityid"] == (number or usual.USUAL_PRIORITY))

    def priority_of(self, sla: int, number: int) -> Row | None:
        """A priority by the number that tickets carry."""
        rows = (row for row in self.priorities if row["slaid"] == sla)
        return next((row for row in rows if row["priorityid"] == number), None)

    def category(self, path: str) -> Row | None:
        """A category by its path, `A/B/C` or `A>B>C`; None without one."""
        name = ">".join(part.strip() for part in path.replace(">", "/").split("/") if part.strip())
        if not name:
            return None
        fields = {"value": name, "category_name": name, "type_id": 1}
        return self._known("category", self.categories, name) or self._keep("category", self.categories, name, fields)

    def agent(self, name: str) -> Row:
        """A technician by login or name; a stranger is taken in."""
        known = self._known("agent", self.agents, name) or self._known("login", self.agents, name)
        return known or self._new_agent(Technician(login="", name=name, tier=1, team="", title=""))

    def technicians(self) -> list[Row]:
        """Those who work tickets."""
        return [row for row in self.agents if row["id"] != usual.UNASSIGNED and not row.get("isapiagent")]

    def client(self, name: str) -> Row:
        """A client by name; a new one is taken in."""
        return self._known("client", self.clients, name) or self._new_client(Client(name=name, contacts=[]))

    def user(self, client: Row, name: str) -> Row:
        """One of a client's people; a new one is taken in."""
        kind, wanted = f"user of {client['id']}", Contact.called(name)
        return self._known(kind, self.users, wanted.name) or self._new_user(client, wanted)

    def users_of(self, client: Row) -> list[Row]:
        """A client's people."""
        return [row for row in self.users if row["client_id"] == client["id"]]

    def site_of(self, client: Row) -> Row:
        """A client's site; each has one."""
        found = next((row for row in self.sites if row["client_id"] == client["id"]), None)
        fields = {"client_id": client["id"], "client_name": client["name"], "inactive": False, "sla_id": 1}
        return found or self._keep(f"site of {client['id']}", self.sites, "Main", fields)

    def outcome(self, number: int) -> Row | None:
        """An outcome as it stands by the switches."""
        row = self.outcomes.get(number)
        return self.shown_outcome(row) if row else None

    def outcome_named(self, name: str) -> Row | None:
        """An outcome by its name."""
        rows = (row for row in self.outcomes if row["outcome"].casefold() == name.casefold())
        return next((self.shown_outcome(row) for row in rows), None)

    def shown_outcome(self, row: Row) -> Row:
        """The outcome of our notes with the traps that are switched on."""
        if row["id"] != usual.PRIVATE_NOTE:
            return row
        on = {name for name in TRAPS if self.world.switches.on(name)}
        return row | {field: value for name, (field, value) in _TRAP_FIELDS.items() if name in on}

    def shown_status(self, row: Row) -> Row:
        """A status with the mail that is switched on."""
        return row | (
            {"statusemailid": 5, "notifystatuschange": 1} if is_on(self.world.switches, "status_mails") else {}
        )

    def shown_type(self, row: Row) -> Row:
        """A ticket type with what it does by itself."""
        on = self.world.switches.on
        return row | {
            "statusaftertechupdate": usual.IN_PROGRESS if on("type_sets_status") else 0,
            "chargerate": usual.CHARGED if on("type_charges") else 0,
        }

    # New ones

    def _new_agent(self, technician: Technician) -> Row:
        login = technician.login or technician.name.casefold().replace(" ", ".")
        mail = technician.email or f"{login}@msp.example"
        fields = _agent(technician.name, mail) | {"team": technician.team, "isdisabled": technician.inactive}
        row = self._keep("agent", self.agents, technician.name, fields | {"jobtitle": technician.title})
        self._by_name["login", login.casefold()] = row["id"]
        return row

    def let_go(self, name: str) -> None:
        """A technician's login is switched off."""
        self.agents.put(self.agent(name) | {"isdisabled": True})
        self.revision += 1

    def _new_client(self, client: Client) -> Row:
        row = self._keep("client", self.clients, client.name, {"inactive": False, "toplevel_id": 1})
        plain = "".join(letter for letter in client.name.casefold() if letter.isalnum())
        self._domains[row["id"]] = client.domain or f"{plain or 'client'}.example"
        self.site_of(row)
        for contact in client.contacts:
            self._new_user(row, contact)
        return row

    def _new_user(self, client: Row, contact: Contact) -> Row:
        domain = self._domains.get(client["id"], "unknown.example")
        mail = contact.email or f"{'.'.join(contact.name.casefold().split())}@{domain}"
        first, _, last = contact.name.partition(" ")
        site = self.site_of(client)
        fields = {
            "firstname": first,
            "surname": last,
            "emailaddress": mail,
            "phonenumber": "",
            "client_id": client["id"],
            "client_name": client["name"],
            "site_id": site["id"],
            "site_name": site["name"],
            "inactive": contact.inactive,
            "title": contact.title,
            "role_list": ", ".join(contact.types),
            "isimportantcontact": "VIP" in contact.types,
        }
        return self._keep(f"user of {client['id']}", self.users, contact.name, fields)


_TRAP_FIELDS: dict[str, tuple[str, object]] = {
    "outcome_mails": ("sendemail", 1),
    "outcome_sets_status": ("newstatus", 2),
    "outcome_responds": ("respondtype", 1),
    "outcome_holds_sla": ("slaholdischecked", True),
    "outcome_releases_sla": ("slareleaseischecked", True),
    "outcome_resets_response": ("action_resets_response", True),
    "outcome_charges": ("chargerate", usual.CHARGED),
    "outcome_logs_time": ("defaultmanhrs", 0.25),
    "outcome_assigns": ("defaultagent", 2),
    "outcome_moves_team": ("defaultteam", usual.TEAMS[1]),
    "outcome_sets_category": ("defaultcat1", usual.CATEGORIES[0].replace("/", ">")),
    # What the others do is not played: it happens on other tickets, or outside of the PSA.
    "outcome_makes_todos": ("todo_template_id", 4),
    "outcome_runs_runbook": ("automation_runbookid", str(uuid5(NAMESPACE_URL, "runbook"))),
    "outcome_runs_script": ("script_id", 3),
    "outcome_acts_in_azure": ("azure_action", 2),
    "outcome_calls_integration": ("integration_method_id", 11),
    "outcome_sets_linked_status": ("default_linkedticket_status", usual.CLOSED),
    "outcome_sends_jira_note": ("default_send_jira_note", True),
    "outcome_sends_to_halo": ("default_send_to_halo", True),
    "outcome_shows_on_parent": ("show_on_parent", 1),
    "outcome_shows_on_child": ("show_on_child", 1),
}


def _status(name: str) -> Row:
    return {
        "shortname": name[:10],
        "type": 0,
        "sequence": 10,
        "colour": "#2bd3c6",
        "slaaction": "H" if name in usual.ON_HOLD else "",
        "statusemailid": 0,
        "notifystatuschange": 0,
    }


def _priority(number: int, sla: int, priority: int) -> Row:
    return {
        "id": number,
        "_guid": str(uuid5(NAMESPACE_URL, f"priority/{sla}/{priority}")),
        "slaid": sla,
        "priorityid": priority,
        "name": usual.PRIORITIES[priority],
        "ishidden": False,
        "responsetime": usual.RESPONSE_HOURS[priority],
        "responseunits": "H",
        "fixtime": usual.FIX_HOURS[priority],
        "fixunits": "H",
    }


def _outcome(number: int, fields: Mapping[str, object]) -> Row:
    return {
        "id": number,
        "buttonname": fields["outcome"],
        "hidden": False,
        "systemid": 0,
        "sendemail": 0,
        "hidesendemail": False,
        "hidefromuser": False,
        "newstatus": -1,
        "respondtype": 0,
        "slaholdischecked": False,
        "slareleaseischecked": False,
        "action_resets_response": False,
        "chargerate": 0,
        "defaultmanhrs": 0.0,
        "defaultagent": 0,
        "defaultteam": "",
        "defaultcat1": "",
        "todo_template_id": 0,
        "automation_runbookid": None,
        "ishiddenfrominternalit": False,
        **fields,
    }


def _agent(name: str, mail: str) -> Row:
    first, _, last = name.partition(" ")
    return {
        "firstname": first,
        "surname": last,
        "email": mail,
        "team": "",
        "teams": [],
        "isdisabled": False,
        "isapiagent": False,
        "is_agent": True,
    }
