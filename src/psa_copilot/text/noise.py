"""Messages that are no activity: mere thanks or receipt, auto-replies, bounces.

Mere, by the desk's rule: at most 12 words after names, handles, signature and emoji, no question, digit or
attachment, and every sentence thanks, you're-welcome or receipt. From customer or technician.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from psa_copilot.models import ActorClass, Message, Thread
from psa_copilot.text.automatic import automatic
from psa_copilot.text.clean import URL, own_words, words_of
from psa_copilot.text.courtesy import Courtesy, courtesy, is_courtesy

MOST_WORDS = 12
AGREEING = frozenset("👍👌🙏✅✔☑🤝💯")

_HANDLE = re.compile(r"(?<![\w.])\.?@\w+")
_EMOTICON = re.compile(r"(?<!\w)(?:[:;=8][-o']?[)(DpP3/|*]+|[xX]D|<3+|\^\^|[xX]{1,3})(?!\w)")
# "^AB", "*HYC", "/LS", "~Angel", "- Anna", "TY - Kelly": how support teams sign a short message.
_SIGNED = re.compile(r"(?:(?<=[\s.!?)\w])|^)(?:[\^*~/]|(?<=[\s.!?)])[–—-]{1,2}|(?<=Thanks)-) ?([^\W\d_]{1,20})[\s.]*$")
_GREETED = re.compile(
    r"\b(?:hi|hello|hey|dear|hallo|liebe[rs]?|bonjour|hola|beste|geachte) ([A-ZÀ-Þ][\w'-]+)", re.IGNORECASE
)
_TITLE = re.compile(
    r"\b(?:mr|mrs|ms|miss|dr|herrn?|frau|mme|sr|sra|señora?|dhr|mevr)\b\.?\s+(?=[A-ZÀ-Þ])", re.IGNORECASE
)
_STOP = re.compile(r"[.!?…,;:\n()\"“”]+|\s[-–—]+\s|(?<=\w)[-–—]{2,}(?=\w)")
_STRETCHED = re.compile(r"([a-zà-ÿ])\1{2,}")

# Capitalized in a short message, and yet nobody's name.
_NO_NAME = words_of(
    """yes yep yeah no nope not none never still but and or if so as at by in on of to up it its this that these
    those there here done sent fixed works working worked sorted solved resolved closed open broken failed fails
    error same again today tomorrow tonight yesterday monday tuesday wednesday thursday friday saturday sunday
    january february march april june july august september october november december please pls sorry waiting
    wait hold help urgent asap call email mail check try will can could would should must may might do does did
    have has had is are was were am i we you he she they my our your his her their what when where why how who
    which all any some more also just only now then soon later sure maybe perhaps right wrong true false bad worse
    terrible useless correct confirmed approved agreed accepted rejected declined cancelled canceled cheers dm tbc
    tba fyi eta pc vpn dns ip usb wifi ja nein doch nicht noch aber erledigt gesendet heute morgen montag dienstag
    mittwoch donnerstag freitag bitte oui non si pas mais fait envoyé demain lundi mardi mercredi jeudi vendredi
    sí hecho enviado mañana lunes martes miércoles jueves viernes nee niet maar gedaan verzonden maandag dinsdag
    woensdag donderdag vrijdag"""
)


def quiet(message: Message, thread: Thread) -> str:
    """Why this message is no activity: `thanks`, `receipt`, `auto-reply`, `bounce`; empty when it is one."""
    reason = automatic(message)
    if reason or message.has_attachment:
        return reason
    return _mere(message.text, names_in(thread))


def names_in(thread: Thread) -> frozenset[str]:
    """The names that people go by here, in lower case: authors, contacts, clients, who is greeted, who signs."""
    people = [message.author for message in thread.messages]
    people += [name for ticket in thread.tickets for name in (ticket.contact, ticket.assignee, ticket.company)]
    for message in thread.messages:
        if message.by is not ActorClass.COPILOT:
            people += _GREETED.findall(message.text)
            people += _SIGNED.findall(message.text)
    parts = (part for name in people for part in re.findall(r"[^\W\d_][\w'-]*", name.lower()))
    return frozenset(part for part in parts if part not in _NO_NAME and not is_courtesy(part))


def _mere(text: str, names: frozenset[str]) -> str:
    words = _HANDLE.sub(" ", unicodedata.normalize("NFC", own_words(text)))
    if URL.search(words) or re.search(r"[?¿]", words):
        return ""
    words, agreeing = _without_emoji(words)
    if any(character.isdigit() for character in words):
        return ""
    clauses = _clauses(_TITLE.sub("", _unsigned(words)), names)
    if sum(len(clause.split()) for clause in clauses) > MOST_WORDS:
        return ""
    return _verdict([courtesy(clause) for clause in clauses]) if clauses else "receipt" * agreeing


def _verdict(kinds: Iterable[Courtesy]) -> str:
    found = set(kinds)
    if "" in found or found == {"filler"}:
        return ""
    return "thanks" if "thanks" in found else "receipt"


def _without_emoji(text: str) -> tuple[str, bool]:
    """The text without emoji and emoticons, and whether an emoji said yes."""
    marks = {character for character in text if unicodedata.category(character) in ("So", "Sk", "Cs", "Cf", "Mn", "Co")}
    for mark in marks - {"^", "`"}:
        text = text.replace(mark, " ")
    return _EMOTICON.sub(" ", text).strip(), bool(marks & AGREEING)


def _unsigned(text: str) -> str:
    return _SIGNED.sub("", text.strip()).strip()


def _clauses(text: str, names: frozenset[str]) -> list[str]:
    """The clauses without the names in them, in lower case."""
    parts = [part.split() for part in _STOP.split(text)]
    parts = [part for part in parts if part]
    clauses = [_nameless(part, names, last=number == len(parts) - 1) for number, part in enumerate(parts)]
    return [clause for clause in clauses if clause]


def _nameless(words: list[str], names: frozenset[str], *, last: bool) -> str:
    kept = [word for word in words if word.strip("'*_-").lower() not in names]
    if courtesy(_normal(kept)):
        return _normal(kept)
    rest = kept
    for _ in range(2):
        if rest and _is_name(rest[-1], last=last):
            rest = rest[:-1]
    # "Stay Unlimited" in the middle is a statement; at the end, two words are a name.
    return _normal(rest if rest or last or len(kept) < 2 else kept)


def _is_name(word: str, *, last: bool) -> bool:
    """Whether a word at the end of a clause is somebody's name or, at the very end, initials."""
    if word.lower() in _NO_NAME or is_courtesy(word) or not word.isalpha():
        return False
    return word.istitle() or (last and word.isupper() and len(word) <= 3)


def _normal(words: list[str]) -> str:
    text = _STRETCHED.sub(r"\1", " ".join(words).lower())
    return re.sub(r"[^\w'&/ -]", "", text).strip()
