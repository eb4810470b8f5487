"""Runs among others, where there are row locks and snapshots: who holds one, and what it sees."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction

from sagas import clock
from sagas.exceptions import ReconciliationGoingOn, ReconciliationLost
from sagas.models import Saga
from sagas.reconciled import Phase, RunState, StatementSource
from sagas.reconciliation import Source, advance, periodic
from sagas.reconciliation.run import SILENCE, begin, hold
from tests.integration.reconciling import declared, open_findings, run
from tests.integration.test_reconciling import BAD, Bank, lane, predicate
from tests.integration.workers import wait_until, wait_until_somebody_waits


def elsewhere(act: Callable[[], Any]) -> Any:
    """Do something on another connection, and wait for it; return what it returned or raised."""
    done: list[Any] = []

    def do() -> None:
        try:
            done.append(act())
        except Exception as error:  # noqa: BLE001  whatever it is, the test judges it
            done.append(error)
        finally:
            connections["default"].close()

    thread = threading.Thread(target=do)
    thread.start()
    thread.join(timeout=30)
    return done[0]


def test_the_comparisons_of_a_slice_see_one_snapshot(transactional_db):
    """What is committed between two predicates of a page is for neither of them."""
    lane("A-17", "good")

    def spoil(_look):
        elsewhere(lambda: Saga.objects.filter(key="A-17").update(label="bad"))
        return BAD

    with declared(predicate("T1", query=spoil), predicate("T2")):
        run(only=["T1", "T2"])
        seen_at_once = open_findings()
        run(only=["T1", "T2"], full=True)

    assert seen_at_once == []
    assert {finding.predicate for finding in open_findings()} == {"T1", "T2"}


def test_a_run_that_somebody_holds_is_advanced_by_nobody_else(transactional_db):
    with declared(predicate()):
        going = begin(only=["T1"], is_periodic=True)
        passes = list(going.passes.all())

        with hold(going, passes, snapshot=True):
            lost = elsewhere(lambda: advance.advance(going))

        assert isinstance(lost, ReconciliationLost)
        assert advance.advance(going) is True


def test_a_silent_run_that_is_held_is_alive(transactional_db):
    with declared(predicate()):
        going = begin(only=["T1"])

        long_after = SILENCE + timedelta(minutes=1)
        with clock.travel(long_after), hold(going, list(going.passes.all()), snapshot=True):
            refused = elsewhere(lambda: begin(only=["T1"]))
        with clock.travel(2 * long_after):
            begin(only=["T1"])

    assert isinstance(refused, ReconciliationGoingOn)
    going.refresh_from_db()
    assert going.state == RunState.CRASHED


def test_what_a_dead_process_had_not_committed_is_looked_at_again(transactional_db):
    lane("A-17", "bad")
    with declared(predicate("T1"), predicate("T2", query=dies)):
        going = begin(only=["T1", "T2"], is_periodic=True)
        with pytest.raises(KeyboardInterrupt):
            advance.advance(going)
    seen_before = open_findings()

    with declared(predicate("T1"), predicate("T2")):
        assert advance.advance(going) is True

    assert seen_before == []
    assert {finding.predicate for finding in open_findings()} == {"T1", "T2"}


def dies(_look):
    raise KeyboardInterrupt


def test_two_who_begin_at_once_get_one_run(transactional_db):
    with declared(predicate()):
        with transaction.atomic():
            begin(only=["T1"])
            thread = threading.Thread(target=lambda: results.append(elsewhere(try_to_begin)))
            results: list[Any] = []
            thread.start()
            wait_until_somebody_waits("the other waits for the constraint")
        thread.join(timeout=30)

    assert isinstance(results[0], ReconciliationGoingOn)


def try_to_begin():
    return begin(only=["T1"])


def test_a_periodic_run_reads_statements_in_a_thread_of_its_own(transactional_db, settings):
    settings.SAGAS = {**settings.SAGAS, "RECONCILE_INTERVAL": timedelta(hours=1)}
    bank = Bank(3)
    with declared(predicate(), Source(name="bank", read=bank.read)):
        while periodic.tick():
            pass
        wait_until(is_complete, "the statement is read")

    assert StatementSource.objects.get().lines == 3


def is_complete():
    return StatementSource.objects.filter(complete_until__isnull=False).exists()


@pytest.mark.parametrize("phase", [Phase.REPAIRING, Phase.ASKING])
def test_a_run_can_be_taken_over_in_every_phase(transactional_db, phase):
    lane("A-17", "bad")
    with declared(predicate(repair=lambda finding: False)):
        going = begin(only=["T1"], repairs=True, is_periodic=True)
        while going.passes.get().phase != phase:
            advance.advance(going, stop=lambda: True)

        assert elsewhere(lambda: advance.advance(going)) is True

    assert open_findings()[0].case is not None
