"""Secrets made at run time, of many kinds, and the ways in which people leave them on tickets."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Planted:
    """One secret and the words that it stands in."""

    kind: str
    value: str
    words: str


def _of(rng: random.Random, letters: str, count: int) -> str:
    return "".join(rng.choice(letters) for _ in range(count))


def password(rng: random.Random) -> str:
    parts = [_of(rng, string.ascii_uppercase, 2), _of(rng, string.ascii_lowercase, 5), _of(rng, string.digits, 3)]
    return "".join([*parts, rng.choice("!#$%&*"), _of(rng, ALNUM, 3)])


def _card(rng: random.Random) -> str:
    head = "4" + _of(rng, string.digits, 14)
    for last in string.digits:
        digits = head + last
        doubled = [int(one) * 2 for one in digits[-2::-2]]
        if (sum(each - 9 * (each > 9) for each in doubled) + sum(map(int, digits[::-2]))) % 10 == 0:
            return " ".join(digits[at : at + 4] for at in range(0, 16, 4))
    raise AssertionError("one of ten digits always fits")


def _iban(rng: random.Random) -> str:
    account = _of(rng, string.digits, 18)
    check = 98 - int(f"{account}131400") % 97  # D = 13, E = 14
    return f"DE{check:02d}{account}"


def _jwt(rng: random.Random) -> str:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    claims = json.dumps({"sub": _of(rng, ALNUM, 12)})
    return ".".join([part('{"alg":"HS256"}'), part(claims), _of(rng, ALNUM + "-_", 43)])


def _private_key(rng: random.Random) -> str:
    lines = [_of(rng, ALNUM + "+/", 64) for _ in range(4)]
    return "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----"])


def _license(rng: random.Random) -> str:
    return "-".join(_of(rng, string.ascii_uppercase + string.digits, 5) for _ in range(4)) + "-A1B2C"


Maker = Callable[[random.Random], tuple[str, str]]

KINDS: dict[str, Maker] = {
    "password": lambda rng: (value := password(rng), f"The new password: {value}"),
    "pwd is": lambda rng: (value := password(rng), f"her pwd is {value} if you need it"),
    "Kennwort": lambda rng: (value := password(rng), f"Das Kennwort lautet {value}"),
    "mot de passe": lambda rng: (value := password(rng), f"Son mot de passe est {value}"),
    "aws": lambda rng: (value := "AKIA" + _of(rng, string.ascii_uppercase + "234567", 16), f"we use {value} for S3"),
    "aws secret": lambda rng: (value := _of(rng, ALNUM + "+/", 39) + "7", f"aws_secret_access_key = {value}"),
    "github": lambda rng: (value := "ghp_" + _of(rng, ALNUM, 36), f"clone it with {value} please"),
    "api key": lambda rng: (value := _of(rng, "0123456789abcdef", 31) + "7", f"API key {value}"),
    "private key": lambda rng: (value := _private_key(rng), f"My key:\n{value}"),
    "jwt": lambda rng: (value := _jwt(rng), f"it sends {value} and gets 401"),
    "bearer": lambda rng: (value := _of(rng, ALNUM, 39) + "5", f"Authorization: Bearer {value}"),
    "url": lambda rng: (value := _of(rng, ALNUM, 13) + "7", f"postgres://app:{value}@db.mill.example:5432/erp fails"),
    "connection string": lambda rng: (
        value := _of(rng, ALNUM, 13) + "7",
        f"Server=sql01;Uid=app;Pwd={value};Encrypt=yes",
    ),
    "card": lambda rng: (value := _card(rng), f"you can charge {value} for it"),
    "iban": lambda rng: (value := _iban(rng), f"send it to {value} today"),
    "ssn": lambda rng: (
        value := f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}",
        f"SSN {value}",
    ),
    "mfa": lambda rng: (
        value := "-".join(_of(rng, string.ascii_lowercase, 4) + rng.choice(string.digits) for _ in range(2)),
        f"MFA recovery codes: {value}",
    ),
    "license": lambda rng: (value := _license(rng), f"Office came with {value} on the sticker"),
    "wifi": lambda rng: (
        value := f"{_of(rng, string.ascii_lowercase, 7)}-{_of(rng, string.digits, 4)}",
        f"guest WiFi PSK: {value}",
    ),
    "totp": lambda rng: (
        value := _of(rng, string.ascii_uppercase + "234567", 29) + "234",
        f"authenticator seed {value}",
    ),
}


def planted(rng: random.Random, kind: str) -> Planted:
    """A fresh secret of a kind, in its words."""
    value, words = KINDS[kind](rng)
    return Planted(kind, value, words)


def in_title(one: Planted) -> str:
    return f"Cannot log in - {one.words}"


def in_body(one: Planted) -> str:
    return f"Hello,\nthe scanner does not save any more.\n{one.words}\nRegards"


def in_html(one: Planted) -> str:
    """A tag inside the value, as mail programs do when they mark something."""
    cut = len(one.value) // 2
    marked = f"{one.value[:cut]}<b>{one.value[cut:]}</b>" if "\n" not in one.value else one.value.replace("\n", "<br>")
    return f"<html><body><p>Hi</p><div>{one.words.replace(one.value, marked)}</div></body></html>"


def in_cells(one: Planted) -> str:
    return f"<table><tr><td>Password</td><td>{one.value}</td></tr></table>"


def with_odd_blanks(one: Planted) -> str:
    cut = len(one.value) // 3
    hidden = f"{one.value[:cut]}\u200b{one.value[cut:]}"
    return one.words.replace(one.value, hidden).replace(" ", "\u00a0", 1)


def over_lines(one: Planted) -> str:
    """Wrapped in the middle, as mail programs wrap long lines."""
    cut = len(one.value) // 2
    wrapped = f"{one.value[:cut]}\n{one.value[cut:]}"
    return f"As discussed:\n{one.words.replace(one.value, wrapped)}\nPlease call me."


def quoted_over_lines(one: Planted) -> str:
    cut = len(one.value) // 2
    return f"> {one.words.replace(one.value, one.value[:cut] + '=' + chr(10) + '> ' + one.value[cut:])}\n> Thanks"


WAYS: tuple[Callable[[Planted], str], ...] = (
    in_body,
    in_html,
    in_cells,
    with_odd_blanks,
    over_lines,
    quoted_over_lines,
)


def pieces(value: str, length: int = 8) -> set[str]:
    """All parts of a secret that are long enough to matter."""
    lines = value.split("\n")
    return {line[at : at + length] for line in lines for at in range(len(line) - length + 1) if "-----" not in line}
