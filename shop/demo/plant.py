"""Plant: damages one row behind everybody's back, to see that the audit finds it."""

from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

#: What is damaged -> the statement; its parameter is the pattern of the run's order numbers.
PLANTS = {
    # A penny too much in our ledger: it disagrees with payment and provider (M8, S1).
    "money": """
        UPDATE payments_ledgerentry SET amount_minor = amount_minor + 1
         WHERE id IN (SELECT e.id FROM payments_ledgerentry e
                        JOIN payments_payment p ON p.id = e.payment_id
                       WHERE p.number LIKE %s AND e.kind = 'capture' ORDER BY e.id LIMIT 1)""",
    # A unit that never came in (I1).
    "stock": """
        UPDATE inventory_stockitem SET available = available + 1
         WHERE id IN (SELECT l.item_id FROM inventory_reservationline l
                        JOIN inventory_reservation r ON r.id = l.reservation_id
                        JOIN orders_order o ON o.id = r.order_id
                       WHERE o.number LIKE %s ORDER BY l.item_id LIMIT 1)""",
    # A parcel of a cancelled order that is said to have left (X1).
    "parcel": """
        UPDATE shipping_shipment SET state = 'handed_over', tracking = COALESCE(tracking, 'planted')
         WHERE id IN (SELECT s.id FROM shipping_shipment s
                        JOIN orders_order o ON o.id = s.order_id
                       WHERE o.number LIKE %s AND o.state = 'cancelled' ORDER BY s.id LIMIT 1)""",
}


def plant(what: str, *, prefix: str) -> None:
    """Damage one row of the run's orders. Raises CommandError when there is none to damage."""
    with connection.cursor() as cursor:
        cursor.execute(PLANTS[what], [f"{prefix}%"])
        if cursor.rowcount != 1:
            message = _("There is nothing to damage for --plant %(what)s: run more orders.")
            raise CommandError(message % {"what": what})
