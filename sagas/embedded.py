"""Embedded: a worker and a relay in this very process, for SQLite, demos and development.

Durable like the rest: what is due is in the tables, so a process that dies loses nothing.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import close_old_connections, connections

from sagas.conf import settings
from sagas.relay import relay_once
from sagas.transport import InProcessTransport, transport
from sagas.worker import Worker

logger = logging.getLogger("sagas.embedded")


def run_until(stop: threading.Event, *, using: str = "default") -> None:
    """Serve every consumer until `stop` is set: drain when woken, relay once per interval."""
    worker = Worker(using=using)
    interval = settings().RELAY_INTERVAL.total_seconds()
    next_look = 0.0
    while not stop.is_set():
        close_old_connections()
        try:
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + interval
                relay_once(using=using, drains=False)
            worker.drain(stop=stop.is_set)
        except Exception:
            logger.exception("A pass of the embedded worker failed; the next one tries again.")
        _wait(interval, stop)
    worker.close()
    connections[using].close()


def _wait(seconds: float, stop: threading.Event) -> None:
    carrier = transport()
    if isinstance(carrier, InProcessTransport):
        carrier.wait(seconds)
    else:
        stop.wait(seconds)


@contextmanager
def embedded_worker(*, using: str = "default") -> Iterator[None]:
    """Run worker and relay in a thread of this process for as long as the block lasts."""
    stop = threading.Event()
    thread = threading.Thread(
        target=run_until, args=(stop,), kwargs={"using": using}, name="sagas-embedded", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        transport().wake("", [])
        thread.join()
