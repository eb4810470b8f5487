"""Send back: which units of an order come back, in which parcels: as in the real credit notes.

Where the file has too few of a kind, parcels are made up.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from shop.demo.ways import DIVIDED, Way
from shop.invoices import CreditNote, Invoice

#: The lines of one return: (line number, units).
Parcel = tuple[tuple[int, int], ...]
Credits = dict[str, list[CreditNote]]

#: Ways on which all that was sent comes back at once, and on which a single unit does.
_WHOLE = (Way.CANCEL_TOO_LATE, Way.INTERCEPTED, Way.RETURN_DEFECTIVE)
_ONE_UNIT = (Way.RETURN_REFUSED, Way.EXCHANGE)


def credits_by_order(notes: Sequence[CreditNote]) -> Credits:
    """Return each order's credit notes, the earliest first."""
    found: Credits = defaultdict(list)
    for note in sorted(notes, key=lambda note: (note.placed_at, note.number)):
        found[note.order_number].append(note)
    return found


def everything(invoice: Invoice) -> tuple[Parcel, ...]:
    """Return the whole order as one parcel."""
    return (tuple((n, line.quantity) for n, line in enumerate(invoice.lines, start=1)),)


def real_parcels(invoice: Invoice, notes: Sequence[CreditNote]) -> tuple[Parcel, ...]:
    """Return what credit notes took back, spread over the order's lines of the same article."""
    left = {n: line.quantity for n, line in enumerate(invoice.lines, start=1)}
    parcels = (tuple(_spread(invoice, note, left)) for note in notes)
    return tuple(parcel for parcel in parcels if parcel)


def _spread(invoice: Invoice, note: CreditNote, left: dict[int, int]) -> Iterator[tuple[int, int]]:
    for credit in note.lines:
        wanted = credit.quantity
        for n, line in enumerate(invoice.lines, start=1):
            taken = min(wanted, left[n]) if line.sku == credit.sku else 0
            if taken:
                left[n] -= taken
                wanted -= taken
                yield n, taken


def way_of(invoice: Invoice, parcels: Sequence[Parcel]) -> Way | None:
    """Tell which way back these parcels make; None for none."""
    if not parcels:
        return None
    if len(parcels) > 1:
        return Way.RETURN_SEVERAL
    units = sum(quantity for _, quantity in parcels[0])
    is_all = units == sum(line.quantity for line in invoice.lines)
    return Way.RETURN_WHOLE if is_all else Way.RETURN_PART


def made_up(invoice: Invoice, way: Way) -> tuple[Parcel, ...]:
    """Return parcels that make an order go this way; none where it has too few units for it."""
    first = ((1, 1),)
    if way is Way.RETURN_WHOLE:
        return everything(invoice)
    parcels: tuple[Parcel, ...] = (first,) if way is Way.RETURN_PART else (first, first)
    fits = invoice.lines[0].quantity > len(parcels)
    return parcels if fits else ()


def fits(invoice: Invoice, way: Way) -> bool:
    """Tell whether an order has enough units to go this way."""
    return way not in DIVIDED or sum(line.quantity for line in invoice.lines) > 1


def parcels_for(invoice: Invoice, way: Way, credited: Credits) -> tuple[Parcel, ...]:
    """Return what comes back of an order that goes this way; none if nothing does."""
    if way in _WHOLE:
        return everything(invoice)
    if way in _ONE_UNIT:
        return (((1, 1),),)
    if way not in (Way.RETURN_WHOLE, Way.RETURN_PART, Way.RETURN_SEVERAL):
        return ()
    real = real_parcels(invoice, credited.get(invoice.number, ()))
    return real if way_of(invoice, real) is way else made_up(invoice, way)
