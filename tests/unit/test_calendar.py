"""Calendar: legal clocks count business days, in the place of the people they are for."""

import sys
from datetime import UTC, date, datetime

import pytest

from sagas.calendar import CountryCalendar, KoreanCalendar, WeekdayCalendar, calendar, due
from sagas.exceptions import ConfigurationError

SEOUL = "Asia/Seoul"
WEEKDAYS = WeekdayCalendar()


class OnlySundays:
    """A shop's own calendar."""

    def is_business_day(self, day):
        return day.isoweekday() == 7


only_sundays = OnlySundays()


def noon_in_seoul(day):
    return datetime.fromisoformat(f"{day}T12:00:00+09:00")


def last_day(start, business_days=3):
    """Return the last day of a clock that starts at noon of `start`, all in Seoul."""
    ends = due(noon_in_seoul(start), business_days, zone=SEOUL)
    assert (ends.hour, ends.minute) == (15, 0)  # midnight in Seoul, told in UTC
    return ends.date().isoformat()


@pytest.mark.parametrize(
    ("start", "last", "skipped"),
    [
        ("2024-03-04", "2024-03-07", "nothing"),
        ("2024-03-07", "2024-03-12", "a weekend"),
        ("2024-03-09", "2024-03-13", "the weekend it starts in"),
        ("2024-02-08", "2024-02-15", "설날, a Sunday's substitute included"),
        ("2025-01-24", "2025-02-04", "설날 and a day declared for that year"),
        ("2024-09-13", "2024-09-23", "추석"),
        ("2025-10-02", "2025-10-14", "개천절, 추석, its substitute and 한글날"),
        ("2024-05-03", "2024-05-09", "the substitute of a Children's Day on a Sunday"),
        ("2025-02-28", "2025-03-06", "the substitute of a 삼일절 on a Saturday"),
        ("2024-04-09", "2024-04-15", "an election day"),
        ("2026-05-21", "2026-05-27", "the substitute of Buddha's birthday"),
        ("2024-12-30", "2025-01-03", "New Year's Day, over the end of the year"),
    ],
)
def test_three_business_days_in_korea_pass_over(start, last, skipped):
    assert last_day(start) == last, skipped


@pytest.mark.parametrize(
    ("start", "last"),
    [
        ("2024-03-04T14:59:59+00:00", "2024-03-05"),  # still Monday in Seoul
        ("2024-03-04T15:00:00+00:00", "2024-03-06"),  # Tuesday there, Monday in London
        ("2024-03-04T23:59:59+09:00", "2024-03-05"),
        ("2024-03-05T00:00:00+09:00", "2024-03-06"),
    ],
)
def test_the_day_of_the_start_is_that_of_the_place(start, last):
    ends = due(datetime.fromisoformat(start), 1, zone=SEOUL, by=WEEKDAYS)

    assert ends == datetime.fromisoformat(f"{last}T15:00:00+00:00")
    assert ends.tzinfo is UTC


def test_a_day_ends_at_its_local_midnight_also_when_clocks_change():
    friday = datetime(2011, 3, 25, 12, tzinfo=UTC)

    in_winter = due(friday.replace(day=18), 1, zone="Europe/London", by=WEEKDAYS)
    in_summer = due(friday, 1, zone="Europe/London", by=WEEKDAYS)

    assert in_winter == datetime(2011, 3, 22, 0, 0, tzinfo=UTC)
    assert in_summer == datetime(2011, 3, 28, 23, 0, tzinfo=UTC)


def test_weekdays_count_whatever_the_holidays():
    new_year = date(2024, 1, 1)

    assert WEEKDAYS.is_business_day(new_year)
    assert not KoreanCalendar().is_business_day(new_year)
    assert not WEEKDAYS.is_business_day(date(2024, 1, 6))


def test_a_country_has_holidays_of_its_own():
    boxing_day = date(2024, 12, 26)

    assert not CountryCalendar("GB").is_business_day(boxing_day)
    assert KoreanCalendar().is_business_day(boxing_day)


def test_the_calendar_is_korean_unless_a_setting_names_another(settings):
    assert isinstance(calendar(), KoreanCalendar)

    for name in ("OnlySundays", "only_sundays"):
        settings.SAGAS = {"CALENDAR": f"{__name__}.{name}"}

        assert last_day("2024-03-04", business_days=2) == "2024-03-17"


def test_a_calendar_that_is_not_there_is_named(settings):
    settings.SAGAS = {"CALENDAR": "shop.calendars.Lunar"}

    with pytest.raises(ConfigurationError, match=r"'shop\.calendars\.Lunar' can't be imported"):
        calendar()


def test_a_country_without_known_holidays_is_named():
    with pytest.raises(ConfigurationError, match="No public holidays are known of 'XX'"):
        CountryCalendar("XX").is_business_day(date(2024, 1, 1))


def test_a_shop_without_the_library_is_told_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)

    with pytest.raises(ConfigurationError, match=r"install django-sagas\[calendar\], or set"):
        CountryCalendar("AT").is_business_day(date(2024, 1, 1))
    assert WEEKDAYS.is_business_day(date(2024, 1, 1))


@pytest.mark.parametrize(
    ("start", "days"),
    [(datetime(2024, 3, 4), 1), (noon_in_seoul("2024-03-04"), 0)],  # noqa: DTZ001  that it is refused
)
def test_a_naive_start_and_less_than_one_day_are_refused(start, days):
    with pytest.raises(ValueError, match="one day or more, from an aware time"):
        due(start, days, zone=SEOUL, by=WEEKDAYS)
