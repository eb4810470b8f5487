"""Stripe's records: finding and listing what Stripe has stored; nothing here changes anything."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain, takewhile
from typing import Any, Final

import stripe

from payments.gateway.port import Json
from payments.gateway.stripe_books import written
from payments.gateway.stripe_errors import translated

#: What every intent is read with: when its charge was taken stands in the balance transaction.
CHARGE: Final = "latest_charge.balance_transaction"
#: How far Stripe's search index may lag behind, generously.
INDEX_LAG: Final = timedelta(hours=1)
_PAGE: Final = 100


class StripeRecords:
    """What one account has stored, as JSON values.

    The search index lags behind, so the latest intents are listed besides. Without search, all of
    them are. Raises Refused for what does not exist, Unanswered and NotSent.
    """

    def __init__(self, client: stripe.StripeClient, *, searches: bool) -> None:
        """`searches` says whether the account has the search API."""
        self._api = client.v1
        self._searches = searches

    def intents_of(self, reference: str) -> Iterator[Json]:
        """Yield the intents that were made for an order number."""
        seen = set()
        for intent in chain(self._listed(), self._indexed(reference)):
            if written(intent, "reference") == reference and intent["id"] not in seen:
                seen.add(intent["id"])
                yield intent

    def _listed(self) -> Iterator[Json]:
        newest_first = _pages(self._api.payment_intents.list, expand=[f"data.{CHARGE}"])
        if not self._searches:
            return newest_first
        since = time.time() - INDEX_LAG.total_seconds()
        return takewhile(lambda intent: intent["created"] >= since, newest_first)

    def _indexed(self, reference: str) -> Iterator[Json]:
        if not self._searches:
            return iter(())
        query = f'metadata["reference"]:{json.dumps(reference)}'
        return _pages(self._api.payment_intents.search, query=query, expand=[f"data.{CHARGE}"])

    def intent(self, intent: str) -> Json:
        """Return one intent."""
        with translated():
            return self._api.payment_intents.retrieve(intent, {"expand": [CHARGE]}).to_dict()

    def refunds_of(self, charge: str) -> Iterator[Json]:
        """Yield the refunds of a charge, whoever asked for them."""
        return _pages(self._api.refunds.list, charge=charge)

    def disputes_of(self, charge: str) -> Iterator[Json]:
        """Yield the disputes about a charge."""
        return _pages(self._api.disputes.list, charge=charge)

    def transactions(self, first: str) -> Iterator[Json]:
        """Yield balance transaction `first` (or the very first one) and all later ones."""
        return _forwards(self._api.balance_transactions, first, expand=["source"])

    def payouts(self, first: str) -> Iterator[tuple[Json, Iterator[Json]]]:
        """Yield payout `first` (or the very first one) and all later ones that are done.

        Each with its balance transactions. One that is still on its way ends it, so that none is
        left out; those that failed, and those that people made, are not among them.
        """
        for payout in takewhile(_is_over, _forwards(self._api.payouts, first)):
            if payout["automatic"] and payout["status"] == "paid":
                yield payout, _pages(self._api.balance_transactions.list, payout=payout["id"])

    def source_of(self, transaction: Json) -> tuple[Json, str]:
        """Return what a balance transaction is about, and the order number of that."""
        source = transaction["source"]
        if not isinstance(source, dict):
            source = {"id": source or transaction["id"], "currency": transaction["currency"]}
        reference = written(source, "reference")
        if not reference and source.get("payment_intent"):
            reference = written(self.intent(source["payment_intent"]), "reference")
        return source, reference


def _pages(listing: Callable[..., Any], **params: Any) -> Iterator[Json]:
    """Yield what a list or a search holds, page by page."""
    with translated():
        for thing in listing({"limit": _PAGE, **params}).auto_paging_iter():
            yield thing.to_dict()


def _forwards(listing: Any, first: str, **expand: list[str]) -> Iterator[Json]:
    """Yield what a list has from `first` on, or from its far end."""
    first = first or _oldest(listing)
    if first:
        with translated():
            yield listing.retrieve(first, expand).to_dict()
        wanted = {name: [f"data.{field}" for field in fields] for name, fields in expand.items()}
        yield from _pages(listing.list, ending_before=first, **wanted)


def _oldest(listing: Any) -> str:
    """Walk to the far end of a list, once: it is read forwards only from a known one."""
    oldest = ""
    for thing in _pages(listing.list):
        oldest = thing["id"]
    return oldest


def _is_over(payout: Json) -> bool:
    is_on_its_way = payout["status"] in ("pending", "in_transit")
    return not is_on_its_way and payout["reconciliation_status"] != "in_progress"
