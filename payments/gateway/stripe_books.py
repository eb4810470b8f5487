"""Stripe's books: its objects, as JSON values, read as the port's values.

Nothing here asks Stripe for anything. `Json` is an object as it came, with `latest_charge`
expanded where it has one.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal

from payments.gateway.port import (
    Authorised,
    Captured,
    Disputed,
    Json,
    LineKind,
    PayoutLine,
    Refunded,
    Refused,
    SettlementLine,
    Standing,
)
from sagas.call import Outcome
from sagas.exceptions import Unanswered

#: How many hundredths Stripe counts where ISO 4217 counts one unit, and the other way round.
_MORE_DECIMALS: Final = frozenset({"ISK", "UGX"})
_FEWER_DECIMALS: Final = frozenset({"MGA"})
#: Currencies of three decimals, of which Stripe takes two: the last one must be 0.
_THREE_DECIMALS: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})

#: Which of our kinds Stripe's reporting category is, and which way its signed amount counts.
_KINDS: Final[dict[str, tuple[LineKind, int]]] = {
    "charge": ("capture", 1),
    "refund": ("refund", -1),
    "refund_failure": ("refund_failed", 1),
    "dispute": ("chargeback", -1),
    "dispute_reversal": ("chargeback", -1),
    "fee": ("fee", -1),
}
_REFUND_STATUS: Final[dict[str, Literal["pending", "paid", "failed"]]] = {
    "succeeded": "paid",
    "failed": "failed",
    "canceled": "failed",
}
_DISPUTE_STATUS: Final[dict[str, Literal["inquiry", "open", "won", "lost"]]] = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "won",
    "prevented": "won",
    "won": "won",
    "lost": "lost",
}


def to_stripe(minor: int, currency: str) -> int:
    """Return an amount as Stripe counts it. Raises Refused where it can't say that amount."""
    step = 10 if currency in _THREE_DECIMALS else 100 if currency in _FEWER_DECIMALS else 1
    if minor % step:
        message = f"Stripe takes {currency} in steps of {step} minor units, not {minor}."
        raise Refused("invalid_amount", message)
    if currency in _FEWER_DECIMALS:
        return minor // 100
    return minor * 100 if currency in _MORE_DECIMALS else minor


def from_stripe(amount: int, currency: str) -> int:
    """Return what Stripe counts in ISO minor units; `currency` in any case."""
    if currency.upper() in _FEWER_DECIMALS:
        return amount * 100
    return amount // 100 if currency.upper() in _MORE_DECIMALS else amount


def _minor(thing: Json, name: str, default: int = 0) -> int:
    return from_stripe(thing.get(name) or default, thing["currency"])


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def written(thing: Json, name: str) -> str:
    """Return what we wrote into the metadata of an object."""
    return str((thing.get("metadata") or {}).get(name, ""))


def order_of(thing: Json) -> str:
    """Return the order number that an object carries, or else the intent that it belongs to."""
    intent = thing["id"] if thing.get("object") == "payment_intent" else thing.get("payment_intent")
    return written(thing, "reference") or str(intent or "")


def charge_of(intent: Json) -> Json | None:
    """Return the successful charge of an intent: what was reserved and perhaps taken."""
    charge = intent.get("latest_charge")
    return charge if isinstance(charge, dict) and charge["status"] == "succeeded" else None


def _expiry(charge: Json) -> datetime | None:
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    return _at(card["capture_before"]) if card.get("capture_before") else None


# -- outcomes ----------------------------------------------------------------------------------


def authorisation(intent: Json) -> Outcome:
    """Return whether an intent was authorised. Raises Unanswered while Stripe works on it."""
    _require_rest(intent)
    charge = charge_of(intent)
    if charge is None:
        return Outcome(ok=False, code=_refusal(intent))
    expiry = _expiry(charge)
    data = {
        "status": "authorised",
        "expires_at": expiry.isoformat() if expiry else None,
        "account": None,
    }
    return Outcome(ok=True, reference=intent["id"], data=data)


def _require_rest(intent: Json) -> None:
    if intent["status"] == "processing":
        raise Unanswered(f"Stripe is still processing {intent['id']}.")


def _refusal(intent: Json) -> str:
    if intent["status"] == "requires_action":
        return "authentication_required"
    error = intent.get("last_payment_error") or {}
    return str(error.get("decline_code") or error.get("code") or intent["status"])


def capture(intent: Json, minor: int) -> Outcome | None:
    """Return whether `minor` of an intent was taken; None while it still can be."""
    _require_rest(intent)
    if intent["status"] == "requires_capture":
        return None
    charge = charge_of(intent)
    if intent["status"] != "succeeded" or charge is None:
        return Outcome(ok=False, code=_refusal(intent))
    if _minor(intent, "amount_received", to_stripe(minor, intent["currency"].upper())) != minor:
        return Outcome(ok=False, code="captured_otherwise")
    data = {
        "released_minor": _minor(intent, "amount") - minor,
        "release_reference": intent["id"],
        "reversible_until": None,
    }
    return Outcome(ok=True, reference=charge["id"], data=data)


def void(intent: Json) -> Outcome | None:
    """Return whether an intent was given up; None while it still can be."""
    _require_rest(intent)
    if intent["status"] == "canceled":
        data = {"released_minor": _minor(intent, "amount")}
        return Outcome(ok=True, reference=intent["id"], data=data)
    if intent["status"] == "succeeded":
        return Outcome(ok=False, code="already_captured")
    return None


def refund(thing: Json) -> Outcome:
    """Return what became of a refund. Raises Unanswered until that is certain (R34)."""
    status = _REFUND_STATUS.get(thing["status"], "pending")
    if status == "pending":
        raise Unanswered(f"Stripe calls refund {thing['id']} {thing['status']}.")
    if status == "failed":
        return Outcome(ok=False, code=_failure(thing), data={"refund": thing["id"]})
    return Outcome(ok=True, reference=thing["id"])


def _failure(thing: Json) -> str:
    return str(thing.get("failure_reason") or thing["status"])


# -- standing ----------------------------------------------------------------------------------


def standing(
    reference: str, intents: list[Json], refunds: list[Json], disputes: list[Json]
) -> Standing:
    """Return what Stripe knows of an order, from all of its objects."""
    charged = [(intent, charge) for intent in intents if (charge := charge_of(intent))]
    return Standing(
        reference=reference,
        currency=intents[0]["currency"].upper(),
        authorisations=tuple(_authorised(*pair) for pair in charged),
        captures=tuple(_captured(charge) for _, charge in charged if charge["captured"]),
        refunds=tuple(_refunded(thing) for thing in refunds),
        disputes=tuple(_disputed(thing) for thing in disputes),
    )


def _authorised(intent: Json, charge: Json) -> Authorised:
    amount = _minor(intent, "amount")
    return Authorised(
        id=intent["id"],
        amount_minor=amount,
        open_minor=amount if intent["status"] == "requires_capture" else 0,
        expires_at=_expiry(charge),
    )


def _captured(charge: Json) -> Captured:
    return Captured(
        id=charge["id"],
        amount_minor=_minor(charge, "amount_captured", charge["amount"]),
        at=_at((_moved(charge) or charge)["created"]),
    )


def _moved(charge: Json) -> Json | None:
    """Return the balance transaction of a charge: made when it was captured, not authorised."""
    transaction = charge.get("balance_transaction")
    return transaction if isinstance(transaction, dict) else None


def _refunded(thing: Json) -> Refunded:
    status = _REFUND_STATUS.get(thing["status"], "pending")
    return Refunded(
        id=thing["id"],
        key=written(thing, "key"),
        capture_id=thing["charge"],
        amount_minor=_minor(thing, "amount"),
        status=status,
        code=_failure(thing) if status == "failed" else "",
    )


def _disputed(thing: Json) -> Disputed:
    return Disputed(
        id=thing["id"],
        capture_id=thing["charge"],
        amount_minor=_minor(thing, "amount"),
        status=_DISPUTE_STATUS.get(thing["status"], "open"),
    )


# -- statement ---------------------------------------------------------------------------------


def lines(transaction: Json, source: Json, reference: str) -> Iterator[SettlementLine]:
    """Yield the lines of one balance transaction: what moved, then what Stripe kept of it."""
    if transaction["reporting_category"] not in _KINDS:
        return
    kind, sign = _KINDS[transaction["reporting_category"]]
    amount, currency = _presented(transaction, source)
    at = _at(transaction["created"])
    yield SettlementLine(
        position=transaction["id"],
        kind=kind,
        reference=reference,
        id=source["id"],
        parent=str(source.get("charge") or source.get("payment_intent") or ""),
        amount_minor=sign * amount,
        currency=currency,
        at=at,
    )
    if transaction["fee"]:
        yield SettlementLine(
            position=f"{transaction['id']}:fee",
            kind="fee",
            reference=reference,
            id=transaction["id"],
            parent=source["id"],
            amount_minor=_minor(transaction, "fee"),
            currency=transaction["currency"].upper(),
            at=at,
        )


def _presented(transaction: Json, source: Json) -> tuple[int, str]:
    """Return the signed amount in the customer's currency: ours, if the account has another."""
    if source["currency"] == transaction["currency"]:
        return _minor(transaction, "amount"), transaction["currency"].upper()
    amount = _minor(source, "amount_captured", source["amount"])
    return (amount if transaction["amount"] > 0 else -amount), source["currency"].upper()


def payout_lines(payout: Json, transactions: Iterable[Json]) -> Iterator[PayoutLine]:
    """Yield a payout, then what each of its balance transactions counts for in it.

    The balance transaction of the payout itself takes its amount off the balance.
    """
    yield _paid(payout, payout["id"], "payout", payout, "amount")
    for transaction in transactions:
        if transaction["id"] != payout["balance_transaction"]:
            position = f"{payout['id']}:{transaction['id']}"
            yield _paid(payout, position, "net", transaction, "net")


def _paid(
    payout: Json, position: str, kind: Literal["payout", "net"], thing: Json, amount: str
) -> PayoutLine:
    return PayoutLine(
        position=position,
        kind=kind,
        id=thing["id"],
        payout=payout["id"],
        amount_minor=_minor(thing, amount),
        currency=thing["currency"].upper(),
        at=_at(payout["arrival_date"]),
    )
