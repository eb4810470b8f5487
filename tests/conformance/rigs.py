"""Rigs: each provider behind its adapter, with the hands that a test needs on the other side.

A rig's `gaps` say what its server can't do, by the name of the test (and its operation) that is
expected to fail there, with the reason.
"""

import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import ClassVar
from uuid import uuid4

from payments.gateway.simulated import SimulatedGateway
from payments.gateway.stripe import StripeGateway
from payments.gateway.toss import TossGateway
from payments.gateway.toss_http import TossApi
from payments.simulated_provider import SimulatedProvider
from tests.conformance import stripe_stub, toss_stub
from tests.conformance.servers import Answer, Line, forwarding, said
from tests.conformance.stripe_stub import StripeStub
from tests.conformance.toss_stub import TossStub

#: In seconds: longer than any message may be under way, and how long one is waited for.
LONG_AGO = 3600
PATIENCE = 20

#: The order number that a message is about, its headers and its body.
Told = tuple[str, Mapping[str, str], bytes]


class Rig:
    """What all have in common: a line that can lose things, and the adapter at its end."""

    currency = "USD"
    gaps: ClassVar[Mapping[str, str]] = {}
    line: Line

    def pay_out(self) -> None:
        """Have the provider pay out what has moved so far, where it can be made to."""

    def message(self, reference: str) -> tuple[Mapping[str, str], bytes]:
        """Return headers and body of a genuine message about an order that was paid."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget what a test has arranged."""
        self.line.lose("")

    def order(self) -> str:
        """Return a new order number."""
        return f"order-{uuid4().hex[:12]}"

    def lose(self, what: str) -> None:
        """Lose the "request" or the "answer" of what the adapter does next."""
        self.line.lose(what)

    def told(self, captured: Callable[[], str]) -> Told:
        """Return the message about the order that `captured` makes."""
        reference = captured()
        return reference, *self.message(reference)


class SimulatedRig(Rig):
    """The provider in a file, which arranges its own faults."""

    def __init__(self, books):
        self.provider = SimulatedProvider(books)
        self.gateway = SimulatedGateway(books)

    def unreachable(self):
        return SimulatedGateway("/dev/null/books.sqlite3")

    def card(self, reference, amount):
        return "tok_visa"

    def declining_card(self, reference, amount):
        return "tok_declined"

    def reset(self):
        self.provider.switch_off()

    def pay_out(self):
        self.provider.pass_time(timedelta(days=3))

    def lose(self, what):
        self.provider.switch_on(f"lost_{what}", times=1)

    def message(self, reference):
        due = [x for x in self.provider.due_webhooks() if x.reference == reference]
        return due[-1].headers, due[-1].body.encode()

    def aged(self, headers, body):
        """Sign a message as https://www.standardwebhooks.com says, but long ago."""
        at = str(int(time.time()) - LONG_AGO)
        secret = base64.b64decode(self.provider.webhook_secret.removeprefix("whsec_"))
        signed = hmac.new(secret, f"{headers['webhook-id']}.{at}.".encode() + body, hashlib.sha256)
        signature = base64.b64encode(signed.digest()).decode()
        return headers | {"webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}


class StripeStubRig(Rig):
    """Stripe as our own stub plays it."""

    gaps: ClassVar[Mapping[str, str]] = {
        "test_after_closing_an_order_a_card_is_refused": (
            "Stripe has no session: an intent is made by each authorisation"
        ),
    }

    def __init__(self, stub: StripeStub, line: Line, base: str):
        self.stub, self.line, self.base = stub, line, base
        self.gateway = StripeGateway(
            "sk_test_stub", webhook_secret=stripe_stub.SECRET, api_base=base
        )

    def unreachable(self):
        return StripeGateway("sk_test_stub", api_base=nowhere())

    def card(self, reference, amount):
        return "pm_visa"

    def declining_card(self, reference, amount):
        return "pm_insufficient"

    def intent(self, reference):
        """Return the order's first intent as Stripe has it."""
        things = self.stub.objects.values()
        return next(x for x in things if x["metadata"].get("reference") == reference)

    def pay_out(self):
        self.stub.pay_out()

    def message(self, reference):
        return self.stub.message("payment_intent.succeeded", self.intent(reference))

    def aged(self, headers, body):
        return {"Stripe-Signature": stripe_stub.signature(body, at=time.time() - LONG_AGO)}


class LocalstripeRig(Rig):
    """Stripe as localstripe plays it: somebody else's reading of the same documentation."""

    _NO_KEYS = "localstripe ignores idempotency keys"
    _ANY_AMOUNT = "localstripe refunds any amount"
    _ONE_WAY = "localstripe can't be paged backwards"
    gaps: ClassVar[Mapping[str, str]] = {
        **StripeStubRig.gaps,
        "test_the_same_request_under_the_same_key_happens_once[authorise]": _NO_KEYS,
        "test_the_same_request_under_the_same_key_happens_once[refund]": _NO_KEYS,
        "test_a_key_that_comes_with_another_request_is_an_error": _NO_KEYS,
        "test_no_more_is_refunded_than_was_taken": _ANY_AMOUNT,
        "test_an_inquiry_about_something_refused_is_a_definite_no_or_knows_nothing": _ANY_AMOUNT,
        "test_the_statement_adds_up_to_what_was_done": _ONE_WAY,
        "test_the_statement_goes_on_behind_any_of_its_lines": _ONE_WAY,
        "test_the_lines_of_a_statement_name_what_they_were_taken_from": _ONE_WAY,
        "test_a_capture_is_final_and_gives_up_what_it_does_not_take": (
            "localstripe makes a refund of the rest, as Stripe did before 2025"
        ),
        "test_what_is_paid_out_is_the_sum_of_its_lines": "localstripe makes no payouts by itself",
    }

    def __init__(self, line: Line, base: str, server: str):
        self.line, self._server = line, forwarding(server)
        self._arrived, self._messages = threading.Condition(), []
        # It takes neither search nor parameters that it does not know.
        self.gateway = StripeGateway(
            "sk_test_local",
            webhook_secret=stripe_stub.SECRET,
            api_base=base,
            searches=False,
            methods={},
        )

    def unreachable(self):
        return StripeGateway("sk_test_local", api_base=nowhere())

    def card(self, reference, amount):
        return "pm_card_visa"

    def declining_card(self, reference, amount):
        card = b"card[number]=4000000000000341&card[exp_month]=12&card[exp_year]=2050&card[cvc]=123"
        _, body = self._post("/v1/payment_methods", b"type=card&" + card)
        return body.decode().partition('"id": "')[2].partition('"')[0]

    def receives_at(self, base: str) -> None:
        """Have localstripe send its messages to an address."""
        self._post("/_config/webhooks/suite", f"url={base}/&secret={stripe_stub.SECRET}".encode())

    def _post(self, path, body):
        headers = {
            "Authorization": "Bearer sk_test_local",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self._server("POST", path, headers, body)

    def receive(self, method, path, headers, body) -> Answer:
        """Keep a message of localstripe."""
        with self._arrived:
            self._messages.append((dict(headers), body))
            self._arrived.notify_all()
        return said(200, {})

    def message(self, reference):
        def found():
            return [x for x in self._messages if reference.encode() in x[1]]

        with self._arrived:
            assert self._arrived.wait_for(found, PATIENCE), "localstripe has sent no message"
            return found()[-1]

    aged = StripeStubRig.aged


class TossRig(Rig):
    """Toss as our own stub plays it."""

    currency = "KRW"
    gaps: ClassVar[Mapping[str, str]] = {
        "test_after_closing_an_order_a_card_is_refused": (
            "a consent at Toss ends by not being confirmed; only an account is closed"
        ),
        "test_a_lost_answer_is_unknown_and_an_inquiry_finds_it[authorise]": (
            "nothing is reserved at Toss: a consent is kept, and nothing is sent"
        ),
        "test_an_old_message_is_refused": "Toss signs no time",
        "test_what_is_paid_out_is_the_sum_of_its_lines": "Toss lists no payouts",
    }

    def __init__(self, stub: TossStub, line: Line, base: str):
        self.stub, self.line, self.base = stub, line, base
        self.gateway = TossGateway(
            TossApi(toss_stub.SECRET_KEY, base=base), settled_since=stub.sold_on
        )

    def unreachable(self):
        return TossGateway(TossApi("key", base=nowhere()))

    def card(self, reference, amount):
        return self.stub.consent(reference, amount)

    def declining_card(self, reference, amount):
        return self.stub.consent(reference, amount, declines="REJECT_CARD_PAYMENT")

    def message(self, reference):
        return self.stub.status_message(reference)

    def aged(self, headers, body):
        return headers | {"TossPayments-Webhook-Transmission-Time": "2020-01-01T00:00:00+09:00"}


def forged(body: bytes) -> bytes:
    """Return the message as somebody would write it who does not know the secrets."""
    text = body.decode()
    for genuine in ("tstub", '"ps_', "succeeded"):
        text = text.replace(genuine, genuine[:1] + genuine[1:][::-1])
    return text.encode()


def nowhere() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
