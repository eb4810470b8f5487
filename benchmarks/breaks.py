"""Breaks: what is planted in the copies, so that a run can be held to finding exactly that."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from django.db import connection

from benchmarks.copies import Mix
from benchmarks.statements import Wrong

#: One order in so many is broken in each way; at least one is.
_ONE_IN: Final = 2_000
#: What is broken has ended like this.
_ENDING: Final = "completed"

_ORDER: Final = "SELECT id FROM orders_order WHERE number = ANY(%(numbers)s)"
_SAGA: Final = f"""
SELECT s.id FROM sagas_saga s
 WHERE s.choreography = 'checkout' AND s.key IN (SELECT CAST(q.id AS text) FROM ({_ORDER}) q)"""

#: By the predicate that finds it: what makes the rows of some orders wrong, once in each.
_ROWS: Final = {
    "M2": "UPDATE payments_payment SET held_minor = 100 WHERE number = ANY(%(numbers)s)",
    "M5": "UPDATE orders_order SET goods_minor = goods_minor - 1, total_minor = total_minor - 1"
    " WHERE number = ANY(%(numbers)s)",
    "M8": "UPDATE payments_payment SET authorised_minor = authorised_minor + 1"
    " WHERE number = ANY(%(numbers)s)",
    "X4": f"UPDATE orders_soldline SET shipped = shipped - 1"
    f" WHERE line_no = 1 AND order_id IN ({_ORDER})",
    "E29": "INSERT INTO payments_evidence (id, payment_id, step, reference, actor, reason,"
    " recorded_at, verify_by)"
    " SELECT gen_random_uuid(), p.id, 'payments.capture', 'never-heard-of', 'admin:anna', 'bench',"
    " now(), now() FROM payments_payment p WHERE p.number = ANY(%(numbers)s)",
    "D1": f"UPDATE sagas_storedevent e SET cause_purpose = 'nobody_knows'"
    f" WHERE e.ordinal = 0 AND e.position = 3 AND e.saga_id IN ({_SAGA})",
    "D2": f"UPDATE sagas_saga s SET position = position + 1 WHERE s.id IN ({_SAGA})",
    "D2.state": f"UPDATE sagas_storedevent e SET from_state = 'elsewhere'"
    f" WHERE e.type = 'orders.OrderCompleted' AND e.saga_id IN ({_SAGA})",
}
#: By the source: by the predicate that finds it, what is stated wrongly about some orders.
STATED: Final = {
    "payments": {"S1-amount": Wrong.AMOUNT, "S2": Wrong.MISSING, "S4": Wrong.UNKNOWN},
    "parcels": {"P2": Wrong.UNSCANNED},
}
#: Found once, however many copies there are.
_STOCK: Final = "UPDATE inventory_stockitem SET available = available + 1 WHERE sku = %(sku)s"


@dataclass(slots=True)
class Breaks:
    """What has been planted so far: how often by predicate, and what is stated wrongly of whom."""

    found: Counter[str] = field(default_factory=Counter)
    stated: dict[str, dict[int, Wrong]] = field(default_factory=lambda: {n: {} for n in STATED})

    def plant(self, mix: Mix, pattern: str, start: int, stop: int) -> None:
        """Break some of the copies with these numbers, each in one way.

        `pattern` is what the numbers of orders are like that ended well.
        """
        each = max(1, (stop - start) // _ONE_IN)
        victims = iter(mix.numbers(_ENDING, start, stop))
        for name, sql in _ROWS.items():
            chosen = list(islice(victims, each))
            _execute(sql, {"numbers": [pattern % {"n": f"{number:08d}"} for number in chosen]})
            self.found[name] += len(chosen)
        for source, wrongs in STATED.items():
            for name, wrong in wrongs.items():
                chosen = list(islice(victims, each))
                self.stated[source].update(dict.fromkeys(chosen, wrong))
                self.found[name] += len(chosen)

    def plant_in_stock(self) -> None:
        """Have one unit that came from nowhere; filling the shelves takes it away again."""
        _execute(_STOCK, {"sku": f"{_ENDING}_0"})
        self.found["I1"] = 1


def _execute(sql: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
