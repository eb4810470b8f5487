"""Inventory: what is in the house, and for which order it is kept."""
