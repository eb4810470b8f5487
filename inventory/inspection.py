"""Inspection: what was found of goods that came back, and where they belong then (D-17 to D-19)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from inventory import stock
from inventory.events import InspectedLine, ReturnInspected
from inventory.models import ReturnedGoods, ReturnedLine, StockItem


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How many units of a line are as good as new, how many damaged, and how many are refused."""

    sellable: int = 0
    damaged: int = 0
    refused: int = 0

    @property
    def units(self) -> int:
        """Of how many units it speaks."""
        return self.sellable + self.damaged + self.refused

    @property
    def accepted(self) -> int:
        """How many units the customer is paid for."""
        return self.sellable + self.damaged


def book(
    goods: ReturnedGoods,
    lines: Sequence[ReturnedLine],
    items: Iterable[StockItem],
    verdicts: Mapping[int, Verdict],
    *,
    fault: bool,
) -> ReturnInspected:
    """Write down what was found and move the accepted units; refused ones wait to be sent back.

    `verdicts` names every line by its number; `fault` says whether the shop is to blame, and counts
    where the customer has claimed it. The caller has locked the rows and writes them.
    """
    if goods.is_claimed:
        goods.is_fault = fault
    for line, item in stock.with_items(lines, items):
        found = verdicts[line.line_no]
        line.sellable, line.damaged, line.refused = found.sellable, found.damaged, found.refused
        line.book(item, is_fault=goods.is_fault)
    goods.inspect()
    found_lines = _inspected(lines, items)
    return ReturnInspected(
        case_id=goods.case_id,
        order_id=goods.order_id,
        lines=found_lines,
        fault=goods.is_fault if goods.is_claimed else None,
    )


def _inspected(
    lines: Iterable[ReturnedLine], items: Iterable[StockItem]
) -> tuple[InspectedLine, ...]:
    return tuple(
        InspectedLine(
            line_no=line.line_no,
            sku=item.sku,
            sellable=line.sellable,
            damaged=line.damaged,
            refused=line.refused,
        )
        for line, item in sorted(stock.with_items(lines, items), key=lambda pair: pair[0].line_no)
    )
