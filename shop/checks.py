"""Checks: what the shop's settings must be to each other, said when Django starts.

Contexts must not know each other's policy, so what spans two of them is compared here.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from sagas.conf import settings as engine


@register("shop")
def check_reservations(**_: Any) -> list[CheckMessage]:
    """shop.E001: stock would be free for others while its money may still come (E3, E4)."""
    kept, needed = settings.SHOP["RESERVATION_TTL"], longest_payment()
    if kept >= needed:
        return []
    return [
        Error(
            f"Stock is kept for {kept}, and a payment that was begun in time may be known of only"
            f" {needed} later: it could be paid for after others got it.",
            hint='Raise SHOP["RESERVATION_TTL"], or lower PAYMENT_HORIZON_SECONDS, WEBHOOK_DELAY'
            ' or SAGAS["RELAY_INTERVAL"].',
            obj='SHOP["RESERVATION_TTL"]',
            id="shop.E001",
        )
    ]


def longest_payment() -> timedelta:
    """Return how long a payment may go on before the shop knows what came of it (E3).

    The provider may still carry a request out, its message comes late, and the relay takes two
    rounds: one that finds the message, one that finds what follows.
    """
    horizon = timedelta(seconds=settings.SHOP["PAYMENT_HORIZON_SECONDS"])
    delay: timedelta = settings.SHOP["WEBHOOK_DELAY"]
    return horizon + delay + 2 * engine().RELAY_INTERVAL
