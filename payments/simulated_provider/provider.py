"""The provider as shops, customers and banks use it: operations, questions, and what they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from . import books as ledger
from . import deposits, disputes, refunds, settlement, standing, statement
from . import webhooks as messages
from .line import Line
from .requests import Request, Result, moment
from .settlement import Payout, SettlementLine
from .standing import Refund, Standing
from .statement import Balance, Transaction
from .storage import transaction
from .webhooks import Webhook


class SimulatedProvider(Line):
    """The provider behind the file at ``path``; the file is made when it does not exist.

    Calls raise ProviderTimeout when no answer comes back, ProviderError when the answer is an
    error, IdempotencyConflict when a key returns with another body and InvalidRequest when they
    make no sense. Everything else is a Result.
    """

    def authorise(
        self, key: str, reference: str, amount_minor: int, currency: str, card_token: str
    ) -> Result:
        """Reserve an amount on the customer's card for ``reference`` (the shop's order number).

        Refused with ``session_closed`` after :meth:`close`, or with the card's decline code
        (``tok_declined`` and ``tok_insufficient`` always decline). ``expires_at`` of the result
        says when what is still open is released.
        """
        return self._call(
            Request(
                kind="authorise",
                key=key,
                reference=reference,
                amount_minor=amount_minor,
                currency=currency,
                card_token=card_token,
            )
        )

    def capture(
        self, key: str, authorisation_id: str, amount_minor: int, *, final: bool = False
    ) -> Result:
        """Take up to the open amount of an authorisation; may be done in parts.

        A ``final`` capture gives up the rest in the same operation. Refused with
        ``authorisation_expired`` when the rest was released by time.
        """
        return self._call(
            Request(
                kind="capture",
                key=key,
                parent=authorisation_id,
                amount_minor=amount_minor,
                final=final,
            )
        )

    def void(self, key: str, authorisation_id: str) -> Result:
        """Give up whatever is still open of an authorisation; the result says how much that was.

        Refused with ``nothing_to_void``, or ``authorisation_expired`` when time did it already.
        """
        return self._call(Request(kind="void", key=key, parent=authorisation_id))

    def refund(
        self,
        key: str,
        capture_id: str,
        amount_minor: int,
        *,
        account: Mapping[str, str] | None = None,
        operation: str = "refund",
    ) -> Result:
        """Give back up to what is left of a capture; may be done in parts.

        ``cancel_capture`` and ``partial_cancel`` are refused with ``not_reversible`` from
        ``reversible_until`` on. ``refund_elsewhere``, and any refund of a deposit, is refused with
        ``needs_account`` unless ``account`` names ``bank``, ``number`` and ``holder``. While a
        dispute is open, all are refused with ``charge_disputed``.
        """
        return self._call(
            Request(
                kind="refund",
                key=key,
                parent=capture_id,
                amount_minor=amount_minor,
                account=dict(account) if account else None,
                operation=operation,
            )
        )

    def close(self, key: str, reference: str) -> Result:
        """Close the payment session of a reference: a later payment for it is refused.

        A deposit that waits is closed, too. What was authorised or paid before stays as it is.
        """
        return self._call(Request(kind="close", key=key, reference=reference))

    def open_deposit(
        self,
        key: str,
        reference: str,
        amount_minor: int,
        currency: str,
        until: datetime | str = "",
    ) -> Result:
        """Open an account for one transfer of the whole amount before ``until`` (ISO or aware).

        Without ``until`` it waits for three days.

        Refused with ``session_closed``, ``currency_mismatch``, ``until_has_passed``, or
        ``deposit_waits_already`` for a second one.
        """
        return self._call(
            Request(
                kind="open_deposit",
                key=key,
                reference=reference,
                amount_minor=amount_minor,
                currency=currency,
                until=moment(until) if until else "",
            )
        )

    def inquire(self, key: str) -> Result | None:
        """Return what truly came of ``key``, or None when it is not known, or not any more.

        A refund or a deposit comes with its present status, and a failed refund is not ``ok``.
        None is no promise: a request still on its way may be carried out later (R29). Only switches
        that name the operation ``inquire`` disturb it.
        """
        with self._reading() as books:
            stored = ledger.find(books, key)
            self._ask(books, stored["reference"] if stored else "", f"key {key}")
            with transaction(books):
                return ledger.inquire(books, key)

    def recall(self, key: str) -> Result | None:
        """Return what was carried out under a forgotten key, by the note that came with it."""
        with self._reading() as books:
            return ledger.recall(books, key)

    def standing(self, reference: str) -> Standing:
        """Return everything known of one reference, whatever became of its keys.

        Switches that name the operation ``inquire`` disturb this question, too.
        """
        with self._reading() as books:
            self._ask(books, reference, f"reference {reference}")
            with transaction(books):
                return standing.read(books, reference)

    def pay_deposit(self, reference: str) -> Result:
        """Let the customer pay the last deposit of a reference: the result is a capture.

        Refused with ``unknown_deposit`` or ``deposit_paid``, and with ``deposit_expired`` or
        ``deposit_closed`` unless ``late_deposit`` lets the money arrive all the same.
        """
        with self._writing() as books:
            return deposits.pay(books, reference)

    def settle_refund(self, refund_id: str, ok: bool = True, code: str = "") -> Refund:  # noqa: FBT001, FBT002 - the bank's yes or no
        """End a pending refund, or let one that was paid come back days later (``ok`` False).

        A failed one can be refunded anew. Ending it the same way again changes nothing. Raises
        InvalidRequest when there is none, or when it has failed before.
        """
        with self._writing() as books:
            return standing.refund(refunds.settle(books, refund_id, ok=ok, code=code))

    def open_dispute(
        self,
        reference: str,
        amount_minor: int | None = None,
        inquiry: bool = False,  # noqa: FBT001, FBT002 - a question or a claim
    ) -> str:
        """Let the bank dispute a capture, by default all that is not refunded; return the id.

        Refunds that are still pending fail with ``charge_disputed``. An ``inquiry`` takes no
        money and lets refunds pass; one that is paid closes it. Raises InvalidRequest when nothing
        is left to dispute.
        """
        with self._writing() as books:
            dispute = disputes.begin(books, reference, amount_minor, inquiry=inquiry)
            if not inquiry:
                refunds.fail_pending(books, dispute["capture"])
            return str(dispute["id"])

    def escalate_dispute(self, dispute_id: str) -> None:
        """Make an open dispute of an inquiry; what is pending fails. Raises InvalidRequest."""
        with self._writing() as books:
            dispute = disputes.escalate(books, dispute_id)
            refunds.fail_pending(books, dispute["capture"])

    def close_dispute(self, dispute_id: str, won: bool) -> None:  # noqa: FBT001 - won or lost
        """End a dispute; a lost one takes the money. Raises InvalidRequest for one that ended."""
        with self._writing() as books:
            disputes.close(books, dispute_id, won=won)

    def list_transactions(self, *, after: int = 0) -> tuple[Transaction, ...]:
        """Return what was carried out, oldest first, with a number above ``after``."""
        with self._reading() as books:
            return statement.transactions(books, after=after)

    def balances(self) -> dict[str, Balance]:
        """Return the sums per reference that has ever had an authorisation or a capture."""
        with self._reading() as books:
            return statement.balances(books)

    def settlement(self, after: int = 0, *, limit: int = 1000) -> tuple[SettlementLine, ...]:
        """Return a page of the settlement file: up to ``limit`` lines after a position.

        The last line's position asks for the next page; an empty page is the end.
        """
        with self._reading() as books:
            return settlement.page(books, after=after, limit=limit)

    def payouts(self, since: str = "") -> tuple[Payout, ...]:
        """Return what was paid out per business day and currency, oldest first.

        ``since`` is the id of the first one that is wanted. A day's money is paid out on the
        second day after it.
        """
        with self._reading() as books:
            return settlement.payouts(books, since=since)

    def plant_in_settlement(
        self,
        kind: str,
        reference: str,
        *,
        line: str = "capture",
        amount_minor: int | None = None,
        currency: str | None = None,
    ) -> SettlementLine:
        """Make the newest ``line`` of a reference wrong in the settlement file; return it.

        ``missing`` leaves it out, ``duplicate`` says it again, ``wrong_amount`` puts
        ``amount_minor`` (default: one more) and ``wrong_currency`` puts ``currency`` (default:
        XXX). ``unknown_reference`` invents a line for a reference that nobody knows. Raises
        InvalidRequest for another kind, and when there is no such line.
        """
        with self._writing() as books:
            return settlement.plant(
                books, kind, reference, line=line, amount_minor=amount_minor, currency=currency
            )

    @property
    def webhook_secret(self) -> str:
        """The secret shared with the shop (``whsec_`` and base64)."""
        with self._reading() as books:
            return messages.read_secret(books)

    def due_webhooks(self) -> Iterator[Webhook]:
        """Yield the undelivered messages, oldest first, signed for an attempt at this moment."""
        with self._reading() as books:
            found = list(messages.due(books))
        yield from found

    def mark_delivered(self, webhook_id: int) -> None:
        """Record that one copy of a message was accepted; it is not due again."""
        with self._reading() as books:
            messages.mark_delivered(books, webhook_id)
