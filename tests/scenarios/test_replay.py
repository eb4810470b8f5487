"""A file of orders and credits goes through the shop, and all books agree with it to the penny."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from orders.models import Case, Order
from sagas import clock
from sagas.reconciled import ReconciliationRun
from sagas.reconciliation import periodic
from shop.documents import INVOICE_COLUMNS, RETURN_COLUMNS
from shop.invoices import Invoice, InvoiceLine
from shop.replay.acts import Departure, GoodsBack, Placing, Way
from shop.replay.batches import Batch
from shop.replay.clock import data_clock
from shop.replay.deeds import Deeds
from shop.replay.work import Work
from tests.scenarios.reconciled import found

DATA = Path(__file__).resolve().parents[2] / "shop" / "data"
NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)

SALES = (
    "100001,MUG,6,5.00,kim,EIRE,2011-03-01T12:00:00",
    "100001,TIN,2,1.50,kim,EIRE,2011-03-01T12:00:00",
    "100001,POST,1,18.00,kim,EIRE,2011-03-01T12:00:00",
    "100002,MUG,74215,1.04,lee,EIRE,2011-03-01T12:10:00",
    "C100003,MUG,-74215,1.04,lee,EIRE,2011-03-01T12:26:00",
    "100004,TIN,1,1.50,,EIRE,2011-03-02T09:00:00",
    "C100005,MUG,-2,5.00,kim,EIRE,2011-03-02T10:00:00",
    "C100005,HAT,-1,9.00,kim,EIRE,2011-03-02T10:00:00",
    "C100006,MUG,-4,4.00,kim,EIRE,2011-09-20T10:00:00",
    "C100006,MUG,-3,5.00,kim,EIRE,2011-09-20T10:00:00",
    "C100007,M,-1,7.00,,EIRE,2011-09-20T11:00:00",
)
CREDITS = (
    "C100003,2011-03-01T12:26:00,lee,MUG,74215,1.04,100002,1.04",
    "C100005,2011-03-02T10:00:00,kim,MUG,2,5.00,100001,5.00",
    "C100005,2011-03-02T10:00:00,kim,HAT,1,9.00,,",
    "C100006,2011-09-20T10:00:00,kim,MUG,4,4.00,100001,5.00",
    "C100006,2011-09-20T10:00:00,kim,MUG,3,5.00,,",
)


@pytest.fixture
def files(tmp_path):
    """Return the two files as options of the command."""
    data, returns = tmp_path / "data.csv", tmp_path / "returns.csv"
    data.write_text("\n".join([",".join(INVOICE_COLUMNS), *SALES]) + "\n")
    returns.write_text("\n".join([",".join(RETURN_COLUMNS), *CREDITS]) + "\n")
    return [f"--data={data}", f"--returns={returns}"]


def replay(*options):
    said = StringIO()
    call_command("replay", "--json", *options, stdout=said, stderr=StringIO())
    return json.loads(said.getvalue())


@pytest.mark.both_databases
def test_orders_and_credits_of_a_file_happen_and_agree_with_it(world, files):
    told = replay(*files)

    assert told["agrees"]
    assert told["checks"]["difference"]["found"] in ("0", "0.00")
    assert told["checks"]["kept by the provider"] == {"expected": "450", "found": "450"}
    assert {way: found["minor"] for way, found in told["credited"].items()} == {
        "cancel": 7_718_360,
        "return": 3000,
    }
    assert told["reduction_minor"] == 400
    assert {reason: found["exact"] for reason, found in told["refused"].items()} == {
        "more_than_bought": "15.00",
        "no_customer": "7.00",
        "not_bought": "9.00",
    }
    states = dict(Order.objects.values_list("number", "state"))
    assert states == {
        "R1-100001": Order.State.COMPLETED,
        "R1-100002": Order.State.CANCELLED,
        "R1-100004": Order.State.COMPLETED,
    }
    customers = Order.objects.order_by("number").values_list("customer", flat=True)
    assert list(customers) == ["kim", "lee", "guest-100004"]
    assert found() == []


@pytest.mark.both_databases
def test_everything_happens_when_it_did_however_late(world, files):
    replay(*files)

    placed = Order.objects.order_by("number").values_list("placed_at", flat=True)
    returns = Case.objects.filter(kind="return").order_by("opened_at")
    asked = returns.values_list("opened_at", flat=True)
    assert [minute(when) for when in placed] == [
        "2011-03-01 12:00",
        "2011-03-01 12:10",
        "2011-03-02 09:00",
    ]
    assert [minute(when) for when in asked] == ["2011-03-02 10:00", "2011-09-20 09:00"]
    assert clock.now().year > 2011


def minute(when):
    return when.strftime("%Y-%m-%d %H:%M")


@pytest.mark.both_databases
def test_nothing_is_reconciled_every_hour_of_the_files_clock(world, files, settings, monkeypatch):
    settings.SAGAS = {**settings.SAGAS, "RECONCILE_INTERVAL": timedelta(hours=1)}
    monkeypatch.setattr(periodic, "_next_look", {})

    replay(*files, "--limit=1")

    assert ReconciliationRun.objects.count() == 0


@pytest.mark.both_databases
def test_a_second_replay_stands_beside_the_first(world, files):
    replay(*files, "--limit=1")

    told = replay(*files, "--limit=1")

    assert (told["prefix"], told["agrees"]) == ("R2-", True)
    assert set(Order.objects.values_list("number", flat=True)) == {"R1-100001", "R2-100001"}


def test_a_rehearsal_adds_up_without_a_database():
    told = replay(
        f"--data={DATA / 'online_retail_sample.csv.gz'}",
        f"--returns={DATA / 'returns_sample.csv.gz'}",
        "--dry-run",
    )

    assert told["agrees"]
    assert told["sold"]["count"] == 344
    assert Decimal(told["file"]) == Decimal("164065.90")
    credited = sum(Decimal(found["exact"]) for found in told["credited"].values())
    left_out = sum(Decimal(found["exact"]) for found in told["left_out"].values())
    assert Decimal(told["sold"]["exact"]) + left_out - credited == Decimal(told["file"])


def test_a_returns_file_that_lacks_a_credit_does_not_agree(files, tmp_path):
    short = tmp_path / "short.csv"
    short.write_text("\n".join([",".join(RETURN_COLUMNS), *CREDITS[:-1]]) + "\n")
    said = StringIO()

    with pytest.raises(CommandError, match="These differ: difference"):
        call_command("replay", files[0], f"--returns={short}", "--dry-run", stdout=said)

    assert "difference" in said.getvalue()
    assert "-15.00" in said.getvalue()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ["--data=nowhere.csv", "--returns=nowhere.csv"],
            "nowhere.csv can't be read: No such file",
        ),
        ([f"--data={__file__}", f"--returns={__file__}"], "the column invoice is missing"),
        (["--data=a", "--returns=b", "--limit=0"], "--limit is 1 or more"),
    ],
)
def test_what_can_not_be_replayed_is_named(options, problem):
    with pytest.raises(CommandError, match=problem):
        call_command("replay", "--dry-run", *options, stdout=StringIO())


# -- what the shop does not do


@pytest.fixture
def work(world):
    with closing(Deeds(prefix="R1-", carrier=world.carrier)) as deeds, data_clock() as data_time:
        yield Work(deeds, data_time)


@pytest.mark.both_databases
def test_what_the_shop_refuses_is_left_undone_and_told(world, work):
    world.carrier.switch_on("refuse", operation="book")
    invoice = Invoice(
        number="7",
        customer="kim",
        country="EIRE",
        placed_at=NOON,
        lines=(InvoiceLine(sku="MUG", quantity=2, unit_price_minor=500),),
    )
    back = GoodsBack(
        at=NOON,
        note="C8",
        order="7",
        way=Way.RETURN,
        lines=((1, 1),),
        minor=500,
        exact=Decimal(5),
        reduction=0,
    )
    acts = (
        Placing(at=NOON, invoice=invoice, exact=Decimal(10)),
        Departure(at=NOON, order="7"),
        back,
    )

    work.do(Batch(acts=acts))

    undone = work.done.undone
    assert {why: (each.count, each.minor) for why, each in undone.items()} == {
        "not_sent": (1, 0),
        "not_delivered": (1, 500),
    }
    assert undone["not_sent"].first == "The parcel of order 7 did not leave."
    assert work.done.undone_minor == 500


# -- the clock


@pytest.mark.django_db
def test_time_moves_with_the_data_and_never_back():
    before = clock.now()
    with data_clock() as data_time:
        data_time.move_to(NOON)
        then = clock.now()
        data_time.move_to(NOON + timedelta(days=2))
        later = clock.now()
        data_time.move_to(NOON)
        still = clock.now()

    assert NOON <= then < NOON + timedelta(minutes=1)
    assert timedelta(0) <= later - (NOON + timedelta(days=2)) < timedelta(minutes=1)
    assert later <= still < later + timedelta(minutes=1)
    assert before <= clock.now() < before + timedelta(minutes=1)
