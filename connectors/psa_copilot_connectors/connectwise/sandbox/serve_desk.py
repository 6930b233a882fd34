"""The endpoints of what stands around tickets: boards, clients, calendars, agreements, SLAs."""

from __future__ import annotations

from psa_copilot.sandbox import Row, Table
from psa_copilot_connectors.connectwise.sandbox import shapes
from psa_copilot_connectors.connectwise.sandbox.desk import Desk
from psa_copilot_connectors.connectwise.sandbox.http import Asked, Failed
from psa_copilot_connectors.connectwise.sandbox.query import View
from psa_copilot_connectors.connectwise.sandbox.routes import Kind, Routes
from psa_copilot_connectors.connectwise.sandbox.setup import Setup
from psa_copilot_connectors.connectwise.sandbox.shapes import Shape
from psa_copilot_connectors.connectwise.sandbox.sla import Slas


class DeskServed:
    """Boards, clients and the small tables."""

    def __init__(self, routes: Routes, desk: Desk, setup: Setup, slas: Slas) -> None:
        self._routes = routes
        self._desk = desk
        self._route_tables(setup)
        self._route_boards()
        self._route_clients()
        self._route_slas(slas)

    def _route_tables(self, setup: Setup) -> None:
        desk, small = self._desk, self._desk.small
        for path, table, names, label, right in (
            ("service/priorities", desk.priorities, shapes.PRIORITY, "Priority", "boards_right"),
            ("service/sources", desk.sources, shapes.SOURCE, "Source", "boards_right"),
            ("service/locations", small["location"], shapes.LOCATION, "Location", "boards_right"),
            ("company/contacts", desk.contacts, shapes.CONTACT, "Contact", "contacts_right"),
            ("company/contacts/types", small["contactType"], shapes.CONTACT_TYPE, "Type", "contacts_right"),
            ("company/configurations", desk.configurations, shapes.CONFIGURATION, "Device", "configurations_right"),
            ("company/configurations/types", small["configurationType"], shapes.CONFIGURATION_TYPE, "Type", ""),
            ("company/configurations/statuses", small["configurationStatus"], shapes.CONFIGURATION_STATUS, "Kind", ""),
            ("company/companies/types", small["companyType"], shapes.COMPANY_TYPE, "Type", "companies_right"),
            ("company/companies/statuses", small["companyStatus"], shapes.COMPANY_STATUS, "Status", "companies_right"),
            ("schedule/types", small["scheduleType"], shapes.SCHEDULE_TYPE, "Type", "schedule_right"),
            ("schedule/statuses", small["scheduleStatus"], shapes.SCHEDULE_STATUS, "Status", "schedule_right"),
            ("schedule/calendars", small["calendar"], shapes.CALENDAR, "Calendar", "schedule_right"),
            ("schedule/holidaylists", small["holidayList"], shapes.HOLIDAY_LIST, "Holiday list", "schedule_right"),
            ("time/worktypes", small["workType"], shapes.WORK_TYPE, "Work type", "time_right"),
            ("time/workroles", small["workRole"], shapes.WORK_ROLE, "Work role", "time_right"),
            ("finance/agreements", setup.agreements, shapes.AGREEMENT, "Agreement", "agreements_right"),
            ("finance/agreements/types", small["agreementType"], shapes.AGREEMENT_TYPE, "Type", "agreements_right"),
        ):  # fmt: skip
            self._routes.kind(Kind(path, table, names, label, right))
        holidays = Kind("schedule/holidaylists/#/holidays", setup.holidays, shapes.HOLIDAY, "Holiday", "schedule_right")
        self._routes.kind(holidays, lambda asked: _of(setup.holidays, "holidayList", asked.numbers[0]))

    def _route_boards(self) -> None:
        desk = self._desk
        boards = Kind("service/boards", desk.boards, shapes.BOARD, "Board", "boards_right", desk.shown_board)
        self._routes.kind(boards)
        views: dict[str, View] = {"statuses": desk.shown_status}
        for name, table, names in (
            ("statuses", desk.statuses, shapes.STATUS),
            ("types", desk.types, shapes.TYPE),
            ("subtypes", desk.subtypes, shapes.SUBTYPE),
            ("items", desk.items, shapes.ITEM),
            ("teams", desk.teams, shapes.TEAM),
            ("typesubtypeitemassociations", desk.associations, shapes.ASSOCIATION),
        ):
            self._on_boards(name, table, names, views.get(name))
        self._routes.kind(
            Kind("service/teams", desk.teams, shapes.SERVICE_TEAM, "Team", "boards_right", _as_service_team)
        )

        self._routes.lists(
            "service/boards/#/autotemplates", shapes.AUTO_TEMPLATE, self._templates, right="boards_right"
        )

    def _templates(self, asked: Asked) -> list[Row]:
        """What a type, subtype and item together pull, where the switch says that they pull something."""
        switches = self._routes.switches
        how = switches.text("auto_templates")
        rows = self._on_board(asked.numbers[0], self._desk.associations)
        if how == "off" and not switches.on("all_side_effects"):
            return []
        return [_as_template(row, "Overwrite" if how == "overwrite" else "Append") for row in rows if "item" in row]

    def _on_boards(self, name: str, table: Table, names: Shape, view: View | None) -> None:
        kind = Kind(f"service/boards/#/{name}", table, names, name[:-1].capitalize(), "boards_right", view)
        self._routes.kind(kind, lambda asked: self._on_board(asked.numbers[0], table))

    def _on_board(self, board: int, table: Table) -> list[Row]:
        if board not in self._desk.boards.rows:
            raise Failed(404, "NotFound", f"Board {board} not found")
        if table is self._desk.associations and not self._desk.world.switches.on("associations"):
            raise Failed(404, "NotFound", "No resource at typeSubTypeItemAssociations.")
        return [row for row in table if (row.get("board") or {}).get("id", row.get("boardId")) == board]

    def _route_clients(self) -> None:
        desk, routes = self._desk, self._routes
        routes.kind(Kind("company/companies", desk.companies, shapes.COMPANY, "Company", "companies_right"))
        sites = Kind("company/companies/#/sites", desk.sites, shapes.SITE, "Site", "companies_right")
        routes.kind(sites, lambda asked: _of(desk.sites, "company", self._company(asked)["id"]))
        routes.lists(
            "company/companies/#/typeassociations", shapes.TYPE_ASSOCIATION, self._types_of, right="companies_right"
        )
        routes.lists(
            "company/contacts/#/communications", shapes.COMMUNICATION, self._communications, right="contacts_right"
        )

    def _company(self, asked: Asked) -> Row:
        row = self._desk.companies.get(asked.numbers[0])
        if row is None:
            raise Failed(404, "NotFound", f"Company {asked.numbers[0]} not found")
        return row

    def _types_of(self, asked: Asked) -> list[Row]:
        company = self._company(asked)
        reference = self._desk.reference("company", company)
        return [
            {"id": company["id"] * 100 + kind["id"], "type": kind, "company": reference, "_info": {}}
            for kind in company["types"]
        ]

    def _communications(self, asked: Asked) -> list[Row]:
        row = self._desk.contacts.get(asked.numbers[0])
        if row is None:
            raise Failed(404, "NotFound", f"Contact {asked.numbers[0]} not found")
        return [item | {"contactId": row["id"], "_info": {}} for item in row["communicationItems"]]

    def _route_slas(self, slas: Slas) -> None:
        self._routes.kind(Kind("service/slas", slas.rows, shapes.SLA, "SLA", "slas_right"))
        kind = Kind("service/slas/#/priorities", slas.priorities, shapes.SLA_PRIORITY, "Priority", "slas_right")
        self._routes.kind(kind, lambda asked: _of(slas.priorities, "sla", asked.numbers[0]))


def _of(table: Table, field: str, number: int) -> list[Row]:
    return [row for row in table if row[field]["id"] == number]


def _as_template(row: Row, how: str) -> Row:
    name = row["item"]["name"]
    changed = ("summary", "internalAnalysis", "tasks", "resources")
    return {
        "id": row["id"],
        "type": row["type"],
        "subtype": row["subType"],
        "item": row["item"],
        "serviceTemplate": {"id": row["id"], "name": name, "summary": name},
        "board": row["board"],
        **{f"{field}Setting": how for field in changed},
        "discussionSetting": "Ignore",
        "resolutionSetting": "Ignore",
        "autoApplyFlag": True,
        "_info": row["_info"],
    }


def _as_service_team(row: Row) -> Row:
    return {"id": row["id"], "name": row["name"], "leader": row["teamLeader"], "_info": row["_info"]}
