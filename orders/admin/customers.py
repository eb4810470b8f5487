"""Customers who may place no orders, and how that ends."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from orders import services
from orders.models import BlockedCustomer
from sagas.admin.verbs import Verb, VerbAdmin


def unblock(blocked: BlockedCustomer, *, actor: str, reason: str) -> bool:
    """Let the customer place orders again."""
    return services.unblock_customer(blocked.customer, actor=actor)


@admin.register(BlockedCustomer)
class BlockedCustomerAdmin(VerbAdmin):
    """Blocked customers by name."""

    list_display = ("customer", "reason", "actor", "blocked_at", "lifted_at", "lifted_by")
    search_texts = ("customer",)
    verbs = (
        Verb(
            name="unblock",
            label=_("Lift the block"),
            meaning=_("The customer may place orders again."),
            permission="orders.change_blockedcustomer",
            act=unblock,
        ),
    )
