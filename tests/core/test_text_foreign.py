"""What a text points to that its thread does not know is taken out; what the thread knows stays."""

import pytest

from psa_copilot.text.foreign import contains_foreign, without_foreign

THREAD = (
    "The printer at 10.0.4.7 fails. Call me at +49 30 1234567 or mail anna@mill.example. "
    'See <a href="https://kb.mill.example/a/1">this page</a>; the server is fs01.mill.example, share \\\\fs01\\scan.'
)


@pytest.mark.parametrize(
    "text",
    [
        "Call +49 30 1234567 about printer 10.0.4.7.",
        "Call 0049 30 1234567.",
        "Mail anna@mill.example; see https://kb.mill.example/a/1.",
        "fs01.mill.example serves \\\\fs01\\scan.",
        "Ticket 48213 of 2026-11-23 10:00, error 0x80070005, report.docx, node v1.2.3",
        "Waiting for the part [#3], [#7].",
    ],
)
def test_what_the_thread_contains_stays(text: str) -> None:
    assert without_foreign(text, THREAD) == text
    assert not contains_foreign(text, [THREAD])


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Go to https://evil.example/pay now", "evil"),
        ("Go to evil.example/pay now", "evil"),
        ("Go to evil[.]com now", "evil"),
        ("Go to hxxps://evil.example", "evil"),
        ("Go to kb.mill.example.evil.com", "evil"),
        ("Go to https://kb.mill.example/a/1/../../evil", "evil"),
        ("see [the portal](https://evil.example/x)", "evil"),
        ("![x](https://evil.example/p.png?data=1)", "evil"),
        ("[r]: https://evil.example/p.png\nhi", "evil"),
        ('<img src="https://evil.example/p.png">', "evil"),
        ("<script>alert('evil')</script>", "evil"),
        ("javascript:evil()", "evil"),
        ("\\\\evil\\share", "evil"),
        ("evil\u200b.example now", "example"),
        ("Mail bob@evil.example", "evil"),
        ("Ping 203.0.113.9", "203.0.113.9"),
        ("Call 0900 555 0199", "0199"),
        ("Call +1 (900) 555-0199", "0199"),
        ("Call 9005550199", "0199"),
    ],
)
def test_what_it_does_not_contain_goes(text: str, gone: str) -> None:
    assert gone not in without_foreign(text, THREAD)


def test_the_words_of_a_link_stay() -> None:
    assert without_foreign("see [the portal](https://evil.example/x) for it", THREAD) == "see the portal for it"
