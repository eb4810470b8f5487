"""Leaving: what of a parcel leaves with the driver, and what stays and becomes the rest."""

from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext as _

from sagas.rows import update_rows
from shipping.events import (
    ReplacementHandedOver,
    RestHandedOver,
    SentLine,
    ShipmentHandedOver,
)
from shipping.models import Shipment, ShipmentLine

#: The part that holds what did not leave with the first parcel; it leaves whole.
REST = 2


class InvalidHandOver(ValueError):
    """A parcel can't leave in parts like that: `code` for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.code = code
        self.message = message


def choose(
    shipment: Shipment, lines: Iterable[ShipmentLine], units: Mapping[int, int] | None
) -> Mapping[int, int]:
    """Return how many units of which line leave; all that is there, when none are named.

    Raises InvalidHandOver when more is named than there is, or nothing, or when a part of what
    leaves whole: the rest of an order, a replacement.
    """
    left = {line.line_no: line.left for line in lines}
    if units is None:
        return left
    for line_no, count in units.items():
        if not 0 <= count <= left.get(line_no, 0):
            message = _("Line %(n)d: %(left)d units can leave, not %(count)d.")
            values = {"n": line_no, "left": left.get(line_no, 0), "count": count}
            raise InvalidHandOver("not_there", message % values)
    if not any(units.values()):
        raise InvalidHandOver("empty", _("A parcel leaves with at least one unit."))
    if shipment.part != 1 and sum(units.values()) < sum(left.values()):
        message = _("Parcel %(number)s leaves whole: an order leaves in two parts at most.")
        raise InvalidHandOver("indivisible", message % {"number": shipment.number})
    return units


def fact(
    shipment: Shipment, lines: Iterable[ShipmentLine]
) -> ShipmentHandedOver | RestHandedOver | ReplacementHandedOver:
    """Return what is announced of a parcel that leaves."""
    if shipment.case_id is not None:
        return ReplacementHandedOver(case_id=shipment.case_id)
    if shipment.part == REST:
        return RestHandedOver(
            order_id=shipment.order_id, shipment_id=shipment.pk, lines=sent(lines)
        )
    return ShipmentHandedOver(order_id=shipment.order_id, lines=sent(lines))


def sent(lines: Iterable[ShipmentLine]) -> tuple[SentLine, ...]:
    """Return what of the lines is in the parcel that has left."""
    return tuple(
        SentLine(line_no=line.line_no, sku=line.sku, quantity=line.sent)
        for line in lines
        if line.sent
    )


def split(shipment: Shipment, lines: Sequence[ShipmentLine]) -> Shipment:
    """Make a parcel of what stays, saved; from now on it answers for the order (R32).

    Lines of which nothing left and nothing was withdrawn go over as they are.
    """
    shipment.answers_for = None
    shipment.save(update_fields=["answers_for"])
    rest = Shipment(
        order_id=shipment.order_id,
        answers_for=shipment.order_id,
        part=REST,
        number=shipment.number,
        address=shipment.address,
    )
    rest.save(using=shipment._state.db, force_insert=True)
    moved = [_carry_over(line, rest) for line in lines if line.left]
    fresh = [line for line in moved if line._state.adding]
    ShipmentLine.objects.using(shipment._state.db).bulk_create(fresh)
    return rest


def _carry_over(line: ShipmentLine, rest: Shipment) -> ShipmentLine:
    if line.left == line.quantity:
        line.shipment = rest
        return line
    stays = line.left
    line.quantity -= stays
    return ShipmentLine(shipment=rest, line_no=line.line_no, sku=line.sku, quantity=stays)


def write(lines: Sequence[ShipmentLine]) -> None:
    """Write what has become of locked lines: as many statements as it takes, not one for each."""
    if lines:
        using = lines[0]._state.db or "default"
        update_rows(using, lines, ["shipment", "quantity", "sent"])
