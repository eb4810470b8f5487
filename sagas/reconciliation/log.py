"""Log: the invariants of sagas' logs: D1, D2, D6 and D7.

All but D6 look at sagas that have a new event. One whose log was pruned can't be proven any more.
"""

from typing import Any

from django.apps import apps
from django.db import connections, router
from django.db.models import CharField, Model, QuerySet, UUIDField
from django.utils.translation import gettext_lazy as _

from sagas import fsm
from sagas.choreography import CHOREOGRAPHIES
from sagas.models import Saga, StoredEvent
from sagas.reconciliation.predicate import (
    OPERATORS,
    BreakClass,
    Look,
    Predicate,
    Severity,
    Table,
    Watermark,
)
from sagas.routing import is_undo, routes

#: Sagas that have a new event.
SAGAS = Watermark(model=StoredEvent, column="recorded_at", key="saga_id", of=Saga)

# -- D1: every event reaches each of its consumers ------------------------------------------------


def _expected() -> Table:
    """Return which step hears which event; undo steps hear it in sagas that go back."""
    names = ("choreography", "type", "consumer", "purpose")
    return Table(
        columns={**dict.fromkeys(names, str), "going_back": int, "since": int},
        rows=[
            (choreography, wire_name, step.consumer, step.name, int(is_undo(step)), step.since)
            for (choreography, wire_name), steps in routes().steps.items()
            for step in steps
        ],
    )


def _aborts() -> Table:
    rows = [(c.name, event.wire_name) for c in CHOREOGRAPHIES.values() for event in c.aborts]
    return Table(columns={"choreography": str, "type": str}, rows=rows)


def _pivots() -> Table:
    rows = [(c.name, c.pivot.wire_name) for c in CHOREOGRAPHIES.values() if c.pivot]
    return Table(columns={"choreography": str, "type": str}, rows=rows)


# A person's correction (`replaces`) goes to the one consumer that it was made for (decision 26).
# Of the lanes of free events, which never end, only new ones are looked at. What is dead although
# it is done was put back by somebody, and has a case. (`log` is named twice: so it is made once,
# before anything else is joined.)
_REACHED = """
WITH log AS (
    SELECT e.id, e.saga_id, e.type, e.position, e.route_version, s.choreography, s.turned_at
      FROM changed c
      JOIN sagas_saga s ON s.id = c.id AND s.pruned_at IS NULL
      JOIN sagas_storedevent e ON e.saga_id = s.id AND e.replaces IS NULL
       AND (s.status <> 'free' OR e.recorded_at > %(since)s)),
turned AS (
    SELECT l.saga_id, MIN(l.position) AS position
      FROM log l
      JOIN aborts a ON a.choreography = l.choreography AND a.type = l.type
     WHERE l.turned_at IS NOT NULL
     GROUP BY l.saga_id),
heard AS (
    SELECT l.id AS event, l.saga_id, l.type, x.consumer, x.purpose
      FROM log l
      JOIN expected x ON x.choreography = l.choreography AND x.type = l.type
       AND x.since <= l.route_version
      LEFT JOIN turned t ON t.saga_id = l.saga_id
     WHERE x.going_back = CASE WHEN l.position >= t.position THEN 1 ELSE 0 END)
SELECT h.saga_id AS subject, h.saga_id, h.event, h.type, h.consumer, h.purpose
  FROM heard h
 WHERE NOT EXISTS (
        SELECT 1 FROM sagas_storedevent done
         WHERE done.cause = h.event AND done.cause_consumer = h.consumer
           AND done.cause_purpose = h.purpose AND done.ordinal = 0)
   AND NOT EXISTS (
        SELECT 1 FROM sagas_delivery d
         WHERE d.event_id = h.event AND d.consumer = h.consumer AND d.purpose = h.purpose)
 UNION ALL
SELECT d.saga_id, d.saga_id, d.event_id, e.type, d.consumer, d.purpose
  FROM changed c
  JOIN sagas_delivery d ON d.saga_id = c.id AND d.state <> 'dead'
  JOIN sagas_storedevent done
    ON done.cause = d.event_id AND done.cause_consumer = d.consumer
   AND done.cause_purpose = d.purpose AND done.ordinal = 0
  JOIN sagas_storedevent e ON e.id = d.event_id
"""

# -- D2: the log has no gaps, and says what the rows say -------------------------------------------

_GAPS = """
SELECT s.id AS subject, s.id AS saga_id, s.choreography, s.position AS last,
       COUNT(e.position) AS events
  FROM changed c
  JOIN sagas_saga s ON s.id = c.id AND s.pruned_at IS NULL
  LEFT JOIN sagas_storedevent e ON e.saga_id = s.id
 GROUP BY s.id, s.choreography, s.position
HAVING COUNT(e.position) <> s.position OR COALESCE(MAX(e.position), 0) <> s.position
"""

# Only new events are compared with the one before, which is nearly always in the same saga; where
# it is not, it is probed for. (`log` and `newest` are named more than once: so they are made once.)
_LOG = """
WITH log AS (
    SELECT e.saga_id, e.id, e.type, e.subject_model, e.subject_key, e.subject_seq, e.state_field,
           e.from_state, e.to_state,
           LAG(e.subject_seq) OVER w AS seq_before, LAG(e.to_state) OVER w AS state_before,
           LEAD(e.subject_seq) OVER w AS seq_after
      FROM changed c
      JOIN sagas_storedevent e ON e.saga_id = c.id AND e.state_field <> ''
       AND e.recorded_at > %(since)s
    WINDOW w AS (PARTITION BY e.saga_id, e.subject_model, e.subject_key, e.state_field
                     ORDER BY e.subject_seq)),
newest AS (
    SELECT l.* FROM log l WHERE l.seq_after IS NULL)
SELECT q.saga_id AS subject, q.saga_id, q.subject_model AS model, q.subject_key AS row_key,
       q.state_field AS field, q.id AS event, q.type, q.from_state AS seen, q.ended_in AS expected
  FROM (SELECT l.*,
               CASE WHEN l.seq_before = l.subject_seq - 1 THEN l.state_before
                    WHEN l.subject_seq > 1
                    THEN (SELECT p.to_state
                            FROM sagas_storedevent p
                           WHERE p.subject_model = l.subject_model
                             AND p.subject_key = l.subject_key
                             AND p.subject_seq < l.subject_seq
                             AND p.state_field = l.state_field
                           ORDER BY p.subject_seq DESC LIMIT 1)
                END AS ended_in
          FROM log l) q
 WHERE q.ended_in <> q.from_state
"""
_STATE_OF = """
 UNION ALL
SELECT n.saga_id, n.saga_id, n.subject_model, n.subject_key, n.state_field, NULL, '', {state},
       n.to_state
  FROM newest n
  JOIN {table} r ON r.{pk} = {key}
 WHERE n.subject_model = '{label}' AND n.state_field = '{field}' AND {state} <> n.to_state
   AND NOT EXISTS (
        SELECT 1 FROM sagas_storedevent e
         WHERE e.subject_model = n.subject_model AND e.subject_key = n.subject_key
           AND e.state_field = n.state_field AND e.subject_seq > n.subject_seq)
"""


def _states(look: Look) -> str:
    """Compare every state machine on this database with the newest event of each row."""
    models = [m for m in apps.get_models() if router.db_for_read(m) == look.using]
    parts = [_state_of(m, field, look.using) for m in models for field in fsm.fsm_fields(m)]
    return _LOG + "".join(parts)


def _state_of(model: type[Model], field: str, using: str) -> str:
    connection: Any = connections[using]
    quote = connection.ops.quote_name
    meta: Any = model._meta
    return _STATE_OF.format(
        table=quote(meta.db_table),
        pk=quote(meta.pk.column),
        state=_as_text(
            meta.get_field(field), f"r.{quote(meta.get_field(field).column)}", connection
        ),
        label=meta.label,
        field=field,
        key=_as_key(meta.pk, connection),
    )


def _as_text(field: Any, column: str, connection: Any) -> str:
    """Return a state as the log names it, which is text whatever the column is."""
    kind = "CHAR" if connection.vendor == "mysql" else "TEXT"
    return column if isinstance(field, CharField) else f"CAST({column} AS {kind})"


def _as_key(pk: Any, connection: Any) -> str:
    """Return the text `subject_key` as the key that it is the text of."""
    if isinstance(pk, UUIDField) and not connection.features.has_native_uuid_field:
        return "REPLACE(n.subject_key, '-', '')"
    if connection.vendor == "postgresql":
        return f"CAST(n.subject_key AS {pk.rel_db_type(connection)})"
    return "n.subject_key"


# -- D6, D7: nothing twice, and never forward again ------------------------------------------------

_TWICE = """
SELECT e.cause, e.cause_consumer AS consumer, e.cause_purpose AS purpose, e.ordinal,
       COUNT(*) AS times
  FROM sagas_storedevent e
 WHERE e.ordinal IS NOT NULL
 GROUP BY e.cause, e.cause_consumer, e.cause_purpose, e.ordinal
HAVING COUNT(*) > 1
"""
_ONCE = "event_once_per_cause"


def _twice(look: Look) -> str | QuerySet[Any, Any]:
    """Look for what the constraint forbids, where somebody has taken it away."""
    connection = connections[look.using]
    with connection.cursor() as cursor:
        known = connection.introspection.get_constraints(cursor, StoredEvent._meta.db_table)
    return StoredEvent.objects.none().values() if _ONCE in known else _TWICE


_DIRECTION = """
SELECT s.id AS subject, s.id AS saga_id, s.choreography, s.direction, s.turned_at, s.pivoted_at
  FROM changed c
  JOIN sagas_saga s ON s.id = c.id
 WHERE (s.direction = 'compensating' AND (
            s.turned_at IS NULL OR s.pivoted_at IS NOT NULL OR EXISTS (
                SELECT 1 FROM sagas_storedevent e
                  JOIN pivots p ON p.choreography = s.choreography AND p.type = e.type
                 WHERE e.saga_id = s.id)))
    OR (s.direction = 'forward' AND (
            s.turned_at IS NOT NULL OR EXISTS (
                SELECT 1 FROM sagas_storedevent e
                  JOIN aborts a ON a.choreography = s.choreography AND a.type = e.type
                 WHERE e.saga_id = s.id)))
"""

LOG = (
    Predicate(
        id="D1",
        sentence=_("Every event has reached each of its consumers, or is on its way to it."),
        query=_REACHED,
        watermark=SAGAS,
        tables={"expected": _expected, "aborts": _aborts},
        key=("event", "consumer", "purpose"),
        says=_("%(consumer)s.%(purpose)s and %(type)s: neither done nor on its way, or both"),
        owner=OPERATORS,
        break_class=BreakClass.GAP,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="D2",
        sentence=_("The events of a saga are numbered without gaps, up to the saga's own number."),
        query=_GAPS,
        watermark=SAGAS,
        key=("saga_id",),
        says=_("%(choreography)s: %(events)s events up to position %(last)s"),
        owner=OPERATORS,
        break_class=BreakClass.GAP,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="D2.state",
        sentence=_("Every state is the one to which its events have led, one after the other."),
        query=_states,
        watermark=SAGAS,
        key=("model", "row_key", "field", "event"),
        says=_("%(model)s %(row_key)s, %(field)s %(type)s: %(seen)s, by the log %(expected)s"),
        owner=OPERATORS,
        break_class=BreakClass.STATE,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="D6",
        sentence=_("No delivery has had its effects twice."),
        query=_twice,
        key=("cause", "consumer", "purpose", "ordinal"),
        says=_("%(consumer)s.%(purpose)s: effect %(ordinal)s is there %(times)s times"),
        owner=OPERATORS,
        break_class=BreakClass.DUPLICATE,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="D7",
        sentence=_("A saga that goes back never goes forward again, nor back after its pivot."),
        query=_DIRECTION,
        watermark=SAGAS,
        tables={"aborts": _aborts, "pivots": _pivots},
        key=("saga_id",),
        says=_("%(choreography)s: %(direction)s, turned %(turned_at)s, pivot %(pivoted_at)s"),
        owner=OPERATORS,
        break_class=BreakClass.STATE,
        severity=Severity.CRITICAL,
    ),
)
