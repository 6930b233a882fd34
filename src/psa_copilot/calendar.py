"""Business time: when a desk is open, and how much of its time has passed.

Hours come from the config, by board, client or technician; a board without any is always open. A business day
belongs to the date on which it opens, so a night shift from Thursday 22:00 is Thursday's, and a holiday on Friday
does not cut it.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHOLE_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY = timedelta(days=1)
YEARS = range(1990, 2101)
"""No business time is counted outside of these: stamps there are mistakes."""
LOOKS_AHEAD = timedelta(days=366)

_TIME = re.compile(r"(\d{1,2}):([0-5]\d)")
_FIXED_ZONES = {
    "EST": "America/New_York",
    "CST": "America/Chicago",
    "MST": "America/Denver",
    "PST": "America/Los_Angeles",
    "BST": "Europe/London",
    "CEST": "Europe/Berlin",
    "MEZ": "Europe/Berlin",
}
"""What people write who mean a place; where such a zone exists at all, it knows no summer time."""

Holiday = str | date
"""A calendar like `US` or `DE-BY`, or one day."""


def _near(name: str, known: Iterable[str]) -> str:
    by_case = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), by_case, n=1, cutoff=0.6)
    return f"; did you mean {by_case[close[0]]}?" if close else ""


def _read_days(given: object) -> tuple[str, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, list | tuple) or not parts:
        raise ValueError("should be days; write mon-fri, or a list like [mon, wed, fri]")
    chosen = {day for part in parts for day in _span(str(part))}
    return tuple(day for day in WEEKDAYS if day in chosen)


def _span(part: str) -> list[str]:
    """The days of `mon`, `Monday` or `sun-thu`."""
    first, dash, last = part.partition("-")
    begin, end = _weekday(first), _weekday(last if dash else first)
    return [WEEKDAYS[number % 7] for number in range(begin, end + 1 if end >= begin else end + 8)]


def _weekday(name: str) -> int:
    short = name.strip().casefold()
    for number, whole in enumerate(_WHOLE_NAMES):
        if len(short) >= 3 and whole.startswith(short):
            return number
    near = _near(short, WEEKDAYS) or f"; write {', '.join(WEEKDAYS)} or a span like mon-fri"
    raise ValueError(f"{name.strip()!r} is no day of the week{near}")


def _read_time(given: object) -> str:
    if isinstance(given, int) and not isinstance(given, bool) and 60 <= given <= 24 * 60:
        given = f"{given // 60}:{given % 60:02}"  # YAML reads an unquoted 17:30 as 1050
    match = _TIME.fullmatch(str(given).strip())
    if not match or int(match[1]) * 60 + int(match[2]) > 24 * 60:
        raise ValueError(f'{given!r} is no time of day; write it with 24 hours and in quotes, for example "17:30"')
    return f"{int(match[1]):02}:{match[2]}"


def _read_zone(given: object) -> str:
    name = str(given).strip()
    if name in _FIXED_ZONES:
        raise ValueError(f"{name} names no place, so it knows no summer time; write {_FIXED_ZONES[name]}")
    if name not in available_timezones():
        cities = {zone.rpartition("/")[2]: zone for zone in sorted(available_timezones(), reverse=True)}
        near = cities.get(name.title().replace(" ", "_"), "")
        hint = f"; did you mean {near}?" if near else _near(name, available_timezones())
        raise ValueError(f"{name!r} is no time zone{hint or '; write one like Europe/Berlin or America/New_York'}")
    return name


def _read_holidays(given: object) -> str | tuple[Holiday, ...]:
    if given is False:
        raise ValueError('YAML reads NO as false; write "NO" in quotes for Norway, or none for no holidays')
    if isinstance(given, str) and given.strip().casefold() in ("", "none"):
        return given.strip().casefold()
    named = given if isinstance(given, list | tuple) else [given]
    return tuple(_read_holiday(one) for one in named)


def _read_holiday(given: object) -> Holiday:
    if isinstance(given, date):
        return given.date() if isinstance(given, datetime) else given
    text = str(given).strip()
    if text[:1].isdigit():
        try:
            return date.fromisoformat(text)
        except ValueError as exc:
            raise ValueError(f"{text!r} is no date; write it like 2026-12-24") from exc
    return _read_country(text)


def _read_country(text: str) -> str:
    """`DE-BY` as the holidays package knows it; the country's and the region's code."""
    import holidays  # a desk without holidays does not wait for it

    known = holidays.list_supported_countries(include_aliases=True)
    country, dash, region = text.partition("-")
    country, region = country.upper(), region.strip()
    if country not in known:
        raise ValueError(f"{text!r} is no country{_near_country(country, known)}")
    regions = {one.casefold(): one for one in known[country]}
    if dash and region.casefold() not in regions:
        near = _near(region, known[country]) or f"; it has: {', '.join(known[country]) or 'none'}"
        raise ValueError(f"{country} has no region {region!r}{near}")
    return f"{country}-{regions[region.casefold()]}" if dash else country


def _near_country(name: str, known: Iterable[str]) -> str:
    from holidays.registry import COUNTRIES  # only an error needs the names

    names = {module.replace("_", " "): codes[1] for module, codes in COUNTRIES.items()}
    called = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.8)
    near = f"; did you mean {names[called[0]]}?" if called else _near(name, (code for code in known if len(code) == 2))
    return near or '; write a code like US, US-CA or DE-BY, dates like [2026-12-24], none, or "" for unknown'


class Hours(BaseModel):
    """When a board, a client or a technician works; what is left out restricts nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: Annotated[tuple[str, ...], BeforeValidator(_read_days)] = Field(
        WEEKDAYS, description="Days on which it opens: mon-fri, or a list like [mon, wed, fri]."
    )
    open: Annotated[str, BeforeValidator(_read_time)] = Field("00:00", description='When it opens, "08:00".')
    close: Annotated[str, BeforeValidator(_read_time)] = Field(
        "24:00", description='When it closes, "17:30"; not after open: past midnight.'
    )
    zone: Annotated[str, BeforeValidator(_read_zone)] = Field(description="Its time zone, for example Europe/Berlin.")
    holidays: Annotated[str | tuple[Holiday, ...], BeforeValidator(_read_holidays)] = Field(
        "", description='A country (US), a region (US-CA, DE-BY), days ([2026-12-24]), none, or "" when unknown.'
    )


@dataclass(frozen=True)
class _Openings:
    """The business days of some years as columns that bisect can search; all moments in UTC."""

    years: range
    dates: list[date] = field(default_factory=list)
    opens: list[datetime] = field(default_factory=list)
    closes: list[datetime] = field(default_factory=list)
    before: list[timedelta] = field(default_factory=list)
    """Business time before each day."""
    through: list[timedelta] = field(default_factory=list)
    """Business time when each day has ended."""

    def add(self, day: date, opens: datetime, closes: datetime) -> None:
        """A day that may have lost its time to the change of clocks, or reach into the one before, is cut."""
        opens = max(opens, self.closes[-1]) if self.closes else opens
        if closes <= opens:
            return
        passed = self.through[-1] if self.through else timedelta()
        self.dates.append(day)
        self.opens.append(opens)
        self.closes.append(closes)
        self.before.append(passed)
        self.through.append(passed + (closes - opens))

    def day_of(self, at: datetime) -> int:
        """Number of the last day that has opened by then; -1 before the first."""
        return bisect_right(self.opens, at) - 1

    def passed(self, at: datetime) -> timedelta:
        """Business time from the beginning until then."""
        number = self.day_of(at)
        return self.before[number] + min(at, self.closes[number]) - self.opens[number] if number >= 0 else timedelta()

    def days_passed(self, at: datetime) -> float:
        """Business days from the beginning until then; each counts one, however long it is."""
        number = self.day_of(at)
        if number < 0:
            return 0.0
        opened, closed = self.opens[number], self.closes[number]
        return number + (min(at, closed) - opened) / (closed - opened)


class Calendar:
    """The business time of one board (and client, or technician). All its answers are in UTC."""

    def __init__(
        self,
        zone: ZoneInfo,
        *,
        weekdays: frozenset[int],
        opens: timedelta,
        closes: timedelta,
        is_holiday: Callable[[date], bool],
        knows_holidays: bool,
        always_open: bool = False,
    ) -> None:
        self.zone = zone
        self.weekdays = weekdays
        self.is_holiday = is_holiday
        self.knows_holidays = knows_holidays
        """Unknown holidays: nudges and ladders go to the digest only."""
        self.always_open = always_open
        """No hours are configured; a business day is then 24 hours."""
        self._opens, self._closes = opens, closes
        self._known: _Openings | None = None
        self._joined: dict[Calendar, Calendar] = {}

    @classmethod
    def of(cls, hours: Hours | None) -> Calendar:
        """The calendar of configured hours; always open without any."""
        return _calendar(hours) if hours else DEFAULT

    def is_open(self, at: datetime) -> bool:
        """Whether somebody is at work."""
        at = _utc(at)
        openings = self._covering(at, at)
        number = openings.day_of(at)
        return number >= 0 and at < openings.closes[number]

    def opens_next(self, at: datetime) -> datetime:
        """The next opening; the moment itself while it is open."""
        at = _utc(at)
        return at if self.is_open(at) else self._day_from(at)[0]

    def closes_next(self, at: datetime) -> datetime | None:
        """The next end of work, of the day that is on or else the next one; None when none comes within a year."""
        at = _utc(at)
        closes = self._day_from(self.opens_next(at))[1]
        while closes - at <= LOOKS_AHEAD:
            if not self.is_open(closes):
                return closes
            closes = self._day_from(closes)[1]  # round the clock: one day ends where the next begins
        return None

    def business_between(self, start: datetime, end: datetime) -> timedelta:
        """Business time from start to end; none when the end is not after the start."""
        start, end = _utc(start), _utc(end)
        if end <= start:
            return timedelta()
        openings = self._covering(start, end)
        return openings.passed(end) - openings.passed(start)

    def business_days_between(self, start: datetime, end: datetime) -> float:
        """The same in days of this calendar; a day that is short because the clocks change is a whole one."""
        start, end = _utc(start), _utc(end)
        if end <= start:
            return 0.0
        openings = self._covering(start, end)
        return openings.days_passed(end) - openings.days_passed(start)

    def after(self, start: datetime, business: timedelta) -> datetime:
        """The first moment when so much business time has passed since start."""
        start = _utc(start)
        if business <= timedelta():
            return start
        openings = self._covering(start, start + business)
        until = openings.passed(start) + business
        while openings.through[-1] < until:
            openings = self._further(openings)
            until = openings.passed(start) + business
        number = bisect_left(openings.through, until)
        return openings.opens[number] + (until - openings.before[number])

    def add_days(self, start: datetime, days: int) -> datetime:
        """So many business days later at the same local time, or at the next opening after it.

        Counted from the next opening when start is outside of business time: Saturday and one day is Tuesday.
        """
        start = self.opens_next(start)
        openings = self._covering(start, start + days * DAY)
        while openings.day_of(start) + days >= len(openings.dates):
            openings = self._further(openings)
        number = openings.day_of(start)
        since_midnight = start.astimezone(self.zone).replace(tzinfo=None) - _midnight(openings.dates[number])
        return self.opens_next(self._moment(openings.dates[number + days], since_midnight))

    def and_holidays_of(self, client: Calendar | None) -> Calendar:
        """This calendar without the days on which a client does not open at all; the hours stay ours.

        Its holidays are known when both are. A client whose week has no day in common with ours only brings
        its holidays.
        """
        if client is None or client.always_open:
            return self
        if client not in self._joined:
            self._joined[client] = self._with(client)
        return self._joined[client]

    def _with(self, client: Calendar) -> Calendar:
        return Calendar(
            client.zone if self.always_open else self.zone,
            weekdays=self.weekdays & client.weekdays or self.weekdays,
            opens=self._opens,
            closes=self._closes,
            is_holiday=lambda day: self.is_holiday(day) or client.is_holiday(day),
            knows_holidays=self.knows_holidays and client.knows_holidays,
        )

    def _day_from(self, at: datetime) -> tuple[datetime, datetime]:
        """When the day that is on at that moment, or else the next one, opens and closes."""
        openings = self._covering(at, at)
        while not openings.closes or openings.closes[-1] <= at:
            openings = self._further(openings)
        number = bisect_right(openings.closes, at)
        return openings.opens[number], openings.closes[number]

    def _moment(self, day: date, since_midnight: timedelta) -> datetime:
        return (_midnight(day) + since_midnight).replace(tzinfo=self.zone).astimezone(UTC)

    def _covering(self, start: datetime, end: datetime) -> _Openings:
        first, last = max(start.year - 1, YEARS.start), min(end.year + 1, YEARS.stop - 1)
        known = self._known
        if known and known.years.start <= first and last < known.years.stop:
            return known
        first, last = min(first, YEARS.stop - 1), max(last, YEARS.start)
        if known:
            first, last = min(first, known.years.start), max(last, known.years.stop - 1)
        self._known = self._openings(range(first, last + 1))
        return self._known

    def _further(self, openings: _Openings) -> _Openings:
        if openings.years.stop >= YEARS.stop:
            raise OverflowError(f"no such business time before {YEARS.stop}")
        self._known = self._openings(range(openings.years.start, openings.years.stop + 1))
        return self._known

    def _openings(self, years: range) -> _Openings:
        openings = _Openings(years)
        for day in _days_of(years):
            if day.weekday() in self.weekdays and not self.is_holiday(day):
                openings.add(day, self._moment(day, self._opens), self._moment(day, self._closes))
        return openings


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _days_of(years: range) -> Iterator[date]:
    day = date(years.start, 1, 1)
    while day.year < years.stop:
        yield day
        day += DAY


def _since_midnight(text: str) -> timedelta:
    hours, _, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


@lru_cache(maxsize=4096)
def _public_holidays(code: str, year: int) -> frozenset[date]:
    import holidays  # a desk without holidays does not wait for it

    country, _, region = code.partition("-")
    found: dict[date, str] = dict(holidays.country_holidays(country, subdiv=region or None, years=year))
    return frozenset(found)


def _holidays(named: str | tuple[Holiday, ...]) -> Callable[[date], bool]:
    if isinstance(named, str):  # none, or unknown
        return lambda day: False
    codes = [one for one in named if isinstance(one, str)]
    days = frozenset(one for one in named if isinstance(one, date))
    return lambda day: day in days or any(day in _public_holidays(code, day.year) for code in codes)


@cache
def _calendar(hours: Hours) -> Calendar:
    opens, closes = _since_midnight(hours.open), _since_midnight(hours.close)
    return Calendar(
        ZoneInfo(hours.zone),
        weekdays=frozenset(WEEKDAYS.index(day) for day in hours.days),
        opens=opens,
        closes=closes if closes > opens else closes + DAY,
        is_holiday=_holidays(hours.holidays),
        knows_holidays=hours.holidays != "",
    )


DEFAULT = Calendar(
    ZoneInfo("UTC"),
    weekdays=frozenset(range(7)),
    opens=timedelta(),
    closes=DAY,
    is_holiday=lambda day: False,
    knows_holidays=False,
    always_open=True,
)
"""Always open: what a board without configured hours has."""


@dataclass(frozen=True)
class Calendars:
    """The calendars of one connection, by the names that its config gives."""

    hours: Mapping[str, Hours] = field(default_factory=dict)
    """By board; `*` for all others."""
    clients: Mapping[str, Hours] = field(default_factory=dict)
    """By company."""
    shifts: Mapping[str, Hours] = field(default_factory=dict)
    """By the technician's identifier."""

    def of(self, board: str, company: str = "") -> Calendar:
        """The calendar that a ticket's clocks run on."""
        ours = Calendar.of(self.hours.get(board) or self.hours.get("*"))
        return ours.and_holidays_of(self.client(company))

    def client(self, company: str) -> Calendar | None:
        """A client's own calendar, where one is configured."""
        return Calendar.of(self.clients[company]) if company in self.clients else None

    def shift(self, identifier: str) -> Calendar | None:
        """A technician's shift, where one is configured."""
        return Calendar.of(self.shifts[identifier]) if identifier in self.shifts else None
