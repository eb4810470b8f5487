"""Every error of the framework: what is wrong, with which thing, and what to do about it.

A business refusal is never an exception: it is an event that a step returns.
An exception that leaves a step means "try again", except `PermanentFailure`.
"""

from django.core.exceptions import ImproperlyConfigured


class SagaError(Exception):
    """Base of every error raised by sagas. Do not raise it directly."""


class ConfigurationError(SagaError, ImproperlyConfigured):
    """A declaration or a setting is wrong; nothing has run yet."""


class DuplicateDeclaration(ConfigurationError):
    """The same name was declared twice."""


class UnknownEvent(SagaError):
    """No event class of this name and version exists in the code that is running (R20)."""


class UndecodableEvent(SagaError):
    """A stored payload does not fit the schema of its event class."""


class PublishError(SagaError):
    """An event could not be announced; nothing was written."""


class OutsideTransaction(PublishError):
    """publish() was called where no transaction is open on the subject's database (R5, R16)."""


class WrongDatabase(PublishError):
    """The event would be written to another database than the state it describes (R16)."""


class MalformedEvent(PublishError):
    """An event's values do not have the types that its class declares; nothing was written."""


class PayloadTooLarge(PublishError):
    """The encoded event is larger than SAGAS["MAX_PAYLOAD_BYTES"]."""


class NoSaga(PublishError):
    """The event belongs to no running saga and starts none."""


class DirectionConflict(PublishError):
    """A saga was asked to go forward while compensating, or back after its pivot (G8, R33)."""


class StepError(SagaError):
    """A step broke its contract with the engine."""


class PermanentFailure(StepError):
    """Raised by a step for which trying again is pointless: it goes straight to a person."""


class CallAgain(StepError):
    """Raised by a step whose call was refused and is to be made again, under the next key (R34)."""


class UndeclaredResult(PermanentFailure):
    """A step returned something that its annotation does not announce (design decision 30)."""


class UndeclaredMove(PermanentFailure):
    """A step moved its subject along a transition that it did not declare (design decision 15)."""


class StrayQuery(StepError):
    """A step that declares what it touches ran a query of its own (design decision 13)."""


class StrayEffect(StepError):
    """A step opened a socket or started a thread inside its transaction (design decision 13)."""


class BrokenTransaction(StepError):
    """A step swallowed a database error or closed the connection; nothing was committed (R5)."""


class DeliveryError(SagaError):
    """A delivery could not be moved from one state to another."""


class WorkerDied(DeliveryError):
    """A worker fell silent with this delivery in its hands; it counts as one attempt (R9)."""


class StaleDelivery(DeliveryError):
    """The delivery is no longer what the caller saw: somebody else was first."""


class ReconciliationGoingOn(SagaError):
    """Another reconciliation is under way; one runs at a time (R41)."""


class ReconciliationLost(SagaError):
    """A reconciliation was ended, or is being advanced, by somebody else."""


class SecondPersonNeeded(SagaError, ValueError):
    """Who asked for the money wants to approve it: somebody else has to (G10)."""


class Unanswered(Exception):
    """A call to the outside was sent and its outcome is not known (R29). Raised by gateways."""


class NotSent(Exception):
    """A call to the outside certainly did not happen: try again. Raised by gateways."""
