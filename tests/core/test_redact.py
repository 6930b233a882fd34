"""A secret is masked in whatever shape it turns up, and innocent words are left alone."""

import base64
import json
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psa_copilot.redact import Secrets

LONG = 'Kx/9 "q+Zä\\7w'


@pytest.fixture
def secrets() -> Secrets:
    secrets = Secrets()
    secrets.add(LONG)
    secrets.add("priv")
    return secrets


@pytest.mark.parametrize(
    "shape",
    [
        LONG,
        f"x{LONG}y",
        repr(LONG),
        json.dumps({"key": LONG}),
        urlencode({"client_secret": LONG}),
        f"https://psa.example/?key={quote_plus(LONG)}",
        base64.b64encode(f"sandbox+pub:{LONG}".encode()).decode(),
        base64.b64encode(f"a{LONG}b".encode()).decode(),
        base64.b64encode(f"ab{LONG}".encode()).decode(),
    ],
)
def test_every_shape_of_a_long_secret_is_masked(secrets: Secrets, shape: str) -> None:
    cleaned = secrets.clean(f"before {shape} after")
    assert "***" in cleaned
    assert "q+Z" not in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert cleaned != f"before {shape} after"


def test_a_short_secret_is_masked_only_where_it_stands_alone(secrets: Secrets) -> None:
    assert (
        secrets.clean("private_key: priv, 'priv' of a private matter") == "private_key: ***, '***' of a private matter"
    )


def test_a_login_is_masked_even_when_nobody_told_us_the_secret() -> None:
    login = base64.b64encode(b"user:pw").decode()
    assert Secrets().clean(f"Authorization: Basic {login}") == "Authorization: Basic ***"
    assert Secrets().clean("Basic rights are enough") == "Basic rights are enough"


def test_a_secret_that_begins_with_another_one_leaves_no_rest() -> None:
    secrets = Secrets()
    secrets.add("abcdefgh")
    secrets.add("abcdefghIJKL")
    assert secrets.clean("abcdefghIJKL") == "***"


def test_nothing_is_not_a_secret() -> None:
    secrets = Secrets()
    secrets.add("")
    secrets.add("  ")
    assert secrets.clean("all is well") == "all is well"


@given(secret=st.text(min_size=8, max_size=40).filter(lambda text: bool(text.strip())), before=st.binary(max_size=5))
def test_no_secret_survives_in_plain_or_in_base64(secret: str, before: bytes) -> None:
    secrets = Secrets()
    secrets.add(secret)
    assert secret not in secrets.clean(f"a {secret} b") or secret in "a *** b"
    encoded = base64.b64encode(before + secret.encode()).decode()
    assert secrets.clean(encoded) != encoded
