"""Predicate: an invariant that contexts declare, with the one query that finds what breaks it.

A context declares its predicates in `<context>/reconciliation.py`, which is read when Django
starts. What is declared here says nothing about runs; `run` walks over it.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Field, Model, Q, QuerySet

from sagas.clock import Duration, lasting
from sagas.exceptions import ConfigurationError, DuplicateDeclaration
from sagas.money import Money
from sagas.reconciled import ReconciliationFinding

#: Who is asked about the engine itself.
OPERATORS = "operators"

#: Every declared predicate, by its id.
PREDICATES: dict[str, "Predicate"] = {}


class BreakClass(StrEnum):
    """What kind of break it is, for those who read it (R41)."""

    #: Something is late; it ages out by itself, or somebody is stuck.
    TIMING = "timing"
    #: The other party has it, our books do not.
    MISSING_LOCAL = "missing_local"
    #: Our books have it, the other party does not.
    MISSING_PSP = "missing_psp"
    #: Both have it, with different amounts.
    AMOUNT = "amount"
    #: It is there twice.
    DUPLICATE = "duplicate"
    #: It names something that nobody knows.
    UNKNOWN_REF = "unknown_ref"
    #: Two of our own facts contradict each other.
    STATE = "state"
    #: Something that must follow did not, or a number is left out.
    GAP = "gap"


class Severity(StrEnum):
    """How bad it is while it lasts."""

    #: Look at it in time.
    MINOR = "minor"
    #: Look at it today.
    MAJOR = "major"
    #: Money, stock or a parcel is going the wrong way.
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True, slots=True)
class Watermark:
    """How what has changed since the last run is found: the keys of rows that were written since.

    `column` is an indexed time column of `model` that every change sets anew, `key` the field whose
    values are looked at. `only` narrows the rows. `of` is the model whose primary key `key` holds,
    where that is not said by the field's own type (`subject_key` of an event is text).
    """

    model: type[Model]
    column: str
    key: str
    only: Q = field(default_factory=Q)
    of: type[Model] | None = None

    @property
    def key_field(self) -> "Field[Any, Any]":
        """The field that gives keys their type."""
        meta: Any = (self.of or self.model)._meta
        found: Field[Any, Any] = meta.pk if self.of else meta.get_field(self.key)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """Keys to look at; `parameter` is all of them as one parameter of a statement."""

    values: tuple[Any, ...]
    parameter: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one evaluation of a predicate sees. Times are aware and UTC."""

    using: str
    now: datetime
    #: What was last changed at or before this time is no longer on its way: `now` less the grace.
    settled: datetime
    #: Only what was changed after this is new; a distant past where everything is.
    since: datetime
    #: What is looked at; None for a predicate without a watermark.
    keys: Keys | None = None
    #: What a query that is a function adds to the parameters of its SQL.
    parameters: dict[str, Any] = field(default_factory=dict)
    #: What is found out once for all predicates that look at the same keys at the same time.
    shared: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of constants that a query may join, such as a policy's table."""

    #: The names, and whether they are `str` or `int`.
    columns: Mapping[str, type]
    rows: Sequence[tuple[str | int, ...]]


Query = str | QuerySet[Any, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """One row that breaks a predicate; see there for what the columns mean."""

    business_key: str
    subject: str = ""
    saga_id: UUID | None = None
    amount_minor: int | None = None
    currency: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicate:
    """What must hold, and the query that returns the rows for which it does not.

    `query` is SQL, or a function of a `Look` that returns SQL or a queryset of `values()`. SQL may
    use the parameters `%(now)s`, `%(settled)s` and `%(since)s`, and the names in `tables` as
    tables. With a `watermark` it selects from `changed`, a table with the one column `id`: the keys
    to look at. A per cent sign is written twice.

    It returns one row per break. The columns `key` together are the business key, which is unique
    among the predicate's rows. `subject` is the key in `changed` under which the row is looked at
    again, `saga_id` the saga that it is about, `amount_minor` and `currency` by how much it is
    wrong; all others are shown as details, through `says` where it is given.
    """

    #: Such as "M2"; unique.
    id: str
    #: What must hold, in a translatable sentence.
    sentence: Any
    query: str | Callable[[Look], Query]
    #: Who is asked about what breaks it: a group of people, or a queue.
    owner: str
    break_class: BreakClass
    severity: Severity = Severity.MAJOR
    #: How changed rows are found; None: it is always looked at as a whole, by an index of its own.
    watermark: Watermark | None = None
    #: How long after its last change something may look broken, because it is on its way. A
    #: function is asked at each look, so that a setting may say it.
    grace: Duration = timedelta(0)
    key: tuple[str, ...] = ("business_key",)
    tables: Mapping[str, Callable[[], Table]] = field(default_factory=dict)
    #: What was seen, translatable, with the columns as `%(name)s`.
    says: Any = ""
    #: Only where repairing can't be wrong (R41): calls ordinary services, says whether it acted.
    repair: Callable[[ReconciliationFinding], bool] | None = None

    @property
    def patience(self) -> timedelta:
        """The grace as it is now."""
        return lasting(self.grace)

    def __post_init__(self) -> None:
        """Refuse a query that would look at everything while it says that it does not."""
        if self.watermark and isinstance(self.query, str) and "changed" not in self.query:
            message = (
                f"Predicate {self.id} has a watermark and does not select from `changed`: join it,"
                " or leave the watermark out."
            )
            raise ConfigurationError(message)


def declare(*predicates: Predicate) -> None:
    """Register predicates. Raises DuplicateDeclaration for an id that is taken."""
    for predicate in predicates:
        if predicate.id in PREDICATES:
            message = f"Predicate {predicate.id!r} is declared twice; ids are unique."
            raise DuplicateDeclaration(message)
        PREDICATES[predicate.id] = predicate


def sentence_of(predicate_id: str) -> str:
    """Return what must hold, in the reader's language; empty where this code no longer knows."""
    known = PREDICATES.get(predicate_id)
    return str(known.sentence) if known else ""


def amount_of(seen: Broken | ReconciliationFinding) -> str:
    """Return by how much it is wrong, as its currency is written; empty where that says nothing.

    What is no currency stands as it is stated.
    """
    if seen.amount_minor is None:
        return ""
    try:
        return str(Money(minor=seen.amount_minor, currency=seen.currency))
    except ValueError:
        return f"{seen.amount_minor} {seen.currency}"


def text_of(predicate_id: str, seen: Broken | ReconciliationFinding) -> str:
    """Return what was seen, in the reader's language."""
    known = PREDICATES.get(predicate_id)
    if known and known.says:
        money = {"amount_minor": seen.amount_minor, "currency": seen.currency}
        return str(known.says) % defaultdict(lambda: "?", {**seen.detail, **money})
    return ", ".join(f"{name}: {value}" for name, value in seen.detail.items())
