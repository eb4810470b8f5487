"""Who does what: the stockroom, the sale itself, and a loyalty programme that declares nothing."""
# mypy: disable-error-code="import-not-found"

from django.db.models import F

from sagas.participant import ABSENT, Participant, by, nothing_to_undo, refuse
from shelf.events import (
    CopyHeld,
    CopyReturned,
    NothingHeld,
    ParcelRefused,
    ParcelUnwrapped,
    ParcelWrapped,
    SaleCancelled,
    SaleClosed,
    SaleCollected,
    SalePlaced,
    SaleUndone,
    SoldOut,
)
from shelf.models import Account, Hold, Sale, Title

HOLD = by(Hold, "sale_id")
SALE = by(Sale, "id", "sale_id")
OVER = (Sale.State.COLLECTED, Sale.State.CLOSED, Sale.State.CANCELLED, Sale.State.UNDONE)

stockroom = Participant("stockroom")
stockroom.holds(
    Hold.stage,
    {
        Hold.Stage.NONE: "nothing",
        Hold.Stage.HELD: "stock",
        Hold.Stage.SOLD_OUT: "nothing",
        Hold.Stage.RETURNED: "nothing",
    },
)


@stockroom.on(
    SalePlaced,
    subject=HOLD,
    creates=Hold,
    locks={"titles": by(Title, "isbn")},
    moves=(Hold.hold, Hold.miss),
    otherwise={
        (Hold.Stage.HELD, Hold.Stage.SOLD_OUT, Hold.Stage.RETURNED): refuse("answered before")
    },
)
def hold(event: SalePlaced, hold: Hold, titles: list[Title]) -> CopyHeld | SoldOut:
    """Put a copy aside, or say that none is left."""
    hold.isbn = event.isbn
    if not titles or not titles[0].copies:
        hold.miss()
        return SoldOut(sale_id=event.sale_id)
    titles[0].copies -= 1
    hold.hold()
    return CopyHeld(sale_id=event.sale_id)


@stockroom.undo(
    subject=HOLD, locks={"titles": by(Title, "isbn", "subject.isbn")}, moves=(Hold.put_back,)
)
def put_back(event: ParcelUnwrapped, hold: Hold, titles: list[Title]) -> CopyReturned:
    """Return the copy to the shelf."""
    titles[0].copies += 1
    hold.put_back()
    return CopyReturned(sale_id=event.sale_id)


stockroom.undoes(
    hold,
    on=ParcelUnwrapped,
    by=Hold.stage,
    table={
        ABSENT: nothing_to_undo(NothingHeld),
        Hold.Stage.NONE: nothing_to_undo(NothingHeld),
        Hold.Stage.HELD: put_back,
        Hold.Stage.SOLD_OUT: nothing_to_undo(NothingHeld),
        Hold.Stage.RETURNED: nothing_to_undo(NothingHeld),
    },
)

desk = Participant("desk")
desk.announces(SalePlaced)
desk.announces(SaleCollected, after=ParcelWrapped)


@desk.on(
    CopyHeld,
    subject=SALE,
    state=Sale.parcel,
    moves=(Sale.wrap, Sale.refuse_wrapping),
    otherwise={(Sale.Parcel.WRAPPED, Sale.Parcel.REFUSED): refuse("wrapped before, or refused")},
)
def wrap(event: CopyHeld, sale: Sale) -> ParcelWrapped | ParcelRefused:
    """Wrap the book, unless the customer wants none of that."""
    if sale.customer == "nobody":
        sale.refuse_wrapping()
        return ParcelRefused(sale_id=event.sale_id)
    sale.wrap()
    return ParcelWrapped(sale_id=event.sale_id)


@desk.undo(subject=SALE, state=Sale.parcel, moves=(Sale.unwrap,))
def unwrap(event: SaleCancelled, sale: Sale) -> ParcelUnwrapped:
    """Take the paper off."""
    sale.unwrap()
    return ParcelUnwrapped(sale_id=event.sale_id)


desk.undoes(
    wrap,
    on=SaleCancelled,
    by=Sale.parcel,
    table={
        ABSENT: nothing_to_undo(ParcelUnwrapped),
        Sale.Parcel.NEW: nothing_to_undo(ParcelUnwrapped),
        Sale.Parcel.WRAPPED: unwrap,
        Sale.Parcel.REFUSED: nothing_to_undo(ParcelUnwrapped),
    },
)


@desk.on(
    SaleCollected,
    subject=SALE,
    state=Sale.state,
    moves=(Sale.close,),
    otherwise={
        (Sale.State.CLOSED, Sale.State.CANCELLED, Sale.State.UNDONE): refuse("this sale is over")
    },
)
def close(event: SaleCollected, sale: Sale) -> SaleClosed:
    """Say that it is sold."""
    sale.close()
    return SaleClosed(sale_id=event.sale_id, customer=sale.customer)


@desk.on(
    SoldOut,
    ParcelRefused,
    subject=SALE,
    state=Sale.state,
    moves=(Sale.cancel,),
    otherwise={OVER: refuse("this sale is over")},
)
def give_up(event: SoldOut | ParcelRefused, sale: Sale) -> SaleCancelled:
    """Say that it will not be sold."""
    sale.cancel()
    return SaleCancelled(sale_id=event.sale_id)


@desk.on_undo(
    CopyReturned,
    NothingHeld,
    subject=SALE,
    state=Sale.state,
    moves=(Sale.finish_undoing,),
    otherwise={
        (Sale.State.COLLECTED, Sale.State.CLOSED, Sale.State.UNDONE): refuse("not being undone"),
    },
)
def finish_undoing(event: CopyReturned | NothingHeld, sale: Sale) -> SaleUndone:
    """Say that everything is as before."""
    sale.finish_undoing()
    return SaleUndone(sale_id=event.sale_id)


loyalty = Participant("loyalty")


@loyalty.on(SaleClosed)
def add_points(event: SaleClosed) -> None:
    """Give points: a plain function with the ORM."""
    Account.objects.filter(customer=event.customer).update(points=F("points") + 10)
