"""Report: what a replay has come to, for people and for programs, and what does not agree."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sagas.money import Money
from shop.demo.screen import Screen
from shop.invoices import CURRENCY
from shop.replay.acts import Bucket, Gift, Reason, Way
from shop.replay.run import Outcome
from shop.replay.totals import CREDITED, LEFT_OUT, REFUSED, Sum, Totals

Row = tuple[object, ...]

_WORDS: Final[dict[object, Promise]] = {
    Way.CANCEL: gettext_lazy("cancelled whole, within the hour"),
    Way.CANCEL_PARTIAL: gettext_lazy("cancelled in part, within the hour"),
    Way.RETURN: gettext_lazy("sent back"),
    Gift.HIGHER_PRICE: gettext_lazy("goodwill: credited at more than was paid"),
    Gift.MONEY_ONLY: gettext_lazy("goodwill: no goods on the note"),
    Reason.NO_CUSTOMER: gettext_lazy("the note names no customer"),
    Reason.NO_ORDER: gettext_lazy("the customer had no order"),
    Reason.NOT_BOUGHT: gettext_lazy("the customer had not bought it"),
    Reason.MORE_THAN_BOUGHT: gettext_lazy("more than was bought"),
    Reason.ALREADY_CREDITED: gettext_lazy("credited before"),
    Reason.MORE_THAN_PAID: gettext_lazy("more than is left of the payment"),
    Reason.NOT_MATCHED: gettext_lazy("the note names no order"),
    Bucket.CHARGE: gettext_lazy("charges: postage, fees, manual entries"),
    Bucket.FREE: gettext_lazy("free of charge"),
    Bucket.WRITE_OFF: gettext_lazy("written off"),
    Bucket.BAD_DEBT: gettext_lazy("bad debts"),
    Bucket.BEYOND_LIMIT: gettext_lazy("beyond the limit"),
}


# -- for people ------------------------------------------------------------------------------------


def tell(outcome: Outcome, screen: Screen) -> None:
    """Say it in tables: amounts as the file has them, then in what the shop books."""
    totals = outcome.totals
    screen.heading(_("In the file: %(lines)d lines") % {"lines": totals.lines})
    screen.table(list(_file_rows(totals)))
    screen.heading(_("What was sold and credited, in the file and in the shop's books"))
    screen.table(list(_booked_rows(totals)))
    if totals.refused:
        screen.heading(_("What was refused, and why"))
        screen.table(list(_refused_rows(totals)))
    if outcome.done is not None and outcome.done.undone:
        screen.heading(_("What the shop did not do"))
        screen.table(list(_undone_rows(outcome)))
    screen.heading(_("Whether it agrees"))
    screen.table([(_("what"), _("expected"), _("found"), ""), *_check_rows(outcome)])


def _file_rows(totals: Totals) -> Iterator[Row]:
    yield _("goods sold"), totals.sold.count, _pounds(totals.sold.exact)
    for bucket in LEFT_OUT:
        if bucket in totals.left_out:
            yield _row(bucket, totals.left_out[bucket])
    yield _("credited"), _count(totals.credited), _pounds(-totals.credited_exact)
    yield _("refused"), _count(totals.refused), _pounds(-totals.refused_exact)
    yield _("difference"), "", _pounds(totals.difference)
    yield _("all lines"), "", _pounds(totals.file)


def _booked_rows(totals: Totals) -> Iterator[Row]:
    sold = totals.sold
    yield _("goods sold"), sold.count, _pounds(sold.exact), _booked(sold.minor)
    for kind in CREDITED:
        found = totals.credited.get(kind, Sum())
        yield (*_row(kind, found), _booked(found.minor))
    yield _("paid back beyond a lower price on the note"), "", "", _booked(totals.reduction)
    yield _("rounding of what was sold"), "", _pounds(totals.sold_rounding), ""
    yield _("rounding of what was credited"), "", _pounds(totals.credited_rounding), ""


def _refused_rows(totals: Totals) -> Iterator[Row]:
    for reason in REFUSED:
        if reason in totals.refused:
            yield _row(reason, totals.refused[reason])


def _undone_rows(outcome: Outcome) -> Iterator[Row]:
    assert outcome.done is not None  # noqa: S101  for types
    for why, undone in sorted(outcome.done.undone.items()):
        yield why, undone.count, _booked(undone.minor), undone.first


def _check_rows(outcome: Outcome) -> Iterator[Row]:
    for name, (expected, found) in checks(outcome).items():
        sign = "" if expected == found else _("differs!")
        yield name, str(expected), str(found), sign


def _row(kind: object, found: Sum) -> Row:
    return str(_WORDS[kind]), found.count, _pounds(found.exact)


def _count(sums: Mapping[object, Sum]) -> int:
    return sum(each.count for each in sums.values())


def _pounds(amount: Decimal) -> str:
    return f"{amount:>16,.3f}"


def _booked(minor: int) -> str:
    return f"{Money(minor, CURRENCY)!s:>20}"


# -- for programs ----------------------------------------------------------------------------------


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return it as JSON values: exact amounts as text, in pounds; `minor` in pence."""
    totals, done = outcome.totals, outcome.done
    return {
        "prefix": outcome.prefix,
        "seconds": round(outcome.seconds, 3),
        "lines": totals.lines,
        "file": str(totals.file),
        "sold": _sum_json(totals.sold) | {"rounding": str(totals.sold_rounding)},
        "credited": _sums_json(totals.credited),
        "credited_rounding": str(totals.credited_rounding),
        "reduction_minor": totals.reduction,
        "refused": _sums_json(totals.refused),
        "left_out": _sums_json(totals.left_out),
        "undone": {
            why: {"count": undone.count, "minor": undone.minor, "first": undone.first}
            for why, undone in (done.undone if done else {}).items()
        },
        "checks": {
            name: {"expected": str(expected), "found": str(found)}
            for name, (expected, found) in checks(outcome).items()
        },
        "agrees": not failures(outcome),
    }


def _sums_json(sums: Mapping[object, Sum]) -> dict[str, Any]:
    return {str(kind): _sum_json(found) for kind, found in sorted(sums.items(), key=str)}


def _sum_json(found: Sum) -> dict[str, Any]:
    return {
        "count": found.count,
        "units": found.units,
        "exact": str(found.exact),
        "minor": found.minor,
    }


# -- whether it agrees -----------------------------------------------------------------------------


def checks(outcome: Outcome) -> dict[str, tuple[object, object]]:
    """Return what must be equal: name, what is expected, what was found; money in pence.

    The file is held against the plan; the shop and its provider against both, if there is a shop.
    """
    totals, done, books = outcome.totals, outcome.done, outcome.books
    found: dict[str, tuple[object, object]] = {"difference": (Decimal(0), totals.difference)}
    if done is None or books is None:
        return found
    kept = totals.sold.minor - totals.credited_minor + done.undone_minor
    return found | {
        "orders": (totals.sold.count, books.orders),
        "sold": (totals.sold.minor, books.sold_minor),
        "kept by the provider": (kept, books.kept_minor),
        "undone": (0, sum(each.count for each in done.undone.values())),
    }


def failures(outcome: Outcome) -> list[str]:
    """Return the names of what does not agree."""
    return [name for name, (expected, found) in checks(outcome).items() if expected != found]
