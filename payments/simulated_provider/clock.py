"""The provider's clock and calendar: what time it is there, and until when a day lasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final

#: Where the provider is at home; without summer time, so it needs no table of zones.
KOREA: Final = timezone(timedelta(hours=9), "KST")

# A file may be ahead of the clock: all its users then live in the same later time.
SCHEMA: Final = """
CREATE TABLE clock (
    ahead_seconds REAL NOT NULL CONSTRAINT time_never_runs_back CHECK (ahead_seconds >= 0)
);
INSERT INTO clock VALUES (0);
"""


def utc_now() -> datetime:
    """Return this moment, aware and in UTC."""
    return datetime.now(UTC)


#: On the how manieth day after a business day its money is paid out.
PAYOUT_DAYS: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The clock (``now`` gives aware times), the zone of a business day, and the grace after it."""

    now: Callable[[], datetime] = utc_now
    zone: tzinfo = KOREA
    reversible_extra: timedelta = timedelta(0)

    def day_of(self, moment: datetime) -> date:
        """Return the provider's business day that a moment belongs to."""
        return moment.astimezone(self.zone).date()

    def reversible_until(self, moment: datetime) -> datetime:
        """Return when what is captured at a moment can't be cancelled any more, only refunded."""
        return self._begin(self.day_of(moment) + timedelta(days=1)) + self.reversible_extra

    def paid_out_at(self, day: date) -> datetime:
        """Return when the money of a business day is paid out."""
        return self._begin(day + PAYOUT_DAYS)

    def last_paid_out(self, moment: datetime) -> date:
        """Return the last business day whose money is paid out at a moment."""
        return self.day_of(moment) - PAYOUT_DAYS

    def _begin(self, day: date) -> datetime:
        return datetime.combine(day, time.min, tzinfo=self.zone).astimezone(UTC)


def stamp(moment: datetime) -> str:
    """Write a moment so that text sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
