"""Engine: the invariants of the framework's own tables, D1-D8."""

from sagas.reconciliation.log import LOG
from sagas.reconciliation.predicate import declare
from sagas.reconciliation.waits import WAITS

ENGINE = tuple(sorted((*LOG, *WAITS), key=lambda predicate: predicate.id))

declare(*ENGINE)
