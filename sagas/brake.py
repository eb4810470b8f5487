"""Brake: how much calls may move before a second person has to agree.

A mistake in a table must not pay out all night. A shop names caps in `SAGAS["BRAKES"]`, and its
calls name the brake they are under; what goes over a cap waits (see `braking` and `approval`).
Values only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sagas.money import Money


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What has gone out: how many calls, and how many minor units of each currency."""

    count: int = 0
    minor: Mapping[str, int] = field(default_factory=dict)

    def plus(self, amount: Money) -> "Tally":
        """Return the tally with one more call that moves `amount`."""
        moved = self.minor.get(amount.currency, 0) + amount.minor
        return Tally(count=self.count + 1, minor={**self.minor, amount.currency: moved})


@dataclass(frozen=True, kw_only=True, slots=True)
class Brake:
    """The caps of one brake: the most that goes out by itself. None and {} are no cap.

    An hour is the last sixty minutes, over all workers. A run is one batch: the calls that one
    worker begins in one transaction. Sums are minor units by ISO 4217 code; once one currency has
    a cap, those without one have a cap of nothing. Raises ValueError for a cap below zero.
    """

    per_hour_count: int | None = None
    per_hour_minor: Mapping[str, int] = field(default_factory=dict)
    per_run_count: int | None = None
    per_run_minor: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what would stop everything by mistake."""
        counts = (self.per_hour_count or 0, self.per_run_count or 0)
        if min(*counts, *self.per_hour_minor.values(), *self.per_run_minor.values()) < 0:
            message = f"{self!r} has a cap below zero; leave a cap out to have none."
            raise ValueError(message)

    def reached(self, amount: Money, *, hour: Tally, run: Tally) -> str:
        """Return the cap that one more call of `amount` would go over, "" when there is none."""
        caps = (
            *_over("per_hour", self.per_hour_count, self.per_hour_minor, hour.plus(amount), amount),
            *_over("per_run", self.per_run_count, self.per_run_minor, run.plus(amount), amount),
        )
        return next(iter(caps), "")


def _over(
    name: str, count: int | None, minor: Mapping[str, int], tally: Tally, amount: Money
) -> Iterator[str]:
    """Yield the caps that a tally is over, as they are written in the settings."""
    if count is not None and tally.count > count:
        yield f"{name}_count={count}"
    allowed = minor.get(amount.currency, 0)
    if minor and tally.minor[amount.currency] > allowed:
        yield f"{name}_minor[{amount.currency!r}]={allowed}"
