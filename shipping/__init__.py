"""Shipping: the parcels of an order, and their way back."""
