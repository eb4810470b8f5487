"""Transport: carries hints, which are wake-ups with ids at most. A lost hint loses nothing (G9).

Celery is a detail of this module and of `tasks`: a hint is sent by task name.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Protocol
from uuid import UUID

from celery import current_app
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from sagas.conf import settings

logger = logging.getLogger("sagas.transport")

#: How long the broker may take over one hint, in seconds (R3).
_PATIENCE = 0.2
#: The Celery task that drains a queue.
DRAIN_TASK = "sagas.drain"


class Transport(Protocol):
    """How a worker is told that a queue has something due."""

    #: Hints that could not be delivered since the process started.
    lost: int

    def wake(self, queue: str, ids: Sequence[UUID]) -> bool:
        """Tell the workers of `queue`; say whether the hint went out. Never raises (R3)."""
        ...


class CeleryTransport:
    """Sends one message per queue and commit through the shop's own Celery app.

    One try, over connections that give up after a fifth of a second; after a failure hints are
    withheld for `SAGAS["HINT_PAUSE"]`, so a broker that is down costs next to nothing.
    """

    def __init__(self) -> None:
        """Start with the breaker closed."""
        self.lost = 0
        self._silent_until = 0.0

    def wake(self, queue: str, ids: Sequence[UUID]) -> bool:
        """Publish a hint; see Transport."""
        if time.monotonic() < self._silent_until:
            self.lost += 1
            return False
        try:
            self._publish(queue, ids)
        except Exception as error:  # noqa: BLE001  whatever the broker does, the rows are safe (R3)
            self._open(queue, error)
            return False
        return True

    def _publish(self, queue: str, ids: Sequence[UUID]) -> None:
        with _connections(os.getpid()).acquire(block=True) as connection:
            current_app.send_task(
                DRAIN_TASK,
                args=[queue, [str(delivery_id) for delivery_id in ids]],
                queue=queue,
                ignore_result=True,
                retry=False,
                connection=connection,
            )

    def _open(self, queue: str, error: Exception) -> None:
        self.lost += 1
        self._silent_until = time.monotonic() + settings().HINT_PAUSE.total_seconds()
        logger.warning(
            "Hint not sent; the relay will find the rows.",
            extra={"action": "hint_lost", "queue": queue, "error": repr(error)},
        )


@cache
def _connections(pid: int) -> Any:
    """Return this process's connections for hints: they give up soon, unlike Celery's own (R3)."""
    impatient = {"max_retries": 0, "socket_connect_timeout": _PATIENCE, "socket_timeout": _PATIENCE}
    options = {**current_app.conf.broker_transport_options, **impatient}
    pattern = current_app.connection_for_write(connect_timeout=_PATIENCE, transport_options=options)
    return pattern.Pool(current_app.conf.broker_pool_limit)


class InProcessTransport:
    """Wakes a worker in this very process: for the embedded mode, demos and tests."""

    def __init__(self) -> None:
        """Start with nothing to do."""
        self.lost = 0
        self._woken = threading.Event()

    def wake(self, queue: str, ids: Sequence[UUID]) -> bool:
        """Wake the worker that waits; see Transport."""
        self._woken.set()
        return True

    def wait(self, timeout: float) -> bool:
        """Wait until something is due, at most `timeout` seconds; say whether it was."""
        woken = self._woken.wait(timeout)
        self._woken.clear()
        return woken


@lru_cache(maxsize=1)
def transport() -> Transport:
    """Return the transport that `SAGAS["TRANSPORT"]` names, one per process."""
    made: Transport = import_string(settings().TRANSPORT)()
    return made


def _reset(*, setting: str, **_: object) -> None:
    if setting == "SAGAS":
        transport.cache_clear()


setting_changed.connect(_reset, dispatch_uid="sagas.transport")


def wake_all(hints: dict[str, list[UUID]]) -> frozenset[str]:
    """Send one hint per queue; return the queues whose workers could not be told."""
    return frozenset(queue for queue, ids in hints.items() if not transport().wake(queue, ids))


def queues_of_this_worker() -> frozenset[str]:
    """Return the queues that the Celery worker of this process consumes; none elsewhere."""
    consumed = current_app.amqp.queues.consume_from
    return frozenset(consumed) if consumed else frozenset()
