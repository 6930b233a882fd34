"""Titles that say nothing, and what the ticket itself would be called: in its own words, and naming nobody."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from psa_copilot.text.caution import is_secret
from psa_copilot.text.clean import sentences, shown, words_of
from psa_copilot.text.courtesy import is_courtesy
from psa_copilot.text.delicate import is_delicate
from psa_copilot.text.opening import LONGEST_TITLE
from psa_copilot.text.reading import content_words

LONGEST = 80
FEWEST_WORDS = 3
"""Words that say what it is about, below which a sentence is no title."""
MOST_SENTENCES = 6

_PREFIX = re.compile(r"^(?:\s*(?:re|fwd?|aw|wg|tr|rv|antw|sv)\s*:)+|\[[^\]]{1,30}\]|[#(]?\b\d+\b\)?", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_SAYS_NOTHING = words_of(
    """help issue issues problem problems question questions request requests support supports ticket tickets case
    incident it urgent important asap please pls need needed needs assistance assist quick hello hi hey hallo dear team
    desk service helpdesk servicedesk subject no none untitled new message voicemail voice call from web
    portal form contact general inquiry enquiry other misc miscellaneous test something not working doesnt work works
    broken error fehler frage fragen hilfe bitte dringend anfrage problème question aide demande urgente ayuda problema
    consulta solicitud urgente hulp vraag probleem verzoek kein betreff sans objet sin asunto geen onderwerp my our the
    a an i we with for to about and of on in is have has some user customer update follow up again"""
)
_BRANDS = words_of(
    """outlook teams excel word windows office sharepoint onedrive onenote powerpoint exchange azure entra intune edge
    chrome firefox safari adobe acrobat zoom slack dropbox google gmail apple iphone ipad mac macbook android samsung
    dell lenovo hp epson canon brother kyocera zebra cisco fortinet sonicwall meraki ubiquiti citrix vmware hyper-v
    sophos bitlocker defender autocad sage xero quickbooks salesforce dynamics internet wifi wi-fi bluetooth ethernet
    linux ubuntu sql microsoft english german french spanish monday tuesday wednesday thursday friday saturday sunday
    january february march april may june july august september october november december i i'm i've i'd vpn"""
)
"""Words with a capital that are nobody's name."""
_MARK = re.compile(r"[<>{}\[\]|\\^~`*_]|https?:|www\.|\((?:link|number|e-mail)\)")


def is_generic(title: str) -> bool:
    """Whether a title says nothing of the matter: every word of it could stand above any ticket."""
    left = _PREFIX.sub(" ", title[:LONGEST_TITLE])
    words = [word.casefold() for word in _WORD.findall(left.replace("'", ""))]
    return all(word in _SAYS_NOTHING for word in words) and not re.search(r"\d", left)


def headline(text: str, names: Collection[str] = ()) -> str:
    """The sentence that says best what the matter is, short enough for a title; empty where none will do.

    `names` are people's, and so is any other word with a capital that is no known product's.
    """
    people = {part.casefold() for name in names for part in _WORD.findall(name)}
    found = [line for line in _lines(text) if not _names_somebody(line, people)]
    telling = [(len(set(content_words(line))), line) for line in found]
    fitting = [(count, -place, line) for place, (count, line) in enumerate(telling) if count >= FEWEST_WORDS]
    return max(fitting)[2] if fitting else ""


def _lines(text: str) -> Iterator[str]:
    for sentence in sentences(text)[:MOST_SENTENCES]:
        line = shown(sentence).strip(" .!?,;:-–")
        if line and not (_MARK.search(line) or is_courtesy(line) or is_delicate(line) or is_secret(line)):
            yield _cut(line[:1].upper() + line[1:])


def _cut(line: str) -> str:
    """At a word's end, and before a word that asks for another one."""
    if len(line) <= LONGEST:
        return line
    words = line[: LONGEST + 1].split()[:-1]
    while len(words) > 1 and not list(content_words(words[-1])):
        words.pop()
    return " ".join(words).rstrip(" ,;:-–")


def _names_somebody(line: str, people: Collection[str]) -> bool:
    words = list(re.finditer(r"[^\W\d_][\w'’-]*", line))
    for number, match in enumerate(words):
        word = match[0]
        low = word.casefold().removesuffix("'s").removesuffix("’s")
        is_name = word[:1].isupper() and not word.isupper() and low not in _BRANDS and number > 0
        if low in people or is_name:
            return True
    return False
