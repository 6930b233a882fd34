"""What a ticket names: machines, errors, versions; and how its author feels."""

import time

import pytest

from psa_copilot.text.entities import entities, same_text, signature
from psa_copilot.text.sentiment import is_alarming, sentiment

TEXT = (
    "Hi, the server SRV-PRINT01 (10.14.3.77, 00:1A:2B:3C:4D:5E) stopped with error 51.20 and "
    "0x80070005 after KB5034441. "
    "Outlook 2019 on nb0815 throws a NullReferenceException, see \\\\fs01\\share\\logs. Event ID 20227 in the log of "
    "dc02.kestrel.local. See https://kb.example/a-1 or mail a-1@kestrel.example. Windows 11 23H2, version 4.1.2."
)


def test_machines_errors_and_versions_are_told() -> None:
    found = {(each.kind, each.key) for each in entities(TEXT)}
    assert found >= {
        ("host", "srv-print01"),
        ("host", "nb0815"),
        ("host", "dc02.kestrel.local"),
        ("ip", "10.14.3.77"),
        ("mac", "00:1a:2b:3c:4d:5e"),
        ("error", "error 51.20"),
        ("error", "0x80070005"),
        ("error", "nullreferenceexception"),
        ("error", "event id 20227"),
        ("update", "kb5034441"),
        ("version", "outlook 2019"),
        ("version", "version 4.1.2"),
        ("path", "\\\\fs01\\share\\logs"),
    }
    assert not any("example" in key or key == "a-1" for _, key in found)


@pytest.mark.parametrize(
    "text", ["", "Please call me today, the printer is broken.", "We need wi-fi in room 4 by 10:30."]
)
def test_nothing_is_told_where_nothing_is_named(text: str) -> None:
    assert entities(text) == ()


def test_the_same_machine_and_error_make_the_same_signature() -> None:
    assert signature("SRV-PRINT01 stopped: 0x80070005") == signature("again 0x80070005 on srv-print01!")
    assert signature("SRV-PRINT01 stopped") != signature("SRV-PRINT02 stopped")


def test_the_same_message_twice_is_one() -> None:
    one = "The VPN drops.\n\nPlease help."
    assert same_text(one, "> the vpn drops\n> please help")
    assert same_text(one, f"{one}\nAnd the phone, too.")
    assert not same_text(one, "The VPN drops.\nThe printer is fine.")
    assert not same_text("", "")


@pytest.mark.parametrize(
    "text",
    [
        "This is unacceptable, nobody answers for three days!!",
        "I am really frustrated, the printer is broken yet again.",
        "Das ist eine Frechheit, ich warte immer noch nicht auf eine Antwort, sondern auf Hilfe.",
        "C'est inacceptable, toujours pas de réponse.",
        "Thanks for nothing.",
    ],
)
def test_an_upset_customer_is_low(text: str) -> None:
    assert sentiment(text) < 35


@pytest.mark.parametrize(
    "text",
    [
        "The printer is broken, error 51.20.",
        "Please reset my password.",
        "The VPN drops every ten minutes.",
        "not bad at all",
    ],
)
def test_trouble_is_no_bad_mood(text: str) -> None:
    assert 40 <= sentiment(text) <= 65


def test_a_happy_customer_is_high_and_quoted_mail_does_not_count() -> None:
    assert sentiment("Perfect, it works again, you are awesome!") > 75
    assert sentiment("Perfect, thank you!\n\nOn Mon Dana wrote:\n> This is unacceptable and ridiculous!!") > 60


def test_a_low_or_falling_mood_asks_for_somebody_but_the_first_message_does_not() -> None:
    assert not is_alarming([10])
    assert not is_alarming([10, 50, 55])
    assert is_alarming([50, 50, 30])
    assert is_alarming([50, 90, 70, 55])
    assert not is_alarming([50, 70, 60, 55])


@pytest.mark.parametrize("piece", ["a-", "a1-", "1.", "\\\\a", "c:\\a ", "error ", "thank ", "!", "no ", "v1."])
def test_a_monster_takes_no_long_time(piece: str) -> None:
    start = time.process_time()
    entities(piece * 7_000)
    sentiment(piece * 7_000)
    assert time.process_time() - start < 5
