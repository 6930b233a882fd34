"""The tables behind the desk: kinds of appointments and work, calendars and holidays, agreements."""

from __future__ import annotations

from psa_copilot.sandbox import CalendarLine, Directory, Row, Table
from psa_copilot_connectors.connectwise.sandbox import making
from psa_copilot_connectors.connectwise.sandbox.desk import Desk
from psa_copilot_connectors.connectwise.sandbox.sla import Slas
from psa_copilot_connectors.connectwise.sandbox.usual import SCHEDULE_STATUSES, SCHEDULE_TYPES, WORK_TYPES

OFFICE_HOURS = CalendarLine(
    name="Office hours",
    hours=dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "08:00-17:00"),
    holidays={"2026-12-25": "Christmas Day", "2027-01-01": "New Year's Day"},
)
LOCATIONS = {"On-Site": "OnSite", "Remote": "Remote", "In-House": "InHouse"}


class Setup:
    """What an admin set up once. Made before people and clients, who refer to it."""

    def __init__(self, desk: Desk, slas: Slas) -> None:
        self.agreements = Table()
        self.holidays = Table()
        self._desk = desk
        self._slas = slas
        desk.register("agreement", self.agreements, "/finance/agreements/{id}")

    def furnish(self, directory: Directory) -> None:
        """What people and clients refer to."""
        desk = self._desk
        for name, identifier in SCHEDULE_TYPES.items():
            fields = {"name": name, "identifier": identifier, "systemFlag": True}
            desk.keep("scheduleType", desk.small["scheduleType"], fields, names=(name, identifier))
        for name in SCHEDULE_STATUSES:
            desk.one_of("scheduleStatus", name, defaultFlag=name == "Firm", showAsTentativeFlag=name == "Tentative")
        for name, bill in WORK_TYPES.items():
            rate = {"billTime": bill, "rateType": "Multiplier", "rate": 1.0}
            desk.one_of("workType", name, **rate, inactiveFlag=False, overallDefaultFlag=name == "Remote")
        desk.one_of("workRole", "Technician", inactiveFlag=False)
        for name, where in LOCATIONS.items():
            desk.one_of("location", name, where=where, defaultFlag=name == "Remote")
        for calendar in directory.calendars or [OFFICE_HOURS]:
            self._keep_calendar(calendar)
        desk.one_of("companyStatus", "Active", defaultFlag=True, inactiveFlag=False)
        desk.one_of("companyStatus", "Inactive", defaultFlag=False, inactiveFlag=True)

    def sign_agreements(self) -> None:
        """Each client pays for something."""
        desk = self._desk
        kind = desk.reference("agreementType", desk.one_of("agreementType", "Managed Services", **_agreement_rules()))
        sla = desk.reference("sla", self._slas.rows.rows[1])
        for company in desk.companies:
            contact = company.get("defaultContact")
            fields = making.agreement_fields(desk.reference("company", company), contact, kind, sla)
            desk.keep("agreement", self.agreements, fields)

    def _keep_calendar(self, line: CalendarLine) -> None:
        desk = self._desk
        hours: Row = {}
        for day, span in line.hours.items():
            begins, _, ends = span.partition("-")
            hours |= {f"{day}StartTime": f"{begins}:00", f"{day}EndTime": f"{ends}:00"}
        days = desk.reference("holidayList", desk.one_of("holidayList", f"Holidays of {line.name}"))
        desk.one_of("calendar", line.name, **hours, holidayList=days)
        for date, name in line.holidays.items():
            fields = {"name": name, "allDayFlag": True, "date": date, "holidayList": days}
            desk.keep("holiday", self.holidays, fields, names=())


def _agreement_rules() -> Row:
    bills = dict.fromkeys(("billTime", "billExpenses", "billProducts"), "Billable")
    employees = {"employeeCompRate": "Actual", "employeeCompNotExceed": "Billing", "invoicingCycle": "CalendarYear"}
    return {**bills, **employees, "defaultFlag": True, "inactiveFlag": False}
