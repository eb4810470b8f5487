"""JSON bodies, bounded: too long and too deep are answers, not crashes."""

import io
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from sagas.api.problem import too_large


class BoundedJSONParser(JSONParser):
    """Reads no more than Django's DATA_UPLOAD_MAX_MEMORY_SIZE, which DRF does not look at."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> dict[str, Any]:
        body = io.BytesIO(_read(stream, settings.DATA_UPLOAD_MAX_MEMORY_SIZE))
        try:
            return super().parse(body, media_type, parser_context)
        except RecursionError as failure:
            raise ParseError(_("The JSON is nested too deeply.")) from failure


def _read(stream: IO[Any], limit: int | None) -> bytes:
    if limit is None:
        return bytes(stream.read())
    body = bytes(stream.read(limit + 1))
    if len(body) > limit:
        raise too_large(_("The body is larger than %(limit)s bytes.") % {"limit": limit})
    return body
