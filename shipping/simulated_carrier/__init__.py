"""A carrier that belongs to somebody else: its own parcels, its own drivers and bad days.

It keeps everything in one SQLite file, so any number of processes and threads may use it at once,
and it knows nothing about the shop. Orders to it (book, void, book_return) carry an idempotency
key; what its drivers do (hand_over, deliver, lose, receive_return) becomes a scan with a running
number, for the shop to follow. Switches make it refuse, wait, lose a request, carry it out late,
lose an answer or hang.
"""

from .books import Parcel, Scan
from .carrier import SimulatedCarrier
from .requests import CarrierTimeout, IdempotencyConflict, InvalidRequest, Result
from .switches import Switch

__all__ = [
    "CarrierTimeout",
    "IdempotencyConflict",
    "InvalidRequest",
    "Parcel",
    "Result",
    "Scan",
    "SimulatedCarrier",
    "Switch",
]
