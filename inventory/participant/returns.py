"""Returns: goods are expected, kept apart, looked at, and what is refused leaves again."""

from django.conf import settings

from inventory import stock
from inventory.events import (
    ReturnExpected,
    ReturnInspected,
    ReturnNotExpected,
    ReturnQuarantined,
)
from inventory.inspection import Verdict, book
from inventory.models import ReturnedGoods, ReturnedLine, StockItem
from inventory.participant.declared import GOODS, RETURNED_ROWS, GoodsState, inventory
from orders.events import ExchangeAgreed, ReturnRequested
from sagas.participant import ABSENT, by, refuse
from sagas.work import Work
from shipping.events import GoodsSentBack, InterceptFailed, ReturnReceived, ReturnUnbookable

IN_THE_HOUSE = (GoodsState.QUARANTINED, GoodsState.INSPECTED, GoodsState.SENT_BACK)
GIVEN_UP = refuse("these goods were not expected any more")


def expect_goods(event: ReturnRequested | ExchangeAgreed) -> ReturnedGoods:
    """Return the goods that a case announces."""
    return ReturnedGoods(
        case_id=event.case_id,
        order_id=event.order_id,
        is_fault=event.fault,
        is_claimed=event.claimed,
    )


@inventory.on(
    ReturnRequested,
    ExchangeAgreed,
    saga=("return", "exchange"),
    subject=GOODS,
    creates=expect_goods,
    locks={"items": by(StockItem, "sku", "lines.sku")},
    applies_in=(ABSENT,),
    otherwise={tuple(GoodsState): refuse("these goods are announced already")},
)
def expect_return(
    event: ReturnRequested | ExchangeAgreed,
    goods: ReturnedGoods,
    items: list[StockItem],
    work: Work,
) -> ReturnExpected:
    """Note what is to come back, line by line of the order."""
    by_sku = {item.sku: item for item in items}
    for line in event.lines:
        item = by_sku[line.sku]
        work.add(ReturnedLine(goods=goods, line_no=line.line_no, item=item, quantity=line.quantity))
    return ReturnExpected(case_id=event.case_id)


@inventory.on(
    ReturnReceived,
    saga=("return", "exchange"),
    subject=GOODS,
    locks=RETURNED_ROWS,
    moves=(ReturnedGoods.quarantine,),
    otherwise={
        IN_THE_HOUSE: refuse("these goods came before"),
        GoodsState.DROPPED: GIVEN_UP,
    },
)
def quarantine(
    event: ReturnReceived,
    goods: ReturnedGoods,
    returned: list[ReturnedLine],
    items: list[StockItem],
) -> ReturnQuarantined:
    """Keep apart what came back, until somebody has looked at it."""
    for line, item in stock.with_items(returned, items):
        item.move(line.quantity, source="out", target="quarantine")
    goods.quarantine()
    return ReturnQuarantined(case_id=event.case_id)


@inventory.on(
    ReturnQuarantined,
    saga=("return", "exchange"),
    subject=GOODS,
    locks=RETURNED_ROWS,
    moves=(ReturnedGoods.inspect,),
    otherwise={
        (GoodsState.INSPECTED, GoodsState.SENT_BACK): refuse("these goods were inspected before"),
        GoodsState.DROPPED: GIVEN_UP,
    },
)
def accept_unseen(
    event: ReturnQuarantined,
    goods: ReturnedGoods,
    returned: list[ReturnedLine],
    items: list[StockItem],
) -> ReturnInspected | None:
    """Accept everything at once, where the shop has nobody look at what comes back."""
    if settings.SHOP["INSPECTION"] != "accept_all":
        return None
    verdicts = {line.line_no: Verdict(sellable=line.quantity) for line in returned}
    return book(goods, returned, items, verdicts, fault=goods.is_fault)


@inventory.on(
    GoodsSentBack,
    saga=("return", "exchange"),
    subject=GOODS,
    locks=RETURNED_ROWS,
    moves=(ReturnedGoods.send_back,),
    otherwise={
        GoodsState.SENT_BACK: refuse("these goods have left again before"),
        GoodsState.DROPPED: GIVEN_UP,
    },
)
def book_out_refused(
    event: GoodsSentBack,
    goods: ReturnedGoods,
    returned: list[ReturnedLine],
    items: list[StockItem],
) -> None:
    """Book out the refused units that the customer gets back (D-19)."""
    for line, item in stock.with_items(returned, items):
        item.move(line.refused, source="quarantine", target="out")
    goods.send_back()


@inventory.on(
    ReturnUnbookable,
    InterceptFailed,
    saga=("return", "exchange"),
    subject=GOODS,
    moves=(ReturnedGoods.drop,),
    otherwise={
        IN_THE_HOUSE: refuse("these goods came before"),
        GoodsState.DROPPED: GIVEN_UP,
    },
)
def drop_return(
    event: ReturnUnbookable | InterceptFailed, goods: ReturnedGoods
) -> ReturnNotExpected:
    """Stop waiting for goods that no carrier brings."""
    goods.drop()
    return ReturnNotExpected(case_id=event.case_id)
