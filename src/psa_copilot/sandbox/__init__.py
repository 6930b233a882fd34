"""PSAs in small, to try and to test against: the machinery that all of them share.

A PSA's sandbox is a subclass of `PsaSandbox`; `serve` runs it as a process, `running` inside a test.
"""

from psa_copilot.sandbox.agenda import Agenda
from psa_copilot.sandbox.callbacks import Delivery, Patience
from psa_copilot.sandbox.clock import iso, whole_second
from psa_copilot.sandbox.command import find_sandbox, serve
from psa_copilot.sandbox.directory import BoardLine, CalendarLine, Client, Contact, Directory, StatusLine, Technician
from psa_copilot.sandbox.psa import Answer, PsaSandbox, Request, World
from psa_copilot.sandbox.records import (
    AppointmentLine,
    DeviceLine,
    DocumentLine,
    GoneLine,
    LeaverLine,
    LinkLine,
    MirrorLine,
    NoteGoneLine,
    ProductLine,
    Record,
    TaskLine,
    TimeLine,
    TimeOffLine,
)
from psa_copilot.sandbox.switches import Switch, Switches
from psa_copilot.sandbox.table import Row, Table
from psa_copilot.sandbox.tickets import BadTickets, MessageLine, TicketLine
from psa_copilot.sandbox.trial import Sandbox, running, spawned

__all__ = [
    "Agenda",
    "Answer",
    "AppointmentLine",
    "BadTickets",
    "BoardLine",
    "CalendarLine",
    "Client",
    "Contact",
    "Delivery",
    "DeviceLine",
    "Directory",
    "DocumentLine",
    "GoneLine",
    "LeaverLine",
    "LinkLine",
    "MessageLine",
    "MirrorLine",
    "NoteGoneLine",
    "Patience",
    "ProductLine",
    "PsaSandbox",
    "Record",
    "Request",
    "Row",
    "Sandbox",
    "StatusLine",
    "Switch",
    "Switches",
    "Table",
    "TaskLine",
    "Technician",
    "TicketLine",
    "TimeLine",
    "TimeOffLine",
    "World",
    "find_sandbox",
    "iso",
    "running",
    "serve",
    "spawned",
    "whole_second",
]
