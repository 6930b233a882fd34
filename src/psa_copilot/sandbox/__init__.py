"""PSAs in small, to try and to test against: the machinery that all of them share.

A PSA's sandbox is a subclass of `PsaSandbox`; `serve` runs it as a process, `running` inside a test.
"""

from psa_copilot.sandbox.callbacks import Delivery, Patience
from psa_copilot.sandbox.clock import iso, whole_second
from psa_copilot.sandbox.command import find_sandbox, serve
from psa_copilot.sandbox.psa import Answer, PsaSandbox, Request, World
from psa_copilot.sandbox.scenarios import Client, Directory, Technician, TimeLine
from psa_copilot.sandbox.switches import Switch
from psa_copilot.sandbox.table import Row, Table
from psa_copilot.sandbox.tickets import BadTickets, MessageLine, TicketLine
from psa_copilot.sandbox.trial import Sandbox, running, spawned

__all__ = [
    "Answer",
    "BadTickets",
    "Client",
    "Delivery",
    "Directory",
    "MessageLine",
    "Patience",
    "PsaSandbox",
    "Request",
    "Row",
    "Sandbox",
    "Switch",
    "Table",
    "Technician",
    "TicketLine",
    "TimeLine",
    "World",
    "find_sandbox",
    "iso",
    "running",
    "serve",
    "spawned",
    "whole_second",
]
