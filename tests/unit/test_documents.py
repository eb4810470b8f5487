"""What stands in an invoice file comes out line by line, whatever it is about."""

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

import pytest

from shop.csvfile import InvoiceFileError
from shop.documents import (
    INVOICE_COLUMNS,
    RETURN_COLUMNS,
    pence,
    stream_documents,
    stream_entries,
    stream_notes,
)


@pytest.fixture
def write(tmp_path):
    def to_file(*lines, columns=INVOICE_COLUMNS):
        path = tmp_path / "file.csv"
        path.write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")
        return path

    return to_file


def line(number="536365", sku="22726", quantity="1", price="2.55", time="2011-06-01T08:26:00"):
    return f"{number},{sku},{quantity},{price},17850,EIRE,{time}"


def credit(number="C1", sku="22726", quantity="1", price="2.55", order="536365,2.95"):
    return f"{number},2011-06-01T12:38:00,17850,{sku},{quantity},{price},{order}"


def test_every_line_of_a_document_comes_out_with_its_exact_amount(write):
    path = write(
        line(sku="85123a", quantity="6"),
        line(sku="POST", price="18.005"),
        line(sku="22726", price="0.0"),
        line(number="536366", quantity="-3", price="0.0"),
        line(number="C536367", sku="D", quantity="-1", price="27.5"),
        line(number="A563185", sku="B", price="-11062.06"),
    )

    documents = list(stream_documents(path))

    assert [document.number for document in documents] == [
        "536365",
        "536366",
        "C536367",
        "A563185",
    ]
    first, _, note, _ = documents
    assert [entry.sku for entry in first.entries] == ["85123A", "POST", "22726"]
    assert [entry.amount for entry in first.entries] == [
        Decimal("15.30"),
        Decimal("18.005"),
        Decimal(0),
    ]
    assert [entry.is_sale for entry in first.entries] == [True, False, False]
    assert (first.is_credit_note, note.is_credit_note) == (False, True)
    assert first.placed_at == datetime(2011, 6, 1, 7, 26, tzinfo=UTC)


def test_the_rows_of_a_credit_note_stand_together_and_charges_are_left_out(write):
    path = write(
        credit(),
        credit(sku="POST"),
        credit(sku="21731a", quantity="4", price="1.25", order=","),
        credit(number="C2"),
        columns=RETURN_COLUMNS,
    )

    first, second = stream_notes(path)

    assert [(row.sku, row.quantity, row.order) for row in first.rows] == [
        ("22726", 1, "536365"),
        ("21731A", 4, ""),
    ]
    assert [row.order_price for row in first.rows] == [Decimal("2.95"), None]
    assert first.rows[1].amount == Decimal("5.00")
    assert second.number == "C2"


def test_a_file_is_read_no_further_than_it_is_asked_for(write):
    path = write(*(line(number=str(600000 + n)) for n in range(50)), "then something else")

    assert len(list(islice(stream_documents(path), 49))) == 49
    with pytest.raises(InvoiceFileError, match=r"line 52, column \w+: is missing"):
        list(stream_documents(path))


def test_a_packed_file_that_ends_too_early_gives_what_it_has_first(tmp_path, write):
    content = write(*(line(number=str(n)) for n in range(20_000))).read_bytes()
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(content)[:-2000])
    entries = stream_entries(packed)

    assert next(entries).number == "0"
    with pytest.raises(InvoiceFileError, match=r"packed\.csv\.gz is a damaged gzip file"):
        list(entries)


def test_a_line_that_is_no_text_is_named_wherever_it_stands(write):
    path = write(line(), line())
    path.write_bytes(path.read_bytes() + line().encode().replace(b"EIRE", b"\xff"))

    with pytest.raises(InvoiceFileError, match="line 4: the text is not UTF-8"):
        list(stream_entries(path))


@pytest.mark.parametrize(
    ("pounds", "minor"),
    [
        ("2.55", 255),
        ("0.125", 12),
        ("0.135", 14),
        ("-0.125", -12),
        ("0.001", 0),
        ("77183.60", 7718360),
    ],
)
def test_pounds_become_pence_rounded_half_to_even(pounds, minor):
    assert pence(Decimal(pounds)) == minor
