"""Tables of inventory: stock items with their buckets, reservations and returned goods.

Every unit is in exactly one bucket (I5): available, reserved, committed, out, quarantine or
damaged. No bucket is ever below zero (I2), and no line gives more than it keeps, whoever writes it.
"""

from inventory.models.reservation import Reservation, ReservationLine
from inventory.models.returned import ReturnedGoods, ReturnedLine
from inventory.models.stock import BUCKETS, StockItem

__all__ = [
    "BUCKETS",
    "Reservation",
    "ReservationLine",
    "ReturnedGoods",
    "ReturnedLine",
    "StockItem",
]
