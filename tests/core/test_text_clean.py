"""What is somebody's own in a mail, and where its sentences end."""

import pytest

from psa_copilot.text.clean import own_words, sentences, shown

SAID = "Tray 2 still prints blank pages."


@pytest.mark.parametrize(
    "below",
    [
        "On Mon, Mar 2, 2026 at 9:10 AM Milo Brandt <milo@msp.example> wrote:\n> Is it all jobs?",
        "Am 02.03.2026 um 09:10 schrieb Milo Brandt:\n> Alle Aufträge?",
        "Le lun. 2 mars 2026 à 09:10, Milo Brandt a écrit :\n> Tous ?",
        "From: Milo Brandt\nSent: Monday, March 2, 2026 9:10 AM\nTo: Dana\nSubject: Printer\n\nIs it all jobs?",
        "Von: Milo Brandt\nGesendet: Montag\nAn: Dana",
        "-----Original Message-----\nIs it all jobs?",
        "-- \nDana Ruiz\nKestrel Foods",
        "Best regards,\nDana Ruiz\nKestrel Foods | 5 Invented Street",
        "Mit freundlichen Grüßen\nDana Ruiz",
        "Sent from my phone",
        "This e-mail and any attachments are confidential and meant for the addressee only.",
    ],
)
def test_what_stands_below_is_cut_off(below: str) -> None:
    assert own_words(f"{SAID}\n\n{below}") == SAID


def test_a_quoted_mail_is_cut_off_even_when_newlines_were_lost() -> None:
    assert own_words(f"{SAID} From: Milo Brandt Sent: Monday, March 2 To: Dana Subject: Printer Is it all?") == SAID


def test_a_forwarded_mail_with_nothing_above_it_stays() -> None:
    forwarded = "From: Ana Lind\nSent: Monday\nTo: Dana\nSubject: Printer\n\nIt jams."
    assert "It jams." in own_words(forwarded)


def test_regards_in_a_sentence_are_no_signature() -> None:
    text = "With regards to the printer: it jams. Regards to the team, and please call us."
    assert own_words(text) == text


def test_html_is_read_as_text() -> None:
    assert own_words("<p>Tray 2 &amp; tray 3<br>are empty</p>") == "Tray 2 & tray 3\nare empty"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It fails. Again! Why?", ["It fails.", "Again!", "Why?"]),
        ("Version 10.2.1 on 192.168.0.7 fails. See kestrel.example/a.b for more.", 2),
        ("Use e.g. tray 1. It works.", ["Use e.g. tray 1.", "It works."]),
        ("Call Dr. Lind at ext. 5. Thanks.", 2),
        ("Serial no. 5 is wrong. I said no. It stays.", 3),
        ("1. Restart it.\n2. Print a page.", ["1. Restart it.", "2. Print a page."]),
        ("Tray 2 is blank\nTray 1 works", ["Tray 2 is blank", "Tray 1 works"]),
        ("This line was wrapped by a mail program somewhere in the middle\nof a sentence.", 1),
    ],
)
def test_sentences_end_where_people_end_them(text: str, parts: list[str] | int) -> None:
    found = sentences(text)
    assert len(found) == parts if isinstance(parts, int) else found == parts


def test_a_quotation_calls_nobody_and_links_nowhere() -> None:
    text = "Hi Milo, see https://kestrel.example/x or mail dana@kestrel.example or +1 555 010 0199 @milo ^DR"
    assert shown(text) == "see (link) or mail (e-mail) or (number) milo"
