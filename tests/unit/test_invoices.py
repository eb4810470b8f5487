"""Real orders and credit notes come out of the invoice files; charges and noise do not."""

import gzip
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shop.invoices import (
    CreditLine,
    InvoiceFileError,
    InvoiceLine,
    match_credit_notes,
    read_credit_notes,
    read_invoices,
)
from tools import make_sample

DATA = Path(__file__).resolve().parents[2] / "shop" / "data"
SALES = DATA / "online_retail_sample.csv.gz"
RETURNS = DATA / "returns_sample.csv.gz"
SALES_HEADER = "invoice,stock_code,quantity,unit_price,customer,country,timestamp,note"
RETURNS_HEADER = (
    "credit_note,timestamp,customer,stock_code,quantity,unit_price,"
    "order,order_quantity,order_price,hours,match"
)


@pytest.fixture
def sales(tmp_path):
    def write(*lines, header=SALES_HEADER):
        path = tmp_path / "sales.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    return write


def sale(invoice="536365", sku="22726", quantity="1", price="2.55", **other):
    customer = other.get("customer", "17850")
    time = other.get("time", "2011-06-01T08:26:00")
    return f"{invoice},{sku},{quantity},{price},{customer},United Kingdom,{time},"


def units_back(notes):
    back = Counter()
    for note in notes:
        for line in note.lines:
            back[note.order_number, line.sku] += line.quantity
    return back


def test_an_order_keeps_its_lines_in_order_also_when_a_product_repeats(sales):
    path = sales(sale(sku="85123a", quantity="6"), sale(sku="71053"), sale(sku="85123A"))

    (order,) = read_invoices(path)

    assert order.lines == (
        InvoiceLine(sku="85123A", quantity=6, unit_price_minor=255),
        InvoiceLine(sku="71053", quantity=1, unit_price_minor=255),
        InvoiceLine(sku="85123A", quantity=1, unit_price_minor=255),
    )
    assert (order.number, order.customer, order.country) == ("536365", "17850", "United Kingdom")
    assert order.total_minor == 8 * 255


def test_london_time_becomes_utc_in_summer_and_in_winter(sales):
    path = sales(
        sale(invoice="500001", time="2011-06-01T08:26:00"),
        sale(invoice="500002", time="2011-01-01T08:26:00"),
    )

    summer, winter = read_invoices(path)

    assert summer.placed_at == datetime(2011, 6, 1, 7, 26, tzinfo=UTC)
    assert winter.placed_at == datetime(2011, 1, 1, 8, 26, tzinfo=UTC)
    assert summer.placed_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("price", "pence"),
    [("2.55", 255), ("0.125", 12), ("0.135", 14), ("0.29", 29), ("12.0", 1200), ("0.006", 1)],
)
def test_prices_become_pence_rounded_half_to_even(sales, price, pence):
    (order,) = read_invoices(sales(sale(price=price)))

    assert order.lines[0].unit_price_minor == pence


@pytest.mark.parametrize(
    "noise",
    [
        *(sale(sku=code) for code in ("POST", "DOT", "M", "m", "C2", "BANK CHARGES", "PADS")),
        sale(sku="gift_0001_20"),
        sale(price="0.0"),
        sale(price="0.001"),
        sale(quantity="-3"),
        sale(invoice="C536379", quantity="-1"),
        sale(invoice="A563185", sku="B", price="-11062.06"),
        sale(invoice="A563186"),
    ],
)
def test_what_is_not_a_real_order_line_is_left_out(sales, noise):
    assert read_invoices(sales(noise)) == ()


def test_a_product_code_that_looks_like_a_charge_is_kept(sales):
    (order,) = read_invoices(sales(sale(sku="DCGS0003"), sale(sku="POST")))

    assert [line.sku for line in order.lines] == ["DCGS0003"]


def test_an_order_of_an_unknown_customer_is_kept(sales):
    (order,) = read_invoices(sales(sale(customer="")))

    assert order.customer == ""


def test_a_credit_is_matched_to_the_newest_order_and_never_exceeds_what_was_bought(sales):
    path = sales(
        sale(invoice="500001", quantity="5", time="2011-01-01T10:00:00"),
        sale(invoice="500002", quantity="3", time="2011-02-01T10:00:00"),
        sale(invoice="C500003", quantity="-4", time="2011-03-01T10:00:00"),
        sale(invoice="C500004", quantity="-9", time="2011-03-02T10:00:00"),
    )

    notes = match_credit_notes(path)

    assert [(note.number, note.order_number, note.lines[0].quantity) for note in notes] == [
        ("C500003", "500002", 3),
        ("C500003", "500001", 1),
        ("C500004", "500001", 4),
    ]


def test_a_credit_never_goes_to_another_customer_or_a_later_order(sales):
    path = sales(
        sale(invoice="500001", customer="1", time="2011-01-01T10:00:00"),
        sale(invoice="500002", customer="", time="2011-01-01T10:00:00"),
        sale(invoice="C500003", customer="2", quantity="-1", time="2011-01-02T10:00:00"),
        sale(invoice="C500004", customer="", quantity="-1", time="2011-01-02T10:00:00"),
        sale(invoice="500005", customer="2", time="2011-01-03T10:00:00"),
    )

    assert match_credit_notes(path) == ()


def test_credit_notes_come_from_the_matched_column_with_one_line_per_product(sales):
    path = sales(
        'C1,2011-06-01T12:38:00,17897,22960a,6,4.25,536488,8,4.25,0.12,"one line, part of it"',
        "C1,2011-06-01T12:38:00,17897,22960A,2,4.25,536488,8,4.25,0.12,several lines",
        "C1,2011-06-01T12:38:00,17897,22961,1,4.25,,,,,no earlier purchase",
        "C1,2011-06-01T12:38:00,17897,22962,1,4.25,536489,8,4.25,0.12,several lines",
        header=RETURNS_HEADER,
    )

    first, second = read_credit_notes(path)

    assert (first.number, first.order_number) == ("C1", "536488")
    assert first.placed_at == datetime(2011, 6, 1, 11, 38, tzinfo=UTC)
    assert first.lines == (CreditLine(sku="22960A", quantity=8),)
    assert (second.number, second.order_number) == ("C1", "536489")


@pytest.mark.parametrize(
    ("line", "column", "problem"),
    [
        (sale(quantity="six"), "quantity", "'six' is not a whole number"),
        (sale(price="2,55"), "unit_price", "is not a price such as 2.55"),
        (sale(price="NaN"), "unit_price", "'NaN' is not a price"),
        (sale(time="01/06/2011"), "timestamp", "is not a time such as 2010-12-01T08:26:00"),
        ("536365,22726,1", "unit_price", "is missing: the line is too short"),
    ],
)
def test_a_bad_value_is_named_by_line_and_column(sales, line, column, problem):
    path = sales(sale(), line.replace("2,55", '"2,55"'))

    with pytest.raises(InvoiceFileError) as caught:
        read_invoices(path)

    assert f"sales.csv, line 3, column {column}: " in str(caught.value)
    assert problem in str(caught.value)


def test_a_missing_column_is_named(sales):
    with pytest.raises(InvoiceFileError, match="line 1: the column stock_code is missing"):
        read_invoices(sales(header="invoice,quantity"))
    with pytest.raises(InvoiceFileError, match="line 1: the column credit_note is missing"):
        read_credit_notes(sales(sale()))


def test_a_credited_quantity_must_be_positive(sales):
    path = sales("C1,2011-06-01T12:38:00,1,22960,-6,4.25,536488,8,,,", header=RETURNS_HEADER)

    with pytest.raises(InvoiceFileError, match="column quantity: '-6' is not a number of units"):
        read_credit_notes(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"invoice\n\xff\n", "line 2: the text is not UTF-8"),
        (gzip.compress(b"invoice", mtime=0)[:-4], "is a damaged gzip file"),
        (b"\x1f\x8b nothing", "is a damaged gzip file"),
        (b"", "line 1: the column invoice is missing"),
    ],
)
def test_a_file_that_is_not_text_is_refused(tmp_path, content, problem):
    path = tmp_path / "broken.csv"
    path.write_bytes(content)

    with pytest.raises(InvoiceFileError, match=problem):
        read_invoices(path)


def test_an_unclosed_quote_is_refused(sales):
    with pytest.raises(InvoiceFileError, match="line 2: not CSV"):
        read_invoices(sales('"536365,1'))


def test_packed_and_plain_files_read_alike(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(gzip.decompress(SALES.read_bytes()))

    assert read_invoices(plain) == read_invoices(SALES)


def test_the_sample_has_what_the_shop_must_cope_with():
    orders = {order.number: order for order in read_invoices(SALES)}
    notes = read_credit_notes(RETURNS)
    bought = {
        number: sum(line.quantity for line in order.lines) for number, order in orders.items()
    }
    back = Counter()
    for (number, _), units in units_back(notes).items():
        back[number] += units

    touched = Counter(note.order_number for note in notes)
    whole = {number for number in touched if back[number] == bought[number]}
    assert len(orders) == 344
    assert max(len(order.lines) for order in orders.values()) == 704
    assert len(touched.keys() - whole) >= 60
    assert sum(count > 1 for count in touched.values()) >= 5
    assert len(whole) >= 10


@pytest.mark.parametrize(
    "notes", [read_credit_notes(RETURNS), match_credit_notes(SALES)], ids=["returns", "invoices"]
)
def test_the_sample_credits_nothing_that_was_not_bought_before(notes):
    orders = {order.number: order for order in read_invoices(SALES)}
    bought = Counter()
    for order in orders.values():
        for line in order.lines:
            bought[order.number, line.sku] += line.quantity

    assert units_back(notes) <= bought
    assert all(note.placed_at >= orders[note.order_number].placed_at for note in notes)
    assert len({note.number for note in notes}) == 103


def test_the_sample_is_made_again_from_itself_line_by_line(tmp_path):
    make_sample.main([str(SALES), str(RETURNS), str(tmp_path)])

    for made_before in (SALES, RETURNS):
        made_again = tmp_path / made_before.name
        assert gzip.decompress(made_again.read_bytes()) == gzip.decompress(made_before.read_bytes())
