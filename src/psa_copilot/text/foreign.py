"""What a text points to that its thread does not know: links, images, mail addresses, hosts, phone numbers.

A model that obeyed a ticket may put the attacker's link or number into an answer. Whoever reads the answer trusts
it, so such a pointer is taken out; one that stands in the thread is nothing new and stays, as plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

from psa_copilot.text.folded import fold
from psa_copilot.text.personal import find_personal, is_phone

LINK, ADDRESS, HOST, NUMBER = "(link removed)", "(address removed)", "(host removed)", "(number removed)"

_MARKDOWN = re.compile(r"!?\[(?P<words>[^\[\]\n]{0,300})\]\(\s*<?(?P<target>[^()\s<>]{1,2000})>?[^()\n]{0,300}\)")
_REFERENCE = re.compile(r"^[ \t]*\[[^\[\]\n]{1,100}\]:[ \t]*\S+.*$", re.MULTILINE)
_HTML = re.compile(
    r"<(?:script|style|iframe|svg|object)\b.{0,20000}?</(?:script|style|iframe|svg|object)\s*>|</?[a-z][^<>]{0,2000}>",
    re.IGNORECASE | re.DOTALL,
)
_URL = re.compile(
    r"(?:\b(?:[a-z][a-z0-9+.-]{1,20}://|mailto:|tel:|data:|javascript:|file:|hxxps?[:\[])|(?<![\w.])www\.|(?<![\w\\])\\\\(?=[\w.]))[^\s<>\"'`|]+",
    re.IGNORECASE,
)
_TLDS = (
    "com|net|org|info|biz|io|co|ai|app|dev|me|tv|cc|xyz|top|site|online|shop|club|live|link|click|cloud|page|tech|store|"
    "pro|zip|mov|ru|cn|de|fr|es|nl|uk|us|ca|at|ch|be|it|pl|se|no|dk|fi|ie|pt|cz|eu|in|br|jp|kr|au|nz|za|mx|tk|ml|ga|"
    "gg|ly|su|ws|to|sh|im|la|vip|work|support|help|email|example|invalid|test|local|lan|internal|onion"
)
_HOSTED = re.compile(
    rf"(?<![\w@.-])(?:[a-z0-9](?:[a-z0-9-]{{0,62}})(?:\.|\s?[\[(](?:dot|\.)[\])]\s?)){{1,6}}(?:{_TLDS})(?![\w@-]|\.[\w])(?::\d+)?(?:/[^\s<>\"'`]*)?",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?<![\w.:/#-])(?:\+\s?|00)?\(?\d(?:[ ./()-]{0,3}\d){6,16}(?![\w])")
_WORD = re.compile(r"\d{7,}")


def without_foreign(text: str, thread: str) -> str:
    """The text as plain words, without links, addresses, hosts and phone numbers that `thread` does not contain."""
    known = _Known.of(thread)
    text = _MARKDOWN.sub(lambda match: _shown(match, known), _REFERENCE.sub("", _invisible_gone(text)))
    text = _HTML.sub(lambda match: match[0] if _is_quoted(match[0], known) else "", text)
    text = _URL.sub(lambda match: _kept(match[0], known, LINK), text)
    text = _replaced(text, known)
    text = _HOSTED.sub(lambda match: _kept(match[0], known, HOST), text)
    return _PHONE.sub(lambda match: _number(match, known), text)


class _Known:
    """What a thread contains, in a form to look it up."""

    def __init__(self, thread: str) -> None:
        folded = fold(thread).text
        self.text = _squeezed(f"{thread}\n{folded}")
        self.digits = frozenset(_digits(match[0]) for match in _PHONE.finditer(folded))
        self.lines = re.sub(r"[^\w]", "", folded)

    @classmethod
    def of(cls, thread: str) -> _Known:
        return _known_of(thread)

    def has(self, pointer: str) -> bool:
        """The thread holds it, whole: a host that only begins like a known one is another host."""
        wanted = re.escape(_squeezed(pointer))
        return re.search(rf"(?<![\w.@-]){wanted}(?![\w@-]|\.\w)", self.text) is not None

    def has_number(self, digits: str) -> bool:
        """The thread holds this number, written in whatever way, with or without the country's code."""
        return any(
            digits == each
            or (len(digits) >= 7 and each.endswith(digits[-9:]) and len(each) - len(digits) in range(-3, 4))
            for each in self.digits
        )


@lru_cache(maxsize=8)
def _known_of(thread: str) -> _Known:
    return _Known(thread)


def _squeezed(text: str) -> str:
    text = re.sub(r"\s?[\[(](?:dot|\.)[\])]\s?", ".", text.casefold())
    return re.sub(r"\s?[\[(](?:at|@)[\])]\s?", "@", text)


def _invisible_gone(text: str) -> str:
    """Without characters that hide a pointer from a pattern; the lines stay as they are."""
    return re.sub(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]", "", text)


def _digits(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    return digits.removeprefix("00") if text.strip().startswith("00") else digits


def _shown(match: re.Match[str], known: _Known) -> str:
    """A Markdown link as its words; the target follows where the thread has it."""
    words, target = match["words"].strip(), match["target"]
    if match[0].startswith("!"):
        return ""
    return f"{words} ({target})" if known.has(_bare(target)) and target not in words else words


def _bare(pointer: str) -> str:
    pointer = re.sub(r"^(?:mailto|tel):", "", pointer, flags=re.IGNORECASE)
    return pointer.rstrip(".,;:!?)]}'\"/")


def _kept(pointer: str, known: _Known, gone: str) -> str:
    bare = _bare(pointer)
    rest = pointer[pointer.rfind(bare) + len(bare) :].lstrip("/") if bare else ""
    return pointer if known.has(bare) or known.has(unquote(bare)) else gone + rest


def _is_quoted(tag: str, known: _Known) -> bool:
    """`<user@site.example>` and `<server>` are no HTML: they stay when they look like words of the thread."""
    return re.fullmatch(r"<[\w.@ -]+>", tag) is not None and known.has(tag[1:-1]) and " src" not in tag


def _replaced(text: str, known: _Known) -> str:
    parts, last = [], 0
    for each in find_personal(text):
        if each.kind not in ("email", "ip"):
            continue
        pointer = text[each.start : each.end]
        parts += [text[last : each.start], pointer if known.has(pointer) else ADDRESS if each.kind == "email" else HOST]
        last = each.end
    return "".join([*parts, text[last:]])


def _number(match: re.Match[str], known: _Known) -> str:
    digits = _digits(match[0])
    if not _is_callable(match) or known.has_number(digits) or known.has(match[0]):
        return match[0]
    return NUMBER


def _is_callable(match: re.Match[str]) -> bool:
    return is_phone(match.string, match) or _WORD.fullmatch(match[0]) is not None


def contains_foreign(text: str, thread: Iterable[str]) -> bool:
    """Whether anything would be taken out."""
    return without_foreign(text, "\n".join(thread)) != text
