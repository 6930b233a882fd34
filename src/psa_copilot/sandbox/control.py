"""The control API: how a test reads a sandbox's state and changes its circumstances. Never faulted, no login."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from psa_copilot.clock import duration
from psa_copilot.sandbox.clock import iso
from psa_copilot.sandbox.door import Door
from psa_copilot.sandbox.faults import Faults
from psa_copilot.sandbox.log import Log
from psa_copilot.sandbox.people import People
from psa_copilot.sandbox.psa import Answer, PsaSandbox, Request
from psa_copilot.sandbox.records import read_record
from psa_copilot.sandbox.tickets import read_message, read_ticket

PREFIX = "/_sandbox/"


class Control:
    """Answers `/_sandbox/…`."""

    def __init__(self, psa: PsaSandbox, people: People, door: Door, log: Log) -> None:
        self._psa = psa
        self._world = psa.world
        self._people = people
        self._door = door
        self._log = log
        self._reads: dict[str, Callable[[dict[str, list[str]]], object]] = {
            "state": lambda _: self._state(),
            "log": lambda query: self._log.after(int(query.get("after", ["0"])[0])),
            "clock": lambda _: self._clock(),
            "faults": lambda _: {"spec": self._door.faults.spec},
            "switches": lambda _: self._world.switches.listed(),
            "notes": self._notes,
            "mailbox": lambda _: list(self._psa.mailbox()),
            "traffic": lambda _: self._door.most_inside(),
            "callbacks": lambda _: self._world.postman.deliveries,
        }
        self._orders: dict[str, Callable[[Mapping[str, object]], object]] = {
            "faults": self._set_faults,
            "clock": self._set_clock,
            "inject": self._inject,
            "record": self._record,
            "switch": self._switch,
        }

    def answer(self, request: Request) -> Answer:
        """One control request; what is wrong with it comes back as 400 and one line."""
        name = request.path.removeprefix(PREFIX).strip("/")
        try:
            if request.method == "GET" and name in self._reads:
                return _json(200, self._reads[name](parse_qs(request.query)))
            if request.method == "POST" and name in self._orders:
                return _json(200, self._orders[name](_object(request.body)))
        except (ValueError, LookupError) as exc:
            return _json(400, {"error": str(exc)})
        return _json(
            404, {"error": f"no {request.method} {PREFIX}{name}; GET {_list(self._reads)}; POST {_list(self._orders)}"}
        )

    def _notes(self, query: dict[str, list[str]]) -> object:
        wanted = {int(ticket) for ticket in query.get("ticket", [])}
        return [note for note in self._psa.all_notes() if not wanted or note["ticket"] in wanted]

    def _state(self) -> object:
        return {
            "now": iso(self._world.clock.now()),
            "counts": self._psa.counts(),
            "people": {"left": self._people.left},
            "mails": len(list(self._psa.mailbox())),
        }

    def _clock(self) -> object:
        return {"now": iso(self._world.clock.now()), "speed": self._world.clock.speed}

    def _set_faults(self, order: Mapping[str, object]) -> object:
        self._door.faults = Faults.read(str(order.get("spec") or ""))
        return {"spec": self._door.faults.spec}

    def _set_clock(self, order: Mapping[str, object]) -> object:
        unknown = set(order) - {"advance", "speed"}
        if unknown or not order:
            raise ValueError('send {"advance": "1h"} or {"speed": 60}')
        if "speed" in order:
            speed = float(str(order["speed"]))
            if not 0 < speed < float("inf"):
                raise ValueError(f"speed {order['speed']!r}: write a number above 0")
            self._world.clock.run_at(speed)
        if "advance" in order:
            self._world.clock.advance(duration(order["advance"]))
        return self._clock()

    def _inject(self, order: Mapping[str, object]) -> object:
        now = self._world.clock.now()
        if "ticket" not in order:
            return {"ticket": self._people.bring_now(read_ticket(dict(order), start=now, where="ticket"))}
        ticket = self._psa.find_ticket(order["ticket"])
        if ticket is None:
            raise LookupError(f"no ticket {order['ticket']}")
        message = read_message(order.get("message"), start=now)
        return {"ticket": ticket, "note": self._psa.say(ticket, message, message.at or now)}

    def _record(self, order: Mapping[str, object]) -> object:
        self._people.record(read_record(order, start=self._world.clock.now()))
        return {"people": {"left": self._people.left}}

    def _switch(self, order: Mapping[str, object]) -> object:
        if set(order) == {"name", "value"}:  # the other way to say it
            order = {str(order["name"]): order["value"]}
        for name, value in order.items():
            self._world.switches.set(name, value)
        return {name: self._world.switches.listed()[name]["value"] for name in order}


def _object(body: bytes) -> Mapping[str, object]:
    given = json.loads(body or b"{}")
    if not isinstance(given, dict):
        raise ValueError("send a JSON object")
    return given


def _json(status: int, content: object) -> Answer:
    return Answer(status, json.dumps(content).encode())


def _list(names: Mapping[str, object]) -> str:
    return ", ".join(names)
