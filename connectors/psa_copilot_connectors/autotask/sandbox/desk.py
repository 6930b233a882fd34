"""Who is there in the Autotask sandbox: resources with their roles, clients and their contacts, logins."""

from __future__ import annotations

from dataclasses import dataclass

from psa_copilot.sandbox import Client, Contact, Directory, Row, Technician
from psa_copilot_connectors.autotask.sandbox.picklists import API_USER, PERSON, Picklists
from psa_copilot_connectors.autotask.sandbox.records import SYSTEM, Records
from psa_copilot_connectors.autotask.sandbox.replies import iso

OWN_COMPANY = 0
API_USERS = {"api@sandbox.example": "Copilot Api", "api2@sandbox.example": "Second Api"}
FIRST_PERSON, FIRST_API = 29_682_901, 29_689_901
CLIENT_TYPE = 1
OFFICE, OFFICE_ZONE = 1, "(GMT+00:00) Coordinated Universal Time"


@dataclass(frozen=True)
class Login:
    """One who may use the API, and the resource that writes as."""

    user: str
    secrets: frozenset[str]
    resource: int
    is_api: bool


class Desk:
    """People and clients, found by name."""

    def __init__(self, records: Records, picklists: Picklists) -> None:
        self.records, self.picklists = records, picklists
        self.logins: dict[str, Login] = {}
        self._resources: dict[str, int] = {}
        self._companies: dict[str, int] = {}
        self._contacts: dict[tuple[int, str], int] = {}
        self._domains: dict[int, str] = {}
        self._technicians: list[int] = []

    def furnish(self, directory: Directory) -> None:
        """Set up the desk."""
        holidays = self.records.add("HolidaySets", {"holidaySetName": "Office"})
        office = {"name": "Office", "isDefault": True, "holidaySetId": holidays["id"], "timeZone": OFFICE_ZONE}
        self.records.add("InternalLocations", office, OFFICE)
        for role in ("Technician", "Engineer"):
            self.records.add("Roles", {"name": role, "isActive": True, "isSystemRole": False, "hourlyFactor": 1.0})
        self._keep_resource("Autotask", "Administrator", "administrator", "", PERSON, SYSTEM)
        for number, (user, name) in enumerate(API_USERS.items(), start=FIRST_API):
            first, _, last = name.partition(" ")
            self._keep_resource(first, last, user, user, API_USER, number)
            if number == FIRST_API:
                self._give_role(number, self.records.table("Roles").in_id_order()[0]["id"])
            self.logins[user] = Login(user, frozenset({"secret"}), number, is_api=True)
        for technician in directory.technicians:
            self._hire(technician)
        for line in directory.boards:
            self.picklists.value("queueID", line.name)
            for status in line.statuses:
                self.picklists.value("status", status.name)
            for path in line.categories:
                self.picklists.category(path)
        self._welcome(Client(name="Sandbox MSP", contacts=[], domain="msp.example"), OWN_COMPANY)
        for client in directory.clients:
            self._welcome(client)
        self._let_in_a_human()

    def is_api(self, resource: int) -> bool:
        """Whether a resource is a program's."""
        return FIRST_API <= resource < FIRST_API + len(API_USERS)

    def _let_in_a_human(self) -> None:
        for user in ("human", "human@sandbox.example"):
            self.logins[user] = Login(user, frozenset({"human", "secret"}), self._technicians[0], is_api=False)

    # Found by name, and made where nobody is called so.

    def resource(self, name: str) -> Row:
        """A technician, by login or name."""
        known = self._resources.get(name.casefold())
        if known is None:
            known = self._hire(_stranger(name))
        return self.records.table("Resources").rows[known]

    def company(self, name: str) -> Row:
        """A client."""
        known = self._companies.get(name.casefold())
        if known is None:
            known = self._welcome(Client(name=name, contacts=[]))
        return self.records.table("Companies").rows[known]

    def contact(self, company: int, name: str) -> Row:
        """One of a client's people."""
        wanted = Contact.called(name)
        known = self._contacts.get((company, wanted.name.casefold()))
        if known is None:
            known = self._new_contact(company, wanted)
        return self.records.table("Contacts").rows[known]

    def technicians(self) -> list[Row]:
        """Everybody who works here."""
        rows = self.records.table("Resources").rows
        return [rows[number] for number in self._technicians if rows[number]["isActive"]]

    def contacts_of(self, company: int) -> list[Row]:
        """All of a client's people."""
        rows = self.records.table("Contacts").rows
        return [rows[number] for (owner, _), number in self._contacts.items() if owner == company]

    def name_of(self, resource: object) -> str:
        """What people call a resource."""
        row = self.records.row("Resources", resource)
        return f"{row['firstName']} {row['lastName']}".strip() if row else ""

    def role_of(self, resource: int) -> int | None:
        """The role in which somebody works tickets."""
        held = self.records.where("ResourceServiceDeskRoles", resourceID=resource, isActive=True)
        return held[0]["roleID"] if held else None

    def holds(self, resource: object, role: object) -> bool:
        """Whether somebody has a role."""
        if resource == FIRST_API and not self.records.switches.on("api_user_role"):
            return False
        return bool(self.records.where("ResourceServiceDeskRoles", resourceID=resource, roleID=role, isActive=True))

    def let_go(self, name: str) -> None:
        """A technician's login is switched off."""
        self.records.put("Resources", self.resource(name) | {"isActive": False})

    # Making records.

    def _hire(self, technician: Technician) -> int:
        first, _, last = technician.name.partition(" ")
        mail = technician.email or f"{technician.login}@msp.example"
        row = self._keep_resource(first, last, technician.login, mail, PERSON)
        number = int(row["id"])
        role = self.records.table("Roles").in_id_order()[0 if technician.tier < 3 else 1]["id"]
        self._give_role(number, role)
        more = {
            "defaultServiceDeskRoleID": role,
            "title": technician.title or None,
            "isActive": not technician.inactive,
        }
        self.records.put("Resources", row | more)
        self._resources.setdefault(technician.name.casefold(), number)
        self._technicians.append(number)
        return number

    def _give_role(self, resource: int, role: int) -> None:
        held = {"resourceID": resource, "roleID": role, "isActive": True, "isDefault": True}
        self.records.add("ResourceServiceDeskRoles", held)

    def _keep_resource(
        self, first: str, last: str, user: str, mail: str, license_type: int, number: int | None = None
    ) -> Row:
        fields = {
            "firstName": first,
            "lastName": last,
            "userName": user,
            "email": mail,
            "isActive": True,
            "licenseType": license_type,
            "resourceType": "Employee",
            "locationID": OFFICE,
        }
        if number is None:  # people come before programs, whoever came first
            number = FIRST_PERSON + len(self._technicians)
        row = self.records.add("Resources", fields, number)
        self._resources.setdefault(user.casefold(), number)
        return row

    def _welcome(self, client: Client, number: int | None = None) -> int:
        now = iso(self.records.clock.now())
        fields = {
            "companyName": client.name,
            "companyType": CLIENT_TYPE,
            "isActive": True,
            "createDate": now,
            "lastActivityDate": now,
            "lastTrackedModifiedDateTime": now,
        }
        made = int(self.records.add("Companies", fields, number)["id"])
        word = "".join(letter for letter in client.name.casefold() if letter.isalnum())
        self._domains[made] = client.domain or f"{word or 'client'}.example"
        self._companies.setdefault(client.name.casefold(), made)
        for contact in client.contacts:
            self._new_contact(made, contact)
        return made

    def _new_contact(self, company: int, contact: Contact) -> int:
        first, _, last = contact.name.partition(" ")
        now = iso(self.records.clock.now())
        mail = contact.email or f"{'.'.join(contact.name.casefold().split())}@{self._domains[company]}"
        fields = {
            "firstName": first,
            "lastName": last or "-",
            "emailAddress": mail,
            "title": contact.title or None,
            "companyID": company,
            "isActive": int(not contact.inactive),
            "createDate": now,
            "lastModifiedDate": now,
        }
        made = int(self.records.add("Contacts", fields)["id"])
        self._contacts.setdefault((company, contact.name.casefold()), made)
        return made


def _stranger(name: str) -> Technician:
    first, _, last = name.casefold().partition(" ")
    login = "".join(letter for letter in (first[:1] + last if last else first) if letter.isalnum())
    return Technician(login=login or "technician", name=name, tier=1, team="", title="")
