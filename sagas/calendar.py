"""Calendar: legal clocks, which count business days ("within 3 business days", D-9, D-17).

A calendar says which days are business days; `due` says when so many of them are over. The dates
are those of a place, the answer is a moment in UTC. Public holidays come from the library
`holidays` (the extra `calendar`), which is imported only when a country's calendar is asked.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from django.utils.module_loading import import_string

from sagas.conf import settings
from sagas.exceptions import ConfigurationError

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


class BusinessCalendar(Protocol):
    """Says which days count; a shop may bring its own, named in `SAGAS["CALENDAR"]`."""

    def is_business_day(self, day: date) -> bool:
        """Whether a day counts."""
        ...


class WeekdayCalendar:
    """Monday to Friday count, whatever the holidays."""

    def is_business_day(self, day: date) -> bool:
        return day.weekday() < _SATURDAY


class CountryCalendar:
    """Monday to Friday count, but for the public holidays of a country, substitutes included."""

    def __init__(self, country: str) -> None:
        """`country` is an ISO 3166 code such as "GB"."""
        self.country = country

    def is_business_day(self, day: date) -> bool:
        return day.weekday() < _SATURDAY and day not in _public_holidays(self.country, day.year)


class KoreanCalendar(CountryCalendar):
    """The business days of Korea: 설날, 추석 and their substitute days do not count."""

    def __init__(self) -> None:
        """Take Korea's holidays."""
        super().__init__("KR")


@lru_cache(maxsize=256)
def _public_holidays(country: str, year: int) -> frozenset[date]:
    """Return a year's holidays, frozen: what the library returns grows while it is read."""
    try:
        from holidays import country_holidays
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "Public holidays need the library 'holidays': install django-sagas[calendar], or set"
            " SAGAS['CALENDAR'] to 'sagas.calendar.WeekdayCalendar' or a calendar of your own."
        ) from error
    try:
        return frozenset(country_holidays(country, years=year))
    except NotImplementedError as error:
        message = f"No public holidays are known of {country!r}; name it as ISO 3166 does: 'KR'."
        raise ConfigurationError(message) from error


def calendar() -> BusinessCalendar:
    """Return the shop's calendar. Raises ConfigurationError for one that can't be imported."""
    return _load(settings().CALENDAR)


@lru_cache(maxsize=8)
def _load(path: str) -> BusinessCalendar:
    try:
        named = import_string(path)
    except ImportError as error:
        message = f"SAGAS['CALENDAR']: {path!r} can't be imported ({error})."
        raise ConfigurationError(message) from error
    found: BusinessCalendar = named() if isinstance(named, type) else named
    return found


def due(
    start: datetime,
    business_days: int,
    *,
    zone: str,
    by: BusinessCalendar | None = None,
) -> datetime:
    """Return when the given number of business days after `start` is over; aware, in UTC.

    The day of `start`, as people in `zone` ("Asia/Seoul") have it, does not count: the clock runs
    out at the midnight that ends the last day there. `by` replaces the shop's calendar. Raises
    ValueError for a naive `start` and for less than one day.
    """
    if start.tzinfo is None or business_days < 1:
        message = (
            f"{business_days} business days from {start}: one day or more, from an aware time."
        )
        raise ValueError(message)
    place = ZoneInfo(zone)
    last = _nth_business_day(start.astimezone(place).date(), business_days, by or calendar())
    return datetime.combine(last + _DAY, time(), tzinfo=place).astimezone(UTC)


def _nth_business_day(day: date, count: int, by: BusinessCalendar) -> date:
    while count:
        day += _DAY
        count -= by.is_business_day(day)
    return day
