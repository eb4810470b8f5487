"""Orders' steps of partial cancellations and shortages, called like the functions they are."""

import pytest

from inventory.events import (
    LinesReleased,
    ShortageFound,
    ShortLine,
)
from orders import case_book
from orders.events import (
    CancelRequested,
    CaseKind,
    PartialCancelRejected,
    PartialCancelRequested,
)
from orders.models import Case, CaseLine, Order
from orders.participant.cancelling import (
    answer_shortage,
)
from orders.participant.partial import cancel_lines, reject_partial, settle_partial
from payments.events import (
    AmountReduced,
    CaseRefunded,
    MoneyOp,
    RefundImpossible,
)
from sagas.exceptions import PermanentFailure
from sagas.money import Money
from sagas.participant import AnswerKind
from shipping.events import (
    PartialCancelAccepted,
    PartialCancelRefused,
)
from tests.unit.order_rows import (
    a_case,
    added,
    an_order,
    books,
    kind_of,
    lines_of,
    parts_of,
    rows,
    work,
)

S, CS = Order.State, Case.State


# -- a shortage -----------------------------------------------------------------------------------


def short(order, **units):
    lines = tuple(ShortLine(sku=sku.replace("_", "-"), quantity=n) for sku, n in units.items())
    return ShortageFound(order_id=order.pk, lines=lines)


def test_a_shortage_of_everything_asks_for_the_end_of_the_order():
    found, unit = books(S.CONFIRMED), work()

    fact = answer_shortage(
        short(found.order, SKU_1=3, SKU_2=1), found.order, cases=[], lines=found.lines, work=unit
    )

    (case,) = added(unit, Case)
    assert isinstance(fact, CancelRequested)
    assert (case.kind, case.is_whole) == ("oos_cancel", True)


def test_a_shortage_of_some_units_cancels_just_those():
    found, unit = books(S.CONFIRMED), work()

    fact = answer_shortage(
        short(found.order, SKU_1=2), found.order, cases=[], lines=found.lines, work=unit
    )

    (case,) = added(unit, Case)
    (part,) = added(unit, CaseLine)
    assert isinstance(fact, PartialCancelRequested)
    assert (case.kind, case.is_whole, case.state) == ("oos_cancel", False, CS.OPEN)
    assert (part.quantity, part.amount_minor) == (2, 1000)
    assert found.lines[0].cancel_pending == 2


def test_a_shortage_of_what_has_left_goes_to_a_person():
    found = books(S.SHIPPED)
    found.lines[0].shipped = 3

    with pytest.raises(PermanentFailure, match="nothing left to send"):
        answer_shortage(
            short(found.order, SKU_1=1), found.order, cases=[], lines=found.lines, work=work()
        )


# -- a part ---------------------------------------------------------------------------------------


def a_part(state=S.FULFILLING, case_state=CS.OPEN, **values):
    """Return a case about two mugs of three, with the order's books."""
    found = books(state, **values)
    line = found.lines[0]
    line.cancel_pending = 2
    case = a_case(found.order, CaseKind.CANCEL_PARTIAL, case_state)
    return found, case, parts_of(case, (line, 2))


def accepted(case, found, parts):
    return PartialCancelAccepted(
        case_id=case.pk,
        order_id=found.order.pk,
        case=case.why,
        lines=case_book.told_lines(parts, found.lines),
        reason="because",
    )


def test_units_are_cancelled_at_what_was_paid_for_them():
    found, case, parts = a_part(coupon=160)

    fact = cancel_lines(accepted(case, found, parts), case, **rows(found, parts))

    line = found.lines[0]
    assert fact.amount == Money(900, "GBP")
    assert [(told.quantity, told.amount_minor) for told in fact.lines] == [(2, 900)]
    assert (line.cancelled, line.cancel_pending, line.refunded_minor) == (2, 0, 900)
    assert (case.state, case.coupon_minor, found.order.given_back_minor) == (CS.ACCEPTED, 100, 900)


def test_a_part_of_an_order_that_is_cancelled_as_a_whole_goes_along_with_it():
    found, case, parts = a_part(S.CANCELLING)

    fact = cancel_lines(accepted(case, found, parts), case, **rows(found, parts))

    assert isinstance(fact, PartialCancelRejected)
    assert (case.state, found.lines[0].cancelled) == (CS.REJECTED, 0)


def test_units_that_have_left_are_free_again():
    found, case, parts = a_part()
    refused = PartialCancelRefused(case_id=case.pk, order_id=found.order.pk, reason="left")

    reject_partial(refused, case, parts=parts, lines=found.lines, work=work())

    assert (case.state, found.lines[0].cancel_pending) == (CS.REJECTED, 0)


@pytest.mark.parametrize("money_first", [True, False])
def test_a_part_is_settled_once_money_and_stock_are_back_in_either_order(money_first):
    found, case, parts = a_part(case_state=CS.ACCEPTED, coupon=160)
    case.coupon_minor = 100
    ids = {"case_id": case.pk, "order_id": found.order.pk}
    money = CaseRefunded(**ids, amount=Money(900, "GBP"), operation=MoneyOp.PARTIAL_CANCEL)
    facts = [money, LinesReleased(**ids)]
    first, second = facts if money_first else reversed(facts)

    assert settle_partial(first, case, **rows(found, parts)) is None
    assert settle_partial(second, case, **rows(found, parts)) is not None

    assert (case.state, case.is_uncharged) == (CS.SETTLED, False)
    assert found.benefits[0].restored_minor == 100


def test_a_part_that_was_never_charged_says_so():
    found, case, parts = a_part(case_state=CS.ACCEPTED)
    ids = {"case_id": case.pk, "order_id": found.order.pk}

    settle_partial(AmountReduced(**ids, amount=Money(1000, "GBP")), case, **rows(found, parts))

    assert case.is_uncharged


def test_a_part_for_which_nothing_is_left_is_settled_without_money():
    found, case, parts = a_part()
    cancel_lines(accepted(case, found, parts), case, **rows(found, parts))
    ids = {"case_id": case.pk, "order_id": found.order.pk}

    settle_partial(LinesReleased(**ids), case, **rows(found, parts))
    settle_partial(RefundImpossible(**ids, left=Money(0, "GBP")), case, **rows(found, parts))

    assert (case.state, case.refund_minor, case.withheld_minor) == (CS.SETTLED, 0, 1000)
    assert found.lines[0].refunded_minor == 0


STEPS = [cancel_lines, reject_partial, settle_partial]


@pytest.mark.parametrize("step", STEPS)
def test_every_state_of_a_case_has_an_answer_and_none_is_ignored(step):
    answers = [kind_of(step, state) for state in ("", *CS.values)]

    assert None not in answers
    assert AnswerKind.IGNORE not in answers


def test_lines_of_an_order_that_nobody_wanted_back_can_all_be_cancelled():
    order = an_order(S.PLACED)

    assert [line.cancellable for line in lines_of(order)] == [3, 1]
