"""Choice: the provider that this shop uses, as its settings and its environment say."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from payments.gateway.port import PaymentGateway

#: Loaded when chosen: who uses one provider needs the libraries of no other.
ADAPTERS = {
    "simulated": "payments.gateway.simulated.SimulatedGateway",
    "stripe": "payments.gateway.stripe.StripeGateway",
    "toss": "payments.gateway.toss.TossGateway",
}


def provider() -> PaymentGateway:
    """Return the adapter that PAYMENT_PROVIDER names; ImproperlyConfigured says what is missing."""
    name = getattr(settings, "PAYMENT_PROVIDER", "simulated")
    if name not in ADAPTERS:
        known = ", ".join(ADAPTERS)
        message = f"There is no payment provider {name!r}; set PAYMENT_PROVIDER to one of {known}."
        raise ImproperlyConfigured(message)
    try:
        adapter = import_string(ADAPTERS[name])
    except ImportError as error:
        message = f"The payment provider {name!r} needs a library that is not installed: {error}."
        raise ImproperlyConfigured(message) from error
    gateway: PaymentGateway = adapter.configured()
    return gateway
