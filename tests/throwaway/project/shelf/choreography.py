"""A sale as a whole."""
# mypy: disable-error-code="import-not-found"

from datetime import timedelta

from sagas.choreography import Choreography
from shelf.events import SaleCancelled, SaleClosed, SaleCollected, SalePlaced, SaleUndone

sale = Choreography(
    "sale",
    key="sale_id",
    starts=SalePlaced,
    pivot=SaleCollected,
    completes=SaleClosed,
    aborts=SaleCancelled,
    compensated=SaleUndone,
    deadline=timedelta(days=1),
)
