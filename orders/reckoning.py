"""Reckoning: what goes back for a case: money by line, postage, coupon and points.

Everything is worked out from the order's own rows, in integers of minor units, and nothing is lost
or given twice: what is divided adds up, and what is given up last takes exactly the rest. `reckon`
is pure; `estimate` and `book` write what it found, the one on the case alone, the other for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from orders.cases import Bearer, Benefits, CaseRule, Fee
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from sagas.money import allocate, share

#: So many units of a line that are given up.
Taken = tuple[SoldLine, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Books:
    """An order's rows that say who has had what."""

    order: Order
    lines: Sequence[SoldLine]
    benefits: Sequence[Benefit]

    @property
    def rest(self) -> list[Taken]:
        """All that has not been given up."""
        left = ((line, line.quantity - line.given_up) for line in self.lines)
        return [(line, units) for line, units in left if units]

    @property
    def by_id(self) -> dict[object, SoldLine]:
        """The lines by their ids, made anew each time."""
        return {line.pk: line for line in self.lines}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reckoning:
    """What goes back, and why so much; the sum is that of `Case`."""

    goods_minor: int
    postage_minor: int
    return_fee_minor: int
    replaced_minor: int
    withheld_minor: int
    coupon_minor: int
    points_minor: int
    #: What was paid for the units of each line that was taken.
    worths: tuple[int, ...]
    #: What of the refund is each line's; the rest is postage.
    refunds: tuple[int, ...]

    @property
    def refund_minor(self) -> int:
        """What the customer gets back in money."""
        taken_off = self.return_fee_minor + self.replaced_minor + self.withheld_minor
        return self.goods_minor + self.postage_minor - taken_off


def reckon(
    books: Books,
    taken: Sequence[Taken],
    *,
    rule: CaseRule,
    fee_minor: int = 0,
    replaced_minor: int = 0,
    given_before: Sequence[int] = (),
) -> Reckoning:
    """Work out what goes back when units are given up; `rule` is that of the very case.

    `fee_minor` is what the customer pays for the way back (X), `replaced_minor` what other goods
    are worth that they get instead, `given_before` what was given back for these units already,
    line by line. None takes more off than there is, and nothing is given twice.
    """
    worths = worths_of(taken)
    before = tuple(given_before) or (0,) * len(worths)
    goods, postage = sum(worths), _postage(books, taken, rule)
    fee = min(fee_minor, goods + postage - sum(before))
    replaced = min(replaced_minor, goods + postage - sum(before) - fee)
    open_minor = goods + postage - fee - replaced - sum(before)
    withheld = sum(before) + max(open_minor - books.order.left_minor, 0)
    for_goods = books.order.money(max(goods - fee - replaced - withheld, 0))
    weights = [worth - given for worth, given in zip(worths, before, strict=True)]
    return Reckoning(
        goods_minor=goods,
        postage_minor=postage,
        return_fee_minor=fee,
        replaced_minor=replaced,
        withheld_minor=withheld,
        coupon_minor=_benefit(books, taken, rule, Benefit.Kind.COUPON),
        points_minor=_benefit(books, taken, rule, Benefit.Kind.POINTS),
        worths=worths,
        refunds=tuple(part.minor for part in allocate(for_goods, weights)),
    )


def reckon_whole(books: Books, *, rule: CaseRule) -> Reckoning:
    """Work out what goes back of an order that is cancelled; no money where none was taken."""
    taken = books.rest
    found = reckon(books, taken, rule=rule)
    if books.order.is_captured:
        return found
    nothing = (0,) * len(taken)
    return replace(
        found, goods_minor=0, postage_minor=0, withheld_minor=0, worths=nothing, refunds=nothing
    )


def worths_of(taken: Sequence[Taken]) -> tuple[int, ...]:
    """Return what was paid for units, after what was given up of their lines before."""
    return tuple(
        share(line.paid_minor, line.quantity, line.given_up, units) for line, units in taken
    )


def _gross(taken: Sequence[Taken]) -> int:
    """Return what units cost before coupon and points: by that, shared things are divided."""
    return sum(line.unit_price_minor * units for line, units in taken)


def _given_up(books: Books) -> int:
    return _gross([(line, line.given_up) for line in books.lines])


def _portion(books: Books, taken: Sequence[Taken], whole_minor: int) -> int:
    """Return the part of what belongs to all goods that falls to those that are given up."""
    if not books.order.goods_minor:
        return 0
    return share(whole_minor, books.order.goods_minor, _given_up(books), _gross(taken))


def _postage(books: Books, taken: Sequence[Taken], rule: CaseRule) -> int:
    left = books.order.shipping_minor - books.order.postage_back_minor
    if rule.fee is not Fee.REFUNDED:
        return 0
    if takes_the_rest(books, taken):
        return left
    if settings.SHOP["PARTIAL_POSTAGE"] == "pro_rata":
        return min(_portion(books, taken, books.order.shipping_minor), left)
    return 0


def takes_the_rest(books: Books, taken: Sequence[Taken]) -> bool:
    """Whether the customer keeps nothing of the order once these units are given up."""
    units = {line.pk: count for line, count in taken}
    return all(
        line.cancelled + line.returned + line.lost + units.get(line.pk, 0) == line.quantity
        for line in books.lines
    )


def _benefit(books: Books, taken: Sequence[Taken], rule: CaseRule, kind: Benefit.Kind) -> int:
    """Return what comes back of coupon or points: the share of goods that are not kept (M7)."""
    if rule.benefits is Benefits.FORFEITED:
        return 0
    used = sum(found.used_minor for found in books.benefits if found.kind == kind)
    return _portion(books, taken, used)


def return_fee(rule: CaseRule, currency: str) -> int:
    """Return X in minor units: what a customer pays who changed their mind."""
    if rule.bearer is not Bearer.CUSTOMER:
        return 0
    return int(settings.SHOP["RETURN_FEE_MINOR"].get(currency, 0))


def estimate(case: Case, found: Reckoning) -> None:
    """Write on the case what it comes to as things stand; nothing is given yet."""
    case.goods_minor = found.goods_minor
    case.postage_minor = found.postage_minor
    case.return_fee_minor = found.return_fee_minor
    case.replaced_minor = found.replaced_minor
    case.withheld_minor = found.withheld_minor
    case.refund_minor = found.refund_minor + case.given_minor
    case.coupon_minor = found.coupon_minor
    case.points_minor = found.points_minor


def book(case: Case, books: Books, taken: Sequence[Taken], found: Reckoning) -> None:
    """Write down for good what the case gives back, in its order and lines, too.

    How many units were cancelled, returned or lost is the caller's to count.
    """
    estimate(case, found)
    for (line, _), refund in zip(taken, found.refunds, strict=True):
        line.refunded_minor += refund
    books.order.postage_back_minor += found.refund_minor - sum(found.refunds)
    books.order.given_back_minor += found.refund_minor


def unbook(case: Case, books: Books, parts: Sequence[CaseLine]) -> None:
    """Take back what was booked for a case whose money could not be given."""
    by_line = sum(part.refunded_minor for part in parts)
    sold = books.by_id
    for part in parts:
        sold[part.line_id].refunded_minor -= part.refunded_minor
        part.refunded_minor = 0
    books.order.postage_back_minor -= case.refund_minor - case.given_minor - by_line
    books.order.given_back_minor -= case.refund_minor
    withhold(case)


def withhold(case: Case, *, paid_minor: int = 0) -> None:
    """Give no more than `paid_minor` for a case, since somebody else had the rest before."""
    case.withheld_minor += case.refund_minor - paid_minor
    case.refund_minor = paid_minor


def fall_short(case: Case, books: Books, parts: Sequence[CaseLine], *, paid_minor: int) -> None:
    """Take back what was booked for a case beyond `paid_minor`: the bank had the rest (D-25).

    In the order's own sum it stays: it is not the shop's any more, whoever has it. What cancels a
    whole order is booked when that is over, and has nothing to take back before.
    """
    if not (case.is_whole and books.order.state == Order.State.CANCELLING):
        _take_off(case, books, parts, case.refund_minor - paid_minor)
    withhold(case, paid_minor=paid_minor)


def _take_off(case: Case, books: Books, parts: Sequence[CaseLine], short_minor: int) -> None:
    """Take so much off what lines and postage had of a case, goods first."""
    sold = books.by_id
    lines = [sold[part.line_id] for part in parts] or list(books.lines)
    by_line = [part.refunded_minor for part in parts] or _had_of_whole(case, books)
    postage = max(case.refund_minor - case.given_minor - sum(by_line), 0)
    of_goods = min(short_minor, sum(by_line))
    off = _spread(books, of_goods, by_line)
    for line, less in zip(lines, off, strict=True):
        line.refunded_minor -= less
    for part, less in zip(parts, off, strict=False):
        part.refunded_minor -= less
    books.order.postage_back_minor -= min(short_minor - of_goods, postage)


def _had_of_whole(case: Case, books: Books) -> list[int]:
    """Return what each line had of a case without parts: by what all cases gave for it."""
    had = [line.refunded_minor for line in books.lines]
    goods = case.goods_minor - case.return_fee_minor - case.replaced_minor - case.withheld_minor
    return _spread(books, max(min(goods, sum(had)), 0), had)


def _spread(books: Books, minor: int, weights: Sequence[int]) -> list[int]:
    if not minor:
        return [0] * len(weights)
    return [part.minor for part in allocate(books.order.money(minor), weights)]


def book_parts(parts: Sequence[CaseLine], taken: Sequence[Taken], found: Reckoning) -> None:
    """Write on the case's lines what was paid for the units that count, and what of it goes back.

    A line of which nothing counts is worth nothing here.
    """
    by_line = {
        line.pk: (worth, refund)
        for (line, _), worth, refund in zip(taken, found.worths, found.refunds, strict=True)
    }
    for part in parts:
        part.amount_minor, part.refunded_minor = by_line.get(part.line_id, (0, 0))


def restore(case: Case, benefits: Sequence[Benefit]) -> None:
    """Give back what the case says of coupon and points (M7)."""
    amounts = {
        Benefit.Kind.COUPON.value: case.coupon_minor,
        Benefit.Kind.POINTS.value: case.points_minor,
    }
    for benefit in benefits:
        benefit.restored_minor += amounts[benefit.kind]
