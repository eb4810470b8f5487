"""Lines of an order that somebody names: locked, counted, and never more than there are."""

from collections.abc import Callable, Iterable

from django.utils.translation import gettext as _

from orders.models import Order, SoldLine
from orders.reckoning import Taken
from orders.services.refusals import InvalidInput
from sagas.locks import for_update

#: A line's number and how many of its units.
Named = tuple[int, int]


def database_of(order: Order) -> str:
    """Return where an order is stored."""
    return order._state.db or "default"


def locked_lines(order: Order) -> list[SoldLine]:
    """Lock and return all lines of an order, whose row is locked: other cases change them, too."""
    rows = SoldLine.objects.using(database_of(order)).filter(order=order)
    return list(for_update(rows.order_by("pk")))


def taken_from(
    order: Order,
    lines: Iterable[SoldLine],
    named: Iterable[Named],
    *,
    left: Callable[[SoldLine], int],
    refusal: type[InvalidInput],
) -> list[Taken]:
    """Return the named lines with their units. Raises `refusal` where `left(line)` has fewer."""
    wanted = _added_up(named, refusal)
    sold = {line.line_no: line for line in lines}
    for line_no, quantity in wanted.items():
        _refuse_unknown(order, line_no, sold, refusal)
        if quantity > left(sold[line_no]):
            message = _("Line %(n)d: of %(left)d units that are left, %(quantity)d can't be taken.")
            values = {"n": line_no, "left": left(sold[line_no]), "quantity": quantity}
            raise refusal("too_many", "lines", message % values)
    return [(sold[line_no], quantity) for line_no, quantity in sorted(wanted.items())]


def _added_up(named: Iterable[Named], refusal: type[InvalidInput]) -> dict[int, int]:
    wanted: dict[int, int] = {}
    for line_no, quantity in named:
        if quantity < 1:
            message = _("Line %(n)d: a quantity is at least 1.") % {"n": line_no}
            raise refusal("bad_quantity", "lines", message)
        wanted[line_no] = wanted.get(line_no, 0) + quantity
    if not wanted:
        raise refusal("empty", "lines", _("At least one line has to be named."))
    return wanted


def _refuse_unknown(
    order: Order, line_no: int, sold: dict[int, SoldLine], refusal: type[InvalidInput]
) -> None:
    if line_no not in sold:
        message = _("Order %(number)s has no line %(n)d.")
        raise refusal("unknown_line", "lines", message % {"number": order.number, "n": line_no})
