"""Participant: how inventory reacts, one module for each part of an order's life.

Every step moves units between the buckets of locked stock items; an order, or a replacement, gets
all its lines or none.
"""

from inventory.participant import cases, checkout, returns
from inventory.participant.declared import inventory

__all__ = ["cases", "checkout", "inventory", "returns"]
