"""Event titles: the words that name the shop's events, so that its catalogues hold them.

Pages derive a title from an event's class name while they run (`sagas.projection.words.title_of`),
where makemessages can't see it.
"""

from typing import Final

from django.utils.translation import gettext_noop

TITLES: Final = (
    # -- orders
    gettext_noop("Order placed"),
    gettext_noop("Order confirmed"),
    gettext_noop("Order ready"),
    gettext_noop("Order shipped"),
    gettext_noop("Order delivered"),
    gettext_noop("Order completed"),
    gettext_noop("Order stalled"),
    gettext_noop("Cancel requested"),
    gettext_noop("Cancel rejected"),
    gettext_noop("Order cancelled"),
    gettext_noop("Order undone"),
    gettext_noop("Payment retry requested"),
    gettext_noop("Payment given up"),
    gettext_noop("Order lost"),
    gettext_noop("Loss opened"),
    gettext_noop("Loss settled"),
    gettext_noop("Return requested"),
    gettext_noop("Return rejected"),
    gettext_noop("Return completed"),
    gettext_noop("Order returned"),
    # -- payments
    gettext_noop("Payment opened"),
    gettext_noop("Payment authorised"),
    gettext_noop("Payment declined"),
    gettext_noop("Payment captured"),
    gettext_noop("Capture refused"),
    gettext_noop("Payment closed"),
    gettext_noop("Payment voided"),
    gettext_noop("Refund planned"),
    gettext_noop("Refund paid"),
    gettext_noop("Payment refunded"),
    gettext_noop("Return refund planned"),
    gettext_noop("Return refund dropped"),
    gettext_noop("Return refunded"),
    gettext_noop("Loss refund planned"),
    gettext_noop("Loss refunded"),
    # -- inventory
    gettext_noop("Stock reserved"),
    gettext_noop("Out of stock"),
    gettext_noop("Stock committed"),
    gettext_noop("Stock shipped"),
    gettext_noop("Stock released"),
    gettext_noop("Reservation expired"),
    gettext_noop("Return expected"),
    gettext_noop("Return quarantined"),
    gettext_noop("Return inspected"),
    gettext_noop("Return not expected"),
    gettext_noop("Stock written off"),
    gettext_noop("Stock adjusted"),
    # -- shipping
    gettext_noop("Shipment labelled"),
    gettext_noop("Carrier refused"),
    gettext_noop("Shipment handed over"),
    gettext_noop("Shipment delivered"),
    gettext_noop("Shipment lost"),
    gettext_noop("Cancel accepted"),
    gettext_noop("Cancel refused"),
    gettext_noop("Shipment stopped"),
    gettext_noop("Return labelled"),
    gettext_noop("Return unbookable"),
    gettext_noop("Return received"),
)
