"""Reconcile: one whole run in this process: read the statements, look, repair, ask."""

from collections.abc import Callable, Iterable
from functools import partial

from sagas.exceptions import ReconciliationLost
from sagas.reconciled import ReconciliationRun, RunState
from sagas.reconciliation.advance import advance
from sagas.reconciliation.run import begin, finish, is_alive, note
from sagas.reconciliation.statement import SOURCES, Source, read_statement


def reconcile(
    *,
    only: Iterable[str] = (),
    full: bool = False,
    repairs: bool = False,
    sources: Iterable[str] | None = None,
    actor: str = "sagas",
    stop: Callable[[], bool] = bool,
    using: str = "default",
) -> ReconciliationRun:
    """Run over the predicates that `only` names, or all, and return the run.

    Statements of `sources` are read before, of all sources by default; one that can't be read is
    the run's error, and the comparisons are made with what is there. Stops between two slices when
    `stop()` says so. Raises ReconciliationGoingOn while another run is under way, ValueError for
    unknown names, and ReconciliationLost when this run was ended by somebody else.
    """
    chosen = _chosen(sources)
    run = begin(only=only, full=full, repairs=repairs, actor=actor, using=using)
    try:
        _read(run, chosen, using)
        state = RunState.DONE if advance(run, stop=stop) else RunState.STOPPED
    except ReconciliationLost:
        raise
    except BaseException as error:
        note(run, repr(error))
        finish(run, RunState.CRASHED)
        raise
    finish(run, state)
    run.refresh_from_db()
    return run


def _chosen(names: Iterable[str] | None) -> list[Source]:
    wanted = list(SOURCES if names is None else names)
    unknown = set(wanted) - SOURCES.keys()
    if unknown:
        message = f"No statement source is called {', '.join(sorted(unknown))}."
        raise ValueError(message)
    return [SOURCES[name] for name in wanted]


def _read(run: ReconciliationRun, sources: Iterable[Source], using: str) -> None:
    """Read statements, telling after each batch that the run is alive."""
    go_on = partial(is_alive, run)
    read = [read_statement(source, using=using, go_on=go_on) for source in sources]
    errors = [f"{row.name}: {row.error}" for row in read if row.error]
    if errors:
        note(run, "\n".join(errors))
