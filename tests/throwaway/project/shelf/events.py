"""What the bookshop announces."""

from sagas.event import Event


class SalePlaced(Event):
    """A customer wants a book."""

    sale_id: int
    customer: str
    isbn: str


class CopyHeld(Event):
    """A copy is put aside."""

    sale_id: int


class SoldOut(Event):
    """No copy is left."""

    sale_id: int


class ParcelWrapped(Event):
    """It is in paper."""

    sale_id: int


class ParcelRefused(Event):
    """It cannot be wrapped."""

    sale_id: int


class SaleCollected(Event):
    """The customer has it: no way back."""

    sale_id: int


class SaleClosed(Event):
    """It is sold."""

    sale_id: int
    customer: str


class SaleCancelled(Event):
    """It will not be sold."""

    sale_id: int


class ParcelUnwrapped(Event):
    """It is in no paper."""

    sale_id: int


class CopyReturned(Event):
    """The copy stands on its shelf again."""

    sale_id: int


class NothingHeld(Event):
    """There was no copy to return."""

    sale_id: int


class SaleUndone(Event):
    """Everything is as before."""

    sale_id: int
