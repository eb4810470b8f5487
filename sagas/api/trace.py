"""Trace of a request: takes its `traceparent` over into every event it announces, and says it."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase

from sagas.trace import child_of, current_traceparent


class TraceMixin:
    """A view that goes on in the caller's trace, or begins one, and names it in its answer."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        here = child_of(request.headers.get("traceparent", ""))
        token = current_traceparent.set(here)
        try:
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        finally:
            current_traceparent.reset(token)
        response.headers["traceparent"] = here
        return response
