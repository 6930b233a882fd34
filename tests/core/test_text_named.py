"""What one client may be told of another's ticket names neither a client nor anybody of theirs."""

from __future__ import annotations

import pytest

from psa_copilot.text import Text
from psa_copilot.text.proper import names_client, short_name

OTHERS = ["Harbor Dental Group", "Print GmbH", "Müller & Söhne KG", "Q9", "Lark"]


def told(said: str, whose: str = "Harbor Dental Group", reader: str = "Kestrel Joinery") -> str:
    people = ["Maria José Lopez", "Ed Roe", "Will Form"]
    return Text().told_elsewhere(said, whose=whose, reader=reader, others=OTHERS, people=people)


@pytest.mark.parametrize(
    "said",
    [
        "restarted the harbor dental fileserver",
        "restarted HarborDental_FS01",
        "harbordc02 was full",
        "the dental people had the same",
        "same as at HDG",
        "same as at hdg-fs1",
        "same as for mueller",
        "same as for Söhne",
        "same as at Q9",
        "same as at Print before",
        "larks have it too",
        "reset mlopez",
        "reset HARBORLESS\\mjlopez",
        "reset lopezma on the laptop",
        "reset maria.lopez",
        "reset mlope",
        "reset eroe3",
        "renamed lt-mlopez",
        "asked maria to try",
    ],
)
def test_a_clause_that_names_somebody_is_dropped(said: str) -> None:
    assert told(f"{said}. Replaced the fuser.") == "Replaced the fuser."


@pytest.mark.parametrize(
    "said",
    [
        "Restarted the print server.",
        "Removed it from the dynamic group, and it will load the form.",
        "Set the dns of the report server to 2.",
        "Replaced the fuser; marked the mail as read.",
    ],
)
def test_words_that_any_ticket_has_name_nobody(said: str) -> None:
    assert told(said) == said


def test_what_both_clients_names_share_counts_where_it_is_the_whole_name() -> None:
    assert told("Restarted the kestrel server.", whose="Kestrel Marine Ltd") == "Restarted the kestrel server."
    assert told("Restarted the kestrel server.", whose="Kestrel Ltd") == ""
    assert told("Restarted the kestrel marine server.", whose="Kestrel Marine Ltd") == ""


def test_a_name_in_capitals_is_put_in_parentheses_as_before() -> None:
    assert told("Roe said that it prints.") == "(somebody) said that it prints."


def test_a_client_is_known_without_its_legal_form() -> None:
    assert short_name("Kestrel GmbH & Co. KG") == "Kestrel"
    assert short_name("Co") == "Co"


def test_a_name_of_two_words_is_one_in_small_letters_too() -> None:
    assert names_client("as at kestrel marine", ["Kestrel Marine"])
    assert names_client("as at KESTREL", ["Kestrel"])
    assert not names_client("a kestrel", ["Kestrel"])
