"""Whom a sentence names that must not be recognized: a client however people write it, a person by a user name.

What is told here is who a list knows. A nickname, a misspelled name or a street that stands for a client is in no list.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import permutations

from psa_copilot.text.clean import words_of
from psa_copilot.text.proper import clauses, short_name
from psa_copilot.text.reading import content_words
from psa_copilot.text.redacted import redacted

FEWEST_LETTERS = 3
"""A shorter word may be anything; a shorter name counts as it is written."""
STARTS = 5
"""So long a word of a name is recognized at the start of another one, as in the name of a machine ..."""
INSIDE = 6
"""... and so long a one anywhere in it."""
SURNAME = 4
"""So many letters of a surname make a user name, with a letter of the first name."""

_WORD = re.compile(r"[^\W_]+")
_ACCOUNT = re.compile(r"[^\W_]+(?:[._-][^\W_]+)*")
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "œ": "oe"})


@cache
def _common() -> frozenset[str]:
    """Words of clients' names that any ticket may have: kinds of firms, the field's own words."""
    return words_of(
        """group holding holdings international global national regional united general associates partners partner
        services service solutions solution systems system technologies technology tech software hardware digital data
        consulting consultants management media design studio studios marketing sales trading trade supply supplies
        products product industries industry industrial manufacturing engineering construction building builders home
        homes house real estate property properties insurance finance financial bank banking capital credit union trust
        accounting accountants tax audit legal law lawyers attorneys office offices health healthcare medical clinic
        care center centre school schools college university academy education training church foundation society
        association club community public city county state district area region north south east west northern
        southern eastern western central first second one two three four five six seven eight nine ten new old big
        small best free open high low main local smart power energy electric electrical gas water oil air light paper
        print printer printers printing ink toner copy scan scanner network networks net online internet web cloud
        server servers client clients computer computers laptop desktop phone phones mobile telecom wireless router
        switch switches gateway firewall security access control key keys lock door window windows mail email message
        backup storage drive drives disk file files folder share shared cable cables monitor display screen camera
        video audio sound team teams project projects point points express direct core edge link links bridge port
        table time day night plan work works worker workers user users people person customer customers account
        accounts company business enterprise enterprises corporate commercial shop store stores market retail food
        foods restaurant hotel travel transport logistics shipping freight delivery auto automotive car cars truck
        motor motors machine machines tool tools parts equipment repair cleaning clean green blue red black white
        support help desk line lines page pages site sites host hosting domain name names form forms card cards order
        orders level base form test update version release default profile policy group groups install device devices
        vpn dns dhcp sql rdp ssl tls usb pdf sso mfa ups nas san tcp udp api cpu ram ssd hdd lan wan isp ost pst
        """
    )


def _is_common(word: str) -> bool:
    return word in _common() or not any(content_words(word))


def _plain(text: str) -> str:
    """In small letters and without accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _spellings(text: str) -> tuple[str, ...]:
    """The text without accents, also as those write it who spell an umlaut in two letters."""
    return tuple(dict.fromkeys((_plain(text), _plain(text.casefold().translate(_SPELLED)))))


# -- clients -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clients:
    """The names of some clients, ready to be looked for."""

    wholes: tuple[str, ...]
    """Whole short names, run together."""
    distinctive: frozenset[str]
    """Single words that name one of them, and short names of one word."""
    as_written: tuple[str, ...]
    """Names that are a common word, or too short to be told from one."""

    def and_initials_of(self, name: str) -> Clients:
        """The same, and this one's initials; those of all clients would be every abbreviation of the trade."""
        initials = "".join(word[0] for word in _WORD.findall(_plain(short_name(name))))
        return replace(self, distinctive=self.distinctive | set(_telling([initials])))

    def are_named(self, clause: str) -> bool:
        """Whether a clause names one of them."""
        return any(map(self._are_in, _spellings(clause))) or any(
            re.search(rf"(?<!\w){re.escape(name)}(?!\w)", clause) for name in self.as_written if name in clause
        )

    def _are_in(self, said: str) -> bool:
        words = _WORD.findall(said)
        together = "".join(words)
        return any(whole in together for whole in self.wholes) or any(map(self._is_distinctive, words))

    def _is_distinctive(self, word: str) -> bool:
        return not _is_common(word) and any(part in self.distinctive for part in _parts(word))


def _parts(word: str) -> Iterator[str]:
    """The word itself, in the singular and without a number; long words that it starts with or has in it."""
    bare = word.rstrip("0123456789")
    yield from (word, bare, bare.removesuffix("s"), bare.removesuffix("es"))
    for start in range(len(word)):
        yield from (word[start:end] for end in range(start + (INSIDE if start else STARTS), len(word) + 1))


@lru_cache(maxsize=8)
def clients(names: tuple[str, ...], reader: str) -> Clients:
    """These clients as they may be named to `reader`; a word that is in the reader's name too tells nothing."""
    own = {word for told in _spellings(short_name(reader)) for word in _WORD.findall(told)}
    wholes, distinctive, as_written = set[str](), set[str](), set[str]()
    for short in map(short_name, {*names} - {"", reader}):
        for told in _spellings(short):
            words = _WORD.findall(told)
            whole = "".join(words)
            if len(words) > 1 and len(whole) >= INSIDE:
                wholes.add(whole)
            elif len(words) > 1 or len(whole) < FEWEST_LETTERS or _is_common(whole):
                as_written.add(short)
            else:
                distinctive.add(whole)
            distinctive |= {word for word in _telling(words) if word not in own}
    return Clients(tuple(sorted(wholes)), frozenset(distinctive), tuple(sorted(as_written - {""})))


def _telling(words: Iterable[str]) -> Iterator[str]:
    return (word for word in words if len(word) >= FEWEST_LETTERS and not _is_common(word))


# -- people --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class People:
    """The names of some people, ready to be looked for; made anew each time, since nothing may keep a name."""

    names: frozenset[str]
    """Parts of their names."""
    accounts: frozenset[str]
    """User names that are made of them."""

    @classmethod
    def of(cls, people: Iterable[str]) -> People:
        """These people."""
        spelled = [_WORD.findall(told) for person in people for told in _spellings(person)]
        names = {name for words in spelled for name in _telling(words)}
        return cls(frozenset(names), frozenset(made for words in spelled for made in _telling(_accounts(words))))

    def are_named(self, clause: str) -> bool:
        """Whether a clause names one of them in small letters, or by a user name made of their name."""
        return any(map(self._is_one, (word for said in _spellings(clause) for word in _accounts_in(said))))

    def _is_one(self, word: str) -> bool:
        if word in self.names or word in self.accounts:
            return True
        return any(len(name) >= STARTS and name in word for name in self.names)


def _accounts_in(said: str) -> Iterator[str]:
    """Single words, and those that a dot or a dash holds together, without numbers at their ends."""
    together = ("".join(_WORD.findall(match)) for match in _ACCOUNT.findall(said))
    yield from (word.rstrip("0123456789") for word in (*_WORD.findall(said), *together) if not _is_common(word))


def _accounts(words: Sequence[str]) -> Iterator[str]:
    """mlopez, marial, lopezm, lopezma, m.lopez, mjlopez: the first letters of one, and most of another."""
    for one, other in permutations(words, 2):
        for many in range(min(SURNAME, len(other)), len(other) + 1):
            yield from (made for some in range(1, len(one) + 1) if len(made := one[:some] + other[:many]) >= SURNAME)
        if len(one) >= FEWEST_LETTERS:
            yield from (one + other[:some] for some in range(1, len(other) + 1))
    if len(words) > 2:
        yield "".join(word[0] for word in words[:-1]) + words[-1]


# -- both ----------------------------------------------------------------------------------------------------------


def told_elsewhere(text: str, *, whose: str, reader: str, others: Sequence[str], people: Sequence[str]) -> str:
    """What `reader`, a client, may be told of a text of another client's ticket: nothing that names who it was.

    A clause that names a client is dropped; where a person's name or a machine can be put in parentheses, it is.
    """
    known = clients(tuple(sorted({*others, whose})), reader).and_initials_of(whose)
    somebody = People.of(people)
    safe = (redacted(clause, people) for clause in clauses(text) if not known.are_named(clause))
    return " ".join(clause for clause in safe if not somebody.are_named(clause))
