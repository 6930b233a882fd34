"""Days that a text names, in English, German, French, Spanish and Dutch: `12.05.`, `Monday, 4 May`, `le 12`, `morgen`.

Only what stands there is read; what may be one of two days is nobody's guess and gives none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache

from psa_copilot.text.clean import words_of

DAY = timedelta(days=1)
ROLLS_OVER = timedelta(days=183)
"""A day without a year that is past is next year's when that is not farther away; else the text is an old one."""

_MONTHS = (
    "january januar jänner janvier enero januari jan jän janv ene",
    "february februar februari février fevrier febrero feb fév févr",
    "march märz maerz mars marzo maart mar mär mrz mrt",
    "april avril abril apr avr abr",
    "may mai mayo mei",
    "june juni juin junio jun",
    "july juli juillet julio jul juil",
    "august août aout agosto augustus aug",
    "september septembre septiembre setiembre sep sept",
    "october oktober octobre octubre oct okt",
    "november novembre noviembre nov",
    "december dezember décembre decembre diciembre dec dez déc dic",
)
_WEEKDAYS = (
    "monday montag lundi lunes maandag",
    "tuesday dienstag mardi martes dinsdag",
    "wednesday mittwoch mercredi miércoles miercoles woensdag",
    "thursday donnerstag jeudi jueves donderdag",
    "friday freitag vendredi viernes vrijdag",
    "saturday samstag sonnabend samedi sábado sabado zaterdag",
    "sunday sonntag dimanche domingo zondag",
)
# Too short to stand for a day by themselves: "mon" is French for my, "so" and "do" are words.
_SHORT_WEEKDAYS = (
    "mon mo lun ma",
    "tue tues di mar",
    "wed mi mer mié wo",
    "thu thur thurs do jeu jue",
    "fri fr ven vie vr",
    "sat sa sam sáb za",
    "sun so dim dom zo",
)
MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
WEEKDAYS = {name: number for number, names in enumerate(_WEEKDAYS) for name in names.split()}
SHORT_WEEKDAYS = WEEKDAYS | {name: number for number, names in enumerate(_SHORT_WEEKDAYS) for name in names.split()}

Reading = tuple[int | None, int | None, int]  # year, month, day


@dataclass(frozen=True)
class Stated:
    """A day as it stands in a text, from `start` to `end`."""

    start: int
    end: int
    readings: tuple[Reading, ...] = ()
    weekday: int | None = None
    week: str = ""
    """`this`, `next` or `next week` beside a weekday; `next week` alone is that week's Monday."""
    away: int | None = None
    """Days from the day of sending: tomorrow is 1."""
    last_of: str = ""
    """The day is the last of the `week`, `next week` or `month`."""

    def on_or_after(self, day: date) -> date | None:
        """The day that is meant by somebody who writes on `day`; None when it is past, or may be one of two."""
        if self.away is not None:
            return day + self.away * DAY
        if self.last_of:
            return self._end(day)
        found = set(self._dates(day)) if self.readings else {self._by_week(day)}
        return found.pop() if len(found) == 1 else None

    def last_before(self, day: date) -> date | None:
        """The beginning of a span that ends on `day`."""
        for year in (day.year, day.year - 1):
            for reading in self.readings:
                found = _date(reading[0] or year, reading[1] or day.month, reading[2])
                if found and found <= day:
                    return found
        return None

    def _dates(self, day: date) -> Iterator[date]:
        for reading in self.readings:
            for found in _dates(reading, day):
                if self.weekday in (None, found.weekday()):
                    yield found
                    break

    def _by_week(self, day: date) -> date | None:
        monday = day - day.weekday() * DAY
        if self.week == "next week":
            return monday + (7 + (self.weekday or 0)) * DAY
        if self.weekday is None or self.weekday == day.weekday():
            return None
        coming = day + (self.weekday - day.weekday()) % 7 * DAY
        same_week = coming < monday + 7 * DAY
        return None if (self.week == "next" and same_week) or (self.week == "this" and not same_week) else coming

    def _end(self, day: date) -> date | None:
        if self.last_of == "month":
            month = self.readings[0][1] if self.readings else day.month
            first = next(iter(_dates((None, month, 1), day.replace(day=1))), None)
            return _next_month(first) - DAY if first else None
        weeks = 2 if self.last_of == "next week" else 1
        return day + (7 * weeks - 1 - day.weekday()) * DAY


def _dates(reading: Reading, day: date) -> Iterator[date]:
    """Days from `day` on that a reading may mean."""
    year, month, number = reading
    if year is not None and month is not None:
        options = [_date(year, month, number)]
    elif month is not None:
        next_year = _date(day.year + 1, month, number)
        near = next_year is not None and next_year - day <= ROLLS_OVER
        options = [_date(day.year, month, number), next_year if near else None]
    else:
        following = _next_month(day)
        options = [_date(one.year, one.month, number) for one in (day, following, _next_month(following))]
    yield from (found for found in options if found and found >= day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _next_month(day: date) -> date:
    return (day.replace(day=1) + 31 * DAY).replace(day=1)


def _any(names: dict[str, int]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


def _after(words: str) -> str:
    return "(?:" + "|".join(rf"(?<=\b{word} )" for word in words.split()) + ")"


_WHOLE_MONTHS = words_of("may mai mei mars juin juni juli june july août aout märz mayo")
_MONTH = (
    rf"(?:(?:{_any(MONTHS)})\b(?!\.)|"
    rf"(?:{'|'.join(name for name in MONTHS if len(name) <= 5 and name not in _WHOLE_MONTHS)})\b\.|"
    rf"(?:{_any(MONTHS)})\b)"
)
_WEEKDAY = rf"(?:{_any(WEEKDAYS)})\b"
_BEFORE = rf"(?:\b(?P<weekday>{_any(SHORT_WEEKDAYS)})\b[.,]{{0,2}} ?(?:(?:on|the|den|dem|der|le|el|de) )?)?"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_ORDINAL = r"(?:st|nd|rd|th|er|ste|de|e|º|\.)?"
_YEAR = r"(?:[ ,]{1,2}(?:de |del )?(?P<year>20\d\d)\b|[ ,]{1,2}'(?P<short_year>\d\d)\b)?"
_AFTER = rf"(?: ?\((?P<weekday_after>{_any(SHORT_WEEKDAYS)})\.?\))?"
# What a lone number counts when it is no day.
_COUNTED = (
    r"(?! ?(?:[:%€$/-]|h\b|uhr|heures?\b|horas?\b|uur|am\b|pm\b|a\.m|p\.m|days?|weeks?|tag|woche|jours?|semaines?|"
    r"d[ií]as?|semanas?|dagen|weken|rue|avenue|calle)|[ .-]?\d)"
)
_NEXT = (
    r"next|coming|nächste[nrs]?|kommende[nrs]?|pr[oó]xim[oa]|prochaine?|volgende|aanstaande|komende|qui vient|que viene"
)
_THIS = r"this|diese[nrsm]?|ce|este|deze"
_NEXT_WEEK = (
    r"next week|(?:der |in der )?(?:nächste[nr]?|kommende[nr]?) woche|(?:de )?la semaine prochaine|"
    r"(?:de )?la pr[oó]xima semana|(?:de )?la semana (?:que viene|pr[oó]xima)|"
    r"(?:van )?(?:de )?(?:volgende|komende) week"
)
_END_OF = (
    r"(?:"
    r"(?:the )?end of(?: the)?|(?:das )?ende(?: der| des)?|(?:la )?fin(?: de(?: la)?(?! semana)| du| d')?|"
    r"(?:el )?(?:final(?:es)?|fin) de(?: la|l)?(?<!fin de)|(?:het )?eind(?:e)?(?: van(?: de)?)?"
    r")"
)


@cache
def _forms() -> dict[str, re.Pattern[str]]:
    texts = {
        "iso": rf"{_BEFORE}(?<![\d.-])(?P<year>20\d\d)[-/.](?P<month>0[1-9]|1[0-2])[-/.]{_DAY}(?![\d-]){_AFTER}",
        "numeric": rf"{_BEFORE}(?<![\d./:-])(?P<one>\d{{1,2}})(?P<sep>[/.-]) ?(?P<two>\d{{1,2}})"
        rf"(?:(?P=sep) ?(?P<year>20\d\d|\d\d)(?![\d:]))?(?P<dot>\.)?(?![\d:/]|-\d)(?! ?(?:uhr|uur|h\b)){_AFTER}",
        "day_month": rf"{_BEFORE}\b{_DAY}{_ORDINAL} ?(?:(?:of|de|d'|den) ?)?(?P<named>{_MONTH}){_YEAR}{_AFTER}",
        "month_day": rf"{_BEFORE}\b(?P<named>{_MONTH}) (?:the )?{_DAY}(?:st|nd|rd|th)?(?![\d:.]\d|\d){_YEAR}{_AFTER}",
        "end": rf"\b{_END_OF} ?(?:(?P<week>(?:this |diese[rs] |cette |esta |deze )?(?:week|woche|semaine|semana))|"
        rf"(?P<next_week>{_NEXT_WEEK})|"
        rf"(?P<this_month>(?:this |diese[sn]? |ce |este |deze )?(?:month|monats|mois|mes|maand))|"
        rf"(?P<named>{_MONTH}))\b",
        "day": rf"{_BEFORE}(?:\bthe (?P<en>\d{{1,2}})(?:st|nd|rd|th)\b(?! (?:floor|street|avenue|of (?!this)))|"
        rf"{_after('am ab bis zum dem den vom der')}(?P<de>\d{{1,2}})\.(?!\w)|"
        rf"{_after('le au du')}(?P<fr>\d{{1,2}})(?:er)?\b{_COUNTED}|"
        rf"{_after('el al del día')}(?P<es>\d{{1,2}})\b{_COUNTED}|"
        r"\b(?:de )?(?P<nl>\d{1,2})(?:ste|de|e)\b)",
        "week": rf"\b(?P<weekday>{_any(WEEKDAYS)})\b,? (?:{_NEXT_WEEK})\b|"
        rf"(?:{_NEXT_WEEK})(?: op| on| am)? (?P<later>{_WEEKDAY})",
        "weekday": rf"\b(?:(?P<next>{_NEXT})|(?P<this>{_THIS})) (?P<weekday>{_any(SHORT_WEEKDAYS)})\b|"
        rf"\b(?P<plain>{_any(WEEKDAYS)})\b(?: (?P<next_after>{_NEXT})\b)?|"
        r"(?<=\bon )(?P<short>mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\b|"
        r"(?<=\btil )(?P<short_until>mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\b",
        "next_week": rf"\b(?:{_NEXT_WEEK})\b",
        "after_tomorrow": r"\b(?:the day after tomorrow|übermorgen|après-demain|pasado mañana|overmorgen)\b",
        "tomorrow": r"\btomorrow\b|(?<!guten )(?<!goede )\bmorgen\b|\bdemain\b|(?<!\bla )\bmañana\b",
        "today": r"\btoday\b|\bheute\b|\baujourd'hui\b|\bhoy\b|\bvandaag\b",
    }
    return {name: re.compile(text) for name, text in texts.items()}


_AWAY = {"after_tomorrow": 2, "tomorrow": 1, "today": 0}
_TWO_AS_WELL = re.compile(r"24/7|7/24")


def days_in(text: str, *, day_first: bool | None) -> list[Stated]:
    """The days named in a lower-case text, in order; `day_first` None: `05/06` may be May or June."""
    found: list[Stated] = []
    for name, form in _forms().items():
        for match in form.finditer(text):
            if not any(match.start() < other.end and other.start < match.end() for other in found):
                found.extend(_stated(name, match, day_first))
    return sorted(found, key=lambda stated: stated.start)


def _stated(name: str, match: re.Match[str], day_first: bool | None) -> Iterator[Stated]:
    at = Stated(match.start(), match.end())
    parts = {key: value for key, value in match.groupdict().items() if value}
    weekday = SHORT_WEEKDAYS.get(parts.get("weekday") or parts.get("weekday_after", ""))
    if name in _AWAY:
        yield replace(at, away=_AWAY[name])
    elif name in ("week", "weekday", "next_week"):
        yield _of_week(at, name, parts)
    elif name == "end":
        yield _end(at, parts)
    else:
        readings = tuple(_readings(name, parts, day_first))
        if readings:
            yield replace(at, readings=readings, weekday=weekday)


def _of_week(at: Stated, name: str, parts: dict[str, str]) -> Stated:
    called = next((parts[key] for key in ("weekday", "later", "plain", "short", "short_until") if key in parts), "")
    week = "next week" if name in ("week", "next_week") else ""
    if "next" in parts or "next_after" in parts:
        week = "next"
    elif "this" in parts:
        week = "this"
    return replace(at, weekday=SHORT_WEEKDAYS.get(called), week=week)


def _end(at: Stated, parts: dict[str, str]) -> Stated:
    if "named" in parts:
        return replace(at, last_of="month", readings=((None, MONTHS[parts["named"].rstrip(".")], 1),))
    return replace(at, last_of="month" if "this_month" in parts else "week" if "week" in parts else "next week")


def _readings(name: str, parts: dict[str, str], day_first: bool | None) -> Iterator[Reading]:
    year = _year(parts)
    if name == "iso":
        yield year, int(parts["month"]), int(parts["day"])
    elif name in ("day_month", "month_day"):
        yield year, MONTHS[parts["named"].rstrip(".")], int(parts["day"])
    elif name == "day":
        number = int(next(parts[key] for key in ("en", "de", "fr", "es", "nl") if key in parts))
        if 1 <= number <= 31:
            yield None, None, number
    else:
        yield from _numeric(parts, year, day_first)


def _year(parts: dict[str, str]) -> int | None:
    digits = parts.get("year") or parts.get("short_year", "")
    return (int(digits) if len(digits) == 4 else 2000 + int(digits)) if digits else None


def _numeric(parts: dict[str, str], year: int | None, day_first: bool | None) -> Iterator[Reading]:
    one, two, sep = int(parts["one"]), int(parts["two"]), parts["sep"]
    if year is None and not _is_short_date(parts):
        return
    first = True if sep == "." else day_first
    if first is not False and 1 <= one <= 31 and 1 <= two <= 12:
        yield year, two, one
    if first is not True and 1 <= one <= 12 and 1 <= two <= 31:
        yield year, one, two


def _is_short_date(parts: dict[str, str]) -> bool:
    """Without a year: `12.05.`, `12.05`, `12/5`, but neither `24/7`, `8-17` nor `2.1`."""
    one, two = parts["one"], parts["two"]
    if parts["sep"] == ".":
        return "dot" in parts or (len(one) == len(two) == 2)
    return parts["sep"] == "/" and not _TWO_AS_WELL.fullmatch(f"{one}/{two}")
