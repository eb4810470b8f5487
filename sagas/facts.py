"""Facts that the framework itself announces, so that the log says everything that happened.

They start no step. Each names the delivery that it speaks of as its cause.
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sagas.event import Event
from sagas.money import Money


class StepDone(Event):
    """A step ran and had nothing to announce."""

    step: str


class StepRefused(Event):
    """A forward step was refused: too late, or the saga is going back (R28, R33)."""

    step: str
    reason: str


class EventIgnored(Event):
    """An event changed nothing, and this is why (R25)."""

    step: str
    reason: str


class CallStarted(Event):
    """A call to the outside is about to be made; the intent is committed (R6)."""

    step: str
    call: str
    idempotency_key: UUID
    attempt: int


class CallUnanswered(Event):
    """A call was made and its outcome is not known; it will be inquired about (R29)."""

    step: str
    call: str
    idempotency_key: UUID


class LeaseExpired(Event):
    """A worker held a call for longer than its lease; another may take it (R6)."""

    step: str
    fence: int


class FenceRefused(Event):
    """A worker came back after its lease had ended; what it wanted to commit was refused (R6)."""

    step: str
    fence: int


class DeliveryDied(Event):
    """A delivery gave up and waits for a person."""

    delivery_id: UUID
    consumer: str
    step: str
    error: str


class DeliveryRetried(Event):
    """A person sent a dead delivery back to work."""

    delivery_id: UUID
    consumer: str
    step: str


class DeliverySkipped(Event):
    """A person decided that a dead delivery will not be done."""

    delivery_id: UUID
    consumer: str
    step: str


class DeliverySuperseded(Event):
    """A person replaced a dead delivery's event by a corrected one (design decision 26)."""

    delivery_id: UUID
    consumer: str
    step: str
    replacement: UUID


class CallApproved(Event):
    """A second person let a braked call go out, although its cap is reached."""

    delivery_id: UUID
    consumer: str
    step: str
    amount: Money


class TimerCancelled(Event):
    """A timer fired after its state had been left."""

    timer: str


class DeadlinePassed(Event):
    """A saga or a parked delivery waited longer than it may."""

    what: str
    until: datetime


class CaseOpened(Event):
    """Something needs a person."""

    case_id: UUID
    kind: str
    detail: str


class CaseClosed(Event):
    """A person has dealt with a case."""

    case_id: UUID
    kind: str
    note: str


class DisagreementReported(Event):
    """Books disagree, and a person is asked (R41)."""

    free: ClassVar[bool] = True

    case_id: UUID
    owner: str
    detail: str


class DisagreementSettled(Event):
    """A case about books that disagreed was closed, by a person or since they agree again."""

    free: ClassVar[bool] = True

    case_id: UUID
    note: str


class BreakerOpened(Event):
    """A gateway does not answer: no call goes out to it before `until` (design decision 20)."""

    free: ClassVar[bool] = True

    gateway: str
    failures: int
    until: datetime


class BreakerClosed(Event):
    """A gateway answers again: every call goes out."""

    free: ClassVar[bool] = True

    gateway: str


class Paused(Event):
    """A person paused a consumer, a step, a choreography or a gateway (design decision 20)."""

    free: ClassVar[bool] = True

    name: str


class Resumed(Event):
    """A person resumed what had been paused."""

    free: ClassVar[bool] = True

    name: str
