"""Retry: how often and how far apart a failing step is tried again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

_jitter = random.Random()  # noqa: S311  spreads load, keeps no secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """Exponential backoff with full jitter, a cap, and a number of attempts.

    `per_exception` names other policies for exception classes and their subclasses; a policy of
    one attempt means "do not try again". The first match in order counts.
    """

    attempts: int = 8
    base: timedelta = timedelta(seconds=1)
    factor: float = 2.0
    cap: timedelta = timedelta(minutes=10)
    per_exception: Mapping[type[Exception], "Retry"] = field(default_factory=dict)

    def policy_for(self, error: BaseException) -> "Retry":
        """Return the policy that counts for `error`."""
        for kind, policy in self.per_exception.items():
            if isinstance(error, kind):
                return policy
        return self

    def is_exhausted(self, attempts: int) -> bool:
        """Whether `attempts` made leave no further one."""
        return attempts >= self.attempts

    def ceiling(self, attempt: int) -> timedelta:
        """Return the longest wait after attempt number `attempt` (from 1)."""
        # In seconds: a timedelta can't hold what sixty doublings make of it.
        seconds = self.base.total_seconds() * self.factor ** min(attempt - 1, 60)
        return timedelta(seconds=min(seconds, self.cap.total_seconds()))

    def wait(self, attempt: int) -> timedelta:
        """Return a random wait between nothing and the ceiling (full jitter)."""
        return self.ceiling(attempt) * _jitter.random()


#: What a step gets when it declares nothing.
DEFAULT_RETRY = Retry()
#: How far apart a call without an answer is inquired about (R29).
INQUIRY = Retry(attempts=1_000_000, base=timedelta(seconds=1), cap=timedelta(minutes=5))
