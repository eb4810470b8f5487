"""A bookshop in one app."""
