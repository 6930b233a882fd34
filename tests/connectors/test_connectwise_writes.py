"""What the ConnectWise connector sends: each kind of write, seen on the wire, mails nobody unasked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

import httpx
import pytest

from psa_copilot import (
    Action,
    AddNote,
    Book,
    ChangeField,
    EditNote,
    Field,
    LinkTo,
    LogTime,
    Mention,
    Ref,
    Rejected,
    Unsupported,
)
from psa_copilot.markers import new_marker, signed
from psa_copilot.sandbox import Sandbox, running
from psa_copilot.sandbox.psa import Answer, Request
from psa_copilot_connectors.connectwise import ConnectWise
from psa_copilot_connectors.connectwise.sandbox import ConnectWiseSandbox
from tests.connectors.connectwise_desk import asked, ref

KINDS: tuple[type[Any], ...] = get_args(get_args(Action)[0])
HOUR = timedelta(hours=1)


class Overheard(ConnectWiseSandbox):
    """A PSA that keeps every request that would change something, as it came."""

    heard: list[Request]

    def answer(self, request: Request) -> Answer:
        if self.writes(request):
            type(self).heard.append(request)
        return super().answer(request)


@pytest.fixture
def heard() -> list[Request]:
    """What was asked for on the wire."""
    Overheard.heard = []
    return Overheard.heard


@pytest.fixture
def psa(heard: list[Request]) -> Iterator[Sandbox]:
    with running(Overheard) as sandbox:
        sandbox.speed(20)
        yield sandbox


@dataclass(frozen=True)
class Scene:
    """What wishes are made of."""

    number: int
    other: int
    note: str
    now: datetime
    marker: str

    def words(self, text: str) -> str:
        return signed(text, "summarize", self.marker)


@pytest.fixture
async def scene(psa: Sandbox, cw: ConnectWise, heard: list[Request]) -> Scene:
    """A ticket of a customer with a note of ours on it, and another ticket."""
    lines = [{"role": "customer", "text": "It prints blank pages."}]
    number = psa.inject({"title": "Tray 2", "board": "Help Desk", "status": "New", "messages": lines})
    made = await cw.apply(ref(number), AddNote(body=signed("Recap", "summarize", "a" * 10), because="-"), "a" * 10)
    heard.clear()
    return Scene(number, psa.inject({"title": "Whole floor"}), made.remote_id, psa.now(), new_marker())


def note(scene: Scene, **more: Any) -> AddNote:
    return AddNote(body=scene.words("Recap: all is well."), because="a test", **more)


def change(field: Field, to: str, was: str = "", **along: str) -> ChangeField:
    taken = {Field(name): value for name, value in along.items()}
    return ChangeField(field=field, to=to, was=was, along=taken, because="a test")


# One entry for each kind of wish; a new kind without one fails the test below.
WISHES: dict[type[Any], Callable[[Scene], list[Action]]] = {
    AddNote: lambda scene: [
        note(scene),
        note(scene, living=True),
        note(scene, notify=True),  # inside, so there is nobody to tell
        note(scene, place="discussion"),
        note(scene, place="resolution"),
    ],
    EditNote: lambda scene: [EditNote(note_id=scene.note, body=scene.words("Recap: b"), because="a test")],
    ChangeField: lambda scene: [
        change(Field.TITLE, "Tray 2 prints blank pages"),
        change(Field.STATUS, "Resolved"),
        change(Field.PRIORITY, "Priority 1 - Critical"),
        change(Field.CATEGORY, "Hardware / Printer / Blank pages"),
        change(Field.CATEGORY, "Hardware / Printer"),
        change(Field.CATEGORY, ""),
        change(Field.ASSIGNEE, "tokafor"),
        change(Field.ASSIGNEE, ""),
        change(Field.BOARD, "Escalations"),
        change(Field.BOARD, "Infrastructure", status="Scheduled", category="Network / VPN", assignee="tokafor"),
    ],
    LogTime: lambda scene: [LogTime(body=scene.words("Read it all."), minutes=6, because="a test")],
    Book: lambda scene: [
        Book(person="tokafor", starts=scene.now + 48 * HOUR, ends=scene.now + 49 * HOUR, because="a test")
    ],
    LinkTo: lambda scene: [LinkTo(parent=str(scene.other), because="a test")],
}
NO_WRITES = {Mention}

LOUD = dict.fromkeys(("note_notifications", "closed_loop_internal", "internal_note_mails"), True)


def quiet(request: Request) -> bool:
    """Whether a request asks for no mail in every way that its body has for it; KeyError for one nobody has judged."""
    body = json.loads(request.body)
    if request.method == "PATCH":
        sent = {operation["path"]: operation.get("value") for operation in body}
        on_ticket = request.path.rpartition("/")[0].endswith("/tickets")
        return sent["processNotifications"] is False and (not on_ticket or sent["skipCallback"] is False)
    kind = request.path.rstrip("/").rpartition("/")[2]
    return bool(QUIET[kind](body))


QUIET: dict[str, Callable[[dict[str, Any]], bool]] = {
    "notes": lambda body: body["processNotifications"] is False,
    "entries": lambda body: (
        body["notifyResource"] is False
        if "objectId" in body
        else not any(body[flag] for flag in ("emailResourceFlag", "emailContactFlag", "emailCcFlag"))
    ),
    # The PSA takes nothing but numbers here.
    "attachChildren": lambda body: body.keys() == {"childTicketIds"},
}


def test_each_kind_of_wish_has_its_case() -> None:
    assert set(WISHES) | NO_WRITES == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_each_write_asks_for_no_mail_on_the_wire(
    psa: Sandbox, cw: ConnectWise, heard: list[Request], scene: Scene, kind: type[Any]
) -> None:
    psa.switch(**{name: on for name, on in LOUD.items() if name in psa.switches()})
    if kind in NO_WRITES:
        with pytest.raises(Unsupported):
            await cw.apply(ref(scene.number), Mention(body="x", because="a test"), scene.marker)
        assert heard == []
        return
    for wish in WISHES[kind](scene):
        heard.clear()
        await cw.apply(ref(scene.number), wish, scene.marker)
        assert len(heard) == 1, wish
        assert quiet(heard[0]), (wish, heard[0].body)
        assert await cw.find(ref(scene.number), wish, scene.marker) is not None
    assert psa.mailbox() == []


@pytest.mark.parametrize("place", ["discussion", "resolution"])
async def test_a_note_that_is_to_be_mailed_is_mailed(
    psa: Sandbox, cw: ConnectWise, heard: list[Request], scene: Scene, place: Any
) -> None:
    await cw.apply(ref(scene.number), note(scene, place=place, notify=True), scene.marker)
    assert not quiet(heard[-1])
    assert len(psa.mailbox()) == 1


# Fields


async def test_a_board_takes_status_category_and_team_of_the_same_names_along(
    psa: Sandbox, cw: ConnectWise, heard: list[Request], human: httpx.AsyncClient
) -> None:
    number = psa.inject({"title": "Tray 2", "board": "Help Desk", "status": "Scheduled", "category": "Network/VPN"})
    teams = (await human.get("/service/boards/1/teams")).json()
    team = [{"op": "replace", "path": "team", "value": {"id": teams[0]["id"]}}]
    (await human.patch(f"/service/tickets/{number}", json=team)).raise_for_status()
    before = await cw.ticket(ref(number))
    heard.clear()
    await cw.apply(ref(number), change(Field.BOARD, "Escalations", "Help Desk"), "")
    after = await cw.ticket(ref(number))
    assert (after.board, after.status, after.category) == ("Escalations", "Scheduled", "Network / VPN")
    assert after.team == before.team == teams[0]["name"]
    assert len(heard) == 1


async def test_a_category_of_another_board_is_refused_unasked(psa: Sandbox, cw: ConnectWise, scene: Scene) -> None:
    with pytest.raises(Rejected, match="there is no category 'Hardware / VPN' for it"):
        await cw.apply(ref(scene.number), change(Field.CATEGORY, "Hardware / VPN"), "")


async def test_a_narrower_part_goes_when_the_category_gets_wider(psa: Sandbox, cw: ConnectWise, scene: Scene) -> None:
    for to in ("Hardware / Printer / Blank pages", "Hardware", "", "Network / VPN"):
        await cw.apply(ref(scene.number), change(Field.CATEGORY, to), "")
        assert (await cw.ticket(ref(scene.number))).category == to


async def test_a_title_that_is_too_long_is_refused_and_not_cut(
    psa: Sandbox, cw: ConnectWise, heard: list[Request], scene: Scene
) -> None:
    with pytest.raises(Rejected, match="the title has 101 characters, and ConnectWise takes 100"):
        await cw.apply(ref(scene.number), change(Field.TITLE, "x" * 101), "")
    with pytest.raises(Rejected, match="a ticket needs a title"):
        await cw.apply(ref(scene.number), change(Field.TITLE, " "), "")
    assert heard == []
    await cw.apply(ref(scene.number), change(Field.TITLE, "x" * 100), "")


async def test_a_half_done_change_is_told(psa: Sandbox, cw: ConnectWise, scene: Scene) -> None:
    wish = change(Field.BOARD, "Escalations", "Help Desk", status="Scheduled")
    assert await cw.find(ref(scene.number), wish, "") is None
    await cw.apply(ref(scene.number), change(Field.BOARD, "Escalations", "Help Desk"), "")
    assert await cw.find(ref(scene.number), wish, "") is None  # the board alone is not what was wished for
    await cw.apply(ref(scene.number), wish, "")
    assert await cw.find(ref(scene.number), wish, "") is not None


async def test_a_field_along_that_we_do_not_write_is_refused(cw: ConnectWise, scene: Scene) -> None:
    with pytest.raises(Unsupported):
        await cw.apply(ref(scene.number), change(Field.BOARD, "Escalations", "Help Desk", company="x"), "")


async def test_a_read_before_a_field_is_one_at_most(psa: Sandbox, cw: ConnectWise, scene: Scene) -> None:
    await cw.directory()
    for field, to, requests in ((Field.TITLE, "x", 1), (Field.STATUS, "Scheduled", 2), (Field.BOARD, "Escalations", 2)):
        before = len(psa.log())
        await cw.apply(ref(scene.number), change(field, to), "")
        assert len(psa.log()) - before == requests


# Time and appointments


async def test_our_time_is_ours_not_billable_and_inside(
    psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient, scene: Scene
) -> None:
    wish = LogTime(body="Read it all.", minutes=6, because="a test")
    receipt = await cw.apply(ref(scene.number), wish, scene.marker)
    entry = (await human.get(f"/time/entries/{receipt.remote_id}")).json()
    assert (entry["member"]["identifier"], entry["billableOption"], entry["actualHours"]) == (
        "copilot",
        "DoNotBill",
        0.1,
    )
    assert not entry.get("notes")
    assert entry["internalNotes"].endswith(f" {scene.marker}")
    assert not any(entry[flag] for flag in ("addToDetailDescriptionFlag", "addToResolutionFlag"))
    assert all("Read it all" not in one.text for one in (await cw.pull(ref(scene.number))).messages if not one.internal)
    assert await cw.find(ref(scene.number), wish, scene.marker) == receipt


async def test_a_marker_in_a_technicians_time_is_not_ours(
    psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient, scene: Scene
) -> None:
    body = {
        "chargeToId": scene.number,
        "chargeToType": "ServiceTicket",
        "timeStart": "2026-03-01T09:00:00Z",
        "timeEnd": "2026-03-01T09:30:00Z",
        "internalNotes": scene.words("quoted"),
    }
    assert (await human.post("/time/entries", json=body)).status_code == 201
    assert await cw.find(ref(scene.number), LogTime(body="x", minutes=6, because="a test"), scene.marker) is None


async def test_time_is_logged_in_nobodys_name_when_nobody_tells_who_we_are(
    psa: Sandbox, cw: ConnectWise, heard: list[Request], scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent() -> str:
        return ""

    monkeypatch.setattr(cw._roster, "_told_by_psa", silent)
    cw._roster.ourselves = ""
    cw._roster.known = None
    with pytest.raises(Rejected, match=r"connections\.main\.member"):
        await cw.apply(ref(scene.number), LogTime(body="x", minutes=6, because="a test"), scene.marker)
    assert heard == []


async def test_an_appointment_that_ends_before_it_begins_is_refused_unasked(
    cw: ConnectWise, heard: list[Request], scene: Scene
) -> None:
    wish = Book(person="tokafor", starts=scene.now + HOUR, ends=scene.now, because="a test")
    with pytest.raises(Rejected, match="end before it begins"):
        await cw.apply(ref(scene.number), wish, "")
    assert heard == []


# Links


@pytest.mark.parametrize("parent", ["", "x", "{number}", "1001; drop"])
async def test_what_can_be_no_parent_is_refused_unasked(
    cw: ConnectWise, heard: list[Request], scene: Scene, parent: str
) -> None:
    with pytest.raises(Rejected, match="cannot be its parent"):
        await cw.apply(ref(scene.number), LinkTo(parent=parent.format(number=scene.number), because="a test"), "")
    assert heard == []


async def test_a_child_that_is_gone_is_not_a_parent_that_is_gone(
    psa: Sandbox, cw: ConnectWise, human: httpx.AsyncClient, scene: Scene
) -> None:
    gone: Ref = ref(scene.number)
    assert (await human.delete(f"/service/tickets/{scene.number}")).status_code == 204
    with pytest.raises((Rejected, LookupError)) as failed:
        await cw.apply(gone, LinkTo(parent=str(scene.other), because="a test"), "")
    assert "not found" in str(failed.value)


# Rights that are missing


@pytest.mark.parametrize(
    ("right", "wish"),
    [
        ("notes_right", note),
        ("status_right", lambda scene: change(Field.STATUS, "Resolved")),
        ("assign_right", lambda scene: change(Field.ASSIGNEE, "tokafor")),
        ("time_right", lambda scene: LogTime(body="x", minutes=6, because="a test")),
    ],
)
async def test_a_missing_right_is_refused_by_name(
    psa: Sandbox, cw: ConnectWise, scene: Scene, right: str, wish: Callable[[Scene], Action]
) -> None:
    psa.switch(**{right: False})
    with pytest.raises(Rejected, match=r"403.*the account's role lacks a right"):
        await cw.apply(ref(scene.number), wish(scene), scene.marker)


async def test_nothing_is_asked_twice_when_a_write_is_refused(psa: Sandbox, cw: ConnectWise, scene: Scene) -> None:
    psa.switch(edit_right=False)
    before = len(psa.log())
    with pytest.raises(Rejected):
        await cw.apply(ref(scene.number), change(Field.TITLE, "x"), "")
    assert asked(psa, before) == [f"PATCH /service/tickets/{scene.number}"]
