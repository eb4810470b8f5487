"""Toss's records: finding and listing what Toss has stored; nothing here changes anything."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import quote

from payments.gateway.port import Json
from payments.gateway.toss_books import SEOUL
from payments.gateway.toss_http import TossApi

#: How far back the statement is read when nobody says.
A_MONTH: Final = timedelta(days=31)
_PAGE: Final = 100


class TossRecords:
    """What one shop has at Toss, as JSON values. Raises Unanswered and NotSent."""

    def __init__(self, api: TossApi, *, settled_since: date | None = None) -> None:
        """`settled_since` is the first day of the statement; a month ago by default."""
        self._api = api
        self._settled_since = settled_since

    def payment(self, payment_key: str) -> Json | None:
        """Return one payment."""
        found: Json | None = self._api.get(f"/v1/payments/{quote(payment_key, safe='')}")
        return found

    def payment_of(self, reference: str) -> Json | None:
        """Return the payment of an order number: there is one at most."""
        found: Json | None = self._api.get(f"/v1/payments/orders/{quote(reference, safe='')}")
        return found

    def settlements(self, after: str) -> Iterator[tuple[str, Json]]:
        """Yield (day#number, settlement) from the one of line `after` on, or all of them.

        Only of days that are over in Korea: their lists do not change any more.
        """
        named, _, number = after.partition("#")
        day = date.fromisoformat(named) if named else self._settled_since or _today() - A_MONTH
        first = int(number[:-1]) if number else 0
        while day < _today():
            for index, settlement in self._settled_on(day, first):
                yield f"{day}#{index:06d}", settlement
            day, first = day + timedelta(days=1), 0

    def _settled_on(self, day: date, first: int) -> Iterator[tuple[int, Json]]:
        index = first - first % _PAGE
        while True:
            query = {"startDate": day, "endDate": day, "page": index // _PAGE + 1, "size": _PAGE}
            page = self._api.get("/v1/settlements", query) or []
            for settlement in page:
                if index >= first:
                    yield index, settlement
                index += 1
            if len(page) < _PAGE:
                return


def _today() -> date:
    return datetime.now(SEOUL).date()
