"""Participant: counts each adjustment once; a second time would break the article's uniqueness."""

from inventory.events import StockAdjusted
from inventory.models import StockItem
from sagas.participant import Participant, by
from sagas.work import Work

counting = Participant("counting")


@counting.on(StockAdjusted, locks={"items": by(StockItem, "sku")})
def count(event: StockAdjusted, items: list[StockItem], work: Work) -> None:
    """Enter an article for the adjustment."""
    work.add(StockItem(sku=f"adjustment {event.delta}"))
