"""Business time: exact over changes of clocks, holidays and nights, and the same from whichever side it is asked."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from psa_copilot.calendar import DEFAULT, Calendar, Calendars, Hours

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)

OFFICE: dict[str, Any] = {"days": "mon-fri", "open": "08:00", "close": "17:30", "zone": "Europe/Berlin"}


def calendar(**changed: Any) -> Calendar:
    return Calendar.of(Hours.model_validate({**OFFICE, "holidays": "none", **changed}))


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def complaint(**changed: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Hours.model_validate({**OFFICE, **changed})
    [error] = caught.value.errors()
    assert error["loc"] == tuple(changed)
    return error["msg"]


OFFICE_WEEK = calendar()
NIGHTS = calendar(open="22:00", close="06:00")
BAVARIA = calendar(holidays="DE-BY")
ROUND_THE_CLOCK = calendar(days="mon-sun", open="00:00", close="24:00")
CALIFORNIA = calendar(zone="America/Los_Angeles", open="09:00", close="18:00", holidays="US-CA")
HAVANA = calendar(days="mon-sun", open="00:00", close="24:00", zone="America/Havana")  # changes its clocks at midnight
LORD_HOWE = calendar(days="sun-thu", open="21:45", close="02:15", zone="Australia/Lord_Howe")  # by half an hour

SOME = [DEFAULT, OFFICE_WEEK, NIGHTS, BAVARIA, ROUND_THE_CLOCK, CALIFORNIA, HAVANA, LORD_HOWE]
JOINED = [BAVARIA.and_holidays_of(CALIFORNIA), NIGHTS.and_holidays_of(BAVARIA), DEFAULT.and_holidays_of(BAVARIA)]

calendars = st.sampled_from(SOME + JOINED)
moments = st.timedeltas(timedelta(), timedelta(days=5 * 365)).map(lambda passed: utc("2023-01-01") + passed)
spans = st.timedeltas(timedelta(microseconds=1), timedelta(days=90))


# What the hours mean


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-11-23 07:59:59", False),
        ("2026-11-23 08:00", True),
        ("2026-11-23 17:29:59", True),
        ("2026-11-23 17:30", False),
        ("2026-11-21 12:00", False),  # a Saturday
    ],
)
def test_open_from_the_opening_until_right_before_the_close(local: str, is_open: bool) -> None:
    assert OFFICE_WEEK.is_open(berlin(local)) is is_open


def test_the_weekend_does_not_count() -> None:
    friday, monday = berlin("2026-11-20 16:30"), berlin("2026-11-23 09:00")
    assert OFFICE_WEEK.business_between(friday, monday) == 2 * HOUR
    assert OFFICE_WEEK.after(friday, 2 * HOUR) == monday
    assert OFFICE_WEEK.opens_next(berlin("2026-11-20 17:30")) == berlin("2026-11-23 08:00")


def test_the_close_is_the_end_of_the_last_hour_not_the_next_morning() -> None:
    assert OFFICE_WEEK.after(berlin("2026-11-20 16:30"), HOUR) == berlin("2026-11-20 17:30")
    assert OFFICE_WEEK.after(berlin("2026-11-20 16:30"), HOUR + timedelta(seconds=1)) == berlin("2026-11-23 08:00:01")


def test_opens_next_is_now_while_it_is_open() -> None:
    now = berlin("2026-11-23 09:15")
    assert OFFICE_WEEK.opens_next(now) == now
    assert OFFICE_WEEK.closes_next(now) == berlin("2026-11-23 17:30")
    assert OFFICE_WEEK.closes_next(berlin("2026-11-23 18:00")) == berlin("2026-11-24 17:30")


def test_answers_are_in_utc_whatever_zone_was_asked_in() -> None:
    for answer in (
        OFFICE_WEEK.opens_next(berlin("2026-11-21 12:00")),
        OFFICE_WEEK.closes_next(berlin("2026-11-21 12:00")),
        OFFICE_WEEK.after(berlin("2026-11-23 09:00"), HOUR),
        OFFICE_WEEK.add_days(berlin("2026-11-23 09:00"), 1),
    ):
        assert answer is not None
        assert answer.tzinfo is UTC


def test_the_same_moment_in_another_zone_is_the_same_moment() -> None:
    """Two times with one zoneinfo are subtracted by their clocks; a night with 25 hours would be lost in it."""
    start, end = berlin("2026-10-24 12:00"), berlin("2026-10-25 12:00")
    assert ROUND_THE_CLOCK.business_between(start, end) == 25 * HOUR
    assert ROUND_THE_CLOCK.business_between(start.astimezone(NEW_YORK), end.astimezone(UTC)) == 25 * HOUR


def test_a_time_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 11, 23, 9)  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="without a zone"):
        OFFICE_WEEK.is_open(naive)


def test_nothing_passes_backwards() -> None:
    start, end = berlin("2026-11-23 09:00"), berlin("2026-11-23 10:00")
    assert OFFICE_WEEK.business_between(end, start) == timedelta()
    assert OFFICE_WEEK.business_days_between(end, start) == 0
    assert OFFICE_WEEK.after(end, -HOUR) == end


# Changes of the clocks


def test_spring_forward_takes_an_hour_from_the_night_shift() -> None:
    saturdays = calendar(days="sat", open="22:00", close="06:00")
    start, end = berlin("2026-03-28 22:00"), berlin("2026-03-29 06:00")
    assert saturdays.business_between(start, end) == 7 * HOUR
    assert saturdays.business_days_between(start, end) == 1
    assert saturdays.after(start, 5 * HOUR) == berlin("2026-03-29 04:00")
    assert not saturdays.is_open(end)


def test_fall_back_gives_an_hour_to_the_night_shift() -> None:
    saturdays = calendar(days="sat", open="22:00", close="06:00")
    start, end = berlin("2026-10-24 22:00"), berlin("2026-10-25 06:00")
    assert saturdays.business_between(start, end) == 9 * HOUR
    assert saturdays.business_days_between(start, end) == 1
    assert saturdays.business_between(start, berlin("2026-10-25 02:30", fold=0)) == 4.5 * HOUR
    assert saturdays.business_between(start, berlin("2026-10-25 02:30", fold=1)) == 5.5 * HOUR


@pytest.mark.parametrize(("monday", "opening"), [("2026-03-30", "06:00"), ("2026-10-26", "07:00")])
def test_the_desk_opens_at_eight_on_both_sides_of_the_change(monday: str, opening: str) -> None:
    before = berlin(monday + " 08:00") - timedelta(days=3)
    assert OFFICE_WEEK.opens_next(before + 10 * HOUR) == utc(f"{monday} {opening}")
    assert OFFICE_WEEK.add_days(before + HOUR, 1) == utc(f"{monday} {opening}") + HOUR


def test_a_shift_inside_the_lost_hour_does_not_take_place() -> None:
    sundays = calendar(days="sun", open="02:30", close="03:15")
    assert sundays.business_between(berlin("2026-03-29 00:00"), berlin("2026-03-30 00:00")) == timedelta()
    assert sundays.opens_next(berlin("2026-03-29 00:00")) == berlin("2026-04-05 02:30")


@pytest.mark.parametrize("zoned", [ROUND_THE_CLOCK, HAVANA])
def test_round_the_clock_no_second_is_lost_or_counted_twice(zoned: Calendar) -> None:
    start, end = utc("2026-01-01 00:00"), utc("2026-12-31 00:00")
    assert zoned.business_between(start, end) == end - start
    assert zoned.closes_next(start) is None


# Nights


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    assert NIGHTS.is_open(berlin("2026-11-21 05:59"))  # Friday's
    assert not NIGHTS.is_open(berlin("2026-11-22 23:00"))  # nobody begins on a Sunday
    assert NIGHTS.business_between(berlin("2026-11-20 12:00"), berlin("2026-11-23 12:00")) == 8 * HOUR


def test_a_night_shift_later_is_the_same_time_of_the_next_night() -> None:
    assert NIGHTS.add_days(berlin("2026-11-21 02:00"), 1) == berlin("2026-11-24 02:00")
    assert NIGHTS.business_days_between(berlin("2026-11-21 02:00"), berlin("2026-11-24 02:00")) == pytest.approx(1)


def test_the_night_before_a_holiday_is_worked_and_the_holidays_own_is_not() -> None:
    nights = calendar(open="22:00", close="06:00", holidays="DE")
    assert nights.is_open(berlin("2026-05-01 05:00"))  # Labor Day, a Friday
    assert not nights.is_open(berlin("2026-05-01 23:00"))


def test_from_eight_to_eight_is_round_the_clock() -> None:
    long = calendar(days="mon-sun", open="08:00", close="08:00")
    assert long.business_between(berlin("2026-11-23 07:00"), berlin("2026-11-24 07:00")) == 24 * HOUR


# Holidays


def test_holidays_of_a_region_are_not_those_of_the_country() -> None:
    epiphany = berlin("2026-01-06 10:00")
    assert calendar(holidays="DE").is_open(epiphany)
    assert not BAVARIA.is_open(epiphany)
    assert BAVARIA.opens_next(epiphany) == berlin("2026-01-07 08:00")


@pytest.mark.parametrize(
    "moved",
    [
        "2026-07-03",  # Independence Day on a Saturday is kept on the Friday
        "2027-12-31",  # New Year's Day of another year
        "2027-12-24",
    ],
)
def test_a_holiday_on_a_weekend_is_kept_on_its_moved_day(moved: str) -> None:
    states = calendar(holidays="US", zone="America/New_York")
    assert not states.is_open(datetime.fromisoformat(moved + " 12:00").replace(tzinfo=NEW_YORK))


def test_a_list_names_days_and_calendars_together() -> None:
    ours = calendar(holidays=["DE-BY", date(2026, 12, 24), "2026-12-31"])
    closed = [day for day in range(21, 32) if not ours.is_open(berlin(f"2026-12-{day} 10:00"))]
    assert closed == [24, 25, 26, 27, 31]


def test_holidays_are_known_unless_nothing_is_said() -> None:
    assert calendar(holidays="none").knows_holidays
    assert calendar(holidays=[]).knows_holidays
    assert BAVARIA.knows_holidays
    assert not calendar(holidays="").knows_holidays
    assert not Calendar.of(Hours.model_validate(OFFICE)).knows_holidays
    assert not DEFAULT.knows_holidays


def test_christmas_is_two_business_days_shorter() -> None:
    before, after = berlin("2025-12-22 10:00"), berlin("2025-12-29 10:00")
    assert OFFICE_WEEK.business_days_between(before, after) == pytest.approx(5)
    assert BAVARIA.business_days_between(before, after) == pytest.approx(3)


# Days


@pytest.mark.parametrize(
    ("start", "days", "then"),
    [
        ("2026-11-19 10:00", 1, "2026-11-20 10:00"),
        ("2026-11-20 10:00", 1, "2026-11-23 10:00"),
        ("2026-11-20 10:00", 3, "2026-11-25 10:00"),
        ("2026-11-21 10:00", 1, "2026-11-24 08:00"),  # Saturday counts from Monday's opening
        ("2026-11-20 20:00", 1, "2026-11-24 08:00"),  # and so does Friday evening
        ("2026-11-23 07:00", 1, "2026-11-24 08:00"),
        ("2026-11-23 10:00", 0, "2026-11-23 10:00"),
        ("2026-11-21 10:00", 0, "2026-11-23 08:00"),
    ],
)
def test_business_days_later_at_the_same_time_of_day(start: str, days: int, then: str) -> None:
    assert OFFICE_WEEK.add_days(berlin(start), days) == berlin(then)


def test_half_a_day_is_half_a_day_of_this_calendar() -> None:
    half = berlin("2026-11-23 08:00") + timedelta(hours=4, minutes=45)
    assert OFFICE_WEEK.business_days_between(berlin("2026-11-23 08:00"), half) == pytest.approx(0.5)
    assert DEFAULT.business_days_between(utc("2026-11-21 06:00"), utc("2026-11-22 18:00")) == pytest.approx(1.5)


def test_without_hours_it_is_always_open_and_a_day_has_24_hours() -> None:
    start = utc("2026-11-21 13:37:11.5")
    assert DEFAULT.always_open
    assert not OFFICE_WEEK.always_open
    assert Calendar.of(None) is DEFAULT
    assert DEFAULT.is_open(start)
    assert DEFAULT.opens_next(start) == start
    assert DEFAULT.closes_next(start) is None
    assert DEFAULT.after(start, 90 * HOUR) == start + 90 * HOUR
    assert DEFAULT.add_days(start, 3) == start + timedelta(days=3)


# A board and its client


def test_a_day_on_which_the_client_is_closed_does_not_count_and_the_hours_stay_ours() -> None:
    both = OFFICE_WEEK.and_holidays_of(CALIFORNIA)
    thanksgiving = berlin("2026-11-26 10:00")
    assert OFFICE_WEEK.is_open(thanksgiving)
    assert not both.is_open(thanksgiving)
    assert both.is_open(berlin("2026-11-25 08:00"))  # the middle of the night in California
    assert both.zone == BERLIN


def test_it_does_not_count_on_a_holiday_of_either() -> None:
    both = BAVARIA.and_holidays_of(CALIFORNIA)
    assert not both.is_open(berlin("2026-01-06 10:00"))
    assert not both.is_open(berlin("2026-11-26 10:00"))


def test_holidays_of_both_are_known_when_those_of_each_are() -> None:
    assert BAVARIA.and_holidays_of(CALIFORNIA).knows_holidays
    assert not BAVARIA.and_holidays_of(calendar(holidays="")).knows_holidays
    assert not calendar(holidays="").and_holidays_of(BAVARIA).knows_holidays


def test_a_client_without_a_calendar_changes_nothing() -> None:
    assert BAVARIA.and_holidays_of(None) is BAVARIA
    assert BAVARIA.and_holidays_of(DEFAULT) is BAVARIA


def test_a_client_with_other_days_takes_them_away_unless_none_would_be_left() -> None:
    gulf = calendar(days="sun-thu", zone="Asia/Riyadh", holidays=["2026-11-25"])
    assert not OFFICE_WEEK.and_holidays_of(gulf).is_open(berlin("2026-11-27 10:00"))
    weekends = calendar(days="sat, sun", holidays=["2026-11-25"])
    both = OFFICE_WEEK.and_holidays_of(weekends)
    assert both.opens_next(berlin("2026-11-24 18:00")) == berlin("2026-11-26 08:00")


def test_calendars_are_found_by_the_names_in_the_config() -> None:
    named = Calendars(
        hours={"*": Hours.model_validate(OFFICE), "NOC": Hours.model_validate({**OFFICE, "days": "mon-sun"})},
        clients={"Kestrel Foods": Hours.model_validate({"zone": "Europe/Berlin", "holidays": "DE-BY"})},
        shifts={"milo": Hours.model_validate({**OFFICE, "open": "12:00", "close": "20:00"})},
    )
    saturday, epiphany = berlin("2026-11-21 10:00"), berlin("2026-01-06 10:00")
    assert named.of("NOC").is_open(saturday)
    assert not named.of("Help Desk").is_open(saturday)
    assert named.of("Help Desk", "Fabrikam").is_open(epiphany)
    assert not named.of("Help Desk", "Kestrel Foods").is_open(epiphany)
    assert named.of("Help Desk", "Kestrel Foods") is named.of("Help Desk", "Kestrel Foods")
    milo = named.shift("milo")
    assert milo is not None
    assert milo.is_open(berlin("2026-11-23 19:00"))
    assert named.shift("ines") is None
    assert Calendars().of("Help Desk", "Fabrikam") is DEFAULT


# Properties

patient = settings(deadline=None)  # the first question builds the years it is about


@patient
@given(calendars, moments, spans, spans)
def test_time_adds_up_and_never_runs_backwards(some: Calendar, start: datetime, one: timedelta, two: timedelta) -> None:
    middle, end = start + one, start + one + two
    whole = some.business_between(start, end)
    assert whole == some.business_between(start, middle) + some.business_between(middle, end)
    assert timedelta() <= some.business_between(start, middle) <= whole <= end - start
    days = some.business_days_between(start, middle) + some.business_days_between(middle, end)
    assert some.business_days_between(start, end) == pytest.approx(days, abs=1e-6)


@patient
@given(calendars, moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=30)))
def test_after_undoes_between(some: Calendar, start: datetime, business: timedelta) -> None:
    end = some.after(start, business)
    assert some.business_between(start, end) == business
    assert some.business_between(start, end - timedelta(microseconds=1)) < business, "the first such moment"


@patient
@given(calendars, moments)
def test_opening_and_closing_agree_with_being_open(some: Calendar, at: datetime) -> None:
    opens = some.opens_next(at)
    assert opens >= at
    assert some.is_open(opens)
    assert some.business_between(at, opens) == timedelta()
    assert some.is_open(at) is (opens == at)
    closes = some.closes_next(at)
    if closes:
        assert not some.is_open(closes)
        assert some.business_between(opens, closes) == closes - opens


@patient
@given(calendars, moments, st.integers(0, 40))
def test_days_later_is_open_and_about_so_many_days_away(some: Calendar, at: datetime, days: int) -> None:
    then = some.add_days(at, days)
    assert some.is_open(then)
    assert some.add_days(at, days + 1) > then
    assert some.business_days_between(at, then) == pytest.approx(days, abs=0.2)


@patient
@given(calendars, st.integers(-30, 30), st.integers(0, 2000))
def test_minutes_counted_one_by_one_give_the_same(some: Calendar, days: int, minutes: int) -> None:
    """The slow and obvious way, around the autumn's change of clocks."""
    start = utc("2026-10-25 00:30") + timedelta(days=days)
    end = start + timedelta(minutes=minutes)
    counted = sum(some.is_open(start + timedelta(minutes=number)) for number in range(minutes))
    assert some.business_between(start, end) == timedelta(minutes=counted)


@settings(patient, max_examples=30)
@given(calendars, st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_stamps_that_are_mistakes_do_no_harm(some: Calendar, one: datetime, two: datetime) -> None:
    assert some.business_between(min(one, two), max(one, two)) >= timedelta()


# Speed


def test_forty_thousand_tickets_are_a_matter_of_a_second() -> None:
    now = utc("2026-11-23 12:00")
    some = calendar(holidays="DE-BY", close="17:45")  # a calendar that nobody asked before
    began = perf_counter()
    for number in range(40_000):
        some.business_between(now - timedelta(minutes=17 * number), now)
    assert perf_counter() - began < 5  # about 0.15 s on an idle machine


def test_the_holidays_package_waits_until_a_calendar_is_named() -> None:
    lines = (
        "import sys",
        "from psa_copilot.calendar import DEFAULT, Hours",
        "Hours.model_validate({'zone': 'Europe/Berlin', 'holidays': ['2026-12-24']})",
        "assert 'holidays' not in sys.modules",
        "Hours.model_validate({'zone': 'Europe/Berlin', 'holidays': 'DE'})",
        "assert 'holidays' in sys.modules",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


# What is wrong in a config


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"zone": "Europe/Berlim"}, "did you mean Europe/Berlin?"),
        ({"zone": "europe/berlin"}, "did you mean Europe/Berlin?"),
        ({"zone": "New York"}, "did you mean America/New_York?"),
        ({"zone": "EST"}, "write America/New_York"),
        ({"zone": "W. Something Standard Time"}, "write one like Europe/Berlin"),
        ({"zone": "../../etc/passwd"}, "no time zone"),
        ({"days": "mon-fry"}, "'fry' is no day of the week; did you mean fri?"),
        ({"days": "weekdays"}, "a span like mon-fri"),
        ({"days": "mo-fr"}, "did you mean"),
        ({"days": []}, "write mon-fri"),
        ({"days": 5}, "write mon-fri"),
        ({"open": "8am"}, 'for example "17:30"'),
        ({"open": 8}, 'for example "17:30"'),
        ({"open": True}, 'for example "17:30"'),
        ({"close": "25:00"}, "no time of day"),
        ({"close": "24:01"}, "no time of day"),
        ({"holidays": "Germany"}, "did you mean DE?"),
        ({"holidays": "United States"}, "did you mean US?"),
        ({"holidays": "QQ"}, "write a code like US"),
        ({"holidays": "DE-BYE"}, "DE has no region 'BYE'; did you mean BY?"),
        ({"holidays": "DE-99"}, "it has: BB, BE, BW"),
        ({"holidays": ["2026-13-01"]}, "write it like 2026-12-24"),
        ({"holidays": False}, '"NO" in quotes for Norway'),
        ({"holidays": ["DE", "Bavaria"]}, "'Bavaria' is no country"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(changed: dict[str, Any], says: str) -> None:
    assert says in complaint(**changed)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"days": "Monday - Wednesday, sun"}, {"days": ("mon", "tue", "wed", "sun")}),
        ({"days": "sun-thu"}, {"days": ("mon", "tue", "wed", "thu", "sun")}),
        ({"days": ["tues", "mon"]}, {"days": ("mon", "tue")}),
        ({"open": "8:00", "close": 1050}, {"open": "08:00", "close": "17:30"}),  # YAML reads 17:30 as 1050
        ({"close": "24:00"}, {"close": "24:00"}),
        ({"holidays": "us-ca"}, {"holidays": ("US-CA",)}),
        ({"holidays": "NO"}, {"holidays": ("NO",)}),
        ({"holidays": " None "}, {"holidays": "none"}),
        ({"holidays": datetime(2026, 12, 24, tzinfo=UTC)}, {"holidays": (date(2026, 12, 24),)}),
    ],
)
def test_what_people_write_is_understood(given: dict[str, Any], read: dict[str, Any]) -> None:
    hours = Hours.model_validate({**OFFICE, **given})
    assert {name: getattr(hours, name) for name in read} == read


def test_hours_can_be_written_out_and_read_again() -> None:
    hours = Hours.model_validate({**OFFICE, "holidays": ["DE-BY", "2026-12-24"]})
    assert Hours.model_validate(hours.model_dump()) == hours
    assert Hours.model_validate_json(hours.model_dump_json()) == hours


def test_unknown_settings_are_refused_and_each_is_described() -> None:
    with pytest.raises(ValidationError):
        Hours.model_validate({**OFFICE, "lunch": "12:00"})
    assert all(setting.description for setting in Hours.model_fields.values())
