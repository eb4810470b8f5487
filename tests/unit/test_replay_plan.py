"""Each credit of a file is decided: cancelled, sent back, given as goodwill, or refused."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from shop.csvfile import InvoiceFileError
from shop.documents import CreditRow, Document, Entry, Note
from shop.replay.acts import (
    Bucket,
    Departure,
    Gift,
    GoodsBack,
    LeftOut,
    MoneyBack,
    Placing,
    Reason,
    Refused,
    Way,
)
from shop.replay.history import History
from shop.replay.plan import LEAVES_AFTER, Planner
from shop.replay.totals import Totals

NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def invoice(number, *lines, customer="kim", at=NOON):
    """Return a document of (article, units, price) lines."""
    entries = tuple(
        Entry(
            number=number,
            sku=sku,
            quantity=units,
            unit_price=Decimal(price),
            customer=customer,
            country="EIRE",
            placed_at=at,
        )
        for sku, units, price in lines
    )
    return Document(number=number, placed_at=at, customer=customer, entries=entries)


def row(sku="MUG", units=1, price="5.00", *, order="1", paid=None, customer="kim"):
    """Return what makes a row of a credit note; `paid` is the price in the order."""
    return sku, units, price, order, paid or price, customer


def note(*rows, number="C9", at=NOON + DAY):
    made = tuple(
        CreditRow(
            number=number,
            placed_at=at,
            customer=customer,
            sku=sku,
            quantity=units,
            unit_price=Decimal(price),
            order=order,
            order_price=Decimal(paid) if order else None,
        )
        for sku, units, price, order, paid, customer in rows
    )
    return Note(number=number, placed_at=at, rows=made)


def heard_of(documents, notes, *, limit=None):
    totals = Totals()
    with closing(History()) as history:
        said = Planner(history, limit=limit).plan(totals.reading(documents), notes)
        return totals, list(totals.hearing(said))


def plan(documents, notes=(), *, limit=None):
    """Return all that is planned; whatever it is, it adds up to the documents."""
    totals, heard = heard_of(documents, notes, limit=limit)
    goods = sum(each.amount for credited in notes for each in credited.rows)
    assert totals.difference == goods  # the documents here leave the goods to the notes
    return heard


def only(said, kind):
    return [each for each in said if isinstance(each, kind)]


MUGS = invoice("1", ("MUG", 6, "5.00"), ("TIN", 2, "1.50"))


# -- the way back


def test_an_order_is_placed_and_leaves_an_hour_later():
    placing, departure = plan([MUGS])

    assert isinstance(placing, Placing)
    assert (placing.order, placing.minor, placing.exact) == ("1", 3300, Decimal("33.00"))
    assert departure == Departure(at=NOON + LEAVES_AFTER, order="1")


def test_everything_credited_within_the_hour_cancels_and_nothing_leaves():
    credited = note(row(units=6), row("TIN", 2, "1.50"), at=NOON + LEAVES_AFTER)

    (_, back) = plan([MUGS], [credited])

    assert isinstance(back, GoodsBack)
    assert back.way is Way.CANCEL
    assert back.lines == ((1, 6), (2, 2))
    assert (back.minor, back.exact, back.reduction) == (3300, Decimal("33.00"), 0)


def test_a_part_credited_within_the_hour_cancels_that_part_and_the_rest_leaves():
    said = plan([MUGS], [note(row(units=2), at=NOON + 20 * MINUTE)])

    assert [type(each) for each in said] == [Placing, GoodsBack, Departure]
    assert (said[1].way, said[1].lines, said[1].minor) == (Way.CANCEL_PARTIAL, ((1, 2),), 1000)


def test_the_rest_credited_within_the_hour_cancels_the_order_after_all():
    first = note(row(units=2), number="C1", at=NOON + 20 * MINUTE)
    rest = note(row(units=4), row("TIN", 2, "1.50"), number="C2", at=NOON + 40 * MINUTE)

    said = plan([MUGS], [first, rest])

    assert [each.way for each in only(said, GoodsBack)] == [Way.CANCEL_PARTIAL, Way.CANCEL]
    assert only(said, Departure) == []


def test_what_is_credited_later_is_sent_back_months_later_and_several_times():
    months_later = [note(row(units=2), number=f"C{n}", at=NOON + n * 90 * DAY) for n in (1, 2, 3)]

    said = plan([MUGS], months_later)

    back = only(said, GoodsBack)
    assert [each.way for each in back] == [Way.RETURN] * 3
    assert sum(each.units for each in back) == 6
    assert [each.at for each in back] == [each.placed_at for each in months_later]


def test_one_credit_over_several_orders_comes_back_from_each():
    other = invoice("2", ("MUG", 3, "4.00"), at=NOON + MINUTE)
    credited = note(row(units=1), row(units=3, price="4.00", order="2"), row(units=1))

    back = only(plan([MUGS, other], [credited]), GoodsBack)

    assert [(each.order, each.lines, each.minor) for each in back] == [
        ("1", ((1, 2),), 1000),
        ("2", ((1, 3),), 1200),
    ]


def test_an_article_on_several_lines_comes_from_that_with_the_price_then_from_others():
    mixed = invoice("1", ("MUG", 3, "5.00"), ("MUG", 4, "4.00"), ("MUG", 1, "5.00"))
    at_four = note(row(units=3, price="4.00"), number="C1")
    at_five = note(row(units=5, price="5.00"), number="C2", at=NOON + 2 * DAY)

    first, second = only(plan([mixed], [at_four, at_five]), GoodsBack)

    assert (first.lines, first.minor) == (((2, 3),), 1200)
    assert (second.lines, second.minor) == (((1, 3), (2, 1), (3, 1)), 2400)


def test_an_order_and_its_credit_of_the_same_minute_come_in_this_order():
    said = plan([MUGS], [note(row(), at=NOON)])

    assert [type(each) for each in said] == [Placing, GoodsBack, Departure]


# -- another price


def test_a_higher_price_is_paid_back_as_it_was_and_the_difference_is_goodwill():
    said = plan([MUGS], [note(row(units=2, price="5.40", paid="5.00"))])

    (back,), (gift,) = only(said, GoodsBack), only(said, MoneyBack)
    assert (back.minor, back.exact, back.reduction) == (1000, Decimal("10.00"), 0)
    assert (gift.gift, gift.minor, gift.exact) == (Gift.HIGHER_PRICE, 80, Decimal("0.80"))
    assert gift.order == "1"


def test_a_lower_price_is_paid_back_as_it_was_and_the_difference_is_told():
    (back,) = only(plan([MUGS], [note(row(units=2, price="4.00", paid="5.00"))]), GoodsBack)

    assert (back.minor, back.exact, back.reduction) == (1000, Decimal("8.00"), 200)


def test_goodwill_waits_until_the_parcel_has_left():
    credited = note(row(units=2, price="5.40", paid="5.00"), at=NOON + MINUTE)

    said = plan([MUGS], [credited])

    assert [type(each) for each in said] == [Placing, GoodsBack, Departure, MoneyBack]
    assert said[-1].at == NOON + LEAVES_AFTER


def test_more_than_was_paid_for_the_whole_order_is_never_given():
    said = plan([MUGS], [note(row(units=6, price="6.00", paid="5.00"))])

    (refused,) = only(said, Refused)
    assert (refused.reason, refused.exact) == (Reason.MORE_THAN_PAID, Decimal("6.00"))


def test_prices_with_three_decimals_are_rounded_once_and_told():
    fine = invoice("1", ("PIN", 1000, "0.125"))
    credited = note(row("PIN", 100, "0.125"))

    totals, (placing, _, back) = heard_of([fine], [credited])

    assert (placing.minor, placing.exact) == (12_000, Decimal("125.000"))
    assert (back.minor, back.exact) == (1200, Decimal("12.500"))
    assert (totals.sold_rounding, totals.credited_rounding) == (Decimal(5), Decimal("0.5"))


# -- money alone


def discount(price, *, sku="D", customer="kim", at=NOON + DAY):
    return invoice("C9", (sku, -1, price), customer=customer, at=at)


def test_a_credit_without_goods_is_goodwill_against_the_newest_order_that_can_bear_it():
    small = invoice("2", ("TIN", 1, "1.50"), at=NOON + MINUTE)

    (gift,) = only(plan([MUGS, small, discount("1.20")]), MoneyBack)
    assert (gift.order, gift.minor, gift.gift, gift.what) == ("2", 120, Gift.MONEY_ONLY, "D")

    (gift,) = only(plan([MUGS, small, discount("1.60", sku="POST")]), MoneyBack)
    assert (gift.order, gift.minor, gift.what) == ("1", 160, "POST")


def test_goods_whose_money_was_given_before_are_not_paid_again():
    said = plan([MUGS, discount("32.00")], [note(row(units=1), at=NOON + 2 * DAY)])

    assert only(said, GoodsBack) == []
    assert [each.reason for each in only(said, Refused)] == [Reason.MORE_THAN_PAID]


def test_the_goods_of_a_credit_note_come_from_the_returns_file_alone():
    both = invoice("C9", ("MUG", -1, "5.00"), ("POST", -1, "2.00"), at=NOON + DAY)

    totals, said = heard_of([MUGS, both], [note(row())])

    assert [each.minor for each in only(said, GoodsBack)] == [500]
    assert [each.what for each in only(said, MoneyBack)] == ["POST"]
    assert totals.difference == 0


@pytest.mark.parametrize(
    ("credited", "reason"),
    [
        (discount("1.00", customer=""), Reason.NO_CUSTOMER),
        (discount("1.00", customer="lee"), Reason.NO_ORDER),
        (discount("33.01"), Reason.MORE_THAN_PAID),
    ],
)
def test_money_that_nobody_can_be_given_is_refused(credited, reason):
    said = plan([MUGS, credited])

    assert only(said, MoneyBack) == []
    (refused,) = only(said, Refused)
    assert (refused.reason, refused.exact) == (reason, -credited.entries[0].amount)


# -- refusals


@pytest.mark.parametrize(
    ("credited", "reason"),
    [
        (row(order="", customer=""), Reason.NO_CUSTOMER),
        (row(order="", customer="lee"), Reason.NO_ORDER),
        (row("HAT", order=""), Reason.NOT_BOUGHT),
        (row("HAT"), Reason.NOT_BOUGHT),
        (row(units=7, order=""), Reason.MORE_THAN_BOUGHT),
        (row(units=7), Reason.MORE_THAN_BOUGHT),
        (row(units=6, order=""), Reason.NOT_MATCHED),
        (row(order="404"), Reason.MORE_THAN_BOUGHT),
    ],
)
def test_a_credit_that_fits_no_order_is_refused_with_its_reason(credited, reason):
    said = plan([MUGS], [note(credited)])

    assert only(said, GoodsBack) == []
    (refused,) = only(said, Refused)
    assert (refused.reason, refused.note, refused.what) == (reason, "C9", credited[0])


def test_what_was_credited_before_is_not_credited_again():
    all_of_it = note(row(units=6), number="C1")
    again = note(row(units=1, order=""), number="C2", at=NOON + 2 * DAY)

    (refused,) = only(plan([MUGS], [all_of_it, again]), Refused)

    assert (refused.reason, refused.note) == (Reason.ALREADY_CREDITED, "C2")


def test_the_rest_of_a_note_that_asks_for_more_than_was_bought_is_refused():
    said = plan([MUGS], [note(row(units=6), row(units=4, order=""))])

    assert [each.units for each in only(said, GoodsBack)] == [6]
    (refused,) = only(said, Refused)
    assert (refused.reason, refused.exact) == (Reason.MORE_THAN_BOUGHT, Decimal("20.00"))


def test_a_credit_before_its_order_finds_nothing():
    said = plan([MUGS], [note(row(), at=NOON - MINUTE)])

    assert [each.reason for each in only(said, Refused)] == [Reason.NO_ORDER]


# -- what is no order


def test_what_is_neither_sold_nor_credited_is_counted_by_kind():
    mixed = invoice(
        "1", ("MUG", 1, "5.00"), ("POST", 1, "18.00"), ("TIN", 1, "0.0"), ("TIN", -2, "0.0")
    )
    debt = invoice("A1", ("B", 1, "-7.00"), customer="")
    surcharge = invoice("C2", ("M", 1, "3.00"))

    left_out = only(plan([mixed, debt, surcharge]), LeftOut)

    assert {each.bucket: each.exact for each in left_out} == {
        Bucket.CHARGE: Decimal("3.00"),
        Bucket.FREE: Decimal(0),
        Bucket.WRITE_OFF: Decimal(0),
        Bucket.BAD_DEBT: Decimal("-7.00"),
    }
    assert sum(each.exact for each in left_out) == Decimal("14.00")


def test_beyond_a_limit_only_credits_of_the_orders_within_it_count():
    second = invoice("2", ("MUG", 1, "5.00"), at=NOON + MINUTE)
    credited = note(row(), row(order="2"), row("HAT", order=""))

    said = plan([MUGS, second, discount("1.00")], [credited], limit=1)

    assert [each.order for each in only(said, Placing)] == ["1"]
    assert [each.order for each in only(said, GoodsBack)] == ["1"]
    assert [each.exact for each in only(said, LeftOut)] == [
        Decimal(5),
        Decimal(-1),
        Decimal(-5),
        Decimal(-5),
    ]
    assert only(said, Refused) == []


def test_a_file_that_is_not_in_the_order_of_time_is_refused():
    earlier = invoice("2", ("MUG", 1, "5.00"), at=NOON - MINUTE)

    with pytest.raises(InvoiceFileError, match="2 stands after what is later; sort the file"):
        plan([MUGS, earlier])


def test_an_invoice_that_is_there_twice_is_refused():
    with pytest.raises(InvoiceFileError, match="Invoice 1 is there twice"):
        plan([MUGS, MUGS])
