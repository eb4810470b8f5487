"""Stripe: the adapter to https://docs.stripe.com/api, through its own library.

An authorisation is a PaymentIntent with manual capture, made and confirmed in one request for each
card that is tried. A capture is final: Stripe releases what is not taken. Void and close are the
cancellation of an intent; Stripe makes no refund of it. A refund always says its amount.

Our key is sent as idempotency key and written into the metadata, because Stripe forgets keys after
a day and metadata never: an inquiry lists and compares. A 500 is stored under its key and comes
again, so it is unknown and resolved by looking, never by a new key. Stripe has no session apart
from its intents: `close` cancels those that exist, and an authorisation that is carried out after
it is found by webhook, look-up or statement, and given up then.

The environment says STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET, and where needed STRIPE_API_BASE and
STRIPE_SEARCH ("0" for accounts without the search API, for which all intents are listed).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid5

import stripe
from django.core.exceptions import ImproperlyConfigured

from payments.gateway import stripe_books as books
from payments.gateway.environment import optional, required
from payments.gateway.patience import begin_request, timeouts
from payments.gateway.port import (
    Hint,
    InvalidWebhook,
    Json,
    LineKind,
    PayoutLine,
    Refused,
    SettlementLine,
    Standing,
    beyond,
    definite,
    operation_of,
)
from payments.gateway.stripe_books import order_of, to_stripe, written
from payments.gateway.stripe_errors import translated
from payments.gateway.stripe_records import CHARGE, StripeRecords
from sagas.call import Outcome, Request

#: Webhooks signed longer ago than this, in seconds, are refused.
TOLERANCE: Final = 300
#: Statuses of an intent in which money may still move.
_OPEN: Final = frozenset(
    {
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "requires_capture",
        "processing",
    }
)
#: Confirmed by our server alone, an intent can't send anybody to a bank's page and back.
NO_REDIRECTS: Final = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}


class _Patient(stripe.RequestsClient):
    """The library's own way to send, as long as the call that asks has time left (R6)."""

    def request(self, *args: Any, **named: Any) -> Any:
        begin_request()
        return super().request(*args, **named)


class StripeGateway:
    """The adapter to Stripe, for one account."""

    name = "stripe"
    settles: frozenset[LineKind] = frozenset(
        {"capture", "refund", "refund_failed", "chargeback", "fee"}
    )
    lists_payouts = True

    def __init__(
        self,
        api_key: str,
        *,
        webhook_secret: str = "",
        api_base: str = "",
        searches: bool = True,
        methods: Mapping[str, Any] = NO_REDIRECTS,
        timeout: tuple[float, float] | None = None,
    ) -> None:
        """`methods` are the parameters of every intent that say how it may be paid.

        `timeout` is how long one request may take to connect, and then to be answered, in seconds.
        Retries are the engine's, so the library makes none of its own.
        """
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else None,
            http_client=_Patient(timeout=timeout or timeouts()),
            max_network_retries=0,
        )
        self._api = self._client.v1
        self._webhook_secret = webhook_secret
        self._records = StripeRecords(self._client, searches=searches)
        self._methods = methods

    @classmethod
    def configured(cls) -> "StripeGateway":
        """Return the adapter to the account that the environment names; it keeps connections."""
        return _connected(
            required("STRIPE_API_KEY", "take the secret key from the Stripe dashboard"),
            optional("STRIPE_WEBHOOK_SECRET"),
            optional("STRIPE_API_BASE"),
            optional("STRIPE_SEARCH", "1") != "0",
            timeouts(),
        )

    def authorise(self, request: Request, key: UUID) -> Outcome:
        return definite(lambda: self._authorise(request, key))

    def _authorise(self, request: Request, key: UUID) -> Outcome:
        if request.get("method", "card") != "card":
            raise Refused("method_not_supported")
        # Any: what a shop says about its methods is for Stripe to understand.
        wanted: Any = {
            "amount": to_stripe(request["amount_minor"], request["currency"]),
            "currency": request["currency"].lower(),
            "payment_method": request["card_token"],
            "capture_method": "manual",
            "confirm": True,
            "metadata": {"reference": request["reference"], "key": str(key)},
            "expand": [CHARGE],
            **self._methods,
        }
        with translated():
            intent = self._api.payment_intents.create(wanted, {"idempotency_key": str(key)})
        return books.authorisation(intent.to_dict())

    def capture(self, request: Request, key: UUID) -> Outcome:
        return self._carry_out(request, key, lambda: self._capture(request, key))

    def _capture(self, request: Request, key: UUID) -> Outcome | None:
        minor = request["amount_minor"]
        with translated():
            intent = self._api.payment_intents.capture(
                request["authorisation_id"],
                {"amount_to_capture": to_stripe(minor, request["currency"]), "expand": [CHARGE]},
                {"idempotency_key": str(key)},
            )
        return books.capture(intent.to_dict(), minor)

    def void(self, request: Request, key: UUID) -> Outcome:
        cancel = request["authorisation_id"]
        return self._carry_out(request, key, lambda: books.void(self._cancel(cancel, key)))

    def _cancel(self, intent: str, key: UUID) -> Json:
        with translated():
            return self._api.payment_intents.cancel(
                intent, options={"idempotency_key": str(key)}
            ).to_dict()

    def refund(self, request: Request, key: UUID) -> Outcome:
        return self._carry_out(request, key, lambda: self._refund(request, key))

    def _refund(self, request: Request, key: UUID) -> Outcome:
        if request["operation"] == "refund_elsewhere":
            raise Refused("refund_elsewhere_not_supported")
        notes = {"reference": request.get("reference", ""), "key": str(key)}
        with translated():
            refund = self._api.refunds.create(
                {
                    "charge": request["capture_id"],
                    "amount": to_stripe(request["amount_minor"], request["currency"]),
                    "metadata": notes | {"reason": (request.get("reason") or "")[:500]},
                },
                {"idempotency_key": str(key)},
            )
        return books.refund(refund.to_dict())

    def close(self, request: Request, key: UUID) -> Outcome:
        return definite(lambda: self._close(request["reference"], key))

    def _close(self, reference: str, key: UUID) -> Outcome:
        for intent in self._records.intents_of(reference):
            if intent["status"] in _OPEN:
                self._cancel(intent["id"], uuid5(key, intent["id"]))
        return Outcome(ok=True, reference=reference)

    def _carry_out(self, request: Request, key: UUID, ask: Callable[[], Outcome | None]) -> Outcome:
        """Ask; a refusal may only mean that it was done before the key was forgotten, so look."""
        outcome = definite(ask)
        if outcome is not None and outcome.ok:
            return outcome
        return self.inquire(request, key) or outcome or Outcome(ok=False, code="not_done")

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
        intents = self._records.intents_of(request["reference"])
        ours = next((intent for intent in intents if written(intent, "key") == str(key)), None)
        return books.authorisation(ours) if ours else None

    def _look_for_capture(self, request: Request, key: UUID) -> Outcome | None:
        intent = self._records.intent(request["authorisation_id"])
        return books.capture(intent, request["amount_minor"])

    def _look_for_void(self, request: Request, key: UUID) -> Outcome | None:
        return books.void(self._records.intent(request["authorisation_id"]))

    def _look_for_refund(self, request: Request, key: UUID) -> Outcome | None:
        refunds = self._records.refunds_of(request["capture_id"])
        ours = next((refund for refund in refunds if written(refund, "key") == str(key)), None)
        return books.refund(ours) if ours else None

    def _look_for_close(self, request: Request, key: UUID) -> Outcome | None:
        intents = self._records.intents_of(request["reference"])
        if any(intent["status"] in _OPEN for intent in intents):
            return None
        return Outcome(ok=True, reference=request["reference"])

    def look_up(self, reference: str) -> Standing | None:
        intents = list(self._records.intents_of(reference))
        if not intents:
            return None
        charges = [x for intent in intents if (x := books.charge_of(intent)) and x["captured"]]
        refunds = [x for charge in charges for x in self._records.refunds_of(charge["id"])]
        disputed = [charge["id"] for charge in charges if charge.get("disputed")]
        disputes = [x for charge in disputed for x in self._records.disputes_of(charge)]
        return books.standing(reference, intents, refunds, disputes)

    # -- messages and statement

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Hint:
        if not self._webhook_secret:
            text = "STRIPE_WEBHOOK_SECRET is not set: no message of Stripe can be verified."
            raise ImproperlyConfigured(text)
        signature = {name.lower(): value for name, value in headers.items()}.get("stripe-signature")
        try:
            event = self._client.construct_event(body, signature, self._webhook_secret, TOLERANCE)
        except (ValueError, stripe.SignatureVerificationError) as error:
            raise InvalidWebhook(str(error)) from error
        message: Json = event.to_dict()
        about = order_of(message["data"]["object"])
        return Hint(id=message["id"], reference=about, kind=message["type"])

    def settlement_lines(self, *, after: str = "") -> Iterator[SettlementLine]:
        """Yield balance transactions; Stripe names a payout only to who asks for that payout."""
        lines = (
            line
            for transaction in self._records.transactions(after.partition(":")[0])
            for line in books.lines(transaction, *self._records.source_of(transaction))
        )
        return beyond(lines, after)

    def payout_lines(self, *, after: str = "") -> Iterator[PayoutLine]:
        """Yield automatic payouts with what they are made of: of others Stripe does not know it."""
        lines = (
            line
            for payout, transactions in self._records.payouts(after.partition(":")[0])
            for line in books.payout_lines(payout, transactions)
        )
        return beyond(lines, after)


@cache
def _connected(
    api_key: str,
    webhook_secret: str,
    api_base: str,
    searches: bool,  # noqa: FBT001  a key of the cache, passed by the one caller above
    timeout: tuple[float, float],
) -> StripeGateway:
    return StripeGateway(
        api_key,
        webhook_secret=webhook_secret,
        api_base=api_base,
        searches=searches,
        timeout=timeout,
    )
