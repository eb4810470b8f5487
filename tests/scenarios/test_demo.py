"""The demonstration, small: real orders go every way, and whatever is planted is found."""

import csv
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from inventory.models import StockItem
from orders.cases import CASES
from orders.models import Order
from shop.demo.plan import SMALLEST, make_plan
from shop.demo.prepare import read_file
from shop.demo.ways import FEW, Way
from shop.invoices import INVOICE_COLUMNS
from tests.scenarios.reconciled import found

ROOT = Path(__file__).resolve().parents[2]
FAILED = "CommandError"


@pytest.fixture
def demo(transactional_db, outside, settings, tmp_path):
    """Return the command, run in this process; it gives back what it said."""
    settings.CELERY_BROKER_URL = ""
    settings.SAGAS = {**settings.SAGAS, "TRANSPORT": "sagas.transport.InProcessTransport"}
    settings.VAR = tmp_path

    def run(*options: str) -> str:
        said = StringIO()
        try:
            call_command("demo", "--orders", str(SMALLEST), "--no-input", *options, stdout=said)
        except CommandError as error:
            said.write(f"{FAILED}: {error}")
        return said.getvalue()

    return run


@pytest.fixture
def busy(tmp_path):
    """Return a function that writes a file of so many invoices for the same twenty articles."""

    def write(invoices: int) -> str:
        file = tmp_path / "busy.csv"
        with file.open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(INVOICE_COLUMNS)
            for number in range(invoices):
                for article in range(20):
                    line = [600000 + number, f"A{article}", 3, "1.25", number, "EIRE"]
                    rows.writerow([*line, "2011-01-01T10:00:00"])
        return str(file)

    return write


@pytest.mark.both_databases
def test_a_small_run_goes_every_way_with_the_largest_order_and_all_books_agree(demo):
    said = demo()

    assert FAILED not in said
    assert "all invariants hold" in said
    assert "too few" not in said
    assert "login admin" in said
    assert "The story of order D1-" in said
    assert "\x1b" not in said, "no terminal, no colours"
    untold = [
        kind.value for kind, rule in CASES.items() if f"{rule.title} ({kind.value})" not in said
    ]
    assert untold == []
    assert "account named by admin:anna, approved by admin:ben" in said
    assert "“You got money back as an apology." in said
    largest = Order.objects.get(lines__line_no=704)
    assert largest.state == Order.State.COMPLETED


@pytest.mark.both_databases
def test_fifty_orders_for_the_same_twenty_articles_end_right(demo, busy):
    said = demo("--data", busy(50), "--orders", "50")

    assert FAILED not in said
    assert "all invariants hold" in said
    assert Order.objects.count() == 50
    assert StockItem.objects.count() == 20


def test_a_second_run_adds_its_own_orders_and_leaves_the_first_alone(demo, busy):
    file = busy(SMALLEST)
    demo("--data", file)
    before = set(Order.objects.values_list("number", "state"))

    said = demo("--data", file)

    assert "all invariants hold" in said
    assert before < set(Order.objects.values_list("number", "state"))
    assert Order.objects.filter(number__startswith="D2-").count() == SMALLEST


@pytest.mark.parametrize(
    ("planted", "broken"), [("money", "M8"), ("stock", "I1"), ("parcel", "X1")]
)
def test_what_is_planted_is_named_and_taken_back(demo, busy, planted, broken):
    said = demo("--data", busy(SMALLEST), "--plant", planted)

    assert broken in said.rpartition("broken invariants:")[2]
    assert found() == []


def test_what_is_planted_stays_when_it_is_to_be_kept(demo, busy):
    demo("--data", busy(SMALLEST), "--plant", "stock", "--keep")

    assert [name for name, _ in found()] == ["I1"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--orders", "3"), f"at least {SMALLEST}"),
        (("--data", "nowhere.csv"), "nowhere.csv can't be read"),
        (("--workers", "2"), "needs a broker"),
        (("--drill",), "needs a database server"),
    ],
)
def test_an_option_that_can_not_be_met_says_what_is_missing(demo, options, words):
    assert words in demo(*options)


def test_a_file_that_is_too_short_is_refused_before_anything_is_placed(demo, tmp_path):
    file = tmp_path / "short.csv"
    file.write_text(",".join(INVOICE_COLUMNS) + "\n600000,A,1,1.0,1,EIRE,2011-01-01T10:00:00\n")

    assert "1 orders can't go every way" in demo("--data", str(file))
    assert not Order.objects.exists()


def test_the_same_seed_makes_the_same_plan():
    invoices, notes = read_file(None)
    first, again, other = (
        make_plan(invoices, notes, size=330, seed=seed, prefix="D1-") for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other
    assert all(len(first.going(way)) >= (4 if way in FEW else 10) for way in Way)


@pytest.mark.slow
def test_a_reader_who_goes_away_early_changes_nothing(tmp_path, monkeypatch, busy):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'shop.sqlite3'}")
    monkeypatch.setenv("SHOP_BOOKS_DIR", str(tmp_path))
    monkeypatch.setenv("CELERY_BROKER_URL", "")
    command = [
        sys.executable,
        "manage.py",
        "demo",
        "--orders",
        str(SMALLEST),
        "--data",
        busy(SMALLEST),
    ]

    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.stdout.close()
        assert run.stderr is not None
        complaints = run.stderr.read()

    assert (run.returncode, complaints) == (0, "")
