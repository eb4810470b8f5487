"""Prepare: tables, somebody who may log in, stock for every article, and a name for this run.

Nothing that is there is taken away: a run adds orders under a prefix of its own.
"""

import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from inventory.models import StockItem
from inventory.services import receive_goods
from orders.models import Order
from payments.simulated_provider import SimulatedProvider
from shipping.models import CarrierCursor
from shipping.services import CARRIER
from shipping.simulated_carrier import SimulatedCarrier
from shop.demo.people import ACTOR
from shop.demo.plan import Planned
from shop.demo.ways import REPLACED
from shop.invoices import (
    CreditNote,
    Invoice,
    match_credit_notes,
    read_credit_notes,
    read_invoices,
)

DATA = Path(__file__).resolve().parent.parent / "data"
#: More than the orders of a run need.
_SPARE = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Who may open the admin. The password is known only if it was made just now."""

    name: str
    password: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outside:
    """The provider and the carrier of the shop."""

    provider: SimulatedProvider
    carrier: SimulatedCarrier


def read_file(file: str | None) -> tuple[tuple[Invoice, ...], tuple[CreditNote, ...]]:
    """Return the real orders and credit notes. Raises InvoiceFileError and OSError."""
    if file is not None:
        return read_invoices(file), match_credit_notes(file)
    sample, returns = DATA / "online_retail_sample.csv.gz", DATA / "returns_sample.csv.gz"
    return read_invoices(sample), read_credit_notes(returns)


def make_tables() -> None:
    """Bring the database up to date."""
    call_command("migrate", verbosity=0, interactive=False)


def open_outside() -> Outside:
    """Return provider and carrier, with every fault switched off.

    A database that has never followed the carrier starts with what is scanned from now on.
    """
    provider = SimulatedProvider(settings.PROVIDER_BOOKS)
    carrier = SimulatedCarrier(settings.CARRIER_BOOKS)
    provider.switch_off()
    carrier.switch_off()
    last = max((scan.number for scan in carrier.scans_after(0)), default=0)
    CarrierCursor.objects.get_or_create(name=CARRIER, defaults={"position": last})
    return Outside(provider=provider, carrier=carrier)


def free_prefix(outside: Outside, *, letter: str = "D") -> str:
    """Return the first prefix (D1-, D2-, ...) that neither our orders nor the provider know."""
    numbers = set(Order.objects.values_list("number", flat=True))
    numbers |= {line.reference for line in outside.provider.list_transactions()}
    taken = {number.partition("-")[0] for number in numbers}
    n = next(n for n in range(1, len(taken) + 2) if f"{letter}{n}" not in taken)
    return f"{letter}{n}-"


def make_login() -> Login:
    """Return an administrator; one is made if there is none."""
    users = get_user_model().objects
    known = users.filter(is_superuser=True, is_active=True).first()
    if known is not None:
        return Login(name=known.get_username())
    password = secrets.token_urlsafe(9)
    users.create_superuser("admin", "", password)
    return Login(name="admin", password=password)


def fill_stock(orders: Iterable[Planned]) -> int:
    """See to it that every article is there often enough; return how many articles there are."""
    wanted = Counter[str]()
    for order in orders:
        for line in order.invoice.lines:
            wanted[line.sku] += line.quantity * (2 if order.way in REPLACED else 1)
    there = dict(StockItem.objects.values_list("sku", "available"))
    missing = {sku: quantity + _SPARE - there.get(sku, 0) for sku, quantity in wanted.items()}
    delivery = {sku: quantity for sku, quantity in missing.items() if quantity > 0}
    receive_goods(delivery, reason="delivery of goods", actor=ACTOR)
    return len(wanted)
