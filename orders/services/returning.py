"""Sending goods back, for money or for other goods; the goods come first (D-13, D-17, D-20)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from django.conf import settings
from django.utils.translation import gettext as _

from orders import case_book, events
from orders.cases import CaseRule, Stock
from orders.events import CaseKind
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.reckoning import Books, Reckoning, Taken, estimate, reckon, return_fee, worths_of
from orders.services.cancelling import save_case
from orders.services.lines import Named, database_of, locked_lines, taken_from
from orders.services.placing import NewLine, sold_line
from orders.services.refusals import InvalidReturn
from sagas import clock
from sagas.outbox import publish, saga_transaction

State = Order.State

#: The customer has had it; LOST and REINSTATED count once a replacement has arrived.
_ARRIVED = frozenset([State.DELIVERED, State.COMPLETED, State.LOST, State.REINSTATED])


def request_return(
    order: Order,
    *,
    lines: Iterable[Named],
    reason: str = "",
    actor: str = "",
    fault: bool = False,
) -> Case:
    """Ask for goods to be sent back: (line number, quantity) each; starts a return.

    The money follows once the goods were inspected; `fault` says that the shop is to blame (D-18),
    which is only a claim where a customer says it: who inspects the goods decides.
    A parcel that is still on its way, with all that was sent, is to be stopped (D-13). Raises
    InvalidReturn when the window is over, or more would come back than there is.
    """
    with saga_transaction(order, actor=actor) as locked:
        sold = locked_lines(locked)
        _refuse_untimely(locked)
        taken = _returnable(locked, sold, lines)
        intercept = _is_intercept(locked, sold, taken)
        case = _new_case(locked, CaseKind.RETURN, taken, reason=reason, actor=actor, fault=fault)
        estimate(case, _worth(locked, sold, taken, rule=case.rule))
        open_return(locked, case, taken, sold, intercept=intercept)
    return case


def open_return(
    order: Order, case: Case, taken: list[Taken], sold: list[SoldLine], *, intercept: bool
) -> None:
    """Save the case of goods that are to come back, and ask for them."""
    parts = _send_back(case, taken)
    save_case(case, parts, sold, ["return_pending"])
    publish(
        events.ReturnRequested(
            case_id=case.pk,
            order_id=order.pk,
            number=order.number,
            case=case.why,
            lines=case_book.told_lines(parts, sold),
            ship_from=order.address,
            intercept=intercept,
            reason=case.reason,
            fault=case.rule.stock is Stock.QUARANTINE,
            claimed=case.is_claim,
        ),
        of=case,
    )


def request_exchange(
    order: Order,
    *,
    lines: Iterable[Named],
    wanted: Sequence[NewLine] = (),
    reason: str = "",
    actor: str = "",
    fault: bool = False,
) -> Case:
    """Ask for goods to be exchanged: (line number, quantity) each; starts an exchange (D-20).

    `wanted` is what goes out instead, the same goods when it is left out. It may be cheaper, and
    the difference is paid back; dearer goods are refused. What is reserved comes first, so that
    nobody sends goods back for nothing. Raises InvalidReturn, and InvalidOrder for a bad line.
    """
    with saga_transaction(order, actor=actor) as locked:
        sold = locked_lines(locked)
        _refuse_untimely(locked)
        taken = _returnable(locked, sold, lines)
        if _is_intercept(locked, sold, taken):
            message = _("Order %(number)s is on its way: exchange it once you have it.")
            raise InvalidReturn("not_delivered", "order", message % {"number": order.number})
        goods = _wanted(taken, wanted, locked.currency)
        replaced = _price(locked, taken, goods if wanted else None)
        case = _new_case(locked, CaseKind.EXCHANGE, taken, reason=reason, actor=actor, fault=fault)
        case.wanted = msgspec.to_builtins(goods)
        rule = case.rule.replaced()
        estimate(case, _worth(locked, sold, taken, rule=rule, replaced_minor=replaced))
        parts = _send_back(case, taken)
        save_case(case, parts, sold, ["return_pending"])
        publish(
            events.ExchangeRequested(
                case_id=case.pk,
                order_id=locked.pk,
                number=locked.number,
                lines=case_book.told_lines(parts, sold),
                wanted=goods,
                reason=reason,
            ),
            of=case,
        )
    return case


# -- what may come back ---------------------------------------------------------------------------


def _returnable(order: Order, sold: list[SoldLine], named: Iterable[Named]) -> list[Taken]:
    return taken_from(order, sold, named, left=lambda line: line.returnable, refusal=InvalidReturn)


def _is_intercept(order: Order, sold: list[SoldLine], taken: list[Taken]) -> bool:
    """Say whether the goods are to be stopped on their way; refuse what can't be."""
    if order.state != State.SHIPPED:
        return False
    if not is_stoppable(order, sold, taken):
        message = _("Order %(number)s is on its way in parts: send it back once you have it.")
        raise InvalidReturn("not_stoppable", "lines", message % {"number": order.number})
    return True


def _refuse_untimely(order: Order) -> None:
    """Refuse what has not left, or has been with the customer for too long."""
    if order.state == State.SHIPPED:
        return
    if order.state not in _ARRIVED or order.delivered_at is None:
        message = _("Order %(number)s is %(state)s; goods can be sent back once they arrived.")
        values = {"number": order.number, "state": order.get_state_display()}
        raise InvalidReturn("not_delivered", "order", message % values)
    _refuse_late(order, order.delivered_at)


def is_stoppable(order: Order, sold: list[SoldLine], taken: list[Taken]) -> bool:
    """Whether the units are all there is, in the one parcel that was sent (D-13)."""
    everything = sum(line.quantity - line.cancelled for line in sold)
    return order.parcels == 1 and sum(units for _line, units in taken) == everything


def _refuse_late(order: Order, delivered_at: datetime) -> None:
    if clock.now(database_of(order)) > delivered_at + settings.SHOP["RETURN_WINDOW"]:
        message = _("Order %(number)s was delivered on %(date)s; its return window is over.")
        values = {"number": order.number, "date": delivered_at.date().isoformat()}
        raise InvalidReturn("window_over", "order", message % values)


def _wanted(
    taken: list[Taken], wanted: Sequence[NewLine], currency: str
) -> tuple[events.OrderLine, ...]:
    if not wanted:
        return case_book.same_goods(taken)
    lines = [sold_line(n, line, currency, place="wanted") for n, line in enumerate(wanted, start=1)]
    return case_book.same_goods([(line, line.quantity) for line in lines])


def _price(order: Order, taken: list[Taken], goods: tuple[events.OrderLine, ...] | None) -> int:
    """Return what the wanted goods cost; the same goods cost what was paid for them."""
    worth = sum(worths_of(taken))
    if goods is None:
        return worth
    price = sum(line.quantity * line.unit_price_minor for line in goods)
    if price > worth:
        message = _("%(wanted)s can't be had for goods that cost %(paid)s: order it anew.")
        values = {"wanted": order.money(price), "paid": order.money(worth)}
        raise InvalidReturn("dearer", "wanted", message % values)
    return price


# -- cases ----------------------------------------------------------------------------------------


def _new_case(
    order: Order, kind: CaseKind, taken: list[Taken], *, reason: str, actor: str, fault: bool
) -> Case:
    return case_book.open_case(
        order,
        kind=kind,
        now=clock.now(database_of(order)),
        reason=reason,
        actor=actor,
        fault=fault,
    )


def _worth(
    order: Order,
    sold: list[SoldLine],
    taken: list[Taken],
    *,
    rule: CaseRule,
    replaced_minor: int = 0,
) -> Reckoning:
    benefits = Benefit.objects.using(database_of(order)).filter(order=order)
    return reckon(
        Books(order=order, lines=sold, benefits=list(benefits)),
        taken,
        rule=rule,
        fee_minor=0 if replaced_minor else return_fee(rule, order.currency),
        replaced_minor=replaced_minor,
    )


def _send_back(case: Case, taken: list[Taken]) -> list[CaseLine]:
    """Return the case's lines, not saved; its units are on their way back from now on."""
    parts = [
        case_book.part_of(case, line, units, amount_minor=worth)
        for (line, units), worth in zip(taken, worths_of(taken), strict=True)
    ]
    for line, units in taken:
        line.return_pending += units
    return parts
