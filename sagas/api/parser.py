"""JSON bodies: too deep is an answer like any other malformed JSON, not a crash."""

from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class DepthSafeJSONParser(JSONParser):
    """DRF's parser, which leaves brackets nested a thousand deep to the server's error page."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as failure:
            raise ParseError(_("The JSON is nested too deeply.")) from failure
