"""The table of cases and the decision table: total, consistent, and what the rows demand."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

import orders
from orders import choreography
from orders.cases import (
    CASES,
    Bearer,
    Benefits,
    Clock,
    Fee,
    First,
    Opener,
    Stock,
    TaxDocument,
    due_at,
)
from orders.decision_table import DECISIONS
from orders.events import CaseKind
from orders.models import Order
from orders.phrases import WORDS
from sagas.choreography import CHOREOGRAPHIES, Choreography

CODE = Path(orders.__file__).parent
MONDAY = datetime(2026, 2, 2, 3, tzinfo=UTC)

#: Rows in which only a part of the order is concerned.
PARTLY = {10, 11, 13, 15, 16, 17, 18, 19, 20, 23, 24, 25, 28}
#: Rows in which the shop is to blame.
FAULT = {18}


def rule_of(number):
    """Return what hangs on the case of a row of the decision table."""
    kind = DECISIONS[number].kind
    assert kind is not None
    return CASES[kind].applied(fault=number in FAULT, is_whole=number not in PARTLY)


# -- total ----------------------------------------------------------------------------------------


def test_there_is_one_rule_for_each_of_the_fourteen_kinds():
    assert set(CASES) == set(CaseKind)
    assert len(CASES) == 14
    assert all(rule.kind is kind for kind, rule in CASES.items())


@pytest.mark.parametrize("kind", CaseKind)
def test_every_rule_ends_orders_in_states_that_there_are_and_has_its_words(kind):
    rule = CASES[kind]

    assert rule.finals
    assert set(rule.finals) <= {"", *Order.State.values}
    assert rule.opened_by
    assert rule.kind.value in WORDS


@pytest.mark.parametrize("kind", CaseKind)
@pytest.mark.parametrize("fault", [True, False])
@pytest.mark.parametrize("is_whole", [True, False])
def test_nothing_is_left_open_once_it_is_known_whose_fault_it_is(kind, fault, is_whole):
    rule = CASES[kind].applied(fault=fault, is_whole=is_whole)

    assert "by_fault" not in (rule.bearer, rule.benefits, rule.stock, rule.fee)


def test_the_decision_table_has_its_thirty_rows_and_each_names_what_there_is():
    assert list(DECISIONS) == list(range(1, 31))
    for row in DECISIONS.values():
        assert all((row.trigger, row.order, row.payment, row.stock, row.parcel))
        assert all((row.actions, row.final, row.money))
        assert row.kind is None or row.kind in CASES
        assert row.choreographies
        assert set(row.choreographies) <= set(CHOREOGRAPHIES)


def test_every_kind_stands_in_a_row_and_every_choreography_does_too():
    kinds = {row.kind for row in DECISIONS.values()} - {None}
    names = {name for row in DECISIONS.values() for name in row.choreographies}
    declared = {c.name for c in vars(choreography).values() if isinstance(c, Choreography)}

    assert kinds == set(CaseKind)
    assert names == declared


# -- what the rows demand -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ((1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 15, 18), Benefits.RESTORED),
        ((16, 17), Benefits.PRO_RATA),
        ((21, 22, 23, 24, 25), Benefits.FORFEITED),
    ],
)
def test_coupon_and_points_come_back_as_the_rows_say(rows, wanted):
    assert {rule_of(number).benefits for number in rows} == {wanted}


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [((7, 8, 9), TaxDocument.CANCEL), ((11, 13, 17, 18), TaxDocument.AMEND)],
)
def test_the_tax_office_is_told_as_the_rows_say(rows, wanted):
    assert {rule_of(number).tax for number in rows} == {wanted}


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (8, Stock.RELEASE),
        (9, Stock.CORRECT),
        (11, Stock.CORRECT),
        (15, Stock.WRITE_OFF),
        (17, Stock.RESTOCK),
        (18, Stock.QUARANTINE),
        (21, Stock.RELEASE),
        (23, Stock.QUARANTINE),
        (28, Stock.NONE),
    ],
)
def test_units_go_where_the_rows_say(number, wanted):
    assert rule_of(number).stock is wanted


def test_the_law_counts_from_payment_what_can_not_be_supplied_and_from_receipt_what_came_back():
    assert rule_of(9).clock is Clock.FROM_PAYMENT
    assert rule_of(17).clock is Clock.FROM_RECEIPT
    assert rule_of(28).clock is Clock.NONE


def test_who_is_to_blame_pays_the_way_and_keeps_or_loses_the_fee():
    assert (rule_of(17).bearer, rule_of(17).fee) == (Bearer.CUSTOMER, Fee.KEPT)
    assert (rule_of(18).bearer, rule_of(18).fee) == (Bearer.SHOP, Fee.REFUNDED)


def test_goods_come_first_for_a_return_and_the_answer_for_a_cancellation():
    assert rule_of(17).first is First.GOODS
    assert rule_of(12).first is First.ANSWER
    assert rule_of(24).first is First.NOTHING


def test_only_goodwill_needs_a_second_person_and_only_out_of_stock_an_apology():
    assert [k for k, rule in CASES.items() if rule.needs_approver] == [CaseKind.GOODWILL]
    assert [k for k, rule in CASES.items() if rule.apology] == [CaseKind.OOS_CANCEL]


def test_customers_open_only_what_is_theirs_to_open():
    theirs = {kind for kind, rule in CASES.items() if Opener.CUSTOMER in rule.opened_by}

    assert theirs == {
        CaseKind.ABANDON,
        CaseKind.CANCEL,
        CaseKind.CANCEL_PARTIAL,
        CaseKind.RETURN,
        CaseKind.EXCHANGE,
    }


# -- the legal clock ------------------------------------------------------------------------------


def test_money_is_due_three_business_days_after_the_goods_came_back():
    due = due_at(
        CASES[CaseKind.RETURN],
        wished_at=MONDAY.replace(day=1),
        paid_at=MONDAY.replace(day=1),
        received_at=MONDAY,
    )

    assert due == datetime(2026, 2, 5, 15, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "paid_at"), [(CaseKind.RETURN, MONDAY), (CaseKind.CANCEL, None)])
def test_no_clock_runs_before_the_goods_are_here_or_where_nothing_was_paid(kind, paid_at):
    assert due_at(CASES[kind], wished_at=MONDAY, paid_at=paid_at) is None


# -- a case never changes why ---------------------------------------------------------------------

#: The steps that make a case, and so write down when.
MAKERS = {"open_late_case", "open_dispute_case", "reject_cancel"}


def assignments():
    """Yield (function, attribute) wherever the code of orders sets an attribute."""
    for file in CODE.rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    yield function.name, node.attr


def test_no_step_and_no_service_changes_why_a_case_was_opened_by_whom_or_when():
    written = {(name, attr) for name, attr in assignments()}

    assert {attr for _, attr in written} & {"kind", "reason", "actor", "is_whole"} == set()
    assert {name for name, attr in written if attr == "opened_at"} == MAKERS
