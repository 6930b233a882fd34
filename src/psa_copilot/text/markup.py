"""The words of notes: whatever a PSA keeps them as, people read plain text."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup

LONGEST = 100_000
"""Characters of one message that we keep; a mail with a whole log pasted in is longer."""

_TAGS = (
    r"/?(?:a|b|blockquote|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|meta|o:p|ol|p|pre|script|span"
    r"|strong|style|table|tbody|td|th|thead|title|tr|u|ul)(?=[\s/>])"
)
_TAG = re.compile(rf"<{_TAGS}", re.IGNORECASE)
_NO_TAG = re.compile(rf"<(?!{_TAGS})", re.IGNORECASE)
_ENDS_LINE = ("blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "pre", "table", "tr", "ul", "ol")


def to_text(raw: object) -> str:
    """What a person would read: HTML fragments become plain text, odd white space becomes ordinary."""
    text = _bounded(str(raw or ""))
    if _TAG.search(text):
        text = _without_html(text)
    return text.replace("\u00a0", " ").replace("\u200b", "").replace("\r\n", "\n").replace("\r", "\n").strip()


def _bounded(text: str) -> str:
    """Its beginning, and how much more the PSA has."""
    more = len(text) - LONGEST
    return text if more <= 0 else f"{text[:LONGEST]}\n[{more} characters more in the PSA]"


def _without_html(text: str) -> str:
    """The words of a fragment. `<anna@contoso.example>` is no tag, and must not vanish like one."""
    soup = BeautifulSoup(_NO_TAG.sub("&lt;", text), "html.parser")
    for hidden in soup(["head", "script", "style"]):
        hidden.decompose()
    for line in soup("br"):
        line.replace_with("\n")
    for block in soup(_ENDS_LINE):
        block.append("\n")
    lines = (line.strip() for line in soup.get_text().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
