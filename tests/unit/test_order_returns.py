"""Orders' steps of returns and exchanges, called like the functions they are."""

from dataclasses import replace
from uuid import uuid4

import msgspec
import pytest

from inventory.events import (
    InspectedLine,
    ReplacementOutOfStock,
    ReplacementReserved,
    ReturnInspected,
)
from orders import case_book
from orders.events import (
    CaseKind,
    ExchangeRejected,
    ExchangeSettled,
    RefundDue,
    ReplacementDue,
    ReplacementUnwanted,
    ReturnCompleted,
    ReturnRejected,
)
from orders.models import Case, Order
from orders.participant import exchanging, returning
from payments.events import (
    CaseRefunded,
    MoneyOp,
    RefundImpossible,
)
from sagas.money import Money
from sagas.participant import AnswerKind
from shipping.events import (
    InterceptFailed,
    ReturnReceived,
    ReturnUnbookable,
)
from tests.unit.order_rows import (
    NOW,
    a_case,
    an_order,
    kind_of,
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


def inspected(case, *verdicts):
    """Return the verdicts on (line, sellable, refused) units."""
    lines = tuple(
        InspectedLine(line_no=n, sku=f"SKU-{n}", sellable=good, damaged=0, refused=bad)
        for n, good, bad in verdicts
    )
    return ReturnInspected(**ids(case), lines=lines)


def coming_back(kind=CaseKind.RETURN, state=CS.OPEN, units=2, **values):
    """Return a case about two mugs of three that are on their way back."""
    fault = values.pop("fault", False)
    found = shipped(**values)
    line = found.lines[0]
    line.return_pending = units
    case = a_case(found.order, kind, state, fault=fault)
    return found, case, parts_of(case, (line, units))


# -- returns --------------------------------------------------------------------------------------


def test_the_legal_clock_of_a_return_starts_when_the_goods_are_here():
    found, case, _ = coming_back()

    returning.note_receipt(ReturnReceived(case_id=case.pk), case, owner=[found.order], work=work())

    assert case.received_at == NOW
    assert case.due_at > NOW


def test_accepted_goods_are_owed_less_the_way_back_of_who_changed_their_mind(settings):
    settings.SHOP = {**settings.SHOP, "RETURN_FEE_MINOR": {"GBP": 200}}
    found, case, parts = coming_back(shipping=300)

    due = returning.judge_return(inspected(case, (1, 1, 1)), case, **rows(found, parts))

    line = found.lines[0]
    assert due == RefundDue(
        **ids(case), case=CaseKind.RETURN, amount=Money(300, "GBP"), reason="because"
    )
    assert (line.returned, line.return_pending, line.refunded_minor) == (1, 0, 300)
    assert (parts[0].accepted, parts[0].refused, case.state) == (1, 1, CS.ACCEPTED)


def test_the_shops_fault_costs_the_customer_nothing(settings):
    settings.SHOP = {**settings.SHOP, "RETURN_FEE_MINOR": {"GBP": 200}}
    found, case, _ = coming_back(shipping=300, fault=True, units=3)
    parts = parts_of(case, *((line, line.quantity) for line in found.lines))
    found.lines[1].return_pending = 1

    due = returning.judge_return(inspected(case, (1, 3, 0), (2, 1, 0)), case, **rows(found, parts))

    assert due.amount == Money(1900, "GBP")


@pytest.mark.parametrize("verdicts", [[(1, 0, 2)], []])
def test_a_return_of_which_nothing_is_accepted_is_rejected_and_may_be_tried_again(verdicts):
    found, case, parts = coming_back()

    fact = returning.judge_return(inspected(case, *verdicts), case, **rows(found, parts))

    assert isinstance(fact, ReturnRejected)
    assert (case.state, found.lines[0].returnable) == (CS.REJECTED, 3)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (lambda c: InterceptFailed(**ids(c), code="out"), "could not be stopped (out)"),
        (lambda c: ReturnUnbookable(**ids(c), code="far"), "no carrier fetches it: far"),
    ],
)
def test_goods_that_do_not_come_back_are_the_customers_again(event, words):
    found, case, parts = coming_back()

    fact = returning.reject_return(event(case), case, parts=parts, lines=found.lines, work=work())

    assert words in fact.reason
    assert (case.state, found.lines[0].returnable) == (CS.REJECTED, 3)


def test_suspected_fraud_that_could_not_be_stopped_stays_open_for_a_person():
    found, case, parts = coming_back(CaseKind.FRAUD_CANCEL)

    returning.reject_return(
        InterceptFailed(**ids(case), code="out"), case, parts=parts, lines=found.lines, work=work()
    )

    assert (case.state, case.is_goods_done) == (CS.OPEN, True)


def test_what_was_refused_goes_back_to_the_customer():
    found, case, parts = coming_back()

    fact = returning.send_refused_back(
        inspected(case, (1, 1, 1)), parts=parts, owner=[found.order], lines=found.lines
    )
    nothing = returning.send_refused_back(
        inspected(case, (1, 2, 0)), parts=parts, owner=[found.order], lines=found.lines
    )

    assert [(line.line_no, line.quantity, line.amount_minor) for line in fact.lines] == [(1, 1, 0)]
    assert fact.ship_to == found.order.address
    assert nothing is None


@pytest.mark.parametrize(("returned", "everything"), [((3, 1), True), ((3, 0), False)])
def test_a_paid_return_says_whether_anything_is_kept(returned, everything):
    found, case, parts = coming_back(state=CS.ACCEPTED, points=160)
    case.points_minor = 100
    for line, units in zip(found.lines, returned, strict=True):
        line.return_pending, line.returned = 0, units

    fact = returning.complete_return(refunded(case), case, **rows(found, parts))

    assert fact == ReturnCompleted(**ids(case), everything_returned=everything)
    assert (case.state, case.is_money_done) == (CS.SETTLED, True)
    assert found.benefits[0].restored_minor == 100


def test_a_return_for_which_the_bank_was_faster_is_settled_without_money():
    found, case, parts = coming_back()
    returning.judge_return(inspected(case, (1, 2, 0)), case, **rows(found, parts))

    returning.complete_return(impossible(case), case, **rows(found, parts))

    assert (case.state, case.refund_minor, case.withheld_minor) == (CS.SETTLED, 0, 1000)
    assert found.order.given_back_minor == 0


@pytest.mark.parametrize(("everything", "state"), [(True, S.RETURNED), (False, S.COMPLETED)])
def test_an_order_is_returned_when_nothing_of_it_is_left(everything, state):
    order = an_order(S.COMPLETED)
    event = ReturnCompleted(case_id=uuid4(), order_id=order.pk, everything_returned=everything)

    fact = returning.mark_returned(event, order)

    assert (fact is not None) is everything
    assert order.state == state


# -- exchanges ------------------------------------------------------------------------------------


def an_exchange(remedy="goods", *, cheaper=0, **values):
    found, case, parts = coming_back(CaseKind.EXCHANGE, **values)
    case.remedy = remedy
    case.goods_minor, case.replaced_minor, case.refund_minor = 1000, 1000 - cheaper, cheaper
    case.wanted = msgspec.to_builtins(case_book.same_goods([(found.lines[0], 2)]))
    return found, case, parts


@pytest.mark.parametrize(
    ("fact", "remedy"), [(ReplacementReserved, "goods"), (ReplacementOutOfStock, "money")]
)
def test_goods_come_back_only_once_it_is_known_what_they_come_back_for(fact, remedy):
    found, case, parts = an_exchange("", fault=True)

    agreed = exchanging.agree_exchange(
        fact(**ids(case)), case, parts=parts, owner=[found.order], lines=found.lines
    )

    assert (case.remedy, case.state) == (remedy, CS.OPEN)
    assert (agreed.fault, agreed.intercept, agreed.lines[0].quantity) == (True, False, 2)


def test_accepted_goods_are_exchanged_for_the_same_ones_and_no_money_moves():
    found, case, parts = an_exchange()

    due, settled = exchanging.judge_exchange(inspected(case, (1, 2, 0)), case, **rows(found, parts))

    assert isinstance(due, ReplacementDue)
    assert [(line.sku, line.quantity) for line in due.wanted] == [("SKU-1", 2)]
    assert settled == ExchangeSettled(**ids(case), everything_returned=False)
    assert (case.state, case.refund_minor, found.lines[0].exchanged) == (CS.SETTLED, 0, 2)


def test_the_difference_to_cheaper_goods_is_paid_back():
    found, case, parts = an_exchange(cheaper=200)

    due, money = exchanging.judge_exchange(inspected(case, (1, 2, 0)), case, **rows(found, parts))

    assert isinstance(due, ReplacementDue)
    assert money.amount == Money(200, "GBP")
    assert (case.state, found.lines[0].refunded_minor) == (CS.ACCEPTED, 200)
    assert exchanging.settle_exchange(refunded(case), case, **rows(found, parts)) is not None


def test_an_exchange_without_stock_is_paid_like_a_return():
    found, case, parts = an_exchange("money")

    due = exchanging.judge_exchange(inspected(case, (1, 2, 0)), case, **rows(found, parts))

    assert due.amount == TEN
    assert (found.lines[0].returned, found.lines[0].exchanged) == (2, 0)


def test_what_is_accepted_of_an_exchange_in_part_is_paid_and_nothing_is_sent():
    found, case, parts = an_exchange()

    unwanted, due = exchanging.judge_exchange(
        inspected(case, (1, 1, 1)), case, **rows(found, parts)
    )

    assert isinstance(unwanted, ReplacementUnwanted)
    assert due.amount == Money(500, "GBP")
    assert case.remedy == "money"


@pytest.mark.parametrize(("remedy", "unwanted"), [("goods", 1), ("money", 0)])
def test_an_exchange_of_which_nothing_is_accepted_frees_what_was_reserved(remedy, unwanted):
    found, case, parts = an_exchange(remedy)

    facts = exchanging.judge_exchange(inspected(case, (1, 0, 2)), case, **rows(found, parts))
    said = facts if isinstance(facts, tuple) else (facts,)

    assert isinstance(said[-1], ExchangeRejected)
    assert len(said) == 1 + unwanted
    assert case.state == CS.REJECTED


def test_an_exchange_that_no_carrier_fetches_frees_what_was_reserved():
    found, case, parts = an_exchange()

    unwanted, rejected = exchanging.reject_exchange(
        ReturnUnbookable(**ids(case), code="far"), case, parts=parts, lines=found.lines, work=work()
    )

    assert isinstance(unwanted, ReplacementUnwanted)
    assert "far" in rejected.reason


# -- answers --------------------------------------------------------------------------------------

STEPS = [
    returning.note_receipt,
    returning.reject_return,
    returning.judge_return,
    returning.complete_return,
    exchanging.agree_exchange,
    exchanging.reject_exchange,
    exchanging.judge_exchange,
    exchanging.settle_exchange,
]


@pytest.mark.parametrize("step", STEPS)
def test_every_state_of_a_case_has_an_answer_and_none_is_ignored(step):
    answers = [kind_of(step, state) for state in ("", *CS.values)]

    assert None not in answers
    assert AnswerKind.IGNORE not in answers


def test_the_rule_where_goods_are_sent_instead_gives_nothing_else_back():
    case = a_case(an_order(), CaseKind.EXCHANGE, fault=True)

    assert replace(case.rule, benefits="", fee="") == replace(
        case.rule.replaced(), benefits="", fee=""
    )
    assert (case.rule.replaced().benefits, case.rule.replaced().fee) == ("forfeited", "kept")
