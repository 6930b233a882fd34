"""What somebody really wrote in a message: no quoted mail, no signature; and its sentences."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import cache, lru_cache

_TAG = re.compile(
    r"</?(?:p|br|div|span|b|i|u|a|ul|ol|li|table|tr|td|th|tbody|img|font|strong|em|html|body)\b[^>]{0,500}>",
    re.IGNORECASE,
)
_BREAKING_TAG = re.compile(r"<(?:br|/p|/div|/li|/tr)\b[^>]{0,500}>", re.IGNORECASE)
_SPACES = re.compile(r"[^\S\n]+")


def words_of(text: str) -> frozenset[str]:
    """A list of words, as it is written down."""
    return frozenset(text.split())


# The line above a quoted mail, in the five languages; newlines may be lost, so it ends where "wrote:" stands.
_TAILS = (
    r"^\s*-{2,}\s*(?:original message|forwarded message|ursprüngliche nachricht|message d'origine|mensaje original|"
    r"oorspronkelijk bericht)\s*-{2,}",
    r"^\s*_{10,}\s*$",
    r"(?:^|(?<=[.!?]) )\bon\b.{6,120}?\bwrote:",
    r"(?:^|(?<=[.!?]) )\bam\b.{6,120}?\bschrieb\b.{0,80}?:",
    r"(?:^|(?<=[.!?]) )\ble\b.{6,120}?\ba écrit ?:",
    r"(?:^|(?<=[.!?]) )\bel\b.{6,120}?\bescribió:",
    r"(?:^|(?<=[.!?]) )\bop\b.{6,120}?\bschreef\b.{0,80}?:",
    r"(?:^|\s)\*?(?:from|von|de|van) ?:\*? .{1,120}?\s\*?(?:sent|date|gesendet|datum|envoyé|enviado|fecha|"
    r"verzonden) ?:",
)
_GREETING_OFF = (
    r"(?:(?:best|kind|kindest|warm|many)\s+regards|regards|sincerely|yours truly|with best wishes|best wishes|"
    r"(?:mit\s+)?(?:freundlichen|besten|vielen|viele|beste|freundliche|liebe)\s+grü(?:ß|ss)en?|mfg|"
    r"(?:bien\s+)?cordialement|salutations|saludos(?:\s+cordiales)?|un saludo|atentamente|"
    r"(?:met\s+)?vriendelijke\s+groet(?:en)?|groeten|mvg)"
)
_SENT_FROM = (
    r"(?:^\s*|(?<=[.!?] ))(?:sent from my|sent from outlook|get outlook for|von meinem \w+ gesendet|envoyé de mon|"
    r"enviado desde mi|verzonden vanaf mijn|verstuurd vanaf mijn)\b"
)
_DISCLAIMER = (
    r"(?:this (?:e-?mail|message)(?: \w+){0,6} (?:is|are|may be|contains?) (?:\w+ ){0,4}(?:confidential|privileged)|"
    r"the information (?:contained )?in this (?:e-?mail|message)|"
    r"diese e-?mail (?:enthält|kann) |ce (?:message|courriel) (?:est|peut|contient) |"
    r"este (?:mensaje|correo) (?:es|puede|contiene) |dit (?:e-?mail)?bericht (?:is|kan|bevat) )"
)
_OUTSIDE = re.compile(
    r"^\s*\W*(?:caution|warning|external(?: e-?mail)?)\b:?[^\n]{0,40}\b(?:originated|outside|"
    r"external)\b[^\n]*\n?",
    re.IGNORECASE,
)
LONGEST = 20_000  # characters of one message that are read; what stands below is a log
MOST_SIGNATURE_WORDS = 60  # more than that under "Best regards" is somebody going on


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    flags = re.IGNORECASE | re.MULTILINE
    return (
        re.compile("|".join(_TAILS), flags | re.DOTALL),
        re.compile(rf"^-- ?$|{_SENT_FROM}", flags),
        re.compile(rf"(?:^|(?<=[.!?,;)\]]) |\n)\s*{_GREETING_OFF}\b[ ,.!]*(?=\n|$|[\s,]*(?-i:[A-Z^*~-]))", flags),
        re.compile(rf"^.{{0,40}}{_DISCLAIMER}", flags),
    )


def plain(text: str) -> str:
    """Text without HTML, with one kind of newline, blank and apostrophe."""
    if "<" in text:
        text = _TAG.sub(" ", _BREAKING_TAG.sub("\n", text))
    text = html.unescape(text).replace("\r\n", "\n").replace("\r", "\n").replace("’", "'").replace("\u200b", "")
    return _SPACES.sub(" ", text).strip()


@lru_cache(maxsize=256)
def own_words(text: str) -> str:
    """What the author wrote: the quoted mail, signature and disclaimer below it cut off.

    A message that is nothing but a forwarded mail stays whole: then the forwarded part is what it says.
    """
    text = _OUTSIDE.sub("", plain(text[:LONGEST]))
    unquoted = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith(">"))
    tail, mark, greeting_off, disclaimer = _patterns()
    for pattern in (tail, mark, disclaimer):
        unquoted = _before(pattern.search(unquoted), unquoted)
    return _without_signature(greeting_off, unquoted).strip() or text


def _before(match: re.Match[str] | None, text: str) -> str:
    if match and re.search(r"\w", text[: match.start()]):
        return text[: match.start()].rstrip()
    return text


def _without_signature(greeting_off: re.Pattern[str], text: str) -> str:
    for match in greeting_off.finditer(text):
        if len(text[match.end() :].split()) <= MOST_SIGNATURE_WORDS:
            return _before(match, text)
    return _without_name_card(text)


_THANKS_LINE = re.compile(
    r"^(?:.*[.!?,] )?(?:many thanks|thanks(?: again| a lot| so much)?|thank you(?: very much| so much)?|cheers|thx|"
    r"(?:vielen |besten |herzlichen )?dank|danke|merci(?: beaucoup)?|(?:muchas )?gracias|(?:hartelijk )?(?:be)?dankt?)"
    r"[ ,.!]*\n+(?=(?-i:[A-ZÀ-Þ][\w.'-]*(?: [A-ZÀ-Þ][\w.'-]*){0,3}) *(?:\n|$))",
    re.IGNORECASE | re.MULTILINE,
)
MOST_CARD_WORDS = 6


def _without_name_card(text: str) -> str:
    """ "Thanks," over a name and short lines that state nothing: the thanks stay, the card goes."""
    for match in _THANKS_LINE.finditer(text):
        card = text[match.end() :].split("\n")
        if all(len(line.split()) <= MOST_CARD_WORDS and not line.rstrip().endswith((".", "?", "!")) for line in card):
            return text[: match.end()]
    return text


# A full stop after these ends no sentence.
_ABBREVIATIONS = words_of(
    """e.g i.e etc vs approx resp incl excl ext tel fig min max dept inc ltd co corp mr mrs ms dr prof st
    jr sr jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri ca bzw usw ggf evtl
    inkl z.b d.h u.a o.ä str sra mme mlle p.ej bijv dhr mevr m.b.t a.u.b s.v.p i.v.m t.a.v a.m p.m"""
)
_END = re.compile(r"([.!?…]+)([\"'”»)\]]*)(?:\s+|$)|\n+")
_BULLET = re.compile(r"\s*(?:[-*•–]|\d{1,2}[.)])\s")
_GERMAN_MONTH = re.compile(r"(?:jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez)", re.IGNORECASE)  # 9. März
WRAPPED_AT = 60  # a longer line that ends in no punctuation was wrapped by a mail program


def sentences(text: str) -> list[str]:
    """The sentences of a text; versions, addresses, URLs and abbreviations stay whole."""
    return [sentence for sentence in (part.strip() for part in _cut(text)) if sentence]


def _cut(text: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(text):
        if _ends_here(text, start, match):
            yield text[start : match.end()].replace("\n", " ")
            start = match.end()
    yield text[start:].replace("\n", " ")


def _ends_here(text: str, start: int, match: re.Match[str]) -> bool:
    if not match[1]:
        return _line_ends(text, match)
    if match[1] != ".":
        return True
    word = re.split(r"[\s(\"']", text[start : match.start()])[-1].lower()
    initial = len(word) == 1 and word.isalpha()
    numbering = word in ("no", "nos", "nr") and text[match.end() : match.end() + 1].isdigit()
    number = word.isdigit() and start + len(word) == match.start()  # "1. Restart it"
    numbering = numbering or (word.isdigit() and bool(_GERMAN_MONTH.match(text, match.end())))
    return not (word in _ABBREVIATIONS or initial or numbering or number)


def _line_ends(text: str, match: re.Match[str]) -> bool:
    line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    wrapped = len(line) > WRAPPED_AT and len(match[0]) == 1 and not _BULLET.match(text, match.end())
    return not wrapped


URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b")
PHONE = re.compile(r"(?<![\w.#-])\+?\(?\d(?:[\s()/.-]{0,2}\d){8,14}(?![\w-])")
_LEADING_HANDLES = re.compile(r"^(?:\s*\.?@\w+[,:]?)+\s*")
_HANDLE = re.compile(r"(?<!\w)@(\w+)")
_GREETING = re.compile(
    r"^(?:hi|hello|hey|hiya|dear|hallo|bonjour|hola|hoi|good (?:morning|afternoon|evening)|guten (?:tag|morgen))"
    r"(?: there| all| team)?(?: @?[A-ZÀ-Þ0-9][\w'-]*){0,2} ?[,.!:-]+\s+(?=\S)",
    re.IGNORECASE,
)
_LOOSE_STOP = re.compile(r" +([.,!?;:])(?!\w)")
_SIGNED = re.compile(r"\s*(?:\^\s?\w{1,20}|[*~/]\s?[A-Z]\w{0,14})[.\s]*$")


def shown(text: str) -> str:
    """A sentence fit to be quoted: no link, address, phone number or mention that would call somebody."""
    text = _GREETING.sub("", _SIGNED.sub("", _LEADING_HANDLES.sub("", text)))
    text = URL.sub("(link)", text)
    text = PHONE.sub("(number)", EMAIL.sub("(e-mail)", text))
    text = _HANDLE.sub(lambda match: "" if match[1].isdigit() else match[1], text)
    return _LOOSE_STOP.sub(r"\1", " ".join(text.split()))
