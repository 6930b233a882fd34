"""A note keeps no number, name, address, host or date that the thread does not contain."""

import random
import re

import pytest

from psa_copilot.text import Text
from psa_copilot.text.language import language
from psa_copilot.text.unsupported import sources_of, supported_only, unsupported
from tests.core.talk import thread

TALK = (
    "C: Hello, since Thursday 3 March the printer on floor 2 prints blank pages, error 51.20 on PRT-0042. Dana",
    "T: Hi Dana, I reinstalled the driver on srv-print01.kestrel.example, no change. Cost is 1,200 USD.",
    "C: Tray 1 works. Call me at 10:30 or on +49 30 5550 1234, or mail dana@kestrel.example.",
    "T: The part is ordered, I will come to 14 Harbor Street on Tuesday at 2 pm with Milo. Use one drive meanwhile.",
)
SOURCES = sources_of(thread(*TALK))


@pytest.mark.parametrize(
    "note",
    [
        "Recap: waiting on the part; Milo comes on Tuesday at 14:00 [#4].",
        "Problem: PRT-0042 prints blank pages on the second floor since 3 March, error 51.20 [#1].",
        "Dana's number is +49 (30) 5550-1234, her address dana@kestrel.example.",
        "Tried: driver reinstalled on srv-print01.kestrel.example - no change [#2]. The part costs 1200 USD.",
        "OneDrive is used meanwhile. The visit is at 14 Harbor Street on Tue. Restarted nothing. Next step: wait.",
        "Said on Mar 3rd; visit at 2 PM; call at 10:30 am.",
        "-- copilot/summarize k7f3q5m2p4",
    ],
)
def test_what_the_thread_says_may_be_said_otherwise(note: str) -> None:
    assert unsupported(note, SOURCES) == []
    assert supported_only(note, SOURCES) == (note, [])


@pytest.mark.parametrize(
    ("note", "fact", "kind"),
    [
        ("Error 51.21 came up.", "51.21", "number"),
        ("PRT-0043 is down.", "PRT-0043", "number"),
        ("She has called seven times.", "seven", "number"),
        ("Call +1 555 0100 777.", "+1 555 0100 777", "number"),
        ("Seen on srv-db07.kestrel.example today.", "srv-db07.kestrel.example", "host"),
        ("Open https://reset.evil.example/now first.", "https://reset.evil.example/now", "host"),
        ("The server is 10.14.3.77.", "10.14.3.77", "host"),
        ("Write to pay@evil.example.", "pay@evil.example", "address"),
        ("He comes to 9 Elmhurst Avenue.", "9 Elmhurst Avenue", "address"),
        ("Der Termin ist in der Lindenstraße 14.", "Lindenstraße 14", "address"),
        ("The visit is on 4 March.", "4 March", "date"),
        ("Expected on Friday.", "Friday", "date"),
        ("Call at 15:00.", "15:00", "time"),
        ("Escalated to Priya.", "Priya", "name"),
        ("Lindqvist will call back.", "Lindqvist", "name"),
        ("Ask Ms. Achterberg about it.", "Achterberg", "name"),
        ("Herr Kessler meldet sich, sagt Milo, und der Drucker ist noch kaputt.", "Kessler", "name"),
    ],
)
def test_what_nobody_said_is_found(note: str, fact: str, kind: str) -> None:
    assert (fact, kind) in [(span.text, span.kind) for span in unsupported(note, SOURCES)]
    assert all(note[span.start : span.end] == span.text for span in unsupported(note, SOURCES))


def test_only_the_phrase_with_the_invention_goes() -> None:
    note = 'Recap: waiting on the part.\nTried: "no change; none." [#2]; Priya looked at it [#3]; tray 1 works [#3].'
    text, removed = supported_only(note, SOURCES)
    assert text == 'Recap: waiting on the part.\nTried: "no change; none." [#2]; tray 1 works [#3].'
    assert removed == ["Priya looked at it [#3]"]


def test_a_label_with_nothing_left_says_so_and_a_bare_line_goes() -> None:
    text, removed = supported_only("Recap: Priya comes on Friday.\nProblem: blank pages.\nAsk Lindqvist.", SOURCES)
    assert text == "Recap: not stated.\nProblem: blank pages."
    assert removed == ["Priya comes on Friday.", "Ask Lindqvist."]


def test_our_own_recap_is_left_alone() -> None:
    note = Text().recap(thread(*TALK))
    assert supported_only(note, SOURCES) == (note, [])


PLANTED = (
    ("number", "error {} came up", lambda chance: str(chance.randint(60, 9999))),
    ("code", "seen on {}", lambda chance: f"WS-{chance.randint(1000, 9999)}"),
    ("name", "{} confirmed it", lambda chance: chance.choice(["Okafor", "Torben Haas", "Yuki", "Zhang Wei"])),
    ("name", "escalated to {}", lambda chance: chance.choice(["Svetlana", "O'Rourke", "Fabrikam", "Jean-Luc Moreau"])),
    ("address", "the site is {}", lambda chance: f"{chance.randint(20, 300)} Quarry Road"),
    ("address", "write to {}", lambda chance: f"u{chance.randint(10, 99)}@fabrikam.example"),
    ("host", "it runs on {}", lambda chance: f"10.3.{chance.randint(2, 250)}.{chance.randint(2, 250)}"),
    ("date", "due {}", lambda chance: f"{chance.randint(5, 28)} October"),
)


def test_of_100_planted_inventions_at_least_95_are_found_and_none_of_those_stays() -> None:
    chance = random.Random(6)
    note = Text().recap(thread(*TALK))
    gone = 0
    for number in range(100):
        _, phrase, value = PLANTED[number % len(PLANTED)]
        planted = value(chance)
        lines = note.split("\n")
        place = chance.randrange(len(lines))
        said = phrase.format(planted)
        lines[place] += f" {said[0].upper()}{said[1:]}." if chance.random() < 0.5 else f" Also, {said}."
        text, removed = supported_only("\n".join(lines), SOURCES)
        gone += planted not in text and any(planted in phrase for phrase in removed)
        assert re.sub(r"\W", "", text) in re.sub(r"\W", "", note) or planted in text
    assert gone >= 95


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The printer does not work and I need it for a meeting today.", "en"),
        ("Der Drucker geht nicht und ich brauche ihn für die Sitzung.", "de"),
        ("L'imprimante ne marche pas et je dois imprimer le contrat.", "fr"),
        ("La impresora no funciona y tengo que imprimir el contrato hoy.", "es"),
        ("De printer werkt niet en ik heb het contract nodig.", "nl"),
        ("打印机无法打印,请帮忙", "zh"),
        ("プリンターが動きません", "ja"),
        ("Принтер не печатает", "ru"),
        ("EPSON WF-2860 0x97", ""),
        ("", ""),
    ],
)
def test_the_language_of_a_text(text: str, expected: str) -> None:
    assert language(text) == expected
