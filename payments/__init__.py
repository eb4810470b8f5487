"""Payments: the money of an order, and its way back."""
