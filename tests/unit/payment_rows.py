"""Rows and values of payments for tests: a payment of 10.00 GBP and what belongs to it."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

from orders.events import Address, CaseKind
from payments.events import MoneyOp
from payments.learning import dispute_case
from payments.models import Dispute, Payment, Refund
from sagas.call import Outcome
from sagas.models import Saga, StoredEvent
from sagas.money import Money
from sagas.work import Work
from shipping.events import ShipmentStopped

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = UUID(int=1)
CASE = UUID(int=2)
ADDRESS = Address(name="Kim", street="1 Main St", city="Leeds", postcode="LS1", country="GB")
ACCOUNT = {"bank": "Bank of Seoul", "number": "110-123", "holder": "Kim"}
STOPPED = ShipmentStopped(order_id=ORDER, case_id=CASE, case=CaseKind.CANCEL, reason="")
State = Payment.State


def gbp(minor):
    return Money(minor, "GBP")


def payment(state=State.PENDING, **values):
    given = {
        "order_id": ORDER,
        "number": "1001",
        "amount_minor": 1000,
        "due_minor": 1000,
        "currency": "GBP",
        "tokens": ["tok_a", "tok_b"],
    }
    return Payment(state=state, **(given | values))


def awaiting(state=State.AWAITING_DEPOSIT, **values):
    given = {
        "method": "virtual_account",
        "authorisation_id": "va_1",
        "deposit_until": NOW,
        "attempts": 1,
    }
    return payment(state, **(given | values))


def authorised(state=State.AUTHORISED, **values):
    given = {
        "attempts": 1,
        "authorisation_id": "au_1",
        "authorised_minor": 1000,
        "auth_expires_at": NOW,
    }
    return payment(state, **(given | values))


def captured(state=State.CAPTURED, **values):
    return authorised(state, **({"capture_id": "ch_1", "captured_minor": 1000} | values))


def refund(state=Refund.State.SENT, amount=300, **values):
    given = {
        "id": uuid5(CASE, "refund"),
        "order_id": ORDER,
        "case_id": CASE,
        "case": "return",
        "operation": MoneyOp.REFUND,
        "currency": "GBP",
        "capture_id": "ch_1",
        "planned_at": NOW,
    }
    return Refund(state=state, amount_minor=amount, **(given | values))


def dispute(state=Dispute.State.OPEN, amount=1000, **values):
    given = {
        "order_id": ORDER,
        "case_id": dispute_case(ORDER, "dp_1"),
        "provider_dispute_id": "dp_1",
        "currency": "GBP",
        "opened_at": NOW,
    }
    return Dispute(state=state, amount_minor=amount, **(given | values))


def work():
    return Work("default", NOW)


def added(work, kind=None):
    rows = list(work._added.values())
    return rows if kind is None else [row for row in rows if isinstance(row, kind)]


def lines(work):
    """Return what a step has entered into the ledger: kind, reference, amount."""
    return [
        (row.kind, row.reference, row.amount_minor) for row in added(work) if hasattr(row, "kind")
    ]


def done(reference, **data):
    return Outcome(ok=True, reference=reference, data=data)


def refused(code, **data):
    return Outcome(ok=False, code=code, data=data)


def open_saga(choreography, key):
    return Saga.objects.create(choreography=choreography, key=str(key), started_at=NOW)


def said(saga=None):
    """Return the names of the events in the log, in their order."""
    rows = (
        StoredEvent.objects.all() if saga is None else StoredEvent.objects.filter(saga_id=saga.id)
    )
    return [name.split(".")[1] for name in rows.order_by("id").values_list("type", flat=True)]


def stored(row, **values):
    """Save a copy of an unsaved row, with other values, such as its state."""
    kept = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    copy = type(row)(**(kept | values))
    copy.save()
    return copy
