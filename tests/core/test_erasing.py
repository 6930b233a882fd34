"""Erasing a contact: whatever names them goes, also from a process that runs on; a namesake elsewhere stays."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from psa_copilot import AddNote
from psa_copilot import app as root
from psa_copilot import config as configuration
from psa_copilot.cli import app
from psa_copilot.clock import Clock
from psa_copilot.engine import learning as lessons
from psa_copilot.engine.finding import Finder, Follower, refresh
from psa_copilot.engine.learning import FEWEST, learn
from psa_copilot.engine.remembering import LooseMemory, StoredMemory
from psa_copilot.errors import ConfigError
from psa_copilot.models import ActorClass, Contact, Directory, Field, Message, Ref, Thread, Ticket
from psa_copilot.store import DecisionRow, LivingNoteRow, Store
from tests.core.test_learning import DAY, HOUR, LATER, T0, fill, known, look, save, task, ticket

MARA = "Mara Quill"
CUSTOMER, TECHNICIAN = ActorClass.CUSTOMER, ActorClass.TECHNICIAN
OTHER = {"company": "Lantern Bakery", "company_id": "8"}
ACCESS = {"url": "http://127.0.0.1:9", "company": "c", "public_key": "p", "private_key": "q", "client_id": "i"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(json.dumps({"connections": {"main": {"use": "connectwise", **ACCESS}}}))
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    kept = Store(configuration.load(folder / "config.yaml").database_path)
    kept.upgrade()
    yield kept
    kept.close()


def told(store: Store) -> str:
    """All that the database holds."""
    with closing(sqlite3.connect(store.path)) as file:
        return "\n".join(file.iterdump())


def erased(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["erase", "main", MARA, "--config", str(folder / "config.yaml"), "--yes", *words])


def says(store: Store, one: Ticket, text: str, author: str = "", **more: object) -> None:
    said = {"remote_id": f"{one.number}-said", "ticket": one.ref, "by": CUSTOMER, "author": author, "text": text}
    message = Message.model_validate({**said, "sent_at": one.opened_at, **more})
    with store.transaction() as tx:
        tx.mirror.save_tickets([one], look(one.opened_at))
        tx.mirror.save_messages(one, [message], look(one.opened_at))


def wished(store: Store, number: int, body: str, **more: object) -> None:
    """A note of ours, as the ledger, the outbox and the living notes keep it."""
    note = AddNote.model_validate({"body": body, "because": "two resolved tickets are alike", "living": True, **more})
    with store.transaction() as tx:
        row = DecisionRow(
            at=T0,
            connection="main",
            thread_id=f"main/{number}",
            ticket=str(number),
            plugin="assist",
            wish=note.model_dump(mode="json"),
            verdict="written",
            because=note.because,
            evidence=list(note.evidence),
        )
        tx.ledger.add(row)
        tx.work.promise(row, "assist", note, f"marker{number:04}", T0, DAY)
        living = LivingNoteRow(
            connection="main",
            ticket=str(number),
            plugin="assist",
            note_id="1",
            marker=f"marker{number:04}",
            body=body,
        )
        tx.ledger.keep_living(living)


def test_an_erased_contact_leaves_no_word_behind(store: Store) -> None:
    fill(store, FEWEST)
    learn(task(store))
    refresh(store, "main")
    wished(store, 1, "Recap: Mara Quill waits for a call.")
    gone = store.erase_contact("main", "mara quill", LATER)
    assert (gone.tickets, gone.messages, gone.decisions) == (FEWEST, FEWEST, 1)
    assert "Mara" not in told(store)
    assert "VPN tunnel" not in told(store)
    assert store.erase_contact("main", "Nobody Known", LATER).tickets == 0


def test_who_is_called_like_a_part_of_a_word_takes_no_other_word_along(store: Store) -> None:
    for number, contact in ((1, "Al"), (2, "System")):
        came = ticket(number, T0 + HOUR, contact=contact, priority="Normal")
        who = ActorClass.SYSTEM if contact == "System" else TECHNICIAN
        save(store, came, T0 + HOUR, (who, f"The final total is for {contact}, says the system."))
        store.erase_contact("main", contact, LATER)
    with store.reading() as tx:
        first, second = (tx.mirror.messages("main", number)[0] for number in ("1", "2"))
        kept = tx.mirror.ticket(Ref(connection="main", remote_id="1"))
    assert first.text == "The final total is for (erased), says the system."
    assert second.text == "The final total is for (erased), says the system."
    assert second.by is ActorClass.SYSTEM
    assert kept is not None
    assert kept.priority == "Normal"


def test_what_they_said_on_a_colleagues_ticket_goes_and_what_the_colleague_said_stays(store: Store) -> None:
    colleagues = ticket(1, T0 + HOUR, contact="Piet Loom")
    save(store, colleagues, T0 + HOUR, (CUSTOMER, "The printer jams."))
    says(store, ticket(2, T0 + HOUR, contact="Piet Loom"), "My divorce papers are on that printer.", MARA)
    says(store, ticket(3, T0 + HOUR, contact="Piet Loom"), "It is me again.", "M. Q.", contact_id="77")
    with store.transaction() as tx:
        tx.standings.keep_contacts(
            "main", [Contact(remote_id="77", company_id="7", name=MARA, email="mara@kestrel.example")]
        )
    assert store.erase_contact("main", MARA, LATER).messages == 2
    for word in ("Mara", "mara@", "divorce", "me again", "M. Q."):
        assert word not in told(store)
    assert "The printer jams." in told(store)
    assert "Piet Loom" in told(store)


def test_whose_ticket_it_was_before_is_not_told(store: Store) -> None:
    save(store, ticket(1, T0 + HOUR), T0 + HOUR, (CUSTOMER, "Please call me on my own number."))
    save(store, ticket(1, T0 + HOUR, contact="Piet Loom"), T0 + 2 * HOUR)
    assert MARA in told(store)
    store.erase_contact("main", MARA, LATER)
    assert "Mara" not in told(store)
    assert "my own number" not in told(store)
    with store.reading() as tx:
        now = tx.mirror.ticket(Ref(connection="main", remote_id="1"))
    assert now is not None
    assert now.contact == "Piet Loom"


def test_our_notes_on_other_tickets_name_them_no_more(store: Store) -> None:
    save(store, ticket(1, T0 + HOUR), T0 + HOUR, (CUSTOMER, "Toner."))
    save(store, ticket(2, T0 + HOUR, contact="Piet Loom"), T0 + HOUR, (CUSTOMER, "Toner again."))
    wished(store, 2, 'Known here: solved before by "mara  quill had the wrong toner".', learned="rule mara-quill-print")
    assert store.erase_contact("main", MARA, LATER).decisions == 1
    assert "mara" not in told(store).casefold()
    with store.reading() as tx:
        living = tx.ledger.living(Ref(connection="main", remote_id="2"), "assist")
    assert living is not None
    assert living.touched


def test_our_notes_quote_them_no_more_without_a_name_either(store: Store) -> None:
    came = ticket(1, T0 + HOUR)
    says(store, came, "Hello, my divorce papers are stuck in that printer! Can you call me?", MARA)
    for number in (2, 3):
        save(store, ticket(number, T0 + HOUR, contact="Piet Loom"), T0 + HOUR, (CUSTOMER, "Toner again."))
    quoting = 'Known here: solved before by "My divorce papers are stuck ...". Toner was low.'
    wished(store, 1, "Recap: waiting for us.\nProblem: my divorce papers are stuck in that printer [#1]")
    wished(store, 2, quoting, evidence=("main/1",))
    wished(store, 3, "Known here: solved before by a new drum. Can you call them?")
    assert store.erase_contact("main", MARA, LATER).decisions == 2
    assert "divorce" not in told(store)
    with store.reading() as tx:
        recap, known_here, another = (
            tx.ledger.living(Ref(connection="main", remote_id=number), "assist") for number in ("1", "2", "3")
        )
    assert recap is not None
    assert known_here is not None
    assert another is not None
    assert recap.body.startswith("Recap: waiting for us.\nProblem: (erased)")
    assert known_here.body == 'Known here: solved before by "(erased)...". Toner was low.'
    assert (known_here.touched, another.touched) == (True, False)
    assert another.body.endswith("Can you call them?")


def test_labels_of_the_desk_stay_whatever_a_contact_is_called(store: Store) -> None:
    save(store, ticket(1, T0 + HOUR, contact="Front Desk"), T0 + HOUR, (CUSTOMER, "Hello."))
    save(store, ticket(2, T0 + HOUR, contact="Piet Loom"), T0 + HOUR, (CUSTOMER, "Hello."))
    save(store, ticket(2, T0 + HOUR, board="Front Desk", contact="Piet Loom"), T0 + 2 * HOUR, by="ines")
    store.erase_contact("main", "Front Desk", LATER)
    with store.reading() as tx:
        kept = tx.mirror.ticket(Ref(connection="main", remote_id="2"))
    assert kept is not None
    assert kept.board == "Front Desk"
    assert known(store)["2"].settled[Field.BOARD] == "Front Desk"


def test_a_name_is_found_across_a_line_end_and_not_within_other_words(store: Store) -> None:
    save(store, ticket(1, T0 + HOUR, contact="Jo Li"), T0 + HOUR, (CUSTOMER, "Hello."))
    said = ('Ask\nJo\r\nLi or "JO" Li.', "Jo sent Li the banjo list.")
    save(store, ticket(2, T0 + HOUR, contact="Piet Loom"), T0 + HOUR, *((TECHNICIAN, text) for text in said))
    store.erase_contact("main", "Jo Li", LATER)
    with store.reading() as tx:
        texts = [one.text for one in tx.mirror.messages("main", "2")]
    assert texts == ['Ask\n(erased) or "(erased).', said[1]]


def test_letters_beyond_ascii_are_found_in_any_case(store: Store) -> None:
    name = 'Jörg "Ö" Ærøskov'
    save(store, ticket(1, T0 + HOUR, contact=name), T0 + HOUR, (CUSTOMER, "Hello."))
    save(store, ticket(2, T0 + HOUR, contact="Piet Loom"), T0 + HOUR, (TECHNICIAN, f"Ask {name.upper()} first."))
    store.erase_contact("main", name.casefold(), LATER)
    assert "RG" not in told(store).partition("Ask ")[2].partition(" first.")[0]
    assert "skov" not in told(store).casefold()


def test_a_process_that_runs_on_forgets_what_it_has_learned_before_it_decides_again(store: Store) -> None:
    fill(store)
    learn(task(store))
    memory = StoredMemory(store, "main", "boards").renew()
    assert memory.choices("board") is not None
    other = Store(store.path)  # as the command's own process has it
    other.erase_contact("main", MARA, LATER)
    other.close()
    assert memory.renew().choices("board") is None
    assert learn(task(store)) == memory.version + 1
    assert memory.renew().choices("board") is not None


async def test_a_process_that_runs_on_finds_nothing_alike_by_their_words(folder: Path, store: Store) -> None:
    fill(store, 6)
    line = root.open_line(configuration.load(folder / "config.yaml"), "main", store, Clock())
    line.directory = Directory()
    finder = Finder(store, line)
    asked = ticket(90, T0 + DAY, contact="Piet Loom", title="VPN tunnel")
    thread = Thread(id="main/90", revision=1, tickets=(asked,))
    found = finder.similar(thread, 3, resolved=False, own=False)
    assert "tunnel" in {word for one in found for word in one.shared}
    other = Store(store.path)
    other.erase_contact("main", MARA, LATER)
    other.close()
    found = finder.similar(thread, 3, resolved=False, own=False)
    assert "tunnel" not in {word for one in found for word in one.shared}
    await line.connector.http.close()


def test_what_was_being_learned_meanwhile_is_not_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    follower = Follower(store, "main")
    follower.follow()

    class Interrupted(LooseMemory):
        def learning(self, *given: object) -> object:  # type: ignore[override] # whatever it is given
            store.erase_contact("main", MARA, LATER)
            return super().learning(*given)  # type: ignore[arg-type] # handed on

    monkeypatch.setattr(lessons, "LooseMemory", Interrupted)
    assert learn(task(store)) == 0
    follower.keep()
    with store.reading() as tx:
        assert tx.memories.newest("main", "boards") is None
        assert tx.memories.recall("main", "", "similar") is None


def namesakes(store: Store) -> None:
    """Two of one name, at two companies; each with a ticket, words and a note of ours."""
    for number, more in ((1, {}), (2, OTHER)):
        came = ticket(number, T0 + HOUR, contact_id=f"7{number}", **more)
        says(store, came, f"Said at {came.company}.", MARA, contact_id=f"7{number}")
        wished(store, number, f"Mara Quill of {came.company} waits.")


def test_a_namesake_at_another_company_is_not_erased_unasked(folder: Path, store: Store) -> None:
    namesakes(store)
    before = told(store)
    refused = erased(folder)
    assert "2 companies: Kestrel Joinery, Lantern Bakery" in str(refused.exception)
    assert isinstance(refused.exception, ConfigError)  # exit code 2
    assert "--everywhere" in str(refused.exception)
    assert told(store) == before


def test_the_one_of_a_company_goes_and_the_namesake_stays(folder: Path, store: Store) -> None:
    namesakes(store)
    outcome = erased(folder, "--company", "kestrel joinery")
    assert "found at 2 companies, erased at Kestrel Joinery" in outcome.stdout
    held = told(store)
    assert "Said at Kestrel Joinery" not in held
    assert "Mara Quill of Kestrel Joinery" not in held
    assert "Said at Lantern Bakery" in held
    assert "Mara Quill of Lantern Bakery" in held
    with store.reading() as tx:
        kept = tx.mirror.ticket(Ref(connection="main", remote_id="2"))
    assert kept is not None
    assert (kept.contact, kept.contact_id) == (MARA, "72")


def test_everywhere_means_all_and_the_document_says_where(folder: Path, store: Store) -> None:
    namesakes(store)
    document = json.loads(erased(folder, "--everywhere", "--json").stdout)
    both = ["Kestrel Joinery", "Lantern Bakery"]
    assert document == {"found_at": both, "erased_at": both, "tickets": 2, "messages": 2, "decisions": 2, "rules": 0}
    assert "Mara" not in told(store)


def test_a_contact_of_one_company_who_has_a_ticket_at_another_is_one_person(folder: Path, store: Store) -> None:
    with store.transaction() as tx:
        tx.standings.keep_contacts("main", [Contact(remote_id="71", company_id="7", name=MARA)])
    for number, more in ((1, {}), (2, OTHER)):
        save(store, ticket(number, T0 + HOUR, contact_id="71", **more), T0 + HOUR, (CUSTOMER, "Hello."))
    assert "found at 1 company, erased at Kestrel Joinery" in erased(folder).stdout
    assert "Mara" not in told(store)
