"""A Toss of our own: its documented HTTP API (https://docs.tosspayments.com/reference), in memory.

As far as cards, virtual accounts, cancellations, settlements and messages go. Like Toss, it does
not compare what comes under a known idempotency key, cancels all that is left where no amount is
said, and signs none of these messages. It knows nothing of the adapter.
"""

import base64
import json
import re
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

from tests.conformance.servers import Answer, said

SECRET_KEY = "test_sk_of_the_stub"
Thing = dict[str, Any]

SEOUL = ZoneInfo("Asia/Seoul")
#: What Toss keeps of each payment, in thousandths.
FEE = 22


class Refusal(Exception):
    """An error as Toss words it."""

    def __init__(self, status, code):
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "message": f"The stub says {code}."}


class TossStub:
    """One shop."""

    def __init__(self):
        self._lock = threading.Lock()
        self.payments: dict[str, Thing] = {}
        self.settlements: list[Thing] = []
        self.declines: dict[str, str] = {}
        self._keys: dict[tuple[str, str], tuple[int, Thing]] = {}
        self._broken: list[tuple[bool, int, str]] = []
        #: The day under which transactions are settled; yesterday's list is closed.
        self.sold_on = (datetime.now(SEOUL) - timedelta(days=1)).date()

    # -- what a test arranges

    def consent(self, reference: str, amount: int, *, declines: str = "") -> str:
        """Have the customer consent in Toss's window; confirmation fails with `declines`."""
        payment = self._new(reference, amount, "카드", status="IN_PROGRESS")
        self.declines[payment["paymentKey"]] = declines
        return str(payment["paymentKey"])

    def break_next(self, *, acts: bool, status: int = 500, code: str = "COMMON_ERROR") -> None:
        """Answer the next POST with an error, stored under its key, after acting or not."""
        self._broken.append((acts, status, code))

    def forget_keys(self) -> None:
        """Let fifteen days pass."""
        self._keys.clear()

    def deposit(self, reference: str) -> None:
        """Have the customer pay into the account, if it is still open."""
        payment = self.of(reference)
        if payment["status"] == "WAITING_FOR_DEPOSIT":
            self._approve(payment)

    def expire(self, reference: str) -> None:
        """Let the time for a consent or a deposit run out."""
        self.of(reference)["status"] = "EXPIRED"

    def pay_out(self, reference: str, status: str = "COMPLETED") -> None:
        """Have the bank carry out the refunds of a deposit, or fail to."""
        self.of(reference)["virtualAccount"]["refundStatus"] = status

    def status_message(self, reference: str, **changes) -> tuple[Thing, bytes]:
        """Return headers and body of PAYMENT_STATUS_CHANGED."""
        data = self.of(reference) | changes
        return _message({"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": _now(), "data": data})

    def deposit_message(self, reference: str, **changes) -> tuple[Thing, bytes]:
        """Return headers and body of DEPOSIT_CALLBACK, which comes flat."""
        payment = self.of(reference)
        about = {name: payment[name] for name in ("secret", "status", "orderId")}
        more = {"createdAt": _now(), "transactionKey": payment["lastTransactionKey"]}
        return _message(about | more | changes)

    def of(self, reference: str) -> Thing:
        """Return the payment of an order number."""
        return next(x for x in self.payments.values() if x["orderId"] == reference)

    # -- what Toss answers

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with self._lock:
            try:
                self._require_key(headers)
                if method == "GET":
                    return said(200, self._get(path))
                return said(*self._once(path, headers["Idempotency-Key"], body))
            except Refusal as refusal:
                return said(refusal.status, refusal.body)

    def _require_key(self, headers):
        expected = base64.b64encode(f"{SECRET_KEY}:".encode()).decode()
        if headers.get("Authorization") != f"Basic {expected}":
            raise Refusal(401, "UNAUTHORIZED_KEY")

    def _once(self, path, key, body):
        if (path, key) not in self._keys:
            self._keys[path, key] = self._acted(path, body)
        return self._keys[path, key]

    def _acted(self, path, body):
        acts, status, code = self._broken.pop(0) if self._broken else (True, 200, "")
        answer = self._post(path, json.loads(body)) if acts else (status, {})
        return (status, Refusal(status, code).body) if code else answer

    def _post(self, path, body):
        try:
            return 200, dict(self._done(path.removeprefix("/v1/").split("/"), body))
        except Refusal as refusal:
            return refusal.status, refusal.body

    def _done(self, parts, body):
        match parts:
            case ["payments", "confirm"]:
                return self._confirm(body)
            case ["payments", key, "cancel"]:
                return self._cancel(self._find(unquote(key)), body)
            case ["virtual-accounts"]:
                return self._open_account(body)
        raise Refusal(404, "NOT_FOUND")

    def _get(self, path):
        address = urlsplit(path)
        match address.path.removeprefix("/v1/").split("/"):
            case ["payments", "orders", reference]:
                found = [x for x in self.payments.values() if x["orderId"] == unquote(reference)]
                if found:
                    return found[0]
            case ["payments", key]:
                return self._find(unquote(key))
            case ["settlements"]:
                return self._settled(dict(parse_qsl(address.query)))
        raise Refusal(404, "NOT_FOUND_PAYMENT")

    def _settled(self, query):
        first, last = query["startDate"], query["endDate"]
        page, size = int(query.get("page", 1)), int(query.get("size", 100))
        found = [x for x in self.settlements if first <= x["soldDate"] <= last]
        return found[(page - 1) * size : page * size]

    def _find(self, key):
        if key not in self.payments:
            raise Refusal(404, "NOT_FOUND_PAYMENT")
        return self.payments[key]

    def _new(self, reference: str, amount: int, method: str, **values: Any) -> Thing:
        payment = {
            "version": "2022-11-16",
            "paymentKey": f"tstub{uuid4().hex[:20]}",
            "orderId": reference,
            "currency": "KRW",
            "method": method,
            "totalAmount": amount,
            "balanceAmount": amount,
            "requestedAt": _now(),
            "approvedAt": None,
            "lastTransactionKey": None,
            "cancels": None,
            "virtualAccount": None,
            "secret": f"ps_{uuid4().hex[:20]}",
            "failure": None,
        }
        self.payments[payment["paymentKey"]] = payment | values
        return self.payments[payment["paymentKey"]]

    # -- payments

    def _confirm(self, body):
        payment = self._find(body["paymentKey"])
        if payment["status"] == "EXPIRED":
            raise Refusal(404, "NOT_FOUND_PAYMENT_SESSION")
        if payment["status"] != "IN_PROGRESS":
            raise Refusal(400, "ALREADY_PROCESSED_PAYMENT")
        if (body["orderId"], body["amount"]) != (payment["orderId"], payment["totalAmount"]):
            raise Refusal(400, "INVALID_REQUEST")
        if code := self.declines[payment["paymentKey"]]:
            payment |= {"status": "ABORTED", "failure": Refusal(403, code).body}
            raise Refusal(403, code)
        return self._approve(payment)

    def _approve(self, payment):
        transaction = uuid4().hex.upper()
        payment["status"], payment["approvedAt"] = "DONE", _now()
        payment["lastTransactionKey"] = transaction
        self._settle(payment, transaction, payment["totalAmount"], None)
        return payment

    def _open_account(self, body):
        for name in ("amount", "orderId", "orderName", "customerName", "bank"):
            if not body.get(name):
                raise Refusal(400, "INVALID_REQUEST")
        if any(x["orderId"] == body["orderId"] for x in self.payments.values()):
            raise Refusal(400, "DUPLICATED_ORDER_ID")
        hours = body.get("validHours", 168)
        account = {
            "accountType": "일반",
            "accountNumber": f"X{uuid4().int}"[:14],
            "bankCode": body["bank"],
            "customerName": body["customerName"],
            "dueDate": (datetime.now(SEOUL) + timedelta(hours=hours)).isoformat(timespec="seconds"),
            "refundStatus": "NONE",
            "expired": False,
        }
        values = {"status": "WAITING_FOR_DEPOSIT", "virtualAccount": account}
        return self._new(body["orderId"], body["amount"], "가상계좌", **values)

    def _cancel(self, payment, body):
        amount = body.get("cancelAmount", payment["balanceAmount"])
        if payment["status"] == "WAITING_FOR_DEPOSIT":
            if amount != payment["totalAmount"]:
                raise Refusal(403, "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT")
        elif payment["status"] == "CANCELED":
            raise Refusal(400, "ALREADY_CANCELED_PAYMENT")
        elif payment["status"] not in ("DONE", "PARTIAL_CANCELED"):
            raise Refusal(403, "NOT_CANCELABLE_PAYMENT")
        elif payment["virtualAccount"]:
            self._require_account(body)
            payment["virtualAccount"]["refundStatus"] = "PENDING"
        if amount > payment["balanceAmount"]:
            raise Refusal(403, "NOT_CANCELABLE_AMOUNT")
        return self._cancelled(payment, amount, body["cancelReason"])

    def _require_account(self, body):
        account = body.get("refundReceiveAccount") or {}
        if not re.fullmatch(r"\d{1,20}", account.get("accountNumber", "")):
            raise Refusal(400, "INVALID_REFUND_ACCOUNT_INFO")

    def _cancelled(self, payment, amount, reason):
        cancel = {
            "transactionKey": uuid4().hex.upper(),
            "cancelAmount": amount,
            "cancelReason": reason[:200],
            "canceledAt": _now(),
            "cancelStatus": "DONE",
        }
        payment["cancels"] = [*(payment["cancels"] or []), cancel]
        payment["balanceAmount"] -= amount
        payment["status"] = "PARTIAL_CANCELED" if payment["balanceAmount"] else "CANCELED"
        if payment["approvedAt"]:
            self._settle(payment, cancel["transactionKey"], -amount, cancel)
        return payment

    def _settle(self, payment, transaction, amount, cancel):
        fee = int(amount * FEE / 1000)
        self.settlements.append(
            {
                "paymentKey": payment["paymentKey"],
                "transactionKey": transaction,
                "orderId": payment["orderId"],
                "currency": payment["currency"],
                "amount": amount,
                "fees": [{"type": "BASE", "fee": fee}],
                "payOutAmount": amount - fee,
                "approvedAt": payment["approvedAt"],
                "soldDate": str(self.sold_on),
                "paidOutDate": str(self.sold_on + timedelta(days=3)),
                "cancel": cancel,
            }
        )


def _now():
    return datetime.now(SEOUL).isoformat(timespec="seconds")


def _message(value: Thing) -> tuple[Thing, bytes]:
    headers = {
        "TossPayments-Webhook-Transmission-Id": str(uuid4()),
        "TossPayments-Webhook-Transmission-Time": _now(),
        "TossPayments-Webhook-Transmission-Retried-Count": "0",
    }
    return headers, json.dumps(value, ensure_ascii=False).encode()
