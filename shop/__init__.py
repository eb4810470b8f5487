"""The shop: settings, addresses and the real orders that put the contexts together."""

from shop.celery import app as celery_app

__all__ = ["celery_app"]
