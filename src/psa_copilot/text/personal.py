"""Personal data in a text: mail addresses, phone numbers, IP addresses, known names, numbers that name a person.

Rules only. A name is found where it is known from the ticket, or where the text itself introduces it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from psa_copilot.text.clean import words_of
from psa_copilot.text.folded import fold
from psa_copilot.text.secrets import find_secrets
from psa_copilot.text.spans import Found, merged

IDENTIFIERS = frozenset({"card", "iban", "id"})
"""Kinds of secrets that name a person as well."""

_EMAIL = re.compile(
    r"(?<![\w.+%-])\w[\w.+%'-]{0,63}(?:@|\s?[\[(](?:at|@)[\])]\s?)[\w-]{1,63}(?:(?:\.|\s?[\[(](?:dot|\.)[\])]\s?)[\w-]{1,63}){1,5}"
    r"(?![\w@-])",
    re.IGNORECASE,
)
_IP = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)|"
    r"(?<![\w:.])(?=[0-9a-f]*:[0-9a-f]*:)[0-9a-f:]{4,39}(?![\w:])",
    re.IGNORECASE,
)
_VERSION = re.compile(r"\b(?:v|ver|version|build|release|firmware|fw|rev|driver)\.?[ :]*$", re.IGNORECASE)
_PHONE_CUE = re.compile(
    r"\b(?:phone|tel|telephone|telefon|téléphone|teléfono|telefoon|mobile?|mob|cell(?: ?phone)?|handy|móvil|gsm|"
    r"portable|"
    r"desk|direct(?: (?:line|dial))?|durchwahl|office|work|home|main|fax|call(?: (?:me|him|her|them|us|back))?|"
    r"ring|reach(?:ed|able)?|rückruf|anrufen|number(?: is)?|numéro|número|nummer|whatsapp|sms|text|answering|"
    r"registered|messages? to|dial|contact|appelez|llame|bel|erreichbar)\b[^\w\n]{0,4}(?:\w{1,6}[^\w\n]{1,3}){0,3}$",
    re.IGNORECASE,
)
_NOT_PHONE_CUE = re.compile(
    r"(?:(?<!\w)(?:ticket|case|incident|request|order|invoice|po|serial|s/n|sn|asset|tag|part|model|error|code|id|kb|version|build|"
    r"ref(?:erence)?|tracking|port|event|zip|postcode|plz|ext|room|quote|contract|article|sku|job)(?!\w)|#)[\s:.#]*(?:no|nr|"
    r"number|is)?[\s:.#]*$",
    re.IGNORECASE,
)
_EXTENSION = r"(?:[ ,]{0,2}(?:x|ext\.?|extension|dw|-)[ .]?\d{1,6})?"
_NUMBER = re.compile(
    rf"(?<![\w.:/#-])(?:\+\s?|00)?\(?\d(?:(?:[ ./-]|\)[ ./-]?|[ ./-]?\(| - )?\d){{5,16}}{_EXTENSION}(?![\w:]|[.,/-]\d)",
    re.IGNORECASE,
)
_SURE = re.compile(
    r"\+\s?\d|00\d|\(\d{1,5}\)[ ./-]?\d|0\d{2,4}[ /-]\d{3}|(?:1[ .-])?\d{3}([ .-])\d{3}\1\d{4}\b|\d{3}-\d{3}-\d{4}",
)
_DATE = re.compile(
    r"(?:19|20)\d{2}[-./]\d{1,2}[-./]\d{1,2}(?:[ T,].*)?|\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d{2}(?:[ T,].*)?|"
    r"\d{1,4}(?:[ .]000)+|\d{8}|"
    r"(?:19|20)\d{2} ?- ?(?:19|20)\d{2}|20\d{6}[ -]\d{4,6}"
)
_MAC = re.compile(r"(?<![\w:-])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:-])", re.IGNORECASE)


def find_personal(text: str, names: Iterable[str] = ()) -> list[Found]:
    """What names a person, in order, as spans of the text; `names` are people known to be spoken of."""
    view = fold(text)
    people = _known(tuple(sorted(set(names))))
    found = [*_contacts(view.text), *_introduced(view.text)]
    if people:
        found += [(*match.span(), "person") for match in people.finditer(view.text)]
    return merged(Found(*view.source(start, end), kind) for start, end, kind in found)


def find_identifiers(text: str) -> list[Found]:
    """What names a person beyond doubt: addresses, phone, card, account and identity numbers."""
    numbers = (each for each in find_secrets(text) if each.kind in IDENTIFIERS)
    return merged([*(each for each in find_personal(text) if each.kind != "person"), *numbers])


Place = tuple[int, int, str]


def _contacts(text: str) -> Iterator[Place]:
    yield from ((*match.span(), "email") for match in _EMAIL.finditer(text))
    yield from ((*match.span(), "ip") for match in _IP.finditer(text) if _is_ip(text, match))
    yield from ((*match.span(), "mac") for match in _MAC.finditer(text))
    yield from ((*match.span(), "phone") for match in _NUMBER.finditer(text) if is_phone(text, match))


def _is_ip(text: str, match: re.Match[str]) -> bool:
    if _VERSION.search(text, max(0, match.start() - 12), match.start()):
        return False
    try:
        return not ipaddress.ip_address(match[0]).is_unspecified
    except ValueError:
        return False


def is_phone(text: str, match: re.Match[str]) -> bool:
    """A number that somebody can be called at: by its shape, or because the text says so."""
    number, start = match[0], match.start()
    digits = re.sub(r"\D", "", number)
    if not 7 <= len(digits) <= 18 or _DATE.fullmatch(number.strip()) or _IP.fullmatch(number):
        return False
    before = text[max(0, start - 40) : start]
    if _NOT_PHONE_CUE.search(before):
        return False
    return _SURE.match(number) is not None or _PHONE_CUE.search(before) is not None


# --- names

_NAME = r"[^\W\d_a-z][^\W\d_]*(?:['’-][^\W\d_]+)*"
_FULL = rf"{_NAME}(?:[ ](?:(?:van|von|de|der|den|del|da|di|la|le|ten|ter|zu|al|bin)[ ])*(?:{_NAME}|[A-Z]\.)){{0,3}}"
_INTRODUCTIONS = (
    rf"(?<!\w)(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herrn?|Frau|Hr|Fr|Mme|Mlle|Monsieur|Madame|Sr|Sra|Srta|Señora?|Dhr|Mevr|"
    rf"Mevrouw|Meneer)\.? (?P<titled>{_FULL})",
    rf"(?:\b[Mm]y name is|\b[Mm]y name's|\b[Ii]ch heiße|\b[Mm]ein Name ist|\b[Jj]e m'appelle|\b[Mm]e llamo|"
    rf"\b[Mm]ijn naam is|\b[Tt]his is|\b[Hh]ier ist) (?P<self>{_NAME}(?: {_NAME})+|"
    rf"{_NAME}(?= (?:from|at|calling|here)\b))",
    rf"(?:^|\n)[ \t>]*(?:Name|User|Username|Contact|Caller|Requester|Employee|Manager|Reported by|Attn|From|Von|De|"
    rf"Benutzer|Ansprechpartner|Nom|Nombre|Naam)[ \t]*:[ \t]*(?P<field>{_NAME} {_FULL})(?=[ \t]*(?:$|\n|[<,(]))",
    rf"(?:^|\n)[ \t>]*(?:[Hh]i|[Hh]ello|[Hh]ey|[Dd]ear|[Hh]allo|[Ll]iebe[r]?|[Bb]onjour|[Hh]ola|[Bb]este|"
    rf"[Gg]ood (?:morning|afternoon)) (?P<hello>{_NAME})(?=[ ]*[,!\n-])",
    rf"(?:[Rr]egards|[Tt]hanks|[Tt]hank you|[Cc]heers|[Ss]incerely|[Gg]rüßen|[Gg]rüsse[n]?|[Cc]ordialement|[Ss]aludos|"
    rf"[Gg]roet(?:en)?|MfG|[Dd]anke|[Mm]erci|[Gg]racias)[ ,.!]*\n+[ \t]*(?P<signed>{_FULL})[ \t]*(?=$|\n)",
)
_NOBODY = words_of(
    """all team there everyone everybody support helpdesk help desk service it admin sir madam folks guys
    colleagues zusammen tous todos allen iedereen again thanks user users customer the a an this that please
    regards sent get mit freundlichen automated external original monday tuesday wednesday thursday friday
    saturday sunday system administrator"""
)


@cache
def _introductions() -> re.Pattern[str]:
    return re.compile("|".join(_INTRODUCTIONS))


def _introduced(text: str) -> Iterator[Place]:
    for match in _introductions().finditer(text):
        group = str(match.lastgroup)
        if match[group].lower().split()[0] not in _NOBODY:
            yield *match.span(group), "person"


@lru_cache(maxsize=64)
def _known(names: tuple[str, ...]) -> re.Pattern[str] | None:
    """Full names in any case, in either order, and each part where it begins with a capital."""
    whole, parts = set(), set()
    for name in names:
        words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", name)
        if any(word.lower() not in _NOBODY for word in words) and len(words) >= 2:
            whole |= {r"[\s,.]+".join(map(re.escape, order)) for order in (words, words[::-1])}
        parts |= {
            re.escape(word) for word in words if len(word) >= 3 and word.lower() not in _NOBODY and word[0].isupper()
        }
    if not whole and not parts:
        return None
    by_length = [sorted(group, key=len, reverse=True) for group in (whole, parts)]
    either = [f"(?i:{'|'.join(by_length[0])})"] if whole else []
    either += ["|".join({*by_length[1], *(part.upper() for part in by_length[1])})] if parts else []
    return re.compile(rf"(?<!\w)(?:{'|'.join(either)})(?!\w)")
