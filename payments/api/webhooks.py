"""The addresses to which the provider sends its messages."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.exceptions import APIException, ParseError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from payments import gateway
from payments.services import receive_webhook
from sagas.exceptions import NotSent, Unanswered


class NotVerified(APIException):
    """Whether the message is the provider's can't be said now: it is to be sent again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "not_verified"


_RECEIVED = {200: {"type": "object", "properties": {"received": {"type": "boolean"}}}}


@extend_schema(
    summary="Receive a message of the payment provider",
    description="Signed as the provider signs; a hint to look, so a repeated one changes nothing.",
    request={"application/json": {"type": "object"}},
    responses=_RECEIVED,
)
@api_view(["POST"])
@authentication_classes([])  # the signature is what proves the sender
@permission_classes([AllowAny])
def webhook(request: Request, provider: str = "") -> Response:
    """Keep the message and answer at once; 400 when it is not the provider's.

    404 for a provider that this shop does not use, 503 while it can't be verified.
    """
    if provider and provider != gateway.provider().name:
        raise Http404
    try:
        receive_webhook(request.headers, request.body)
    except gateway.InvalidWebhook as error:
        raise ParseError(str(error)) from error
    except (NotSent, Unanswered) as error:
        raise NotVerified(str(error)) from error
    return Response({"received": True})
