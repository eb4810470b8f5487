"""API: the address to which the provider sends its messages."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.exceptions import ParseError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from payments.gateway import InvalidWebhook
from payments.services import receive_webhook


@extend_schema(
    summary="Receive a message of the payment provider",
    description="Signed as Standard Webhooks describes; a repeated message changes nothing.",
    request={"application/json": {"type": "object"}},
    responses={200: {"type": "object", "properties": {"received": {"type": "boolean"}}}},
)
@api_view(["POST"])
@authentication_classes([])  # the signature is what proves the sender
@permission_classes([AllowAny])
def webhook(request: Request) -> Response:
    """Keep the message and answer at once; 400 when it is not the provider's."""
    try:
        receive_webhook(request.headers, request.body)
    except InvalidWebhook as error:
        raise ParseError(str(error)) from error
    return Response({"received": True})
