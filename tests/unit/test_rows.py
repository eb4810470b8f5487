"""Many rows, one statement, each its own values; the same on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sagas.clock import new_id
from sagas.models import Intent, IntentState, Slot
from sagas.reconciled import StatementLine
from sagas.rows import insert_new, update_rows

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def intents(count):
    made = [
        Intent(
            saga_id=new_id(),
            event_id=new_id(),
            choreography="checkout",
            key=str(n),
            step="payments.capture",
            subject_key=str(n),
            n=1,
            idempotency_key=new_id(),
            started_at=NOON,
        )
        for n in range(count)
    ]
    Intent.objects.bulk_create(made)
    return made


def test_each_row_gets_its_own_values_whatever_their_type():
    rows = intents(3)
    for n, row in enumerate(rows):
        row.outcome = {"ok": True, "n": n, "said": 'it\'s "done"'} if n else None
        row.answered_at = NOON + timedelta(minutes=n) if n else None
        row.inquiries = n
        row.state = IntentState.DONE

    written = update_rows("default", rows, ["outcome", "answered_at", "inquiries", "state"])

    stored = Intent.objects.order_by("inquiries")
    assert written == 3
    assert [row.inquiries for row in stored] == [0, 1, 2]
    assert [row.answered_at for row in stored] == [row.answered_at for row in rows]
    assert [row.outcome for row in stored] == [row.outcome for row in rows]
    assert {row.state for row in stored} == {"done"}


def test_other_columns_and_other_rows_stay_as_they_are():
    row, other = intents(2)
    row.inquiries, row.step = 7, "changed in memory only"

    update_rows("default", [row], ["inquiries"])

    assert Intent.objects.get(id=row.id).step == "payments.capture"
    assert Intent.objects.get(id=other.id).inquiries == 0


def test_a_row_whose_guard_does_not_hold_is_left_alone():
    rows = intents(2)
    Intent.objects.filter(id=rows[0].id).update(state=IntentState.UNKNOWN)
    for row in rows:
        row.inquiries = 5

    written = update_rows("default", rows, ["inquiries"], only={"state": IntentState.OUT})

    assert written == 1
    assert Intent.objects.get(id=rows[0].id).inquiries == 0


def test_any_number_of_rows_is_one_update():
    rows = intents(50)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        update_rows("default", rows, ["inquiries", "state"])

    assert len([q for q in queries if "UPDATE " in q["sql"]]) == 1


def test_nothing_to_write_asks_nothing_of_the_database(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert update_rows("default", [], ["claimed"]) == 0


def test_lists_in_json_columns_stay_lists():
    slot = Slot.objects.create(worker="w", claimed=[], seen_at=NOON)
    slot.claimed = ["a", "b"]

    update_rows("default", [slot], ["claimed"])

    assert Slot.objects.get(id=slot.id).claimed == ["a", "b"]


# -- rows that are new


def line(their_id, **values):
    return {
        "id": new_id(),
        "source": "bank",
        "position": "1",
        "kind": "capture",
        "their_id": their_id,
        "reference": "",
        "parent": "",
        "amount_minor": 1500,
        "currency": "GBP",
        "payout": "",
        "at": NOON,
        "loaded_at": NOON,
        **values,
    }


def test_new_rows_are_stored_with_their_values_whatever_these_are():
    odd = 'it\'s "so", {1,2} 50%% \\ 환불'
    first = line("a", reference=odd, at=NOON + timedelta(microseconds=1))

    insert_new("default", StatementLine, [first, line("b", amount_minor=-(2**40), reference="")])

    stored, other = StatementLine.objects.order_by("their_id")
    assert (stored.id, stored.reference) == (first["id"], odd)
    assert stored.at == NOON + timedelta(microseconds=1)
    assert (other.amount_minor, other.reference) == (-(2**40), "")


def test_a_row_that_is_there_stays_as_it_is_and_the_others_are_stored():
    insert_new("default", StatementLine, [line("a")])

    insert_new("default", StatementLine, [line("a", amount_minor=1), line("b"), line("b")])

    amounts = StatementLine.objects.order_by("their_id").values_list("their_id", "amount_minor")
    assert list(amounts) == [("a", 1500), ("b", 1500)]


def test_no_new_row_is_no_statement():
    with CaptureQueriesContext(connection) as statements:
        insert_new("default", StatementLine, [])

    assert len(statements) == 0
