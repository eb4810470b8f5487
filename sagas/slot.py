"""Slot: what a worker has in its hands, committed before it starts, cleared by its own commit.

A slot that still names deliveries after its worker fell silent tells which of them may have killed
it: each gets one committed attempt and runs alone next time (decision 11, R9).
"""

import os
import socket
import threading
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connections, transaction
from django.db.models import F, QuerySet

from sagas import clock
from sagas.locks import for_update
from sagas.models import Slot


def worker_name() -> str:
    """Return a name that says where this worker runs: host, process, thread."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.current_thread().name}"


class WorkerSlot:
    """This worker's row."""

    def __init__(self, using: str) -> None:
        """Belong to database `using`; the row is made when first needed."""
        self.using = using
        self.id = clock.new_id()

    def take(self, ids: Sequence[UUID], now: datetime) -> None:
        """Commit what is about to be tried. Its own transaction, without waiting for the disk."""
        claimed = [str(delivery_id) for delivery_id in ids]
        with transaction.atomic(using=self.using):
            self._without_waiting()
            if not self._row().update(claimed=claimed, seen_at=now):
                Slot.objects.using(self.using).create(
                    id=self.id, worker=worker_name(), claimed=claimed, seen_at=now
                )

    def _without_waiting(self) -> None:
        connection = connections[self.using]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit TO off")

    def give_back(self, handled: int, *, refused_fences: int = 0) -> None:
        """Clear the slot and count, inside the transaction that did the work."""
        self._row().update(
            claimed=[],
            handled=F("handled") + handled,
            refused_fences=F("refused_fences") + refused_fences,
        )

    def _row(self) -> QuerySet[Slot]:
        return Slot.objects.using(self.using).filter(id=self.id)


def lock_orphans(using: str, *, silent_since: datetime) -> list[Slot]:
    """Lock and return the slots of workers that fell silent with work in their hands.

    The caller holds a transaction, deals with what they claimed, and clears them.
    """
    silent = Slot.objects.using(using).filter(seen_at__lt=silent_since).exclude(claimed=[])
    return list(for_update(silent, skip_locked=True))


def clear(using: str, orphan: Slot) -> None:
    """Forget what a dead worker had in its hands."""
    Slot.objects.using(using).filter(id=orphan.id).update(claimed=[])
