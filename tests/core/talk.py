"""Short ways to write a conversation down, for tests about its text."""

from datetime import UTC, datetime, timedelta

from psa_copilot import ActorClass, Message, Ref, Thread, Ticket

TICKET = Ref(connection="main", remote_id="1")
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_SPEAKERS = {
    "C": ActorClass.CUSTOMER,
    "T": ActorClass.TECHNICIAN,
    "N": ActorClass.TECHNICIAN,
    "S": ActorClass.SYSTEM,
    "O": ActorClass.COPILOT,
}
_NAMES = {"C": "Dana Ruiz", "T": "Milo Brandt", "N": "Milo Brandt"}


def ticket(**fields: object) -> Ticket:
    """A ticket; what the test does not name is dull."""
    plain = {"ref": TICKET, "number": "1", "title": "Printer", "contact": "Dana Ruiz", "company": "Kestrel Foods"}
    return Ticket.model_validate(plain | {"opened_at": START, "updated_at": START} | fields)


def message(line: str, number: int = 1, **fields: object) -> Message:
    """`C: text` by the customer, `T:` by a technician, `N:` their internal note, `S:` a system, `O:` ours."""
    speaker, _, text = line.partition(": ")
    plain = {
        "remote_id": f"m{number}",
        "ticket": TICKET,
        "by": _SPEAKERS[speaker],
        "author": _NAMES.get(speaker, ""),
        "internal": speaker in "NO",
        "text": text,
        "sent_at": START + timedelta(minutes=10 * number),
    }
    return Message.model_validate(plain | fields)


def thread(*lines: str, **fields: object) -> Thread:
    """A thread of one ticket, a message each line, ten minutes apart."""
    messages = tuple(message(line, number) for number, line in enumerate(lines, 1))
    return Thread(id="main/1", revision=len(messages), tickets=(ticket(**fields),), messages=messages)
