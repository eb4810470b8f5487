"""Commands of orders: place one, cancel it or a part, send goods back, give money, decide a case.

Each opens its own transaction and announces what it did; `actor` says who: "customer:42",
"admin:kim". Amounts are in minor units of the order's currency. What can't be done raises an
`InvalidInput` that says why, for programs and for people.
"""

from orders.services.cancelling import BEFORE_SHIPPING, request_cancel, request_partial_cancel
from orders.services.crediting import (
    approve_goodwill,
    decline_goodwill,
    give_goodwill,
    propose_goodwill,
)
from orders.services.deciding import (
    choose_remedy,
    close_inquiry,
    decide_fraud,
    flag_fraud,
    unblock_customer,
)
from orders.services.placing import (
    MAX_LINES,
    MAX_QUANTITY,
    MAX_TOTAL_MINOR,
    NewLine,
    place_order,
)
from orders.services.refusals import (
    InvalidCancel,
    InvalidCredit,
    InvalidDecision,
    InvalidInput,
    InvalidOrder,
    InvalidReturn,
)
from orders.services.returning import request_exchange, request_return

__all__ = [
    "BEFORE_SHIPPING",
    "MAX_LINES",
    "MAX_QUANTITY",
    "MAX_TOTAL_MINOR",
    "InvalidCancel",
    "InvalidCredit",
    "InvalidDecision",
    "InvalidInput",
    "InvalidOrder",
    "InvalidReturn",
    "NewLine",
    "approve_goodwill",
    "choose_remedy",
    "close_inquiry",
    "decide_fraud",
    "decline_goodwill",
    "flag_fraud",
    "give_goodwill",
    "place_order",
    "propose_goodwill",
    "request_cancel",
    "request_exchange",
    "request_partial_cancel",
    "request_return",
    "unblock_customer",
]
