"""Looking: a hint leads to a look at the provider, and what that shows is learned (R37).

These steps belong to no saga: their lane is the payment.
"""

from datetime import timedelta

from payments import gateway, services
from payments.events import (
    PaymentHinted,
    StandingFound,
    StrayAuthorisationFound,
    StrayAuthorisationVoided,
)
from payments.learning import has_lapsed, read_standing, standing_of, stray_of
from payments.models import Payment
from payments.participant.giving import NotDone
from payments.participant.part import Kind, State, enter, payments
from sagas.call import Outcome
from sagas.participant import by, park
from sagas.retry import Retry
from sagas.work import Work

OF_PAYMENT = by(Payment, "id", "payment_id")
#: A call that is out, such as a refund's, is inquired about for as long as that takes.
PATIENT = Retry(attempts=1_000_000)
UNTIL_ANSWERED = Retry(per_exception={services.CallIsOut: PATIENT, services.MoneyOnItsWay: PATIENT})


@payments.on(
    PaymentHinted,
    StrayAuthorisationVoided,
    subject=OF_PAYMENT,
    calls=gateway.LOOK_UP,
    otherwise={
        Payment.IN_FLIGHT: park("its call is out", patience=timedelta(days=30)),
    },
)
def look(
    event: PaymentHinted | StrayAuthorisationVoided, payment: Payment, outcome: Outcome
) -> StandingFound | tuple[StandingFound, StrayAuthorisationFound]:
    """Ask for everything that the provider knows of the order."""
    found = StandingFound(
        payment_id=payment.id,
        reference=payment.number,
        standing=outcome.data.get("standing"),
    )
    standing = standing_of(outcome)
    stray = stray_of(payment, standing) if standing else None
    return (found, stray) if stray else found


@payments.on(StandingFound, retry=UNTIL_ANSWERED)
def learn(event: StandingFound) -> None:
    """Have everything follow from it that is not known yet."""
    standing = read_standing(event.standing)
    if standing:
        services.apply(event.payment_id, standing)


@payments.on(
    StrayAuthorisationFound,
    subject=OF_PAYMENT,
    applies_in=tuple(State),
    calls=gateway.VOID_STRAY,
)
def void_stray(
    event: StrayAuthorisationFound, payment: Payment, outcome: Outcome, work: Work
) -> StrayAuthorisationVoided:
    """Give up what is reserved for nothing: it was asked for, given up for lost, and came late."""
    lapsed = has_lapsed(standing_of(outcome), event.authorisation_id)
    if not outcome.ok and not lapsed:
        message = f"The provider refused to give a stray reservation up: {outcome.code}."
        raise NotDone(message)
    minor, stray = event.amount.minor, event.authorisation_id
    payment.authorised_minor += minor
    payment.voided_minor += minor
    enter(work, payment, Kind.AUTHORISE, minor, stray)
    kind, reference = (Kind.LAPSE, stray) if lapsed else (Kind.VOID, outcome.reference)
    enter(work, payment, kind, minor, reference)
    return StrayAuthorisationVoided(
        payment_id=payment.id, reference=payment.number, amount=event.amount
    )
