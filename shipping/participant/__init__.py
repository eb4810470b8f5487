"""Participant: how shipping reacts, one module for each part of an order's life.

Parcels are booked, answer whether what is in them can still be cancelled, and stay, leave or come
back.
"""

from shipping.participant import answers, booking, cases, returns
from shipping.participant.declared import shipping

__all__ = ["answers", "booking", "cases", "returns", "shipping"]
