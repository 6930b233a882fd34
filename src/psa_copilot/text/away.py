"""From when somebody is back, as their automatic reply says: in English, German, French, Spanish and Dutch.

A day counts only beside words that say what it is: that they return on it, are away until it, or over a span that
ends with it. "Until" is read as each language means it: German, French and Spanish count the day as one of absence,
English and Dutch name the day of return, unless it is a Friday or the weekend, which nobody returns on. What may be
one of two days, contradicts itself, is past or farther away than a year gives None: a ladder then goes on as if
nothing had been said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo
from enum import IntEnum
from functools import cache

from psa_copilot.text.clean import own_words
from psa_copilot.text.dates import DAY, Stated, days_in
from psa_copilot.text.language import language

LONGEST = 366 * DAY
STARTS_SOON = 4 * DAY
"""An absence that begins later than this is announced; whoever sent it is there."""
AGREES = 4 * DAY
FRIDAY = 4
READS = 3_000
"""Characters of a reply that are read."""


class Weight(IntEnum):
    """What goes before what when a reply says several things."""

    AWAY = 1
    ANSWERS = 2
    BACK = 3


@dataclass(frozen=True)
class Claim:
    """One thing that a reply says about the return."""

    weight: Weight
    back: date
    stated: date


_AWAY = (
    r"\bnot (?:\w+ ){0,3}?(?:in (?:the |my )?office|available|reachable|at my desk|around|working|able|in)\b|"
    r"\bout (?:of (?:the |my )?office|on|until|from|today|all|this|sick)\b|\bout$|\bunavailable\b|\baway\b|\babsent\b|"
    r"\babsence\b|\bon (?:\w+ )?(?:leave|holidays?|vacation)\b|\bvacation\b|\bclosed\b|\btravell?ing\b|"
    r"\boff (?:work|sick)\b|\booo\b|"
    r"\bnicht (?:\w+ ){0,3}?(?:im (?:büro|hause?|dienst)|erreichbar|anwesend|verfügbar|am platz|zur verfügung|da)\b|"
    r"\babwesen\w*|\burlaub\w*|\baußer haus\b|\bdienstreise\b|\bbetriebsferien\b|\bgeschlossen\b|\belternzeit\b|"
    r"\bkrank\w*|"
    r"\babsente?s?\b|\bcongés?\b|\bvacances\b|\bdéplacement\b|\bindisponibles?\b|\binjoignables?\b|\bfermée?s?\b|"
    r"\bpas (?:disponibles?|joignables?|au bureau)\b|\bhors du bureau\b|"
    r"\bfuera de(?: la)? oficina\b|\bvacaciones\b|\bausen\w+|\bde (?:permiso|baja|viaje)\b|\bcerrad[oa]s?\b|"
    r"\bno (?:\w+ ){0,2}?(?:disponible|en la oficina|localizable)\b|"
    r"\bafwezig\w*|\bniet (?:\w+ ){0,3}?(?:aanwezig|bereikbaar|beschikbaar|op kantoor)\b|\bvakantie\b|\bverlof\b|"
    r"\bvrij\b|\bgesloten\b|\bop reis\b"
)
_BACK = (
    r"\bback\b|\breturn(?:s|ing|ed)?\b|\bresum\w+|\bre-?open\w*|\bagain\b|\bin the office\b|\bat my desk\b|"
    r"\bwieder\b|\bzurück\b|\bzurückkehren?\b|\brückkehr\b|\bwiederkehr\b|"
    r"\bretour\b|\breviens\b|\breviendrai\b|\breprend\w*|\breprise\b|\brentre\w*|\b(?:à|de) nouveau\b|"
    r"\bvuelta\b|\bvuelv\w+|\bvolver\w*|\bregres\w+|\bretorn\w+|\breincorpor\w+|\b(?:de nuevo|nuevamente|otra vez)\b|"
    r"\bterug\w*|\bweer\b|\bopnieuw\b|\bhervat\w*"
)
_ANSWERS = (
    r"\b(?:available|reachable|respond|reply|answer|attend to|get to|deal with|be in touch|contact me|resend)\b|"
    r"\berreichbar\b|\banwesend\b|\bim (?:büro|haus|dienst)\b|\bzur verfügung\b|\bbeantwort\w*|\bantworten?\b|"
    r"\bmelde\b|\bkümmer\w*|\bbearbeit\w*|"
    r"\bdisponibles?\b|\bjoignables?\b|\bprésente?\b|\brépond\w*|\btraiter\w*|\bau bureau\b|"
    r"\blocalizable\b|\batender\w*|\bresponder\w*|\bcontestar\w*|\ben la oficina\b|"
    r"\bbereikbaar\b|\baanwezig\b|\bbeschikbaar\b|\bbeantwoord\w*|\breageren\b|\breageer\b|\bop kantoor\b"
)
_INCLUSIVE = (
    r"inclusive|inclusief|inclus|included|including|incl|einschließlich|einschl|inklusive|inkl|incluido|incluida"
)
_UNTIL_THROUGH = (
    rf"(?:\b(?:until|till|up to|to|bis|hasta|jusqu') ?(?:and |zum |el |au |à )?(?:{_INCLUSIVE})\.?|"
    r"\bthrough|\bthru|\bup to|\bbis|\bjusqu' ?(?:au|à|en)|\bhasta|\btot en met|\bt/m|\bt\.e\.m\.?)"
)
_UNTIL = r"(?:\buntil|\btill|\b'?til|\btot)"
_ARTICLE = r"(?: (?:and including|the|on|den|dem|zum|le|el|el día|de|op))?"
_NOT_YET = r"(?:\bnot\b|n't\b|\bnicht\b|\bpas\b|\bno\b|\bniet\b|\bn'|\bunable\b)"
_OTHER_END = r"\b(?:open|valid|offer|geöffnet|gültig|angebot|ouvert|valable|abiert[oa]|válid[oa]|geopend|geldig)\b"
_LINK = (
    r"to|until|till|through|thru|up to|-|–|—|bis(?: (?:einschließlich|einschl\.?|inkl\.?))?|jusqu' ?(?:au|à)|au|al|a|"
    r"hasta|tot en met|tot|t/m"
)
_AND = r"and|&|und|et|y|en"
_OR = r"or|oder|ou|o|of|/"
_OPENERS = r"(?:the |zum |den |le |el |de |d\.)?"


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    number = r"(?P<number>\d{1,2})(?:st|nd|rd|th|er|e|ste|\.)?"
    texts = {
        "away": _AWAY,
        "back": _BACK,
        "answers": _ANSWERS,
        "through": rf"{_UNTIL_THROUGH}{_ARTICLE}$",
        "inclusive": rf"^[ ,(]*(?:{_INCLUSIVE})\b",
        "until": rf"{_UNTIL}{_ARTICLE}$",
        "not_yet": _NOT_YET,
        "not_until": rf"{_NOT_YET}.*{_UNTIL}{_ARTICLE}$",
        "not_hasta": rf"\bno (?:\w+ ){{0,4}}?(?:vuelv|volver|regres|reincorpor|de vuelta).*\bhasta{_ARTICLE}$",
        "before": rf"\b(?:before|prior to|vor|avant|antes de(?:l)?|voor|vóór){_ARTICLE}$",
        "after": rf"\b(?:after|nach|après|después de(?:l)?|despues de(?:l)?|tras|na){_ARTICLE}$",
        "from": r"\b(?:from|as of|starting|beginning|effective|since|commencing|ab|seit|vom|à partir du|à partir de|"
        rf"à compter du|depuis|dès|du|a partir de(?:l)?|desde|vanaf|sinds|van|per){_ARTICLE}$",
        "about": r"\b(?:um|around|about|approximately|approx\.?|circa|ca\.?|etwa|gegen|vers|hacia|rond|omstreeks|mid|"
        rf"mitte){_ARTICLE}$",
        "link": rf"^ ?,?(?:{_LINK}),? ?{_OPENERS}$",
        "and": rf"^ ?,?(?:{_AND}) {_OPENERS}$",
        "or": rf"^ ?,?(?:{_OR}) {_OPENERS}$",
        "number_before": rf"(?<![\d./]){number} ?(?:(?P<span>{_LINK}|{_AND})|(?P<or>{_OR})) ?{_OPENERS}$",
        "number_after": rf"^ ?(?:{_LINK}) ?{_OPENERS}{number}(?![\d:/]|\.\d| \d)",
        "other_end": _OTHER_END,
        "colleague": r"\b(?:colleague|kolleg\w+|collègue|compañer\w+|collega)\b",
        "first_person": r"\b(?:i|i'm|i'll|we|ich|wir|je|j'|nous|yo|me|nosotros|ik|wij)\b",
        "part_of_day": r"⌚|\b(?:morning|afternoon|vormittag|nachmittag|matin|après-midi|tarde|ochtend|middag)\b",
        "clause": r"[,()]| (?:and|but|und|aber|et|mais|y|pero|en|maar) ",
        "time": r"(?:\b(?:at|um|à|a las|om|by) )?\b\d{1,2}(?:[:h]\d{2}(?: ?(?:am|pm|a\.m\.|p\.m\.|uhr|uur|h)\b)?|"
        r"(?:\.\d{2})? ?(?:am|pm|a\.m\.|p\.m\.|uhr|uur|heures|h)\b)",
        "tight": r"(\d{1,2}([/.])\d{1,2}\2?(?:20\d\d|\d\d)?) ?[-–—] ?(?=\d{1,2}\2\d)",
        "abbreviated": r"\b(einschl|inkl|incl|approx|ca|tel|nr|mr|mrs|dr)\.",
        "wrapped": r"(?<![.!?:;\n])\n(?=[a-zà-ÿ\d])|(?<=:)\n",
    }
    return {name: re.compile(text) for name, text in texts.items()}


def back_from(text: str, sent_at: datetime, zone: tzinfo = UTC) -> datetime | None:
    """The moment from which the sender of an automatic reply is back: the beginning of that day in `zone`."""
    today = sent_at.astimezone(zone).date()
    said = _said(text)
    claims = [claim for sentence in _sentences(said, zone) for claim in sentence.claims(today)]
    day = _settled(claims)
    if day is None or not today < day <= today + LONGEST:
        return None
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _said(text: str) -> str:
    text = own_words(text)[:READS].lower().replace("jusqu’", "jusqu'").replace("jusqu'", "jusqu' ")
    text = _patterns()["abbreviated"].sub(r"\1", _patterns()["wrapped"].sub(" ", text))
    return _patterns()["time"].sub("⌚", _patterns()["tight"].sub(r"\1 - ", text))


def _settled(claims: list[Claim]) -> date | None:
    """What the weightiest claims agree on; a day of absence said twice, once as the last one, is the last one."""
    weightiest = [claim for claim in claims if claim.weight == max(other.weight for other in claims)]
    days = {claim.back for claim in weightiest}
    if not days or (len(days) > 1 and len({claim.stated for claim in weightiest}) > 1):
        return None
    day = max(days)
    return None if any(claim.back > day + AGREES for claim in claims) else day


@dataclass(frozen=True)
class _Sentence:
    """What stands between the days that a sentence names, and the days."""

    between: tuple[str, ...]
    days: tuple[Stated, ...]

    def claims(self, today: date) -> Iterator[Claim]:
        number = 0
        while number < len(self.days):
            if self._alternatives(number):
                number += 2
            elif self._is_span(number):
                yield from self._span(number, self.days[number], self.days[number + 1], today, last=number + 1)
                number += 2
            else:
                yield from self._single(number, today)
                number += 1

    def _alternatives(self, number: int) -> bool:
        """ "On 4 or 5 May", or a working week from Monday to Friday: says nothing."""
        before = _patterns()["number_before"].search(self.between[number])
        if before and before["or"]:
            return True
        if number + 1 == len(self.days):
            return False
        between = self.between[number + 1]
        pair = [not stated.readings and stated.weekday is not None for stated in self.days[number : number + 2]]
        linked = any(_patterns()[how].search(between) for how in ("link", "and"))
        return bool(_patterns()["or"].search(between)) or (linked and all(pair))

    def _is_span(self, number: int) -> bool:
        following = self.between[number + 1] if number + 1 < len(self.days) else ""
        return any(_patterns()[how].search(following) for how in ("link", "and")) and following != ""

    def _span(self, number: int, start: Stated, end: Stated, today: date, *, last: int) -> Iterator[Claim]:
        """An absence over some days; "back between 3 and 5 May" is none, and one that is only announced neither."""
        if self._cue(number, last) in (Weight.BACK, Weight.ANSWERS):
            return
        until = end.on_or_after(today)
        since = start.last_before(until) if until and start.readings else None
        if until and (since is None or since <= today + STARTS_SOON):
            yield Claim(Weight.AWAY, until + DAY, until)

    def _single(self, number: int, today: date) -> Iterator[Claim]:
        stated, left = self.days[number], self.between[number].rstrip(" ,:⌚")
        before = _patterns()["number_before"].search(self.between[number])
        after = _patterns()["number_after"].search(self.between[number + 1])
        if stated.readings and before:
            yield from self._span(number, _on(stated, before["number"]), stated, today, last=number)
            return
        if stated.readings and after:
            yield from self._span(number, stated, _on(stated, after["number"]), today, last=number)
            return
        day = stated.on_or_after(today)
        if day is not None and not _patterns()["about"].search(left):
            claim = self._by_preposition(number, left, day) or self._by_cue(number, left, day, today)
            yield from [claim] if claim else []

    def _by_preposition(self, number: int, left: str, day: date) -> Claim | None:
        found = _patterns()
        stated, right = self.days[number], self.between[number + 1]
        whole_week = stated.week == "next week" and stated.weekday is None
        if found["before"].search(left):
            return Claim(Weight.BACK, day, day) if found["not_yet"].search(left) else None
        if found["after"].search(left):
            return None if whole_week else Claim(Weight.ANSWERS, day + DAY, day)
        if found["not_hasta"].search(left):
            return Claim(Weight.BACK, day, day)
        through = found["through"].search(left)
        if not (through or found["until"].search(left)) or found["other_end"].search(self._clause(number)):
            return None
        if stated.away == 0 and found["part_of_day"].search(left + right):
            return None
        inclusive = through or found["inclusive"].search(right) or stated.last_of or stated.away == 0
        if not inclusive:
            exact = found["not_until"].search(left) or day.weekday() < FRIDAY
            return Claim(Weight.AWAY, day if exact else day + DAY, day)
        return None if whole_week else Claim(Weight.AWAY, day + DAY, day)

    def _by_cue(self, number: int, left: str, day: date, today: date) -> Claim | None:
        found, stated = _patterns(), self.days[number]
        if stated.last_of or any(found[how].search(left) for how in ("through", "until", "before")):
            return None
        cue = self._cue(number, number)
        if cue in (Weight.BACK, Weight.ANSWERS):
            return None if self._of_somebody_else() else Claim(cue, day, day)
        whole_week = stated.week == "next week" and stated.weekday is None
        if cue is not Weight.AWAY or whole_week or found["from"].search(left):
            return None
        partly = stated.away == 0 and found["part_of_day"].search("".join(self.between))
        soon = day <= today + STARTS_SOON and not partly
        return Claim(Weight.AWAY, day + DAY, day) if soon else None

    def _of_somebody_else(self) -> bool:
        frame = " ".join(self.between)
        return bool(_patterns()["colleague"].search(frame)) and not _patterns()["first_person"].search(frame)

    def _clause(self, number: int) -> str:
        left, right = self._sides(number, number)
        return f"{left} {right}"

    def _sides(self, first: int, last: int) -> tuple[str, str]:
        """The words of its clause before and after a day."""
        clause = _patterns()["clause"]
        left, right = self.between[first], self.between[last + 1]
        return clause.split(left.rstrip(" ,:"))[-1], clause.split(right)[0]

    def _cue(self, first: int, last: int) -> Weight | None:
        """What a day is, by the words of its clause: those right after it, else before it; else by the sentence's."""
        left, right = self._sides(first, last)
        after = _cues(right)
        if after and after[0][1] is not Weight.AWAY:
            return after[0][1]
        before = _cues(left)
        if before or after:
            return before[-1][1] if before else after[0][1]
        beyond = _cues(_patterns()["clause"].split(self.between[last + 1].lstrip(" ,:)"))[0])
        if beyond:  # "ab Montag, 4. Mai, wieder erreichbar"
            return beyond[0][1]
        whole = _cues(" ".join(self.between[: first + 1])) or _cues(" ".join(self.between[last + 1 :]))
        return whole[-1][1] if whole else None


def _on(stated: Stated, number: str) -> Stated:
    """Another day of the same month: the 3 of "3 to 14 May"."""
    return replace(
        stated, weekday=None, readings=tuple((year, month, int(number)) for year, month, _ in stated.readings)
    )


def _cues(words: str) -> list[tuple[int, Weight]]:
    """Where it is said that somebody is away, back, or answers; "not in the office" is away."""
    found: list[tuple[int, Weight]] = []
    for name, weight in (("away", Weight.AWAY), ("back", Weight.BACK), ("answers", Weight.ANSWERS)):
        for match in _patterns()[name].finditer(words):
            found.append((match.start(), weight))
            words = words[: match.start()] + " " * (match.end() - match.start()) + words[match.end() :]
    return sorted(found)


def _sentences(said: str, zone: tzinfo) -> Iterator[_Sentence]:
    """The sentences that name a day; the points within a day end none."""
    stated = days_in(said, day_first=_day_first(said, zone))
    between: list[str] = []
    days: list[Stated] = []
    start = 0
    for one in stated:
        ended, opened = _last_sentence(said[start : one.start])
        if days and ended is not None:
            yield _Sentence((*between, ended), tuple(days))
            between, days = [], []
        between.append(opened)
        days.append(one)
        start = one.end
    if days:
        yield _Sentence((*between, _END.split(said[start:])[0]), tuple(days))


_END = re.compile(r"[.!?;](?=\s|$)|\n")


def _last_sentence(words: str) -> tuple[str | None, str]:
    """What still belongs to the sentence before, if one ended here, and what begins the next one."""
    parts = _END.split(words)
    return (parts[0] if len(parts) > 1 else None), parts[-1]


_WRITES_MONTH_FIRST = frozenset(
    f"America/{city}"
    for city in ("New_York", "Chicago", "Denver", "Los_Angeles", "Phoenix", "Anchorage", "Detroit", "Boise", "Juneau")
) | {"Pacific/Honolulu"}
_WRITES_DAY_FIRST = ("Europe/", "Australia/", "Africa/", "Pacific/Auckland")


_SLASHED = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?![\d])")


def _day_first(said: str, zone: tzinfo) -> bool | None:
    """Whether `05/06` is the fifth of June; in English only the zone can tell, and not every one does."""
    if language(said) not in ("en", ""):
        return True
    told = {int(one) > 12 for one, two in _SLASHED.findall(said) if (int(one) > 12) is not (int(two) > 12)}
    if len(told) == 1:
        return told.pop()  # another date in it leaves no choice
    key = str(getattr(zone, "key", ""))
    if key in _WRITES_MONTH_FIRST or key.startswith(("US/", "America/Indiana/", "America/Kentucky/")):
        return False
    return True if key.startswith(_WRITES_DAY_FIRST) else None
