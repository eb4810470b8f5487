"""Lines: an outside system that answers as it is told, and a step that calls it for every order."""

from datetime import timedelta
from uuid import UUID

from inventory.models import StockItem
from orders.events import OrderPlaced
from orders.models import Order
from sagas.call import Call, Outcome, Request
from sagas.exceptions import NotSent, Unanswered
from sagas.models import Breaker, BreakerState, Delivery
from sagas.participant import Participant, by
from shipping.events import ShipmentStopped

GATEWAY = "weather.station"


class Line:
    """The other end: "up", "refuses", "silent" or "gone"; it notes who called.

    `price` is what the next calls say that they move, in pence.
    """

    def __init__(self) -> None:
        self.is_like = "up"
        self.price = 100
        self.sent: list[str] = []
        self.asked: list[str] = []

    def send(self, request: Request, key: UUID) -> Outcome:
        self.sent.append(request["order"])
        self._fail()
        return Outcome(ok=self.is_like == "up", reference="fine", code="no_idea")

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        self.asked.append(request["order"])
        self._fail()
        return None

    def _fail(self) -> None:
        if self.is_like == "silent":
            raise Unanswered
        if self.is_like == "gone":
            raise NotSent

    def call(self, **declared) -> Call:
        """Return the call that rings here."""
        return Call(
            name="ask",
            request=lambda event, subject: {"order": str(event.order_id), "minor": self.price},
            send=self.send,
            inquire=self.inquire,
            horizon=timedelta(minutes=5),
            **({"gateway": GATEWAY} | declared),
        )


def declare(extras: Participant, call: Call) -> None:
    """Have every order that is placed call, and every one that is cancelled call again."""

    @extras.on(OrderPlaced, reads={"items": by(StockItem, "sku", "lines.sku")}, calls=call)
    def ask(event, outcome) -> None: ...

    @extras.on_undo(ShipmentStopped, reads={"orders": by(Order, "id", "order_id")}, calls=call)
    def ask_back(event, outcome) -> None: ...


def waiting(purpose: str = "ask") -> list[Delivery]:
    """Return the deliveries of the step that are still there, the oldest first."""
    return list(Delivery.objects.filter(consumer="extras", purpose=purpose).order_by("id"))


def breaker() -> Breaker:
    return Breaker.objects.get(name=GATEWAY)


def is_closed() -> bool:
    return not Breaker.objects.exclude(state=BreakerState.CLOSED).exists()
