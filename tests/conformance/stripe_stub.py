"""A Stripe of our own: as much of https://docs.stripe.com/api as is needed, and its bad days.

What localstripe, which somebody else wrote, leaves out: idempotency keys with stored errors,
refunds that are pending or fail, disputes, a search index that lags behind, paging backwards, and
the refusal of unknown parameters. It knows nothing of the adapter.
"""

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from tests.conformance.servers import Answer, said

Thing = dict[str, Any]

SECRET = "whsec_of_the_stub"
DECLINES = {"pm_declined": "generic_decline", "pm_insufficient": "insufficient_funds"}
#: What Stripe keeps of a charge, in thousandths.
FEE = 29
_EXPAND = "latest_charge.balance_transaction"
_KNOWN = {
    "create_intent": {"amount", "currency", "payment_method", "capture_method", "confirm"}
    | {"metadata", "expand", "automatic_payment_methods"},
    "capture": {"amount_to_capture", "expand"},
    "cancel": {"expand"},
    "create_refund": {"charge", "amount", "metadata"},
}


class Refusal(Exception):
    """An error as Stripe words it."""

    def __init__(self, status, code=None, *, kind="invalid_request_error", decline_code=None):
        super().__init__(code)
        self.status = status
        self.body = {"error": {"type": kind, "message": f"The stub says {code}."}}
        self.body["error"] |= {"code": code} if code else {}
        self.body["error"] |= {"decline_code": decline_code} if decline_code else {}


class StripeStub:
    """One account, in memory."""

    def __init__(self):
        self._lock = threading.Lock()
        self.objects: dict[str, Thing] = {}
        self._keys: dict[str, tuple[bytes, int, Thing]] = {}
        self._broken: list[bool] = []
        self._refused: list[Refusal] = []
        self.refunds_are = "succeeded"
        #: Which payout a balance transaction went out with; the transaction does not tell.
        self._paid_out: dict[str, str] = {}
        #: Ids that search does not find yet.
        self.unindexed: set[str] = set()

    # -- what a test arranges

    def break_next(self, *, acts: bool) -> None:
        """Answer the next POST with a 500, which is stored under its key, after acting or not."""
        self._broken.append(acts)

    def refuse_next(self, refusal: Refusal) -> None:
        """Answer the next POST so, before anything is looked at and without storing it."""
        self._refused.append(refusal)

    def forget_keys(self) -> None:
        """Let a day pass."""
        self._keys.clear()

    def settle(self, refund: str, status: str) -> None:
        """Let a pending refund succeed, or let one fail, also days after it had succeeded."""
        thing = self.objects[refund]
        thing["status"] = status
        if status == "failed":
            thing["failure_reason"] = "expired_or_canceled_card"
            self._move("refund_failure", thing, thing["amount"])

    def dispute(self, charge: str, status: str = "needs_response") -> str:
        """Have the customer's bank fetch a charge back."""
        taken = self.objects[charge]
        taken["disputed"] = True
        values = {"charge": charge, "payment_intent": taken["payment_intent"], "status": status}
        dispute = self._new("dispute", "dp", amount=taken["amount_captured"], **values)
        self._move("dispute", dispute, -dispute["amount"], fee=1500)
        return str(dispute["id"])

    def win(self, dispute: str) -> None:
        """Decide a dispute for the shop."""
        thing = self.objects[dispute]
        thing["status"] = "won"
        self._move("dispute_reversal", thing, thing["amount"])

    def pay_out(self, **changes: Any) -> Thing:
        """Pay out what has moved since the last time."""
        moved = [x for x in self._all("balance_transaction") if x["id"] not in self._paid_out]
        payout = self._new(
            "payout",
            "po",
            amount=sum(x["net"] for x in moved),
            arrival_date=int(time.time()),
            automatic=True,
            status="paid",
            reconciliation_status="completed",
        )
        payout["balance_transaction"] = self._move("payout", payout, -payout["amount"])
        for thing in (*moved, self.objects[payout["balance_transaction"]]):
            self._paid_out[thing["id"]] = payout["id"]
        payout.update(changes)
        return payout

    def message(self, kind: str, thing: Thing) -> tuple[Thing, bytes]:
        """Return headers and body of a message about an object."""
        event = {"id": _id("evt"), "object": "event", "type": kind, "data": {"object": thing}}
        body = json.dumps(event).encode()
        return {"Stripe-Signature": signature(body, at=time.time())}, body

    # -- what Stripe answers

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with self._lock:
            try:
                if method == "GET":
                    return said(200, self._get(*_asked(path)))
                return said(*self._once(path, headers, body))
            except Refusal as refusal:
                return said(refusal.status, refusal.body)

    def _once(self, path, headers, body):
        if self._refused:
            raise self._refused.pop(0)
        key = headers["Idempotency-Key"]
        if key in self._keys:
            sent, status, answer = self._keys[key]
            if sent != body:
                raise Refusal(400, kind="idempotency_error")
            return status, answer
        status, answer = self._acted(path, body)
        # A copy: what comes of the object later is not in the answer that was stored.
        self._keys[key] = body, status, json.loads(json.dumps(answer))
        return status, answer

    def _acted(self, path, body):
        acts = self._broken.pop(0) if self._broken else None
        status, answer = (200, {}) if acts is False else self._post(path, body)
        if acts is None:
            return status, answer
        return 500, Refusal(500, kind="api_error").body

    def _post(self, path, body):
        params = _nested(parse_qsl(body.decode(), keep_blank_values=True))
        try:
            return 200, self._done(path.removeprefix("/v1/").split("/"), params)
        except Refusal as refusal:
            return refusal.status, refusal.body

    def _done(self, parts, params):
        match parts:
            case ["payment_intents"]:
                return self._create_intent(_known("create_intent", params))
            case ["payment_intents", intent, "capture"]:
                return self._capture(self._find(intent), _known("capture", params))
            case ["payment_intents", intent, "cancel"]:
                return self._cancel(self._find(intent), _known("cancel", params))
            case ["refunds"]:
                return self._refund(_known("create_refund", params))
        raise Refusal(404, "unknown_url")

    def _get(self, parts, params):
        match parts:
            case ["payment_intents", "search"]:
                return self._found(params)
            case [kind]:
                return self._listed(kind.removesuffix("s"), params)
            case [_, name]:
                return self._shown([self._find(name)], params)[0]
        raise Refusal(404, "unknown_url")

    def _found(self, params):
        (wanted,) = re.fullmatch(r'metadata\["reference"\]:"(.+)"', params["query"]).groups()
        known = [x for x in self._all("payment_intent") if x["id"] not in self.unindexed]
        found = [x for x in known if x["metadata"].get("reference") == wanted]
        return {"object": "search_result", "has_more": False, "data": self._shown(found, params)}

    def _listed(self, kind, params):
        newest_first = list(reversed(self._all(kind)))
        for name in ("charge", "payment_intent"):
            if name in params:
                newest_first = [x for x in newest_first if x[name] == params[name]]
        if "payout" in params:
            newest_first = [
                x for x in newest_first if self._paid_out.get(x["id"]) == params["payout"]
            ]
        ids, size = [x["id"] for x in newest_first], int(params.get("limit", 10))
        if "ending_before" in params:
            before = newest_first[: ids.index(params["ending_before"])]
            page, more = before[-size:], len(before) > size
        else:
            first = ids.index(params["starting_after"]) + 1 if "starting_after" in params else 0
            page, more = newest_first[first : first + size], len(newest_first) > first + size
        url = f"/v1/{kind}s"
        return {"object": "list", "url": url, "has_more": more, "data": self._shown(page, params)}

    def _all(self, kind):
        return [thing for thing in self.objects.values() if thing["object"] == kind]

    def _shown(self, things, params):
        """Return objects with what the request expands in them."""
        wanted = {name.removeprefix("data.") for name in params.get("expand", {}).values()}
        return [self._expanded(thing, wanted) for thing in things]

    def _expanded(self, thing, wanted):
        shown = dict(thing)
        if _EXPAND in wanted and thing.get("latest_charge"):
            charge = dict(self.objects[thing["latest_charge"]])
            moved = charge["balance_transaction"]
            shown["latest_charge"] = charge | {"balance_transaction": self.objects.get(moved)}
        if "source" in wanted:
            shown["source"] = self.objects[thing["source"]]
        return shown

    def _find(self, name):
        if name not in self.objects:
            raise Refusal(404, "resource_missing")
        return self.objects[name]

    def _new(self, kind: str, prefix: str, **values: Any) -> Thing:
        thing = {"id": _id(prefix), "object": kind, "created": int(time.time()), "currency": "usd"}
        self.objects[thing["id"]] = thing | {"metadata": {}} | values
        return self.objects[thing["id"]]

    def _move(self, category, source, amount, *, fee=0):
        return self._new(
            "balance_transaction",
            "txn",
            amount=amount,
            fee=fee,
            net=amount - fee,
            currency=source["currency"],
            reporting_category=category,
            source=source["id"],
        )["id"]

    # -- intents

    def _create_intent(self, params):
        if params.get("automatic_payment_methods", {}).get("allow_redirects") != "never":
            raise Refusal(400, "return_url_required")
        metadata, card = params["metadata"], params["payment_method"]
        intent = self._new(
            "payment_intent",
            "pi",
            amount=int(params["amount"]),
            amount_received=0,
            currency=params["currency"],
            metadata=metadata,
            status="requires_capture",
            latest_charge=None,
            last_payment_error=None,
        )
        if card == "pm_needs_bank":
            intent["status"] = "requires_action"
            return intent
        self._charge(intent, metadata, declined=DECLINES.get(card))
        return self._shown([intent], params)[0]

    def _charge(self, intent, metadata, *, declined):
        charge = self._new(
            "charge",
            "ch",
            amount=intent["amount"],
            amount_captured=0,
            amount_refunded=0,
            currency=intent["currency"],
            captured=False,
            disputed=False,
            metadata=metadata,
            payment_intent=intent["id"],
            status="failed" if declined else "succeeded",
            balance_transaction=None,
            payment_method_details={"card": {"capture_before": int(time.time()) + 7 * 86400}},
        )
        intent["latest_charge"] = charge["id"]
        if declined:
            intent["status"] = "requires_payment_method"
            intent["last_payment_error"] = {"code": "card_declined", "decline_code": declined}
            raise Refusal(402, "card_declined", kind="card_error", decline_code=declined)

    def _capture(self, intent, params):
        amount = int(params["amount_to_capture"])
        if intent["status"] != "requires_capture":
            raise Refusal(400, "payment_intent_unexpected_state")
        if amount > intent["amount"]:
            raise Refusal(400, "amount_too_large")
        charge = self.objects[intent["latest_charge"]]
        charge.update(captured=True, amount_captured=amount)
        moved = self._move("charge", charge, amount, fee=amount * FEE // 1000)
        charge["balance_transaction"] = moved
        intent.update(status="succeeded", amount_received=amount)
        return self._shown([intent], params)[0]

    def _cancel(self, intent, params):
        if intent["status"] in ("succeeded", "canceled"):
            raise Refusal(400, "payment_intent_unexpected_state")
        intent["status"] = "canceled"
        return self._shown([intent], params)[0]

    # -- refunds

    def _refund(self, params):
        charge, amount = self._find(params["charge"]), int(params["amount"])
        left = charge["amount_captured"] - charge["amount_refunded"]
        if not left:
            raise Refusal(400, "charge_already_refunded")
        if amount > left:
            raise Refusal(400)
        charge["amount_refunded"] += amount
        refund = self._new(
            "refund",
            "re",
            amount=amount,
            charge=charge["id"],
            payment_intent=charge["payment_intent"],
            currency=charge["currency"],
            metadata=params["metadata"],
            status=self.refunds_are,
            failure_reason=None,
        )
        self._move("refund", refund, -amount)
        return refund


def signature(body: bytes, *, at: float) -> str:
    """Return the signature header that Stripe would have sent with a body at a time."""
    signed = hmac.new(SECRET.encode(), f"{int(at)}.".encode() + body, hashlib.sha256)
    return f"t={int(at)},v1={signed.hexdigest()}"


def _id(prefix):
    return f"{prefix}_{uuid4().hex[:20]}"


def _known(operation, params):
    """Return the parameters. Raises Refusal for one that Stripe does not know."""
    if unknown := params.keys() - _KNOWN[operation]:
        raise Refusal(400, f"parameter_unknown_{'_'.join(sorted(unknown))}")
    return params


def _asked(path):
    address = urlsplit(path)
    return address.path.removeprefix("/v1/").split("/"), _nested(parse_qsl(address.query))


def _nested(pairs):
    """Return `a[b]=c` as {"a": {"b": "c"}}."""
    params: Thing = {}
    for name, value in pairs:
        *outer, last = re.findall(r"[^\[\]]+", name)
        inner = params
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return params
