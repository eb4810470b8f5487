"""Commands of orders: place one, ask for its cancellation, send goods back.

Each opens its own transaction and announces what it did; `actor` says who: "customer:42",
"admin:kim". Amounts are in minor units of the order's currency.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from django.conf import settings
from django.db import router, transaction
from django.utils.translation import gettext as _

from orders import cases, events
from orders.models import Case, Order, Return, ReturnLine, SoldLine
from sagas import clock
from sagas.locks import for_update
from sagas.money import Money
from sagas.outbox import publish, saga_transaction

MAX_QUANTITY = 1_000_000
MAX_TOTAL_MINOR = 9_000_000_000_000_000
MAX_LINES = 10_000

#: An article, how many of it, and the price of one in minor units (or as Money).
NewLine = tuple[str, int, int | Money]


class InvalidInput(ValueError):
    """What was given can't be done: `code` for programs, `field` where, `message` for people."""

    def __init__(self, code: str, field: str, message: str) -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message


class InvalidOrder(InvalidInput):
    """An order that can't be placed."""


class InvalidReturn(InvalidInput):
    """A return that can't be asked for."""


# -- placing --------------------------------------------------------------------------------


def place_order(
    *,
    customer: str,
    currency: str,
    lines: Sequence[NewLine],
    ship_to: events.Address,
    payment_tokens: Sequence[str],
    number: str | None = None,
    actor: str = "",
) -> Order:
    """Place an order and start its checkout.

    `payment_tokens` are the customer's cards, tried in their order. `number` is given to orders
    that come from elsewhere; it is unique. Raises InvalidOrder. An article that inventory does not
    know is not an error: the order is cancelled as out of stock.
    """
    sold = [_sold_line(n, line, currency) for n, line in enumerate(_counted(lines), start=1)]
    total = _total(sold, currency)
    _refuse_length("bad_customer", "customer", customer, limit=200)
    if not payment_tokens or not all(payment_tokens):
        message = _("An order needs at least one payment token, and none may be empty.")
        raise InvalidOrder("no_payment_token", "payment_tokens", message)
    using = router.db_for_write(Order)
    with transaction.atomic(using=using):
        order = Order(
            number=_free_number(number, using),
            customer=customer,
            total_minor=total.minor,
            currency=total.currency,
            ship_to=msgspec.to_builtins(ship_to),
            placed_at=clock.now(using),
        )
        order.save(using=using, force_insert=True)
        for line in sold:
            line.order = order
        SoldLine.objects.using(using).bulk_create(sold)
        placed = _placed(order, sold, total, ship_to, payment_tokens)
        publish(placed, of=order, actor=actor)
    return order


def _counted(lines: Sequence[NewLine]) -> Sequence[NewLine]:
    if not lines:
        raise InvalidOrder("empty", "lines", _("An order needs at least one line."))
    if len(lines) > MAX_LINES:
        message = _("An order has at most %(max)d lines, not %(count)d.")
        values = {"max": MAX_LINES, "count": len(lines)}
        raise InvalidOrder("too_many_lines", "lines", message % values)
    return lines


def _sold_line(line_no: int, line: NewLine, currency: str) -> SoldLine:
    sku, quantity, price = line
    field = f"lines[{line_no - 1}]"
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


def _total(sold: Iterable[SoldLine], currency: str) -> Money:
    minor = sum(line.quantity * line.unit_price_minor for line in sold)
    if not 1 <= minor <= MAX_TOTAL_MINOR:
        message = _("A total is from 1 to %(max)d minor units, not %(total)d.")
        values = {"max": MAX_TOTAL_MINOR, "total": minor}
        raise InvalidOrder("bad_total", "lines", message % values)
    try:
        return Money(minor, currency)
    except ValueError as error:
        raise InvalidOrder("bad_currency", "currency", str(error)) from error


def _refuse_length(code: str, field: str, value: str, *, limit: int) -> None:
    if not 1 <= len(value) <= limit:
        message = _("%(field)s has 1 to %(limit)d characters, not %(length)d.")
        values = {"field": field, "limit": limit, "length": len(value)}
        raise InvalidOrder(code, field, message % values)


def _free_number(number: str | None, using: str) -> str:
    if number is None:
        return f"S-{clock.new_id().hex[-12:].upper()}"
    _refuse_length("bad_number", "number", number, limit=40)
    if Order.objects.using(using).filter(number=number).exists():
        message = _("The order number %(number)s is taken.") % {"number": number}
        raise InvalidOrder("number_taken", "number", message)
    return number


def _placed(
    order: Order,
    sold: Iterable[SoldLine],
    total: Money,
    ship_to: events.Address,
    payment_tokens: Iterable[str],
) -> events.OrderPlaced:
    return events.OrderPlaced(
        order_id=order.pk,
        number=order.number,
        customer=order.customer,
        total=total,
        lines=tuple(_ordered(line) for line in sold),
        ship_to=ship_to,
        payment_tokens=tuple(payment_tokens),
    )


def _ordered(line: SoldLine) -> events.OrderLine:
    return events.OrderLine(
        line_no=line.line_no,
        sku=line.sku,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
    )


# -- cancelling -----------------------------------------------------------------------------


def request_cancel(order: Order, *, reason: str = "", actor: str = "") -> Case:
    """Ask for the cancellation of the whole order and return the case; shipping decides (R32).

    An order that is being cancelled, or has a case open, keeps it: the first one is returned and
    nothing is asked again (D-30).
    """
    with saga_transaction(order, actor=actor) as locked:
        known = locked.cases.exclude(outcome=Case.Outcome.REJECTED).order_by("opened_at").first()
        if known is not None:
            return known
        now = clock.now(locked._state.db or "default")
        case = cases.wished(locked, reason=reason, actor=actor, now=now)
        case.save(using=locked._state.db, force_insert=True)
        wish = events.CancelRequested(order_id=locked.pk, case_id=case.pk, reason=reason)
        publish(wish, of=locked)
    return case


# -- returning ------------------------------------------------------------------------------


def request_return(
    order: Order, *, lines: Sequence[tuple[int, int]], reason: str = "", actor: str = ""
) -> Return:
    """Ask for goods to be sent back: (line number, quantity) each; starts a return.

    The money follows once the goods were inspected. Raises InvalidReturn when the order is not
    complete, its window is over, or more would come back than was sold.
    """
    with saga_transaction(order, actor=actor) as locked:
        using = locked._state.db or "default"
        now = clock.now(using)
        _refuse_untimely(locked, now)
        wanted = _wanted(lines)
        sold = _lock_lines(locked, wanted, using)
        returned, parts = _new_return(locked, sold, wanted, reason=reason, actor=actor, now=now)
        returned.save(using=using, force_insert=True)
        ReturnLine.objects.using(using).bulk_create(parts)
        SoldLine.objects.using(using).bulk_update(sold, ["return_pending"])
        publish(_requested(locked, returned, parts), of=returned)
    return returned


def _refuse_untimely(order: Order, now: datetime) -> None:
    if order.state != Order.State.COMPLETED or order.delivered_at is None:
        message = _("Order %(number)s is %(state)s; goods can be sent back once it is completed.")
        values = {"number": order.number, "state": order.get_state_display()}
        raise InvalidReturn("not_completed", "order", message % values)
    if now > order.delivered_at + settings.SHOP["RETURN_WINDOW"]:
        message = _("Order %(number)s was delivered on %(date)s; its return window is over.")
        values = {"number": order.number, "date": order.delivered_at.date().isoformat()}
        raise InvalidReturn("window_over", "order", message % values)


def _wanted(lines: Iterable[tuple[int, int]]) -> dict[int, int]:
    wanted: dict[int, int] = {}
    for line_no, quantity in lines:
        if quantity < 1:
            message = _("Line %(n)d: a returned quantity is at least 1.") % {"n": line_no}
            raise InvalidReturn("bad_quantity", "lines", message)
        wanted[line_no] = wanted.get(line_no, 0) + quantity
    if not wanted:
        raise InvalidReturn("empty", "lines", _("A return needs at least one line."))
    return wanted


def _lock_lines(order: Order, wanted: dict[int, int], using: str) -> list[SoldLine]:
    """Lock the lines that come back; other returns of the order change them, too."""
    rows = SoldLine.objects.using(using).filter(order=order, line_no__in=wanted)
    sold = list(for_update(rows.order_by("pk")))
    unknown = sorted(wanted.keys() - {line.line_no for line in sold})
    if unknown:
        message = _("Order %(number)s has no line %(n)d.")
        values = {"number": order.number, "n": unknown[0]}
        raise InvalidReturn("unknown_line", "lines", message % values)
    for line in sold:
        if wanted[line.line_no] > line.returnable:
            message = _("Line %(n)d: %(left)d units can be sent back, not %(quantity)d.")
            values = {
                "n": line.line_no,
                "left": line.returnable,
                "quantity": wanted[line.line_no],
            }
            raise InvalidReturn("too_many", "lines", message % values)
    return sold


def _new_return(
    order: Order,
    sold: Iterable[SoldLine],
    wanted: dict[int, int],
    *,
    reason: str,
    actor: str,
    now: datetime,
) -> tuple[Return, list[ReturnLine]]:
    """Return the return and its lines, not saved; marks the units as on their way."""
    returned = Return(
        order=order, currency=order.currency, reason=reason, actor=actor, requested_at=now
    )
    parts = [_take(line, wanted[line.line_no], returned) for line in sold]
    returned.refund_minor = sum(part.amount_minor for part in parts)
    return returned, parts


def _take(line: SoldLine, quantity: int, returned: Return) -> ReturnLine:
    line.return_pending += quantity
    amount = quantity * line.unit_price_minor
    return ReturnLine(parent=returned, line=line, quantity=quantity, amount_minor=amount)


def _requested(
    order: Order, returned: Return, parts: Iterable[ReturnLine]
) -> events.ReturnRequested:
    lines = tuple(
        events.ReturnLine(
            line_no=part.line.line_no,
            sku=part.line.sku,
            quantity=part.quantity,
            amount_minor=part.amount_minor,
        )
        for part in parts
    )
    return events.ReturnRequested(
        return_id=returned.pk,
        order_id=order.pk,
        number=order.number,
        lines=lines,
        refund=returned.refund,
        ship_from=order.address,
        reason=returned.reason,
    )
