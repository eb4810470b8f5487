"""A sale as a whole."""

from datetime import timedelta

from sagas.choreography import Choreography
from shelf.events import SaleCancelled, SaleClosed, SalePlaced, SaleUndone

sale = Choreography(
    "sale",
    key="sale_id",
    starts=SalePlaced,
    completes=SaleClosed,
    aborts=SaleCancelled,
    compensated=SaleUndone,
    deadline=timedelta(days=1),
)
