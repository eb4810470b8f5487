"""Toss: the adapter to 토스페이먼츠 (https://docs.tosspayments.com/reference), over its HTTP API.

Toss authorises and takes money in one step, the confirmation (결제 승인), after the customer has
consented in Toss's own window. That maps as follows. `authorise` keeps the consent, the paymentKey
that comes as card token: nothing is reserved, and it is good for ten minutes. `capture` confirms,
so a card's refusal comes then; what was consented to and is not taken is cancelled at once
(부분취소). A consent that is not confirmed ends by itself, so void and close have nothing to do,
except to close a virtual account (가상계좌): `authorise` opens one, its deposit is the capture, and
refunds of it need an `account`. Every cancellation says its amount: without one, Toss gives all
that is left back.

Toss keeps idempotency keys for fifteen days, but does not compare what came with them; so our key
also stands in the reason of each cancellation, and what comes back is compared here. Messages
about payments are not signed: one is verified by reading the payment back. No age is signed
either; an old message is one more hint to look.

The environment says TOSS_SECRET_KEY, and where needed TOSS_API_BASE, TOSS_BANK (code of the bank
for virtual accounts, "88"), TOSS_DEPOSIT_HOURS (how long they wait; Toss says 168) and
TOSS_SETTLED_SINCE (a date, from which on the statement is read; a month ago).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID, uuid5

from payments.gateway import toss_books as books
from payments.gateway import toss_messages as messages
from payments.gateway.environment import converted, optional, required
from payments.gateway.port import (
    Account,
    Hint,
    InvalidWebhook,
    Json,
    KeyReused,
    LineKind,
    PayoutLine,
    Refused,
    SettlementLine,
    Standing,
    beyond,
    definite,
    operation_of,
)
from payments.gateway.toss_http import TossApi
from payments.gateway.toss_records import TossRecords
from sagas.call import Outcome, Request
from sagas.exceptions import Unanswered

#: Refusals that may only mean that our own request was carried out before: look (R29).
_DONE_BEFORE: Final = frozenset(
    {"ALREADY_PROCESSED_PAYMENT", "ALREADY_CANCELED_PAYMENT", "ALREADY_REFUND_PAYMENT"}
)


class TossGateway:
    """The adapter to Toss, for one shop."""

    name = "toss"
    settles: frozenset[LineKind] = frozenset({"capture", "void", "refund", "fee"})
    lists_payouts = False

    def __init__(
        self,
        api: TossApi,
        *,
        bank: str = "88",
        deposit_hours: int | None = None,
        settled_since: date | None = None,
    ) -> None:
        """`bank` issues the accounts whose customers have not chosen one, as card token."""
        self._api = api
        self._records = TossRecords(api, settled_since=settled_since)
        self._bank = bank
        self._deposit_hours = deposit_hours

    @classmethod
    def configured(cls) -> "TossGateway":
        """Return the adapter to the shop that the environment names."""
        secret_key = required("TOSS_SECRET_KEY", "take the secret key from Toss's developer centre")
        return cls(
            TossApi(secret_key, base=optional("TOSS_API_BASE", "https://api.tosspayments.com")),
            bank=optional("TOSS_BANK", "88"),
            deposit_hours=converted("TOSS_DEPOSIT_HOURS", int),
            settled_since=converted("TOSS_SETTLED_SINCE", date.fromisoformat),
        )

    # -- authorise and capture

    def authorise(self, request: Request, key: UUID) -> Outcome:
        by_card = request.get("method", "card") == "card"
        ask = self._keep_consent if by_card else self._open_account
        return definite(lambda: ask(request, key))

    def _keep_consent(self, request: Request, key: UUID) -> Outcome:
        books.require_whole(request["currency"])
        payment = self._records.payment(request["card_token"])
        if payment:
            books.require_consent(payment, request)
        begun = books.time_of(payment["requestedAt"]) if payment else datetime.now(UTC)
        expiry = (begun + books.CONSENT).isoformat()
        data = {"status": "authorised", "expires_at": expiry, "account": None}
        return Outcome(ok=True, reference=request["card_token"], data=data)

    def _open_account(self, request: Request, key: UUID) -> Outcome:
        books.require_whole(request["currency"])
        wanted = {
            "orderId": request["reference"],
            "orderName": request["reference"],
            "customerName": request["reference"],
            "amount": request["amount_minor"],
            "bank": request["card_token"] or self._bank,
        }
        if self._deposit_hours:
            wanted["validHours"] = self._deposit_hours
        payment = self._api.post("/v1/virtual-accounts", wanted, key)
        _require_same(payment, request["reference"], request["amount_minor"])
        return books.issued(payment)

    def capture(self, request: Request, key: UUID) -> Outcome:
        return self._carry_out(request, key, lambda: self._confirm(request, key))

    def _confirm(self, request: Request, key: UUID) -> Outcome:
        consent = self._records.payment(request["authorisation_id"])
        total = int(consent["totalAmount"]) if consent else request["amount_minor"]
        if request["amount_minor"] > total:
            raise Refused("amount_exceeds_authorised")
        wanted = {
            "paymentKey": request["authorisation_id"],
            "orderId": request["reference"],
            "amount": total,
        }
        payment = self._api.post("/v1/payments/confirm", wanted, key)
        _require_same(payment, request["reference"], total)
        return self._captured(payment, request["amount_minor"], key)

    def _captured(self, payment: Json, minor: int, key: UUID) -> Outcome:
        """Return what was taken, once the rest is given up: taking less comes in two steps here."""
        rest = int(payment["totalAmount"]) - minor
        if not rest:
            return books.captured(payment, minor)
        try:
            after = self._cancel(payment, rest, uuid5(key, "rest"), "not taken", is_rest=True)
        except Refused as refusal:
            message = f"Toss took {payment['totalAmount']} and keeps {rest} of it: {refusal}."
            raise Unanswered(message) from refusal
        return books.captured(after, minor)

    # -- back

    def void(self, request: Request, key: UUID) -> Outcome:
        return definite(lambda: self._give_up(request["authorisation_id"], key))

    def _give_up(self, payment_key: str, key: UUID) -> Outcome:
        """Close a virtual account; a consent that is not confirmed ends by itself."""
        payment = self._records.payment(payment_key)
        if payment and books.was_paid(payment):
            return Outcome(ok=False, code="already_captured")
        minor = int(payment["totalAmount"]) if payment else 0
        if payment and payment["status"] == "WAITING_FOR_DEPOSIT":
            self._cancel(payment, minor, key, "closed")
        return Outcome(ok=True, reference=payment_key, data={"released_minor": minor})

    def close(self, request: Request, key: UUID) -> Outcome:
        return definite(lambda: self._close(request["reference"], key))

    def _close(self, reference: str, key: UUID) -> Outcome:
        payment = self._records.payment_of(reference)
        if payment and payment["status"] == "WAITING_FOR_DEPOSIT":
            self._cancel(payment, int(payment["totalAmount"]), key, "closed")
        return Outcome(ok=True, reference=reference)

    def refund(self, request: Request, key: UUID) -> Outcome:
        return self._carry_out(request, key, lambda: self._refund(request, key))

    def _refund(self, request: Request, key: UUID) -> Outcome:
        payment = self._records.payment(request["capture_id"])
        if payment is None:
            raise Refused("unknown_capture")
        account, minor = request.get("account"), request["amount_minor"]
        if account and not payment.get("virtualAccount"):
            raise Refused("refund_elsewhere_not_supported")
        why = request.get("reason") or "refund"
        return books.refunded(self._cancel(payment, minor, key, why, account=account), key, minor)

    def _cancel(
        self,
        payment: Json,
        minor: int,
        key: UUID,
        why: str,
        *,
        is_rest: bool = False,
        account: Account | None = None,
    ) -> Json:
        """Cancel exactly `minor` of a payment, once; return the payment as it is then."""
        if books.cancel_with(payment, key, minor):
            return payment
        wanted: Json = {
            "cancelReason": books.reason(why, key, is_rest=is_rest),
            "cancelAmount": minor,
        }
        if account:
            wanted["refundReceiveAccount"] = {
                "bank": account["bank"],
                "accountNumber": account["number"],
                "holderName": account["holder"],
            }
        path = f"/v1/payments/{quote(payment['paymentKey'], safe='')}/cancel"
        after = self._api.post(path, wanted, key)
        if not books.cancel_with(after, key, minor):
            raise Unanswered(f"Toss's answer does not tell of the cancellation under {key}.")
        return after

    def _carry_out(self, request: Request, key: UUID, ask: Callable[[], Outcome]) -> Outcome:
        outcome = definite(ask)
        if outcome.code not in _DONE_BEFORE:
            return outcome
        return self.inquire(request, key) or outcome

    # -- looking

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        look = {
            "authorise": self._look_for_authorisation,
            "capture": self._look_for_capture,
            "void": self._look_for_void,
            "refund": self._look_for_refund,
            "close": self._look_for_close,
        }[operation_of(request)]
        return definite(lambda: look(request, key))

    def _look_for_authorisation(self, request: Request, key: UUID) -> Outcome | None:
        if request.get("method", "card") == "card":
            return self._keep_consent(request, key)
        payment = self._records.payment_of(request["reference"])
        return books.issued(payment) if payment and payment.get("virtualAccount") else None

    def _look_for_capture(self, request: Request, key: UUID) -> Outcome | None:
        payment = self._records.payment(request["authorisation_id"])
        if payment is None or payment["status"] in books.UNPAID:
            return None
        if not books.was_paid(payment):
            failure = payment.get("failure") or {}
            return Outcome(ok=False, code=failure.get("code") or payment["status"])
        if books.taken(payment) == request["amount_minor"]:
            return books.captured(payment, request["amount_minor"])
        # Under our key Toss repeats that it was confirmed, and the rest is still to be given up;
        # under another one it was somebody else, and Toss refuses.
        return self._confirm(request, key)

    def _look_for_void(self, request: Request, key: UUID) -> Outcome | None:
        payment = self._records.payment(request["authorisation_id"])
        if payment and payment["status"] == "WAITING_FOR_DEPOSIT":
            return None
        return self._give_up(request["authorisation_id"], key)

    def _look_for_refund(self, request: Request, key: UUID) -> Outcome | None:
        payment, minor = self._records.payment(request["capture_id"]), request["amount_minor"]
        if payment is None or not books.cancel_with(payment, key, minor):
            return None
        return books.refunded(payment, key, minor)

    def _look_for_close(self, request: Request, key: UUID) -> Outcome | None:
        payment = self._records.payment_of(request["reference"])
        if payment and payment["status"] == "WAITING_FOR_DEPOSIT":
            return None
        return Outcome(ok=True, reference=request["reference"])

    def look_up(self, reference: str) -> Standing | None:
        payment = self._records.payment_of(reference)
        return books.standing(payment) if payment else None

    # -- messages and statement

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Hint:
        kind, about = messages.read(body)
        if not messages.is_genuine(about, self._records.payment_of(about["orderId"])):
            raise InvalidWebhook("The message does not agree with what Toss says when asked.")
        return Hint(id=messages.id_of(headers, body), reference=about["orderId"], kind=kind)

    def settlement_lines(self, *, after: str = "") -> Iterator[SettlementLine]:
        lines = (
            line
            for position, settlement in self._records.settlements(after)
            for line in books.lines(settlement, position)
        )
        return beyond(lines, after)

    def payout_lines(self, *, after: str = "") -> Iterator[PayoutLine]:
        """Yield nothing: Toss says on which day a settlement is paid out, and lists no payouts."""
        return iter(())


def _require_same(payment: Json, reference: str, minor: int) -> None:
    """Raise KeyReused unless an answer is about what was asked: Toss doesn't compare requests."""
    if (payment["orderId"], int(payment["totalAmount"])) != (reference, minor):
        message = f"The key has paid {payment['totalAmount']} for {payment['orderId']} before."
        raise KeyReused(message)
