"""Placing orders: what is sold is checked, added up and divided over its lines, once for all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from django.db import models, router, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from orders import events
from orders.events import PayBy
from orders.models import Benefit, BlockedCustomer, Case, Order, SoldLine
from orders.services.refusals import InvalidOrder
from sagas import clock
from sagas.money import Money, allocate
from sagas.outbox import publish

MAX_QUANTITY: Final = 1_000_000
MAX_TOTAL_MINOR: Final = 9_000_000_000_000_000
MAX_LINES: Final = 10_000

#: An article, how many of it, and the price of one in minor units (or as Money).
NewLine = tuple[str, int, int | Money]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sum:
    """What an order comes to, in minor units: goods and shipping, less coupon and points."""

    goods_minor: int
    shipping_minor: int
    discount_minor: int
    points_minor: int

    @property
    def for_goods_minor(self) -> int:
        """What is paid in money for the goods."""
        return self.goods_minor - self.discount_minor - self.points_minor

    @property
    def total_minor(self) -> int:
        """What is paid in money."""
        return self.for_goods_minor + self.shipping_minor


def place_order(
    *,
    customer: str,
    currency: str,
    lines: Sequence[NewLine],
    ship_to: events.Address,
    payment_tokens: Sequence[str] = (),
    pay_by: PayBy = PayBy.CARD,
    shipping_minor: int = 0,
    coupon: tuple[str, int] | None = None,
    points_minor: int = 0,
    number: str | None = None,
    email: str = "",
    actor: str = "",
) -> Order:
    """Place an order and start its checkout.

    `payment_tokens` are the customer's cards, tried in their order; a virtual account needs none.
    `coupon` is a code and what it takes off the goods, `points_minor` what points pay of them. Of a
    coupon that the shop gave as an apology no more is taken than is left, by whom it was given to.
    `number` is given to orders that come from elsewhere; it is unique. Mails go to `email`, in the
    language that is active now. Raises InvalidOrder. An
    article that inventory does not know is not an error: the order is cancelled as out of stock.
    """
    sold = [sold_line(n, line, currency) for n, line in enumerate(_counted(lines), start=1)]
    code, discount_minor = _coupon(coupon)
    paid = Sum(
        goods_minor=sum(line.quantity * line.unit_price_minor for line in sold),
        shipping_minor=shipping_minor,
        discount_minor=discount_minor,
        points_minor=points_minor,
    )
    total = _total(paid, currency)
    _refuse_length("bad_customer", "customer", customer, limit=200)
    _refuse_tokens(payment_tokens, pay_by)
    _divide(sold, paid, currency)
    using = router.db_for_write(Order)
    with transaction.atomic(using=using):
        _refuse_blocked(customer, using)
        if code:
            _refuse_coupon(code, paid.discount_minor, total.currency, customer, using)
        order = Order(
            number=_free_number(number, using),
            customer=customer,
            email=email,
            language=get_language() or "",
            goods_minor=paid.goods_minor,
            shipping_minor=paid.shipping_minor,
            discount_minor=paid.discount_minor,
            points_minor=paid.points_minor,
            total_minor=total.minor,
            currency=total.currency,
            ship_to=msgspec.to_builtins(ship_to),
            pay_by=pay_by.value,
            placed_at=clock.now(using),
        )
        order.save(using=using, force_insert=True)
        _save_parts(order, sold, code, using)
        placed = _placed(order, sold, ship_to, payment_tokens)
        publish(placed, of=order, actor=actor)
    return order


# -- what is refused ------------------------------------------------------------------------------


def _counted(lines: Sequence[NewLine]) -> Sequence[NewLine]:
    if not lines:
        raise InvalidOrder("empty", "lines", _("An order needs at least one line."))
    if len(lines) > MAX_LINES:
        message = _("An order has at most %(max)d lines, not %(count)d.")
        values = {"max": MAX_LINES, "count": len(lines)}
        raise InvalidOrder("too_many_lines", "lines", message % values)
    return lines


def sold_line(line_no: int, line: NewLine, currency: str, *, place: str = "lines") -> SoldLine:
    """Return a line as it is sold, not saved. Raises InvalidOrder that names it in `place`."""
    sku, quantity, price = line
    field = f"{place}[{line_no - 1}]"
    _refuse_length("bad_sku", f"{field}.sku", sku, limit=64)
    if not 1 <= quantity <= MAX_QUANTITY:
        message = _("Line %(n)d: a quantity is from 1 to %(max)d, not %(quantity)d.")
        values = {"n": line_no, "max": MAX_QUANTITY, "quantity": quantity}
        raise InvalidOrder("bad_quantity", f"{field}.quantity", message % values)
    minor = _minor(price, currency, line_no=line_no, field=f"{field}.unit_price")
    return SoldLine(line_no=line_no, sku=sku, quantity=quantity, unit_price_minor=minor)


def _minor(price: int | Money, currency: str, *, line_no: int, field: str) -> int:
    if isinstance(price, Money) and price.currency != currency:
        message = _("Line %(n)d is priced in %(found)s, the order in %(currency)s.")
        values = {"n": line_no, "found": price.currency, "currency": currency}
        raise InvalidOrder("currency_mismatch", field, message % values)
    minor = price.minor if isinstance(price, Money) else price
    if not 0 <= minor <= MAX_TOTAL_MINOR:
        message = _("Line %(n)d: a price is from 0 to %(max)d minor units, not %(price)d.")
        values = {"n": line_no, "max": MAX_TOTAL_MINOR, "price": minor}
        raise InvalidOrder("bad_price", field, message % values)
    return minor


def _coupon(coupon: tuple[str, int] | None) -> tuple[str, int]:
    if coupon is None:
        return "", 0
    code, minor = coupon
    _refuse_length("bad_coupon", "coupon.code", code, limit=64)
    if minor < 1:
        message = _("A coupon takes at least one minor unit off, not %(minor)d.")
        raise InvalidOrder("bad_coupon", "coupon.amount", message % {"minor": minor})
    return code, minor


def _total(paid: Sum, currency: str) -> Money:
    if paid.shipping_minor < 0 or paid.points_minor < 0:
        field = "shipping" if paid.shipping_minor < 0 else "points"
        raise InvalidOrder(f"bad_{field}", field, _("An amount is never negative."))
    if paid.for_goods_minor < 0:
        message = _("Coupon and points pay for the goods, and not for more than they cost.")
        raise InvalidOrder("benefits_exceed_goods", "points", message)
    if not 1 <= paid.total_minor <= MAX_TOTAL_MINOR or paid.goods_minor > MAX_TOTAL_MINOR:
        message = _("A total is from 1 to %(max)d minor units, not %(total)d.")
        values = {"max": MAX_TOTAL_MINOR, "total": paid.total_minor}
        raise InvalidOrder("bad_total", "lines", message % values)
    try:
        return Money(paid.total_minor, currency)
    except ValueError as error:
        raise InvalidOrder("bad_currency", "currency", str(error)) from error


def _refuse_tokens(tokens: Sequence[str], pay_by: PayBy) -> None:
    if not all(tokens) or (pay_by is PayBy.CARD and not tokens):
        message = _("An order needs at least one payment token, and none may be empty.")
        raise InvalidOrder("no_payment_token", "payment_tokens", message)


def _refuse_length(code: str, field: str, value: str, *, limit: int) -> None:
    if not 1 <= len(value) <= limit:
        message = _("%(field)s has 1 to %(limit)d characters, not %(length)d.")
        values = {"field": field, "limit": limit, "length": len(value)}
        raise InvalidOrder(code, field, message % values)


def _refuse_blocked(customer: str, using: str) -> None:
    blocked = BlockedCustomer.objects.using(using).filter(customer=customer, lifted_at__isnull=True)
    if blocked.exists():
        message = _("%(customer)s may not place orders; ask the shop why.")
        raise InvalidOrder("customer_blocked", "customer", message % {"customer": customer})


def _refuse_coupon(code: str, minor: int, currency: str, customer: str, using: str) -> None:
    """Refuse more of a coupon of the shop's own than is left of it; others are not known here."""
    given = Case.objects.using(using).filter(apology_code=code)
    case = given.select_for_update(of=("self",)).select_related("order").first()
    if case is None:
        return
    if (case.order.customer, case.currency) != (customer, currency):
        message = _("The coupon %(code)s is for another customer, or in another currency.")
        raise InvalidOrder("bad_coupon", "coupon.code", message % {"code": code})
    left = case.apology - Money(_spent(code, using), currency)
    if minor > left.minor:
        message = _("%(left)s is left of the coupon %(code)s.")
        raise InvalidOrder("bad_coupon", "coupon.amount", message % {"left": left, "code": code})


def _spent(code: str, using: str) -> int:
    """Return what was used of a coupon and not restored, in minor units."""
    used = Benefit.objects.using(using).filter(kind=Benefit.Kind.COUPON, reference=code)
    kept = models.Sum(models.F("used_minor") - models.F("restored_minor"), default=0)
    return int(used.aggregate(spent=kept)["spent"])


def _free_number(number: str | None, using: str) -> str:
    if number is None:
        return f"S-{clock.new_id().hex[-12:].upper()}"
    _refuse_length("bad_number", "number", number, limit=40)
    if Order.objects.using(using).filter(number=number).exists():
        message = _("The order number %(number)s is taken.") % {"number": number}
        raise InvalidOrder("number_taken", "number", message)
    return number


# -- what is kept ---------------------------------------------------------------------------------


def _divide(sold: Sequence[SoldLine], paid: Sum, currency: str) -> None:
    """Give each line its share of what is paid for all goods, to the last minor unit."""
    gross = [line.quantity * line.unit_price_minor for line in sold]
    shares = allocate(Money(paid.for_goods_minor, currency), gross)
    for line, part in zip(sold, shares, strict=True):
        line.paid_minor = part.minor


def _save_parts(order: Order, sold: Sequence[SoldLine], code: str, using: str) -> None:
    for line in sold:
        line.order = order
    SoldLine.objects.using(using).bulk_create(sold)
    used = [
        (Benefit.Kind.COUPON, code, order.discount_minor),
        (Benefit.Kind.POINTS, "", order.points_minor),
    ]
    Benefit.objects.using(using).bulk_create(
        Benefit(order=order, kind=kind, reference=reference, used_minor=minor)
        for kind, reference, minor in used
        if minor
    )


def _placed(
    order: Order,
    sold: Iterable[SoldLine],
    ship_to: events.Address,
    payment_tokens: Iterable[str],
) -> events.OrderPlaced:
    return events.OrderPlaced(
        order_id=order.pk,
        number=order.number,
        customer=order.customer,
        total=order.total,
        lines=tuple(_ordered(line) for line in sold),
        ship_to=ship_to,
        payment_tokens=tuple(payment_tokens),
        pay_by=PayBy(order.pay_by),
    )


def _ordered(line: SoldLine) -> events.OrderLine:
    return events.OrderLine(
        line_no=line.line_no,
        sku=line.sku,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
    )
