"""Orders' steps of losses, credits, late payments and disputes, called like functions."""

from uuid import uuid4, uuid5

import pytest

from inventory.events import (
    ReplacementOutOfStock,
    ReplacementReserved,
)
from orders.events import (
    CaseKind,
    CreditRejected,
    CreditRequested,
    CreditSettled,
    LossOpened,
    LossSettled,
    LossUndecided,
    OrderReinstated,
    RefundDue,
    RemedyAsked,
    RemedyChosen,
    ReplacementSettled,
    ReshipWanted,
)
from orders.models import Case, CaseLine, Order
from orders.participant import crediting, disputing, late, losing, money, replacing
from payments.events import (
    CaseRefunded,
    CaseRefundPlanned,
    CaseRefundReleased,
    DisputeLost,
    DisputeOpened,
    DisputeWon,
    LateCaptureFound,
    MoneyOp,
    OwedRefundPaid,
    RefundImpossible,
    RefundOwed,
)
from sagas.money import Money
from sagas.participant import AnswerKind
from shipping.events import (
    ReplacementDelivered,
    ReplacementLost,
)
from tests.unit.order_rows import (
    NOW,
    a_case,
    added,
    an_order,
    kind_of,
    lines_of,
    parts_of,
    rows,
    shipped,
    work,
)

S, CS = Order.State, Case.State
TEN = Money(1000, "GBP")


def ids(case):
    return {"case_id": case.pk, "order_id": case.order_id}


def refunded(case, amount=TEN):
    return CaseRefunded(**ids(case), amount=amount, operation=MoneyOp.REFUND)


def impossible(case):
    return RefundImpossible(**ids(case), left=Money(0, "GBP"))


# -- losses and replacements ----------------------------------------------------------------------


def a_loss(state=CS.OPEN, **values):
    """Return the case of a parcel with everything in it."""
    found = shipped(S.LOST, **values)
    case = a_case(found.order, CaseKind.LOST, state)
    for line in found.lines:
        line.lost_pending = line.quantity
    return found, case, parts_of(case, *((line, line.quantity) for line in found.lines))


@pytest.mark.parametrize(
    ("policy", "fact", "state"),
    [
        ("ask", RemedyAsked, CS.ASKED),
        ("goods", ReshipWanted, CS.ACCEPTED),
        ("money", RefundDue, CS.ACCEPTED),
    ],
)
def test_the_shop_asks_the_customer_of_a_lost_parcel_or_decides_itself(
    settings, policy, fact, state
):
    settings.SHOP = {**settings.SHOP, "LOSS_REMEDY": policy}
    found, case, parts = a_loss()
    opened = LossOpened(**ids(case), number="S-1", lines=())

    said = losing.ask_remedy(opened, case, **rows(found, parts), cases=[case])

    assert isinstance(said, fact)
    assert case.state == state


@pytest.mark.parametrize("event", [LossUndecided, lambda **i: RemedyChosen(**i, remedy="money")])
def test_money_for_a_lost_parcel_is_all_that_was_paid_with_the_fee(event):
    found, case, parts = a_loss(CS.ASKED, shipping=300, points=160)

    due = losing.grant_remedy(event(**ids(case)), case, **rows(found, parts))

    assert due.amount == found.order.total
    assert [(line.lost, line.lost_pending) for line in found.lines] == [(3, 0), (1, 0)]
    assert (case.points_minor, found.order.postage_back_minor) == (160, 300)
    assert isinstance(losing.settle_loss(refunded(case), case, **rows(found, parts)), LossSettled)


def test_goods_once_more_are_reserved_before_anything_is_promised():
    found, case, parts = a_loss(CS.ASKED)

    wanted = losing.grant_remedy(
        RemedyChosen(**ids(case), remedy="goods"), case, **rows(found, parts)
    )
    due, settled = losing.reship(
        ReplacementReserved(**ids(case)), case, owner=[found.order], work=work()
    )

    assert [(line.sku, line.quantity) for line in wanted.wanted] == [("SKU-1", 3), ("SKU-2", 1)]
    assert due.wanted == wanted.wanted
    assert settled == LossSettled(**ids(case))
    assert (case.refund_minor, case.replaced_minor, case.remedy) == (0, 1600, "goods")


def test_goods_that_are_not_there_once_more_are_paid():
    found, case, parts = a_loss(CS.ACCEPTED)

    due = losing.pay_for_lost(
        ReplacementOutOfStock(**ids(case)),
        case,
        **{name: found_rows for name, found_rows in rows(found, parts).items() if name != "work"},
    )

    assert due.amount == found.order.total
    assert case.remedy == "money"


def test_a_replacement_that_arrives_may_be_returned_like_anything_else():
    found, case, parts = a_loss(CS.SETTLED)

    fact = replacing.settle_replacement(
        ReplacementDelivered(**ids(case)),
        case,
        parts=parts,
        owner=[found.order],
        lines=found.lines,
        work=work(),
    )

    assert fact == ReplacementSettled(**ids(case))
    assert [line.returnable for line in found.lines] == [3, 1]
    assert (found.order.delivered_at, case.is_goods_done) == (NOW, True)


def test_a_replacement_that_gets_lost_too_is_paid_in_a_case_of_its_own():
    found, case, parts = a_loss(CS.SETTLED, shipping=300, points=160)
    given = rows(found, parts)

    requested, settled = replacing.pay_instead(ReplacementLost(**ids(case)), case, **given)

    (credit,) = added(given["work"], Case)
    assert credit.pk == requested.case_id == uuid5(case.pk, "unsendable")
    assert (credit.kind, credit.points_minor) == ("lost", 160)
    assert requested.amount == found.order.total
    assert settled == ReplacementSettled(**ids(case))
    assert sum(part.refunded_minor for part in added(given["work"], CaseLine)) == 1440


# -- money alone ----------------------------------------------------------------------------------


def a_credit(state=CS.OPEN):
    found = shipped()
    found.order.given_back_minor = 1000
    case = a_case(
        found.order,
        CaseKind.GOODWILL,
        state,
        approver="admin:b",
        given_minor=1000,
        refund_minor=1000,
    )
    return found, case


def test_an_approved_credit_is_owed():
    _, case = a_credit()
    event = CreditRequested(**ids(case), case=case.why, amount=TEN, reason="sorry")

    due = crediting.grant_credit(event, case, work=work())

    assert (due.amount, due.reason, case.state) == (TEN, "sorry", CS.ACCEPTED)


def test_a_paid_credit_is_settled():
    found, case = a_credit(CS.ACCEPTED)

    assert isinstance(crediting.settle_credit(refunded(case), case, **rows(found)), CreditSettled)
    assert (case.state, found.order.given_back_minor) == (CS.SETTLED, 1000)


def test_a_credit_for_which_too_little_is_left_is_rejected_and_free_to_give_again():
    found, case = a_credit(CS.ACCEPTED)

    fact = crediting.settle_credit(impossible(case), case, **rows(found))

    assert isinstance(fact, CreditRejected)
    assert (case.state, found.order.given_back_minor) == (CS.REJECTED, 0)


def test_a_credit_that_the_bank_paid_before_is_rejected_and_counts_as_given():
    found, case = a_credit(CS.ACCEPTED)

    paid = CaseRefunded(**ids(case), amount=TEN * 0, operation=MoneyOp.NONE)
    fact = crediting.settle_credit(paid, case, **rows(found))

    assert isinstance(fact, CreditRejected)
    assert (case.refund_minor, case.withheld_minor, found.order.given_back_minor) == (0, 1000, 1000)


def test_a_case_says_how_its_money_goes_as_soon_as_that_is_planned():
    _, case = a_credit(CS.ACCEPTED)
    planned = {"refund_id": uuid4(), **ids(case), "amount": TEN}

    money.note_refund(CaseRefundPlanned(**planned, operation=MoneyOp.HOLD), case)
    held = case.operation
    money.note_refund(CaseRefundReleased(**planned, operation=MoneyOp.REFUND), case)

    assert (held, case.operation) == ("hold", "refund")


def test_a_refund_that_is_owed_is_marked_until_it_is_paid():
    found, case = a_credit(CS.SETTLED)
    owed = {"refund_id": uuid4(), **ids(case), "amount": TEN}
    books = {name: value for name, value in rows(found).items() if name != "work"}

    crediting.note_owed(RefundOwed(**owed, code="closed"), case)
    assert (case.is_owed, case.operation) == (True, "refund")
    elsewhere = OwedRefundPaid(**owed, operation=MoneyOp.REFUND_ELSEWHERE)
    crediting.note_paid(elsewhere, case, **books)

    assert (case.is_owed, case.operation) == (False, "refund_elsewhere")


# -- late payments --------------------------------------------------------------------------------


def a_late_payment(order, amount=None):
    return LateCaptureFound(
        case_id=uuid4(),
        order_id=order.pk,
        amount=amount or order.total,
        reference="pay_1",
    )


def opened_late(order, event, lines=()):
    case = late.late_case_of(event)
    fact = late.open_late_case(event, case, owner=[order], lines=list(lines), work=work())
    return case, fact


def test_money_that_comes_too_late_goes_back():
    order = an_order(S.CANCELLED)

    case, due = opened_late(order, a_late_payment(order))

    assert due.amount == order.total
    assert (case.kind, case.state, case.given_minor) == ("late_success", CS.ACCEPTED, 1600)
    assert case.due_at > NOW


@pytest.mark.parametrize(("minor", "fact"), [(1600, ReshipWanted), (1500, RefundDue)])
def test_a_shop_that_reinstates_orders_does_so_only_for_all_of_the_money(settings, minor, fact):
    settings.SHOP = {**settings.SHOP, "REINSTATE_LATE": True}
    order = an_order(S.CANCELLED)
    event = a_late_payment(order, Money(minor, "GBP"))

    _, said = opened_late(order, event, lines_of(order))

    assert isinstance(said, fact)


def test_a_reinstated_order_uses_its_coupon_again_and_is_sent(settings):
    settings.SHOP = {**settings.SHOP, "REINSTATE_LATE": True}
    found = shipped(S.CANCELLED, coupon=100)
    order = found.order
    order.given_back_minor = order.total_minor
    found.benefits[0].restored_minor = 100
    for line in found.lines:
        line.shipped, line.cancelled = 0, line.quantity
    case, _ = opened_late(order, a_late_payment(order), found.lines)

    reinstated, due = late.reinstate(
        ReplacementReserved(**ids(case)),
        order,
        benefits=found.benefits,
        cases=[case],
        lines=found.lines,
    )
    late.settle_late(reinstated, case, work=work())

    assert reinstated == OrderReinstated(**ids(case))
    assert sum(line.quantity for line in due.wanted) == 4
    assert (order.state, order.given_back_minor) == (S.REINSTATED, 0)
    assert found.benefits[0].restored_minor == 0
    assert (case.state, case.refund_minor) == (CS.SETTLED, 0)


def test_late_money_goes_back_where_the_stock_has_gone_to_others(settings):
    settings.SHOP = {**settings.SHOP, "REINSTATE_LATE": True}
    order = an_order(S.CANCELLED)
    case, _ = opened_late(order, a_late_payment(order), lines_of(order))

    due = late.pay_late_back(ReplacementOutOfStock(**ids(case)), case)

    assert due.amount == order.total


# -- disputes -------------------------------------------------------------------------------------


def a_dispute(order, *, inquiry=False):
    event = DisputeOpened(
        case_id=uuid4(), order_id=order.pk, amount=TEN, reference="dp_1", inquiry=inquiry
    )
    case = disputing.dispute_case_of(event)
    disputing.open_dispute_case(event, case, work=work())
    return case


def test_a_dispute_opens_a_case_that_waits_for_the_bank():
    case = a_dispute(an_order(S.SHIPPED), inquiry=True)

    assert (case.kind, case.state) == ("chargeback", CS.OPEN)
    assert "inquiry" in case.reason


@pytest.mark.parametrize(
    ("event", "won", "taken"),
    [
        (DisputeWon, True, 0),
        (lambda **i: DisputeLost(**i, amount=TEN), False, 1000),
    ],
)
def test_what_the_bank_took_counts_as_given_back(event, won, taken):
    order = an_order(S.SHIPPED)
    case = a_dispute(order)

    fact = disputing.settle_dispute(event(**ids(case)), case, owner=[order], work=work())

    assert fact.won is won
    assert (case.state, case.refund_minor, order.given_back_minor) == (CS.SETTLED, taken, taken)


# -- answers --------------------------------------------------------------------------------------

STEPS = [
    losing.ask_remedy,
    losing.grant_remedy,
    losing.reship,
    losing.pay_for_lost,
    losing.settle_loss,
    replacing.settle_replacement,
    replacing.pay_instead,
    crediting.grant_credit,
    crediting.settle_credit,
    crediting.note_owed,
    crediting.note_paid,
    late.open_late_case,
    late.pay_late_back,
    late.settle_late,
    disputing.open_dispute_case,
    disputing.settle_dispute,
]


@pytest.mark.parametrize("step", STEPS)
def test_every_state_of_a_case_has_an_answer_and_none_is_ignored(step):
    answers = [kind_of(step, state) for state in ("", *CS.values)]

    assert None not in answers
    assert AnswerKind.IGNORE not in answers
