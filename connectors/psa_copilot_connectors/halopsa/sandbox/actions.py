"""Actions of tickets: notes, mails and time, one log for each ticket, numbered from 1 on each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from html import escape, unescape
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from psa_copilot.sandbox import MessageLine, Row
from psa_copilot_connectors.halopsa.sandbox import usual
from psa_copilot_connectors.halopsa.sandbox.change import SYSTEM, Change, Refused
from psa_copilot_connectors.halopsa.sandbox.rows import moment, stamp
from psa_copilot_connectors.halopsa.sandbox.tickets import Tickets

AGENT, USER, AUTOMATIC = 1, 0, 2
_TAG, _BREAK = re.compile(r"<[^>]*>"), re.compile(r"<br */?>|</p>|</div>")


class Actions:
    """All actions, each in the shape in which the API shows it."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets, self._desk = tickets, tickets.desk
        self._clock, self._switches = tickets.desk.world.clock, tickets.desk.world.switches
        self._of: dict[int, list[Row]] = defaultdict(list)
        self._next: dict[int, int] = defaultdict(lambda: 1)
        self._versions: dict[tuple[int, int], list[Row]] = defaultdict(list)
        self._deleted: list[Row] = []
        tickets.added.append(self._ticket_opened)
        tickets.gone.append(self._ticket_gone)

    def of(self, ticket: int) -> list[Row]:
        """A ticket's actions, oldest first."""
        return self._of.get(ticket, [])

    def visible(self, ticket: int) -> list[Row]:
        """Those that reads show already, as they show them, newest first."""
        late = self._switches.number("late_visibility")
        now = stamp(self._clock.now() - timedelta(seconds=late))
        return [self._as_it_was(row, now) if late else row for row in reversed(self.of(ticket)) if _made(row) <= now]

    def _as_it_was(self, row: Row, then: str) -> Row:
        """The last of its versions that is old enough."""
        old = [one for one in self._versions[row["ticket_id"], row["id"]] if one["at"] <= then]
        return row | {"note": old[-1]["text"]} if old else row

    def one(self, ticket: int, number: int) -> Row | None:
        """One action; its number is its ticket's own."""
        return next((row for row in self.of(ticket) if row["id"] == number), None)

    def __iter__(self) -> Iterator[Row]:
        return (row for rows in self._of.values() for row in rows)

    def for_tests(self) -> list[Row]:
        """Every note ever written, with its versions."""
        told = [row for row in self if row["_text"]]
        return [*(self._for_test(row, "") for row in told), *(self._for_test(row, "gone") for row in self._deleted)]

    def _for_test(self, row: Row, deleted: str) -> Row:
        return {
            "id": row["id"],
            "ticket": row["ticket_id"],
            "text": row["_text"],
            "internal": row["hiddenfromuser"],
            "outcome": row["outcome"],
            "author": row["who"],
            "created": row["actiondatecreated"],
            "updated": row["last_updated"],
            "deleted": deleted,
            "versions": self._versions[row["ticket_id"], row["id"]],
        }

    # By the API

    def write(self, body: Mapping[str, Any], by: Row, application: str) -> Row:
        """A new action, or new words for one that is there."""
        if not body.get("ticket_id"):
            raise Refused(400, "ticket_id must be included when adding an Action.")
        ticket = int(body["ticket_id"])
        if self._tickets.rows.get(ticket) is None:
            raise Refused(404, "Ticket not found")
        if body.get("id") and self._switches.text("action_edit") != "another":
            return self._edit(ticket, body, by)
        outcome, said = self._outcome(body), self._desk.agents.get(int(body.get("who_agentid") or 0))
        by = said if said and self._switches.on("author_said") else by
        fields = self._fields(ticket, body, outcome) | {"actionby_application_id": application}
        row = self._keep(ticket, _said(body), outcome, by, AGENT, self._clock.now(), fields)
        self._follow(row, body, outcome, by)
        return row

    def _outcome(self, body: Mapping[str, Any]) -> Row:
        named = self._desk.outcome_named(str(body["outcome"])) if body.get("outcome") else None
        found = self._desk.outcome(int(body["outcome_id"])) if body.get("outcome_id") else named
        if found is None:
            raise Refused(400, "An Outcome must be entered for this Action")
        return found

    def _edit(self, ticket: int, body: Mapping[str, Any], by: Row) -> Row:
        row = self.one(ticket, int(body["id"]))
        if row is None:
            raise Refused(404, "Action not found")
        if self._switches.text("action_edit") == "refused":
            raise Refused(400, "This Action can no longer be edited")
        html = bool(body.get("note_html"))
        if row.get("note_html") and not html:
            return row  # `note` is made from the HTML that stands there: new words in it are lost
        return self.edit(row, _said(body), by["name"], self._clock.now(), html=html)

    def edit(self, row: Row, text: str, by: str, at: datetime, *, html: bool = False) -> Row:
        """An action gets new words."""
        row.pop("note_html", None)
        row |= _words(text, html=html) | {"_text": text, "last_updated": stamp(at)}
        self._remember(row, by, at)
        self._touch(row, by, at, rules=False)
        return row

    def delete(self, ticket: int, number: int) -> None:
        """An action is gone."""
        row = self.one(ticket, number)
        if row is None:
            raise Refused(404, "Action not found")
        self._of[ticket].remove(row)
        self._deleted.append(row)
        self._tickets.revision += 1

    def _follow(self, row: Row, body: Mapping[str, Any], outcome: Row, by: Row) -> None:
        """What an outcome does to its ticket besides."""
        ticket, at = row["ticket_id"], self._clock.now()
        by_type = self._type_of(ticket)["statusaftertechupdate"]
        status = int(body.get("new_status") or max(0, outcome["newstatus"]) or by_type)
        fields: Row = {}
        if outcome["respondtype"]:
            fields["responsedate"] = stamp(at)
        if outcome["action_resets_response"]:
            fields |= {"responsedate": None, "respondbydate": stamp(at + timedelta(hours=4))}
        if outcome["slaholdischecked"] or outcome["slareleaseischecked"]:
            fields["onhold"] = bool(outcome["slaholdischecked"])
        if fields:
            self._tickets.set_quietly(ticket, fields, at)
        if status and self._desk.statuses.get(status):
            self._tickets.edit(ticket, {"status_id": status}, by["name"], at, rules=False)
        if moved := self._moved(outcome):
            self._tickets.edit(ticket, moved, by["name"], at, rules=False)

    def _moved(self, outcome: Row) -> Row:
        """Who and where an outcome gives a ticket to, and what as."""
        moved: Row = {}
        if agent := self._desk.agents.get(outcome["defaultagent"]):
            moved |= {"agent_id": agent["id"], "agent_name": agent["name"]}
        if outcome["defaultteam"]:
            team = self._desk.team(outcome["defaultteam"])
            moved |= {"team": team["name"], "team_id": team["id"]}
        if category := self._desk.category(outcome["defaultcat1"]):
            moved |= {"category_1": category["category_name"], "categoryid_1": category["id"]}
        return moved

    def _type_of(self, ticket: int) -> Row:
        types = self._desk.types
        return self._desk.shown_type(types.rows[self._tickets.rows.rows[ticket]["tickettype_id"]])

    def _fields(self, ticket: int, body: Mapping[str, Any], outcome: Row) -> Row:
        """What a body says of an action besides its words."""
        hidden, kept = bool(outcome["hidefromuser"]), self._switches.on("hidden_kept")
        return {
            "hiddenfromuser": bool(body.get("hiddenfromuser", hidden)) if kept else hidden,
            "ishiddenfrominternalit": self._switches.on("internalit_kept") and bool(body.get("ishiddenfrominternalit")),
            "important": bool(body.get("important")),
            **{name: body[name] for name in ("actionarrivaldate", "actioncompletiondate") if body.get(name)},
            **self._charged(ticket, body, outcome),
            "emailto": str(body.get("emailto") or ""),
            "_quiet": bool(body.get("dont_do_rules")),
            "_mails": bool(body.get("sendemail")) or bool(outcome["sendemail"]),
            "_html": bool(body.get("note_html")),
        }

    def _charged(self, ticket: int, body: Mapping[str, Any], outcome: Row) -> Row:
        """Time, and what it is charged at: a ticket type's own rate comes before everything."""
        hours = float(body.get("timetaken") or outcome["defaultmanhrs"])
        said = int(body.get("chargerate") or outcome["chargerate"])
        rate = (self._type_of(ticket)["chargerate"] if hours else 0) or said
        charged = hours if rate > usual.NO_CHARGE else 0.0
        return {
            "timetaken": hours,
            "chargerate": rate,
            "actisbillable": charged > 0,
            "actionchargehours": charged,
            "actionnonchargehours": hours - charged,
        }

    # By people and by nobody

    def say(self, ticket: int, message: MessageLine, at: datetime) -> int:
        """A person writes; returns the action's id. What a ticket was opened with is told by its first action."""
        row, there = self._tickets.rows.rows[ticket], self.of(ticket)
        if len(there) == 1 and row["details"] == message.text and message.role == "customer" and not message.by:
            return int(there[0]["id"])
        if message.role == "customer":
            client = self._desk.clients.rows[row["client_id"]]
            users = self._desk.users
            user = self._desk.user(client, message.by) if message.by else users.get(row.get("user_id", 0))
            who, kind, outcome = user or self._desk.user(client, "Front Desk"), USER, usual.USER_UPDATE
        elif message.role == "agent":
            who, kind = self._speaker(row, message.by), AGENT
            outcome = usual.PRIVATE_NOTE if message.internal else usual.PUBLIC_NOTE
        else:
            who, kind, outcome = {"id": 0, "name": SYSTEM}, AUTOMATIC, usual.AUTOMATION
        hidden = message.internal or message.role == "system"
        fields = {"hiddenfromuser": hidden, "actionby_application_id": ""}
        return int(self._keep(ticket, message.text, self._desk.outcomes.rows[outcome], who, kind, at, fields)["id"])

    def _speaker(self, row: Row, by: str) -> Row:
        if by:
            return self._desk.agent(by)
        if row["agent_id"] != usual.UNASSIGNED:
            return self._desk.agents.rows[int(row["agent_id"])]
        people = self._desk.technicians()
        return people[int(row["id"]) % len(people)]

    def add_by_rule(self, ticket: int, text: str, at: datetime, **fields: Any) -> None:
        """What an automation writes."""
        outcome = self._desk.outcomes.rows[usual.AUTOMATION]
        self._keep(ticket, text, outcome, {"id": 0, "name": SYSTEM}, AUTOMATIC, at, {"hiddenfromuser": True, **fields})

    def log_time(self, ticket: int, who: Row, text: str, hours: float, at: datetime, *, hidden: bool) -> None:
        """Time that somebody spent."""
        outcome = self._desk.outcomes.rows[usual.PRIVATE_NOTE]
        fields = {"timetaken": hours, "hiddenfromuser": hidden}
        self._keep(ticket, text, outcome, who, AGENT, at, fields)

    def edit_last_of_api(self, ticket: int, text: str, by: str, at: datetime) -> None:
        """A technician adds a line to the last note that a program wrote."""
        written = [row for row in self.of(ticket) if row["actionby_application_id"]]
        if not written:
            raise LookupError(f"ticket {ticket} has no note of an API account to edit")
        self.edit(
            written[-1],
            f"{written[-1]['_text']}\n{text}",
            self._desk.agent(by)["name"],
            at,
            html="note_html" in written[-1],
        )

    # How it is done

    def _ticket_opened(self, ticket: Row, by: str, at: datetime) -> None:
        told = str(ticket["details"]) if self._switches.on("opened_tells_details") else ""
        user = self._desk.users.get(ticket.get("user_id", 0))
        who, kind = (user, USER) if user else (self._desk.agent(by), AGENT)
        self._write(ticket["id"], told, self._desk.outcomes.rows[usual.OPENED], who, kind, at, {})

    def _ticket_gone(self, ticket: int) -> None:
        self._deleted += [row for row in self._of.pop(ticket, []) if row["_text"]]

    def _keep(
        self, ticket: int, text: str, outcome: Row, who: Row, kind: int, at: datetime, fields: Mapping[str, Any]
    ) -> Row:
        row = self._write(ticket, text, outcome, who, kind, at, fields)
        rules = not fields.get("_quiet")
        self._touch(row, who["name"], at, rules=rules)
        return row

    def _write(
        self, ticket: int, text: str, outcome: Row, who: Row, kind: int, at: datetime, fields: Mapping[str, Any]
    ) -> Row:
        whose, number = self._switches.text("html_notes"), self._next[ticket]
        self._next[ticket] += 1
        html = whose == "all" or (whose == "customers" and kind == USER) or bool(fields.get("_html"))
        now = stamp(at)
        row: Row = {
            "id": number,
            "ticket_id": ticket,
            "guid": str(uuid5(NAMESPACE_URL, f"action/{ticket}/{number}")),
            "outcome": outcome["outcome"],
            "outcome_id": outcome["id"],
            "who": who["name"],
            "who_type": kind,
            "who_agentid": who["id"] if kind == AGENT else 0,
            "actionby_agent_id": who["id"] if kind == AGENT else 0,
            "actionby_user_id": who["id"] if kind == USER else 0,
            "actionby_application_id": "",
            "datetime": now,
            "actiondatecreated": now,
            "actionarrivaldate": now,
            "last_updated": now,
            "hiddenfromuser": False,
            "ishiddenfrominternalit": False,
            "important": False,
            "timetaken": 0.0,
            "chargerate": outcome["chargerate"],
            "attachment_count": 0,
            "emaildirection": "I" if kind == USER else "",
            **_words(text, html=html),
            "_text": text,
            **fields,
        }
        self._of[ticket].append(row)
        self._remember(row, who["name"], at)
        return row

    def _remember(self, row: Row, by: str, at: datetime) -> None:
        told = {"at": stamp(at), "by": by, "text": row["_text"]}
        self._versions[row["ticket_id"], row["id"]].append(told)
        self._tickets.revision += 1

    def _touch(self, row: Row, by: str, at: datetime, *, rules: bool) -> None:
        ticket, bumps = row["ticket_id"], self._switches.on("note_bumps_ticket")
        fields: Row = {"lastactiondate": max(stamp(at), self._tickets.rows.rows[ticket]["lastactiondate"])}
        if (
            row["who_type"] == AGENT
            and not row["hiddenfromuser"]
            and not self._tickets.rows.rows[ticket]["responsedate"]
        ):
            fields["responsedate"] = stamp(at)
        later = max(at, moment(self._tickets.rows.rows[ticket]["last_update"]))
        self._tickets.set_quietly(ticket, fields, later if bumps else None)
        now = self._tickets.rows.rows[ticket]
        self._tickets.tell(Change(ticket, "action", now, by, action=row, rules=rules))


def _made(row: Row) -> str:
    return str(row["actiondatecreated"])


def _said(body: Mapping[str, Any]) -> str:
    html = _BREAK.sub("\n", str(body.get("note_html") or ""))
    return str(body.get("note") or unescape(_TAG.sub("", html)).strip())


def _words(text: str, *, html: bool) -> Row:
    """The words of an action; with HTML, `note` is rebuilt from it and loses its lines."""
    if not html:
        return {"note": text}
    written = "<br>".join(escape(line, quote=False) for line in text.splitlines())
    return {"note": _flat(" ".join(text.splitlines())), "note_html": f"<div><p>{written}</p></div>"}


def _flat(html: str) -> str:
    return " ".join(_TAG.sub(" ", html).split())
