"""Trace context: W3C `traceparent` strings that follow an order through every context."""

import re
import secrets
from contextvars import ContextVar

#: The traceparent of the request that is being served, if any; set by the API's middleware.
current_traceparent: ContextVar[str] = ContextVar("current_traceparent", default="")

_FORMAT = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


def is_traceparent(text: str) -> bool:
    """Whether `text` is a valid version 00 traceparent."""
    return bool(_FORMAT.match(text))


def child_of(parent: str) -> str:
    """Return a traceparent in the trace of `parent`, or in a new trace when there is none."""
    trace_id = parent[3:35] if is_traceparent(parent) else secrets.token_hex(16)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"
