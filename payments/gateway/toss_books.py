"""Toss's books: its Payment object, its cancellations and its settlements as the port's values.

Nothing here asks Toss for anything. The only field of a cancellation that comes back as it was
sent is its reason, so our key stands at the end of it.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from payments.gateway.port import (
    Account,
    Authorised,
    Captured,
    Deposit,
    Json,
    KeyReused,
    Refunded,
    Refused,
    SettlementLine,
    Standing,
)
from sagas.call import Outcome, Request
from sagas.exceptions import Unanswered

SEOUL: Final = ZoneInfo("Asia/Seoul")
#: How long a customer's consent may wait for its confirmation.
CONSENT: Final = timedelta(minutes=10)
#: Statuses of a payment that was never approved, so that no money moved.
UNPAID: Final = frozenset({"READY", "IN_PROGRESS", "WAITING_FOR_DEPOSIT"})
ENDED: Final = frozenset({"ABORTED", "EXPIRED"})

#: The longest reason that Toss takes, and what stands at its end: [key], or [rest key].
_REASON: Final = 200
_OURS: Final = re.compile(r"\[(?P<rest>rest )?(?P<key>[0-9a-f-]{36})\]$")
_REFUND_STATUS: Final[dict[str, Literal["pending", "paid", "failed"]]] = {
    "COMPLETED": "paid",
    "FAILED": "failed",
}


def require_whole(currency: str) -> None:
    """Raise Refused for a currency that Toss doesn't count in whole units."""
    if currency not in ("KRW", "JPY"):
        raise Refused("currency_not_supported", f"Toss takes KRW and JPY here, not {currency}.")


def require_consent(payment: Json, request: Request) -> None:
    """Raise Refused unless the customer has consented to this amount for this order, and waits."""
    if payment["status"] not in UNPAID:
        raise Refused(f"payment_is_{payment['status'].lower()}")
    said = payment["orderId"], int(payment["totalAmount"]), payment["currency"]
    if said != (request["reference"], request["amount_minor"], request["currency"]):
        raise Refused("consent_differs", "The customer has consented to {} {} {}.".format(*said))


def reason(text: str, key: UUID, *, is_rest: bool = False) -> str:
    """Return the reason for a cancellation, with our key at its end."""
    mark = f"[rest {key}]" if is_rest else f"[{key}]"
    return f"{text[: _REASON - len(mark) - 1]} {mark}".strip()


def key_of(cancel: Json) -> str:
    """Return the key under which we asked for a cancellation, or "" when it was not us."""
    found = _OURS.search(cancel.get("cancelReason") or "")
    return found["key"] if found else ""


def is_rest(cancel: Json) -> bool:
    """Whether a cancellation gave up what a partial capture had not taken."""
    found = _OURS.search(cancel.get("cancelReason") or "")
    return bool(found and found["rest"])


def cancel_with(payment: Json, key: UUID, minor: int) -> Json | None:
    """Return the cancellation that was made under `key`. Raises KeyReused if of another amount."""
    for cancel in payment.get("cancels") or []:
        if key_of(cancel) == str(key):
            if int(cancel["cancelAmount"]) != minor:
                message = f"Key {key} has cancelled {cancel['cancelAmount']}, not {minor}."
                raise KeyReused(message)
            return dict(cancel)
    return None


def was_paid(payment: Json) -> bool:
    """Whether money was ever taken: an approval has a time, and a closed account has none."""
    return payment["status"] not in UNPAID | ENDED and bool(payment.get("approvedAt"))


def time_of(text: str) -> datetime:
    """Return one of Toss's times in UTC; those without a zone are Korean."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=SEOUL)).astimezone(UTC)


# -- outcomes ----------------------------------------------------------------------------------


def issued(payment: Json) -> Outcome:
    """Return the virtual account of a payment as an authorisation that waits for its deposit."""
    account = account_of(payment)
    data = {"status": "awaiting_deposit", "expires_at": account["until"], "account": account}
    return Outcome(ok=True, reference=payment["paymentKey"], data=data)


def account_of(payment: Json) -> Account:
    """Return the account that a customer is to pay into."""
    account = payment["virtualAccount"]
    return {
        "bank": account["bankCode"],
        "number": account["accountNumber"],
        "holder": account["customerName"],
        "until": time_of(account["dueDate"]).isoformat(),
    }


def captured(payment: Json, minor: int) -> Outcome:
    """Return a capture of `minor`, whose rest was given up. It can be cancelled till midnight."""
    rest = next((x["transactionKey"] for x in payment.get("cancels") or [] if is_rest(x)), "")
    data = {
        "released_minor": int(payment["totalAmount"]) - minor,
        "release_reference": rest,
        "reversible_until": _midnight_after(time_of(payment["approvedAt"])).isoformat(),
    }
    return Outcome(ok=True, reference=payment["paymentKey"], data=data)


def taken(payment: Json) -> int:
    """Return what a paid payment's capture came to: all of it, but what was given up at once."""
    given_up = (int(x["cancelAmount"]) for x in payment.get("cancels") or [] if is_rest(x))
    return int(payment["totalAmount"]) - sum(given_up)


def _midnight_after(at: datetime) -> datetime:
    day = at.astimezone(SEOUL).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=SEOUL).astimezone(UTC)


def refunded(payment: Json, key: UUID, minor: int) -> Outcome:
    """Return what became of the refund under `key`. Raises Unanswered until it is certain (R34)."""
    cancel = cancel_with(payment, key, minor)
    if cancel is None:
        raise Unanswered(f"Toss does not tell of the refund under {key}.")
    status = refund_status(payment, cancel)
    if status == "pending":
        raise Unanswered(f"Toss has not paid cancellation {cancel['transactionKey']} out yet.")
    if status == "failed":
        return Outcome(ok=False, code="refund_failed", data={"refund": cancel["transactionKey"]})
    return Outcome(ok=True, reference=cancel["transactionKey"])


def refund_status(payment: Json, cancel: Json) -> Literal["pending", "paid", "failed"]:
    """Return how far a cancellation is: a card's is done at once, a bank takes two days.

    Where some of several transfers failed, Toss doesn't say which: that stays pending.
    """
    status = cancel.get("cancelStatus", "DONE")
    if status != "DONE":
        return "failed" if status == "ABORTED" else "pending"
    account = payment.get("virtualAccount")
    return _REFUND_STATUS.get(account["refundStatus"], "pending") if account else "paid"


# -- standing ----------------------------------------------------------------------------------


def standing(payment: Json) -> Standing:
    """Return what Toss knows of an order: it has one payment."""
    cancels = payment.get("cancels") or []
    is_paid = was_paid(payment)
    by_account = payment.get("virtualAccount") is not None
    by_card = not by_account and (is_paid or payment["status"] == "IN_PROGRESS")
    return Standing(
        reference=payment["orderId"],
        currency=payment["currency"],
        authorisations=(_authorised(payment),) if by_card else (),
        captures=(_captured(payment),) if is_paid else (),
        refunds=tuple(_refunded(payment, x) for x in cancels if is_paid and not is_rest(x)),
        deposit=_deposit(payment) if by_account else None,
    )


def _authorised(payment: Json) -> Authorised:
    amount = int(payment["totalAmount"])
    return Authorised(
        id=payment["paymentKey"],
        amount_minor=amount,
        open_minor=amount if payment["status"] in UNPAID else 0,
        expires_at=time_of(payment["requestedAt"]) + CONSENT,
    )


def _captured(payment: Json) -> Captured:
    return Captured(
        id=payment["paymentKey"],
        amount_minor=taken(payment),
        at=time_of(payment["approvedAt"]),
    )


def _refunded(payment: Json, cancel: Json) -> Refunded:
    status = refund_status(payment, cancel)
    return Refunded(
        id=cancel["transactionKey"],
        key=key_of(cancel),
        capture_id=payment["paymentKey"],
        amount_minor=int(cancel["cancelAmount"]),
        status=status,
        code="refund_failed" if status == "failed" else "",
    )


def _deposit(payment: Json) -> Deposit:
    until = time_of(payment["virtualAccount"]["dueDate"])
    return Deposit(status=_deposit_status(payment), until=until, account=account_of(payment))


def _deposit_status(payment: Json) -> Literal["waiting", "paid", "expired", "closed"]:
    if was_paid(payment):
        return "paid"
    if payment["status"] in UNPAID:
        return "waiting"
    return "expired" if payment["status"] == "EXPIRED" else "closed"


# -- statement ---------------------------------------------------------------------------------


def lines(record: Json, position: str) -> Iterator[SettlementLine]:
    """Yield the lines of one settlement: what moved, then what Toss kept of it.

    What a partial capture gave up is a void, and takes as much of its capture's line back.
    """
    cancel, amount = record.get("cancel"), int(record["amount"])
    if cancel is None:
        yield _line(record, f"{position}a", "capture", amount)
    elif is_rest(cancel):
        yield _line(record, f"{position}a", "capture", amount)
        yield _line(record, f"{position}b", "void", -amount)
    else:
        yield _line(record, f"{position}a", "refund", -amount)
    if fee := amount - int(record["payOutAmount"]):
        yield _line(record, f"{position}c", "fee", fee)


def _line(
    record: Json, position: str, kind: Literal["capture", "void", "refund", "fee"], minor: int
) -> SettlementLine:
    cancel = record.get("cancel")
    return SettlementLine(
        position=position,
        kind=kind,
        reference=record["orderId"],
        id=record["paymentKey"] if kind == "capture" else record["transactionKey"],
        parent="" if kind == "capture" else record["paymentKey"],
        amount_minor=minor,
        currency=record["currency"],
        at=time_of(cancel["canceledAt"] if cancel else record["approvedAt"]),
        payout=record["paidOutDate"] or "",
    )
