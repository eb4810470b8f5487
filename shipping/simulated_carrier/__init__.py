"""A carrier that belongs to somebody else: its own parcels, its own drivers and bad days.

It keeps everything in one SQLite file, so any number of processes and threads may use it at once,
and it knows nothing about the shop. It drives under several names, and a parcel says which. Orders
to it (book, void, intercept, book_return, send_back) carry an idempotency key; what its drivers do
(hand_over, deliver, lose, receive_return) becomes a scan with a running number, for the shop to
follow. Switches make it refuse, miss a pickup or a parcel to intercept, wait, lose a request,
carry it out late, lose an answer or hang.
"""

from .carrier import SimulatedCarrier
from .parcels import Parcel, Scan
from .requests import CarrierTimeout, IdempotencyConflict, InvalidRequest, Result
from .storage import OutdatedBooks
from .switches import Switch

__all__ = [
    "CarrierTimeout",
    "IdempotencyConflict",
    "InvalidRequest",
    "OutdatedBooks",
    "Parcel",
    "Result",
    "Scan",
    "SimulatedCarrier",
    "Switch",
]
