"""Projection: a saga as a person reads it, folded from events, deliveries and cases.

Everything here only reads. Values are frozen, texts are in the active language, times aware UTC.
"""

from sagas.projection.overview import Overview, as_dict, find, overview
from sagas.projection.related import RelatedSaga, related
from sagas.projection.scene import Wait, WaitKind
from sagas.projection.timeline import Entry, timeline
from sagas.projection.waiting import waiting

__all__ = [
    "Entry",
    "Overview",
    "RelatedSaga",
    "Wait",
    "WaitKind",
    "as_dict",
    "find",
    "overview",
    "related",
    "timeline",
    "waiting",
]
