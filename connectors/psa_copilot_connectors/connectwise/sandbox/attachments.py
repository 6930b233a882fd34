"""What is attached to tickets: devices, files, products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from psa_copilot.sandbox import DocumentLine, Row, Table, whole_second
from psa_copilot_connectors.connectwise.sandbox.bodies import Refused, entered
from psa_copilot_connectors.connectwise.sandbox.tickets import Tickets


class Attachments:
    """Links to configurations, documents and products, by ticket."""

    def __init__(self, tickets: Tickets) -> None:
        self.documents = Table(30_001)
        self.products = Table(35_001)
        self.contents: dict[int, bytes] = {}
        self._tickets = tickets
        self._desk = tickets.desk
        self._devices: dict[int, list[int]] = {}
        self._documents_of: dict[int, list[int]] = defaultdict(list)
        self._products_of: dict[int, list[int]] = defaultdict(list)
        tickets.parts.append(self)

    def ticket_added(self, ticket: Row, body: Mapping[str, object], by: str, at: datetime) -> None:
        """A new ticket shows its contact's devices."""

    def ticket_deleted(self, ticket: int, _: str) -> None:
        """A ticket takes its files with it; devices stay."""
        self._devices.pop(ticket, None)
        self._products_of.pop(ticket, None)
        for document in self._documents_of.pop(ticket, []):
            self.documents.drop(document)

    # Devices.

    def devices_of(self, ticket: int) -> list[Row]:
        """The configurations of a ticket; those of its contact until somebody links others."""
        if ticket in self._devices:
            return [self._desk.configurations.rows[device] for device in self._devices[ticket]]
        return self._desk.devices_of(self._tickets.rows.rows[ticket].get("contact"))

    def link(self, ticket: int, given: object) -> Row:
        """A device by its id or its deviceIdentifier."""
        if not isinstance(given, Mapping) or not (given.get("id") or given.get("deviceIdentifier")):
            raise Refused("configuration", "id", "id or deviceIdentifier is required.", "MissingRequiredField")
        reference = self._desk.resolve("configuration", given, resource="configuration")
        self.link_device(ticket, reference["id"])
        return reference

    def link_device(self, ticket: int, device: int) -> None:
        """A ticket is about a device."""
        there = [row["id"] for row in self.devices_of(ticket)]
        self._devices[ticket] = [*there, *([] if device in there else [device])]
        self._tickets.touched()

    def unlink(self, ticket: int, device: int) -> None:
        """A ticket is not about a device."""
        self._devices[ticket] = [row["id"] for row in self.devices_of(ticket) if row["id"] != device]
        self._tickets.touched()

    # Files and products.

    def documents_of(self, ticket: int) -> list[Row]:
        """The files of a ticket."""
        return [self.documents.rows[document] for document in self._documents_of.get(ticket, ())]

    def products_of(self, ticket: int) -> list[Row]:
        """What a ticket will charge."""
        return [self.products.rows[product] for product in self._products_of.get(ticket, ())]

    def add_document(self, ticket: int, line: DocumentLine, by: str, at: datetime) -> None:
        """Somebody attaches a file."""
        number = self.documents.new_id()
        row = {
            "id": number,
            "title": line.name,
            "fileName": line.name,
            "serverFileName": f"{number}-{line.name}",
            "owner": by,
            "linkFlag": False,
            "imageFlag": line.name.casefold().endswith((".png", ".jpg")),
            "publicFlag": line.public,
            "readOnlyFlag": False,
            "urlFlag": False,
            "size": len(line.text.encode()),
            "guid": str(uuid5(NAMESPACE_URL, f"document/{number}")),
            "createdOnDate": whole_second(at),
            "_info": entered(by, at),
        }
        self.documents.put(row, whole_second(at))
        self.contents[number] = line.text.encode()
        self._documents_of[ticket].append(number)
        self._tickets.touched()

    def add_product(self, ticket: int, text: str, at: datetime) -> None:
        """Something is to be charged."""
        row = self.products.put({"id": self.products.new_id(), "description": text, "_info": {}}, whole_second(at))
        self._products_of[ticket].append(row["id"])
        self._tickets.touched()
