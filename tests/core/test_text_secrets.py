"""Secrets are found however they are written, and ordinary tickets are left as they are."""

import random
import time

import pytest

from psa_copilot.text.secrets import find_secrets, luhn
from tests.core.planted import KINDS, WAYS, in_title, password, pieces, planted

FORMS = """password: {}|Password {}|pw {}|PW: {}|pass={}|pwd:{}|temp password {}|password (new): {}|pass phrase: {}
the new password is {}|I set the password to {}|password for the admin account is {}|She changed her password to {}.
user/pass: bob/{}|Username: bob;Password: {}|credentials are bob / {}|Creds: bob {}|{} is the admin password
root / {} (password)
mein passwort ist {}|Kennwort: {}|Kennwort wurde auf {} gesetzt|le mot de passe: {}|la contraseña es {}|wachtwoord: {}
password = '{}'|password "{}"|Password -> {}|password - {}|**Password:** `{}`|Her password, {}, does not work
--password {}
WiFi password: {}|wifi key {}|WPA2 PSK: {}|pre-shared key is {}|the Wi-Fi is Guest and the key is {}|SNMP community {}
client secret {}|admin pw is now {}|VPN secret = {}|export DB_PASSWORD={}|"password": "{}"|<password>{}</password>
<p>Password:&nbsp;<b>{}</b></p>|<td>Passwort:</td><td>{}</td>|<li>pw <code>{}</code></li>"""


def struck(text: str) -> str:
    for each in reversed(find_secrets(text)):
        text = text[: each.start] + "###" + text[each.end :]
    return text


@pytest.mark.parametrize("kind", KINDS)
def test_no_part_of_a_secret_is_left_however_it_is_written(kind: str) -> None:
    rng = random.Random(kind)  # the same at every run
    for way in (*WAYS, in_title):
        for _ in range(5):
            one = planted(rng, kind)
            left = struck(way(one))
            seen = left.replace("\u200b", "").replace("<b>", "").replace("</b>", "")
            assert not [part for part in pieces(one.value) if part in seen], (way.__name__, way(one), left)


@pytest.mark.parametrize("form", FORMS.replace("\n", "|").split("|"))
def test_people_say_it_in_many_ways(form: str) -> None:
    rng = random.Random(form)
    for _ in range(5):
        value = password(rng)
        wrapped = f"{value[:6]}\n{value[6:]}"
        for written in (value, wrapped, f"{value[:6]}<span>{value[6:]}</span>"):
            left = struck(f"Hi,\n{form.format(written)}\nPlease help soon")
            flat = left.replace("<span>", "").replace("\n", "")
            assert not [part for part in pieces(value) if part in flat], left


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Password: Welcome-2024 for bob", "Welcome-2024"),
        ("pwd = hunter22", "hunter22"),
        ("Hunter2!! is the new password", "Hunter2!!"),
        ('the password is "rain on the roof"', "rain on the roof"),
        ("passphrase: correct horse battery staple", "correct horse battery staple"),
        ("Password:\nSommer-2024", "Sommer-2024"),
        ("Benutzer max, Kennwort ist Sommer-2024", "Sommer-2024"),
        ("contraseña: Verano-2024", "Verano-2024"),
        ("wachtwoord is Zomer-2024", "Zomer-2024"),
        ("PIN 4711 opens it", "4711"),
        ("login: bob / Winter-24x", "Winter-24x"),
        ("The code is 482913 (verification code: 482913)", "482913"),
        ("BitLocker: 111111-222222-333333-444444-555555-666666-777777-888888", "111111-222222-333333"),
        ("passport number: C01X00T47", "C01X00T47"),
        ("**Password**: `Tr0ub4dor`", "Tr0ub4dor"),
        ("&#80;assword&#58; Tr0ub4dor", "Tr0ub4dor"),
    ],
)
def test_a_cue_tells_where_a_secret_stands(text: str, secret: str) -> None:
    assert any(secret in text[each.start : each.end] for each in find_secrets(text))


@pytest.mark.parametrize(
    "text",
    [
        "Password is expired and needs a reset. The password field is blank.",
        "I forgot my password; can you reset the password for Anna?",
        "Passwort abgelaufen, Kennwort falsch",
        "See KB5034441, error 0x80070643 in C:\\Windows\\System32\\drivers\\etc\\hosts on SRV-EXCH2019-PROD01",
        "Microsoft.PowerShell.Commands.WriteErrorException at System.Management.Automation.Internal",
        "https://kb.mill.example/articles/Windows-10-Update-fails-with-error",
        "Ticket 48213 was opened on 2026-11-23 10:00 by the alert of NAS01; build 10.0.22631.3007",
        "Unable to log in to SRV01 since the login page changed",
        "id 5f2c1e7a-9b3d-4c6e-8f10-123456789abc, serial 5CD1234XYZ",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert find_secrets(text) == []


def test_the_words_around_a_wrapped_key_stay() -> None:
    text = "token AKIAIOSF\nODNN7EXAMPLE\nPlease call me today"
    assert struck(text).endswith("\nPlease call me today")


def test_the_number_of_the_next_message_stays() -> None:
    text = "Uid=app;Pwd=abc123XYZ;Encrypt=yes\n\n[#2] customer: key AKIAIOSFODNN7EXAMPLE\n\n[#3] technician: done"
    left = struck(text)
    assert "\n\n[#2] customer: " in left
    assert left.endswith("\n\n[#3] technician: done")


def test_cells_run_together_hide_nothing() -> None:
    assert "9922" not in struck("Password4816 9922 3156 1535")
    assert "qR2m" not in struck("PasswordXk9$qR2mT!")


def test_a_card_passes_its_check() -> None:
    assert luhn("4111111111111111")
    assert find_secrets("order 4111111111111112") == []


@pytest.mark.parametrize("part", [" ", "\n", "a", "1 ", "password ", "<a ", "A1-", "=\n> ", "key: x ", "Ab1!"])
def test_a_hostile_text_takes_no_time(part: str) -> None:
    text = (part * 40_000)[:40_000]
    began = time.process_time()
    find_secrets(text)
    assert time.process_time() - began < 5
