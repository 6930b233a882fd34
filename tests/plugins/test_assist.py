"""Assist: what solved such tickets, the client's own first, others' with nothing that names them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from psa_copilot import Action, AddNote, Llm, Mention, Ref, Similar, Thread
from psa_copilot.testing import scene, wishes
from psa_copilot.testing.scenes import NOW, LocalTickets, Scene, thread
from psa_copilot_plugins.assist import Assist

T = TypeVar("T", bound=BaseModel)
DAY = timedelta(days=1)
SAYS = "customer: Tray 2 prints blank pages since this morning, and the display shows error 51.20."
TALK = (
    "customer: Tray 2 of KJ-PRN-02 prints blank pages and shows error 51.20.",
    "technician: I replaced the toner sensor of KJ-PRN-02, then it printed again.",
    "customer: It works, many thanks!",
)


def earlier(number: int, *said: str, ago: timedelta = 20 * DAY, **fields: Any) -> Thread:
    ref = Ref(connection="main", remote_id=str(number))
    base: dict[str, Any] = {
        "ref": ref,
        "number": str(number),
        "opened_at": NOW - ago,
        "title": f"Blank pages {number}",
        "company": "Kestrel Joinery",
        "company_id": "7",
        "contact": "Dana Example",
        "contact_id": "70",
        "is_closed": True,
    }
    return thread(*(said or TALK), ago=ago - DAY, **(base | fields)).model_copy(update={"id": str(ref)})


def at_desk(*others: Thread, score: float = 0.7, mine: bool = False, **fields: Any) -> Scene:
    """A new ticket; the others are alike, and with `mine` also the contact's."""
    tickets = LocalTickets(
        known=[each.ticket for each in others] if mine else [],
        threads={each.ticket.ref: each for each in others},
        alike=[Similar(each.ticket, score, ("blank", "pages")) for each in others],
        clients=("Kestrel Joinery", "Millbrook Paper"),
    )
    told: dict[str, Any] = {
        "company": "Kestrel Joinery",
        "company_id": "7",
        "contact": "Dana Example",
        "contact_id": "70",
    } | fields
    return scene(SAYS, tickets=tickets, title="Blank pages", **told)


async def noted(on: Scene, **settings: Any) -> list[AddNote]:
    found: list[Action] = await wishes(Assist(Assist.Settings(**settings)), on)
    return [wish for wish in found if isinstance(wish, AddNote)]


async def test_what_solved_the_clients_own_ticket_is_told_with_its_number() -> None:
    [note] = await noted(at_desk(earlier(5)))
    assert note.body.splitlines()[0].startswith("Known here: solved before by")
    assert len(note.body.splitlines()[0]) <= 100
    assert "replaced the toner sensor of KJ-PRN-02" in note.body
    assert "#5" in note.body
    assert "main/5" in note.evidence
    assert note.tells == {"other tickets"}
    assert note.reasons[0].words == ("Blank", "pages")


async def test_what_solved_another_clients_ticket_tells_nothing_of_whose_it_was() -> None:
    other = earlier(6, company="Millbrook Paper", company_id="8", contact="Gus Fenwick")
    [note] = await noted(at_desk(other), across_clients=True)
    assert "replaced the toner sensor of (a machine)" in note.body
    for name in ("Millbrook", "Fenwick", "KJ-PRN-02", "#6", "main/6"):
        assert name not in note.body
    assert "main/6" not in note.evidence
    assert await noted(at_desk(other)) == []  # nobody has a list of every name that people give each other


async def test_people_and_sites_that_stand_in_no_list_are_not_told_to_another_client() -> None:
    said = "technician: I removed the mailbox of Bob Tarrant and renewed reams-of-it.test, then Outlook printed."
    other = earlier(6, TALK[0], said, company="Millbrook Paper", company_id="8", contact="Gus Fenwick")
    [note] = await noted(at_desk(other), across_clients=True)
    assert "removed the mailbox of (a name) and renewed (a name)" in note.body
    for name in ("Bob", "Tarrant", "reams"):
        assert name not in note.body


@pytest.mark.parametrize(
    "said",
    [
        "restarted the kestrel marine fileserver",
        "restarted the KESTREL-MARINE fileserver",
        "restarted the file service of the marine people",
        "restarted the print service for kestrel, mlopez can print again",
        "removed the old profile of lopezm2 from the print server",
        "removed the old profile of maria from the print server",
        "did as at millbrook last week and replaced the toner sensor",
        "installed the driver with MillbrookPaperAdmin",
    ],
)
async def test_a_clause_that_names_another_client_or_its_people_in_any_shape_is_not_told(said: str) -> None:
    whose: dict[str, Any] = {"company": "Kestrel Marine Ltd", "company_id": "8", "contact": "Maria Lopez"}
    named = earlier(6, TALK[0], f"technician: I {said}, then it printed again.", **whose)
    assert await noted(at_desk(named), across_clients=True) == []
    clean = earlier(6, TALK[0], "technician: I replaced the toner sensor, then it printed again.", **whose)
    assert "replaced the toner sensor" in (await noted(at_desk(clean), across_clients=True))[0].body


async def test_the_own_ticket_goes_first_and_one_solution_is_told_once() -> None:
    on = at_desk(earlier(6, company="Millbrook Paper", company_id="8"), earlier(5))
    [note] = await noted(on, across_clients=True)
    assert note.body.index("#5") < note.body.index("another client")


async def test_nothing_is_said_where_nothing_is_known() -> None:
    assert await noted(at_desk()) == []
    assert await noted(at_desk(earlier(5), score=0.2)) == []
    unsolved = earlier(5, "customer: Tray 2 prints blank pages.", "technician: I will have a look.")
    assert await noted(at_desk(unsolved)) == []


async def test_a_ticket_of_another_board_is_not_cited() -> None:
    assert await noted(at_desk(earlier(5, board="Finance"))) == []


async def test_the_contacts_tickets_and_machines_are_told() -> None:
    [note] = await noted(at_desk(earlier(5), score=0.1, mine=True))
    assert "Contact's other tickets: #5 Blank pages 5" in note.body
    assert "KJ-PRN-02" in note.body


async def test_a_reply_is_drafted_only_where_it_is_wished_and_says_that_it_was_not_sent() -> None:
    assert "Draft reply" not in (await noted(at_desk(earlier(5))))[0].body
    [note] = await noted(at_desk(earlier(5)), draft_reply=True)
    assert "Draft reply, not sent: Hello Dana" in note.body
    assert note.place == "internal"


async def test_a_draft_tells_a_customer_of_no_colleagues_ticket() -> None:
    [note] = await noted(at_desk(earlier(5, contact="Ned Example", contact_id="71")), draft_reply=True)
    assert "#5" in note.body
    assert "Draft reply" not in note.body


class Listening(Llm):
    """A model that says nothing and keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def ask(self, task: str, material: str, answer: type[T]) -> T | None:
        self.asked.append(material)
        return None


async def test_a_model_is_shown_nothing_of_another_clients_ticket() -> None:
    model = Listening()
    others = (
        earlier(5),
        earlier(6, TALK[0], "technician: I cleaned the rollers.", company="Millbrook Paper", company_id="8"),
    )
    on = at_desk(*others)
    on = replace(on, tools=replace(on.tools, llm=model))
    [note] = await noted(on, draft_reply=True, across_clients=True)
    assert "cleaned the rollers" in note.body
    assert "toner sensor" in model.asked[0]
    assert "rollers" not in model.asked[0]


async def test_a_model_is_shown_nothing_of_a_colleagues_ticket() -> None:
    model = Listening()
    on = at_desk(
        earlier(5), earlier(4, TALK[0], "technician: I cleaned the rollers, it prints again.", contact_id="71")
    )
    [note] = await noted(replace(on, tools=replace(on.tools, llm=model)), draft_reply=True)
    assert "cleaned the rollers" in note.body
    assert "toner sensor" in model.asked[0]
    assert "rollers" not in model.asked[0]


async def test_it_can_go_to_the_digest_instead() -> None:
    [wish] = await wishes(Assist(Assist.Settings(tell="digest")), at_desk(earlier(5)))
    assert isinstance(wish, Mention)


async def test_a_confidential_ticket_is_left_alone() -> None:
    on = at_desk(earlier(5)).with_standing(confidential="its title speaks of a confidential matter")
    assert await noted(on) == []


async def test_a_ticket_whose_title_says_nothing_is_told_by_what_was_said_there() -> None:
    [note] = await noted(at_desk(earlier(5, title="Help"), score=0.1, mine=True))
    assert "#5 " in note.body
    assert "prints blank pages" in note.body
    assert "#5 Help" not in note.body
