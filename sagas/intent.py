"""Intent: the ledger of calls and of what must not be called any more (R6, R19, R28).

One row per attempt, made before the call with its key and frozen request. The number grows only
after a definite failure. An undo leaves a tombstone on the same place, so a late try finds it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sagas.call import Outcome, Request, idempotency_key
from sagas.models import Delivery, Intent, IntentState, Saga
from sagas.money import Money
from sagas.rows import update_rows
from sagas.step import INQUIRE_PREFIX, Kind, Step

#: States of an intent whose outcome is not settled.
OPEN_INTENTS = (IntentState.OUT, IntentState.UNKNOWN, IntentState.ANSWERED)


def inquiry(row: Delivery, step_name: str, *, at: datetime, now: datetime) -> Delivery:
    """Return the timer that asks about the call that `row` has made."""
    return Delivery(
        event_id=row.event_id,
        consumer=row.consumer,
        purpose=f"{INQUIRE_PREFIX}{step_name}",
        kind=Kind.TIMER,
        saga_id=row.saga_id,
        position=row.position,
        rank=0,
        group=row.group,
        available_at=at,
        created_at=now,
    )


class IntentLedger:
    """The intents of the sagas of one batch: read with one statement, written with two."""

    def __init__(self, using: str, saga_ids: Iterable[UUID]) -> None:
        """Read what is there. The caller holds the sagas' locks."""
        self.using = using
        self._by_saga: dict[UUID, list[Intent]] = defaultdict(list)
        self._fresh: list[Intent] = []
        self._changed: dict[UUID, Intent] = {}
        self._tombstones: list[Intent] = []
        wanted = set(saga_ids)
        rows = Intent.objects.using(using).filter(saga_id__in=wanted) if wanted else ()
        for row in rows:
            self._by_saga[row.saga_id].append(row)

    def open_for(self, saga: Saga, event_id: UUID, step: Step) -> Intent | None:
        """Return the call that `step` has out for this event, or whose answer is unused."""
        for intent in self._by_saga[saga.id]:
            same = intent.event_id == event_id and intent.step == step.full_name
            if same and intent.state in OPEN_INTENTS:
                return intent
        return None

    def has_failed(self, saga: Saga, event_id: UUID, step: Step) -> bool:
        """Whether a call for this very event has definitely failed before and is to be repeated."""
        return any(
            intent.event_id == event_id
            and intent.step == step.full_name
            and intent.state == IntentState.FAILED
            for intent in self._by_saga[saga.id]
        )

    def is_forbidden(self, saga: Saga, step: Step, subject_key: str) -> bool:
        """Whether an undo came first and left its tombstone (R28)."""
        return any(
            intent.state == IntentState.TOMBSTONE
            for intent in self._attempts(saga, step, subject_key)
        )

    def begin(
        self,
        saga: Saga,
        step: Step,
        *,
        subject_key: str,
        event_id: UUID,
        request: Request,
        amount: Money | None = None,
        brake: str = "",
        now: datetime,
    ) -> Intent:
        """Return a new intent with the key of the next attempt; `brake` counts its amount."""
        n = 1 + max((i.n for i in self._attempts(saga, step, subject_key)), default=0)
        intent = Intent(
            saga_id=saga.id,
            event_id=event_id,
            choreography=saga.choreography,
            key=saga.key,
            step=step.full_name,
            subject_key=subject_key,
            n=n,
            idempotency_key=_key(saga, step, subject_key, n),
            request=request,
            amount_minor=amount.minor if amount else None,
            currency=amount.currency if amount else "",
            brake=brake,
            started_at=now,
        )
        self._fresh.append(intent)
        self._by_saga[saga.id].append(intent)
        return intent

    def answer(self, intent: Intent, outcome: Outcome, *, now: datetime) -> None:
        """Record a definite answer whose step commits with it."""
        intent.state = IntentState.DONE if outcome.ok else IntentState.FAILED
        record_outcome(intent, outcome, now)
        self._changed[intent.id] = intent

    def leave_unknown(self, intent: Intent) -> None:
        """Record that no answer came; it will be inquired about."""
        intent.state = IntentState.UNKNOWN
        self._changed[intent.id] = intent

    def ask_again(self, intent: Intent, *, resent_at: datetime | None) -> None:
        """Record that the outside is about to be asked what came of it, and maybe sent it again."""
        intent.inquiries += 1
        intent.resent_at = resent_at or intent.resent_at
        self._changed[intent.id] = intent

    def bury(
        self, saga: Saga, step: Step, subject_key: str, *, event_id: UUID, now: datetime
    ) -> None:
        """Leave a tombstone: from now on `step` must not be tried for this subject (R28)."""
        self._tombstones.append(
            Intent(
                saga_id=saga.id,
                event_id=event_id,
                choreography=saga.choreography,
                key=saga.key,
                step=step.full_name,
                subject_key=subject_key,
                n=0,
                idempotency_key=_key(saga, step, subject_key, 0),
                state=IntentState.TOMBSTONE,
                started_at=now,
            )
        )

    def write(self) -> None:
        """Write new intents, changed ones and tombstones: one statement each."""
        rows = Intent.objects.using(self.using)
        rows.bulk_create(self._fresh)
        rows.bulk_create(self._tombstones, ignore_conflicts=True)
        if self._changed:
            fields = ["state", "outcome", "answered_at", "inquiries", "resent_at"]
            update_rows(self.using, list(self._changed.values()), fields)

    def _attempts(self, saga: Saga, step: Step, subject_key: str) -> list[Intent]:
        return [
            intent
            for intent in self._by_saga[saga.id]
            if intent.step == step.full_name and intent.subject_key == subject_key
        ]


def _key(saga: Saga, step: Step, subject_key: str, n: int) -> UUID:
    return idempotency_key(
        choreography=saga.choreography,
        key=saga.key,
        step=step.full_name,
        subject_key=subject_key,
        n=n,
    )


def record_outcome(intent: Intent, outcome: Outcome, now: datetime) -> None:
    """Store the answer on the intent row in memory."""
    intent.outcome = {
        "ok": outcome.ok,
        "reference": outcome.reference,
        "code": outcome.code,
        "data": outcome.data,
    }
    intent.answered_at = now


def stored_outcome(intent: Intent) -> Outcome:
    """Return the answer that is stored on an intent."""
    return Outcome(**(intent.outcome or {"ok": False}))
