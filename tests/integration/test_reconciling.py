"""Runs: what they look at, what they remember, and how they stop, die and meet (R41)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F, Q
from django.db.utils import OperationalError

from sagas import clock
from sagas.case import close_case
from sagas.exceptions import (
    ConfigurationError,
    DuplicateDeclaration,
    ReconciliationGoingOn,
    ReconciliationLost,
)
from sagas.models import Case, CaseKind, Saga, StoredEvent
from sagas.reconciled import (
    Phase,
    ReconciliationFinding,
    ReconciliationRun,
    RunState,
    StatementLine,
    StatementSource,
)
from sagas.reconciliation import (
    PREDICATES,
    SOURCES,
    BreakClass,
    Line,
    Predicate,
    Source,
    Table,
    Watermark,
    advance,
    ask,
    declare,
    declare_source,
    periodic,
    reconcile,
)
from sagas.reconciliation.asking import MOST_CASES
from sagas.reconciliation.pages import first_look, keys_of, next_page
from sagas.reconciliation.query import broken, look_at
from sagas.reconciliation.run import SILENCE, begin, hold
from sagas.relay import relay_once
from sagas.retention import prune
from sagas.tasks import reconcile_books
from tests.integration.reconciling import LATER, declared, open_findings, run

pytestmark = pytest.mark.both_databases

#: So many keys are a table of their own, where the database has one.
MANY = 60
#: Free lanes stand for whatever a context keeps: a label of "bad" breaks what must hold.
LANES = Watermark(model=Saga, column="started_at", key="id", only=Q(choreography="lane"))
BAD = """
SELECT s.id AS subject, s.key AS business_key, s.label, s.position AS amount_minor,
       'EUR' AS currency
  FROM changed c
  JOIN sagas_saga s ON s.id = c.id
 WHERE s.label = 'bad'
"""


def predicate(name="T1", **fields):
    values = {
        "id": name,
        "sentence": "Nothing is bad.",
        "query": BAD,
        "watermark": LANES,
        "owner": "finance",
        "break_class": BreakClass.AMOUNT,
        **fields,
    }
    return Predicate(**values)


def lane(key, label="good", *, ago=timedelta(0)):
    return Saga.objects.create(
        choreography="lane", key=key, label=label, status="free", started_at=clock.now() - ago
    )


def label(key, text, *, touch=False):
    """Change a lane's label, behind everybody's back or so that it counts as changed."""
    values = {"started_at": clock.now()} if touch else {}
    Saga.objects.filter(choreography="lane", key=key).update(label=text, **values)


@pytest.fixture
def t1(db):
    """Declare one predicate, and look at nothing else."""
    with declared(predicate()):
        yield


def only(**options):
    return run(only=["T1"], **options)


def passed(found):
    return found.passes.get(predicate="T1")


# -- what a run looks at


def test_the_first_run_looks_at_everything_and_the_next_at_what_has_changed(t1):
    for number in range(3):
        lane(f"{number}")

    first = only()
    with clock.travel(timedelta(minutes=10)):
        label("1", "good", touch=True)
        second, third = only(), only()

    assert [each.looked for each in (first, second, third)] == [3, 1, 0]
    assert passed(second).since == passed(first).reached


def test_a_row_that_nobody_touched_is_not_looked_at_again_and_a_full_run_finds_it(t1):
    lane("old")
    only()
    label("old", "bad")

    with clock.travel(timedelta(hours=1)):
        assert (only().looked, open_findings()) == (0, [])
        assert (only(full=True).looked, len(open_findings())) == (1, 1)


def test_what_was_changed_within_the_lag_is_left_to_the_next_run(t1):
    lane("late", "bad")

    assert reconcile(only=["T1"]).looked == 1
    label("late", "bad", touch=True)
    assert reconcile(only=["T1"]).looked == 0
    assert only().looked == 1


def test_what_commits_late_is_not_passed_over(t1):
    """Its time is from before the run that did not see it yet."""
    reconcile(only=["T1"])
    lane("late", "bad", ago=timedelta(seconds=10))

    only()

    assert [finding.business_key for finding in open_findings()] == ["late"]


def test_what_may_still_be_on_its_way_is_left_until_it_has_settled(db):
    lane("moving", "bad", ago=timedelta(hours=2))
    with declared(predicate(grace=timedelta(hours=1))):
        only()
        label("moving", "bad", touch=True)

        assert only().looked == 0
        with clock.travel(timedelta(minutes=61)):
            assert only().looked == 1


def test_what_is_changed_again_is_left_to_its_later_change(db):
    saga = lane("7")
    hours = [clock.now() + timedelta(hours=n) for n in range(4)]
    events = Watermark(model=StoredEvent, column="recorded_at", key="saga_id", of=Saga)
    for position, hour in enumerate(hours, 1):
        StoredEvent.objects.create(
            type="lane.Moved", payload={}, saga_id=saga.id, position=position, recorded_at=hour,
            subject_model="lane", subject_key="7", subject_seq=position,
        )  # fmt: skip

    def keys(**options):
        told = {"after": hours[0] - LATER, "until": hours[2], "using": "default", **options}
        return next_page(events, **told).keys.values

    assert keys(size=1) == ()
    assert keys(size=3) == keys(size=9) == (saga.id,)
    assert keys(size=9, waits=True) == ()
    assert keys(size=9, after=hours[2], until=hours[3], waits=True) == (saga.id,)


def test_rows_of_the_very_same_time_are_in_one_page(db):
    at = clock.now()
    Saga.objects.bulk_create(
        Saga(choreography="lane", key=f"{n}", started_at=at, status="free") for n in range(5)
    )

    page = next_page(LANES, after=at - LATER, until=at + LATER, size=2, using="default")

    assert len(page.keys.values) == 5
    assert page.end == at


def test_pages_of_a_first_look_meet_each_key_once(t1, monkeypatch):
    monkeypatch.setattr(advance, "_FIRST", 2)
    monkeypatch.setattr(advance, "_MOST", 2)
    for number in range(5):
        lane(f"{number}", "bad")

    found = only()

    assert (found.looked, found.found) == (5, 5)


def test_keys_of_text_are_taken_as_they_are(db):
    awkward = ['a,b"c\\d{e}', "누리", "it's", "100%"]
    by_key = Watermark(model=Saga, column="started_at", key="key", only=LANES.only)
    query = "SELECT c.id AS business_key, c.id AS subject FROM changed c"
    for key in awkward:
        lane(key)

    page = first_look(by_key, cursor="", until=clock.now(), size=9, using="default")
    one = predicate(query=query, watermark=by_key)
    rows = broken(one, look_at(one, page.keys, now=clock.now(), using="default"))

    assert sorted(row.business_key for row in rows) == sorted(awkward)


def test_a_query_may_be_a_queryset_and_may_join_constants(db):
    lane("poor"), lane("rich")
    columns = {"key": str, "price": int}
    prices = Table(columns=columns, rows=[("rich", 100), ("poor", 1)])
    nothing = Table(columns=columns, rows=[])
    joined = """
    SELECT s.key AS business_key, p.price
      FROM sagas_saga s JOIN prices p ON p.key = s.key WHERE p.price > 50
    """
    lanes = Saga.objects.filter(choreography="lane")

    def found(**fields):
        one = predicate(watermark=None, **fields)
        seen = broken(one, look_at(one, None, now=clock.now(), using="default"))
        return [row.business_key for row in seen]

    assert found(query=joined, tables={"prices": lambda: prices}) == ["rich"]
    assert found(query=joined, tables={"prices": lambda: nothing}) == []
    assert found(query=lambda look: lanes.order_by("key").values(business_key=F("key"))) == [
        "poor",
        "rich",
    ]


def test_what_predicates_share_of_a_page_is_found_out_once(db):
    lane("A-17", "bad")
    found_out = []

    def query(look):
        if "lanes" not in look.shared:
            look.shared["lanes"] = ask("SELECT COUNT(*) FROM changed", LANES, look)
            found_out.append(look.keys)
        look.parameters["lanes"] = look.shared["lanes"][0][0]
        return f"{BAD} AND s.position < %(lanes)s"

    with declared(predicate(query=query), predicate("T2", query=query)):
        found = run(only=["T1", "T2"])

    assert (found.found, found.error, len(found_out)) == (2, "", 1)


def test_times_are_the_databases_own(db):
    lane("new"), lane("old", ago=timedelta(hours=3))
    settled = "SELECT s.key AS business_key FROM sagas_saga s WHERE s.started_at < %(settled)s"

    with declared(predicate(query=settled, watermark=None, grace=timedelta(hours=2))):
        only()

    assert [finding.business_key for finding in open_findings()] == ["old"]


# -- what it remembers


def test_a_finding_is_one_row_from_the_run_that_saw_it_first_to_the_one_that_no_longer_did(t1):
    saga = lane("A-17", "bad")
    first, second = only(), only(full=True)
    label("A-17", "good")
    third = only()

    (finding,) = ReconciliationFinding.objects.all()
    assert (finding.first_run, finding.last_run, finding.resolved_run) == (first, second, third)
    assert (finding.business_key, finding.subject) == ("A-17", str(saga.id))
    assert (finding.amount_minor, finding.currency) == (0, "EUR")
    assert finding.detail == {"business_key": "A-17", "label": "bad"}
    assert (third.looked, third.resolved) == (0, 1)


def test_what_breaks_again_is_a_new_finding(t1):
    lane("A-17", "bad")
    for text in ("good", "bad", "good"):
        only(full=True)
        label("A-17", text)
    only()

    assert ReconciliationFinding.objects.count() == 2
    assert open_findings() == []


def test_a_finding_shows_what_was_seen_last(t1):
    lane("A-17", "bad")
    only()
    Saga.objects.filter(key="A-17").update(position=300)

    only()

    (finding,) = open_findings()
    assert finding.amount_minor == 300


def test_more_breaks_than_fit_into_memory_at_once_are_all_found(t1):
    now = clock.now()
    Saga.objects.bulk_create(
        Saga(choreography="lane", key=f"{n}", label="bad", started_at=now, status="free")
        for n in range(MOST_CASES + 500)
    )

    first = only()
    label_all = Saga.objects.filter(choreography="lane")
    label_all.update(label="good")
    second = only()

    assert (first.found, first.asked) == (MOST_CASES + 500, MOST_CASES)
    assert second.resolved == MOST_CASES + 500
    assert not Case.objects.filter(closed_at=None).exists()


def test_a_predicate_without_a_watermark_is_looked_at_as_a_whole(db):
    lane("A-17", "bad")
    query = "SELECT s.key AS business_key FROM sagas_saga s WHERE s.label = 'bad'"
    with declared(predicate(query=query, watermark=None)):
        first = only()
        label("A-17", "good")
        second = only()

    assert (first.found, second.resolved, open_findings()) == (1, 1, [])


# -- whom it asks


def test_a_finding_becomes_a_case_of_its_owner_and_the_case_goes_with_it(t1):
    lane("A-17", "bad")
    found = only()
    case = Case.objects.get()
    assert (case.kind, case.owner, case.saga_id) == (CaseKind.RECONCILIATION, "finance", None)
    assert "A-17" in case.detail
    assert "Nothing is bad." in case.detail
    assert found.asked == 1
    assert open_findings()[0].case == case
    label("A-17", "good")

    again = only()

    case.refresh_from_db()
    assert (case.closed_by, again.asked) == ("sagas", 0)
    told = StoredEvent.objects.filter(subject_key=str(case.id)).order_by("position")
    assert [e.type for e in told] == ["sagas.DisagreementReported", "sagas.DisagreementSettled"]


def test_a_person_may_close_a_case_and_is_not_asked_again(t1):
    lane("A-17", "bad")
    only()
    case = Case.objects.get()

    with clock.travel(LATER):
        assert close_case(case, actor="admin:lee", reason="written off") is True
        assert close_case(case, actor="admin:lee", reason="written off") is False
    assert only(full=True).asked == 0

    told = StoredEvent.objects.get(type="sagas.DisagreementSettled")
    assert (told.actor, told.payload["note"]) == ("admin:lee", "written off")
    assert len(open_findings()) == 1


# -- what it repairs


def mend(finding):
    label(finding.business_key, "good")
    return True


def test_only_who_asks_for_repairs_gets_them(db):
    lane("A-17", "bad")
    with declared(predicate(repair=mend)):
        first = only()
        second = only(repairs=True, actor="shell:lee")

    assert (first.repaired, second.repaired, second.resolved) == (0, 1, 1)
    (finding,) = ReconciliationFinding.objects.all()
    assert (finding.repaired_by, finding.repair_run) == ("shell:lee", second)


def test_a_repair_that_takes_time_has_one_run_to_work_before_a_person_is_asked(db):
    lane("A-17", "bad")
    with declared(predicate(repair=lambda finding: True)):
        first, second = only(repairs=True), only(repairs=True)

    assert (first.repaired, first.asked) == (1, 0)
    assert (second.repaired, second.asked) == (0, 1)


def test_what_is_looked_at_as_a_whole_is_looked_at_once_more_when_all_is_repaired(db, monkeypatch):
    monkeypatch.setattr(advance, "_REPAIRS", 2)
    for n in range(5):
        lane(f"A-{n}", "bad")
    looks = []

    def query(look):
        looks.append(look)
        return "SELECT s.key AS business_key FROM sagas_saga s WHERE s.label = 'bad'"

    def mend_all_but_one(finding):
        return finding.business_key == "A-3" or mend(finding)

    with declared(predicate(query=query, watermark=None, repair=mend_all_but_one)):
        found = only(repairs=True)

    assert (found.repaired, found.resolved, found.asked, len(looks)) == (5, 4, 0, 2)
    assert [finding.business_key for finding in open_findings()] == ["A-3"]


@pytest.mark.parametrize("fails", [lambda finding: False, lambda finding: 1 / 0])
def test_what_could_not_be_repaired_becomes_a_persons(db, fails):
    lane("A-17", "bad")
    with declared(predicate(repair=fails)):
        found = only(repairs=True)

    assert (found.state, found.repaired, found.asked) == (RunState.DONE, 0, 1)


# -- what goes wrong


def test_a_predicate_that_cannot_be_asked_does_not_hide_the_others(db):
    lane("A-17", "bad")
    wrong = "SELECT s.nothing AS business_key FROM sagas_saga s JOIN changed c ON c.id = s.id"
    with declared(predicate("T0", query=wrong), predicate()):
        found = run(only=["T0", "T1"])

        assert [finding.predicate for finding in open_findings()] == ["T1"]
        assert "nothing" in found.passes.get(predicate="T0").error
        assert found.passes.get(predicate="T0").reached is None
        assert found.state == RunState.DONE


def test_what_a_failing_predicate_shared_is_found_out_anew_by_the_next_of_its_page(db):
    shared = []

    def failing(look):
        shared.append(ask("SELECT COUNT(*) FROM changed", LANES, look))
        return "SELECT nothing FROM changed"

    for number in range(MANY):
        lane(f"A-{number}", "bad" if number == 17 else "good")

    with declared(predicate(query=failing), predicate("T2")):
        found = run(only=["T1", "T2"])

    assert shared == [[(MANY,)]]
    assert [finding.business_key for finding in open_findings()] == ["A-17"]
    assert "nothing" in found.passes.get(predicate="T1").error


def test_a_transaction_may_look_at_one_page_after_the_other(db):
    lanes = [lane(f"A-{number:03}", "bad") for number in range(2 * MANY)]
    one = predicate()

    for begin_at in (0, MANY):
        part = lanes[begin_at : begin_at + MANY]
        keys = keys_of(LANES, [row.pk for row in part], "default")
        seen = broken(one, look_at(one, keys, now=clock.now(), using="default"))
        assert [row.business_key for row in seen] == [row.key for row in part]


def test_a_predicate_that_is_not_declared_any_more_is_let_go(db):
    with declared(predicate()):
        going = begin(only=["T1"])
    advance.advance(going)

    assert "no such predicate" in passed(going).error


def test_only_declared_names_can_be_asked_for(db):
    with pytest.raises(ValueError, match="M99"):
        reconcile(only=["M99"])
    with pytest.raises(ValueError, match="bank"):
        reconcile(sources=["bank"])
    assert not ReconciliationRun.objects.exists()


def test_a_name_stands_for_its_parts_too(db):
    found = reconcile(only=["D2"])

    assert {p.predicate for p in found.passes.all()} == {"D2", "D2.state"}


def test_a_stopped_run_is_visible_and_the_next_goes_on_from_there(t1, monkeypatch):
    monkeypatch.setattr(advance, "_FIRST", 250)
    monkeypatch.setattr(advance, "_MOST", 250)
    now = clock.now()
    Saga.objects.bulk_create(
        Saga(choreography="lane", key=f"{n:03}", started_at=now, status="free") for n in range(300)
    )

    stopped = only(stop=lambda: True)

    assert (stopped.state, stopped.looked) == (RunState.STOPPED, 250)
    assert stopped.ended_at is not None
    assert only().looked == 300


def test_a_crashed_run_is_visible_and_does_not_block(t1):
    crashed = begin(only=["T1"])
    with pytest.raises(ReconciliationGoingOn):
        begin(only=["T1"])

    with clock.travel(SILENCE + timedelta(seconds=1)):
        found = reconcile(only=["T1"])

    crashed.refresh_from_db()
    assert (crashed.state, found.state) == (RunState.CRASHED, RunState.DONE)
    with pytest.raises(ReconciliationLost):
        advance.advance(crashed)


def test_a_run_that_is_interrupted_says_so_and_ends(db):
    def interrupted(_look):
        raise KeyboardInterrupt

    lane("A-17")
    with declared(predicate(query=interrupted)), pytest.raises(KeyboardInterrupt):
        only()

    ended = ReconciliationRun.objects.get()
    assert (ended.state, ended.error) == (RunState.CRASHED, "KeyboardInterrupt()")


def test_a_watermark_that_does_not_exist_does_not_hide_the_others(db):
    lane("A-17", "bad")
    wrong = Watermark(model=Saga, column="started_at", key="nothing", only=LANES.only)
    with declared(predicate("T0", watermark=wrong), predicate()):
        found = run(only=["T0", "T1"])

    assert [finding.predicate for finding in open_findings()] == ["T1"]
    assert "nothing" in found.passes.get(predicate="T0").error


def test_who_comes_second_to_a_slice_does_not_do_it_again(t1):
    lane("A-17", "bad")
    going = begin(only=["T1"])
    passes = list(going.passes.all())
    advance.advance(going, stop=lambda: True)

    with pytest.raises(ReconciliationLost), hold(going, passes, snapshot=True):
        pass


def test_the_database_lets_one_run_at_a_time(t1):
    begin(only=["T1"])
    second = ReconciliationRun(actor="x", started_at=clock.now(), seen_at=clock.now())

    with pytest.raises(Exception, match=r"run_one_at_a_time|UNIQUE"):
        second.save(force_insert=True)


# -- declarations


def test_an_id_is_declared_once(monkeypatch):
    monkeypatch.setitem(PREDICATES, "T1", predicate())
    monkeypatch.setitem(SOURCES, "bank", Source(name="bank", read=lambda after: []))

    with pytest.raises(DuplicateDeclaration, match="T1"):
        declare(predicate())
    with pytest.raises(DuplicateDeclaration, match="bank"):
        declare_source(Source(name="bank", read=lambda after: []))


def test_a_query_that_would_look_at_everything_is_refused():
    with pytest.raises(ConfigurationError, match="changed"):
        predicate(query="SELECT s.key AS business_key FROM sagas_saga s")


# -- by itself


@pytest.fixture
def hourly(t1, settings, monkeypatch):
    """Reconcile every hour, with ticks so short that a run takes several."""
    monkeypatch.setattr(periodic, "_TICK", timedelta(0))
    monkeypatch.setattr(periodic, "_next_look", {})
    settings.SAGAS = {**settings.SAGAS, "RECONCILE_INTERVAL": timedelta(hours=1)}
    for name in set(PREDICATES) - {"T1"}:
        monkeypatch.delitem(PREDICATES, name)
    for name in set(SOURCES):
        monkeypatch.delitem(SOURCES, name)


def ticks():
    """Tick until nothing is left to do; return how often that was."""
    count = 1
    while periodic.tick():
        count += 1
    return count


def test_ticks_advance_one_run_and_begin_the_next_when_it_is_due(hourly):
    lane("A-17", "bad", ago=LATER)

    assert ticks() > 2
    assert ticks() == 1
    with clock.travel(timedelta(minutes=61)):
        ticks()

    done = ReconciliationRun.objects.order_by("id")
    assert [(each.state, each.is_periodic, each.actor) for each in done] == [
        (RunState.DONE, True, "sagas")
    ] * 2
    assert len(open_findings()) == 1


def test_never_means_never(hourly, settings):
    settings.SAGAS = {**settings.SAGAS, "RECONCILE_INTERVAL": None}

    assert periodic.tick() is False
    assert not ReconciliationRun.objects.exists()


def test_repairs_without_being_asked_are_a_setting(hourly, settings):
    settings.SAGAS = {**settings.SAGAS, "RECONCILE_REPAIRS": True}
    lane("A-17", "bad")
    with declared(predicate(repair=mend)):
        ticks()

    assert ReconciliationRun.objects.get().repaired == 1


def test_the_relay_ticks(hourly):
    relay_once()

    assert ReconciliationRun.objects.get().is_periodic


def test_a_tick_that_fails_stops_no_delivery_and_the_next_goes_on(hourly):
    def in_the_way(_look):
        raise OperationalError("database is locked")

    lane("A-17", "bad")
    with declared(predicate(query=in_the_way)):
        assert relay_once().drained == 0
    assert ReconciliationRun.objects.get().state == RunState.RUNNING

    ticks()

    assert ReconciliationRun.objects.get().found == 1


def test_a_predicate_that_nothing_breaks_is_done_with_the_look_at_it(hourly):
    lane("A-17", "good", ago=LATER)

    assert ticks() == 2, "one begins it and looks, one ends it"

    found = ReconciliationRun.objects.get()
    assert (found.state, found.looked, passed(found).phase) == (RunState.DONE, 1, Phase.DONE)


def test_a_persons_run_takes_the_place_of_a_periodic_one(hourly):
    lane("A-17", "bad")
    periodic.tick()

    found = only()

    assert found.state == RunState.DONE
    first = ReconciliationRun.objects.get(is_periodic=True)
    assert first.state == RunState.REPLACED
    with pytest.raises(ReconciliationLost):
        advance.advance(first)


def test_a_tick_waits_for_a_persons_run_and_replaces_a_dead_one(hourly):
    dead = begin(only=["T1"])
    assert periodic.tick() is False

    with clock.travel(SILENCE + timedelta(minutes=1)):
        ticks()

    dead.refresh_from_db()
    assert dead.state == RunState.CRASHED
    assert ReconciliationRun.objects.filter(is_periodic=True).count() == 1


def test_a_task_reconciles_for_shops_that_schedule_it_themselves(t1):
    lane("A-17", "bad")

    assert reconcile_books(["T1"], full=True) == 1
    begin(only=["T1"])
    assert reconcile_books(["T1"]) == 0


# -- other parties' statements


class Bank:
    """A bank that states so many lines, and loses the line when it is told to."""

    def __init__(self, count):
        self.count = count
        self.asked = []
        self.breaks_at = None

    def read(self, after):
        self.asked.append(after)
        for number in range(int(after or 0) + 1, self.count + 1):
            if number == self.breaks_at:
                raise ConnectionResetError("hung up")
            yield self.line(number)

    def line(self, number, **fields):
        values = {"position": f"{number}", "kind": "capture", "their_id": f"ch_{number}"}
        stated = {"reference": f"A-{number}", "amount_minor": 500, "currency": "EUR"}
        at = datetime(2026, 3, 1, tzinfo=UTC)
        return Line(at=at, **{**values, **stated, **fields})


def test_a_statement_is_read_to_its_end_and_goes_on_where_it_broke_off(t1):
    bank = Bank(2500)
    bank.breaks_at = 1200
    with declared(Source(name="bank", read=bank.read)):
        broke = only()
        bank.breaks_at = None
        whole = only()

    assert bank.asked == ["", "1000"]
    assert "hung up" in broke.error
    assert (broke.state, whole.error) == (RunState.DONE, "")
    assert StatementLine.objects.count() == 2500


def test_lines_that_overlap_are_stored_once(t1):
    bank = Bank(3)
    overlapping = Source(name="bank", read=lambda after: bank.read(""))
    with declared(overlapping):
        only(), only()

    assert StatementLine.objects.count() == StatementSource.objects.get().lines == 3


def test_only_the_named_statements_are_read(t1):
    bank, carrier = Bank(1), Bank(1)
    with declared(Source(name="bank", read=bank.read), Source(name="post", read=carrier.read)):
        only(sources=["post"]), only(sources=[])

    assert (bank.asked, carrier.asked) == ([], [""])


def test_statements_are_matched_line_by_line_with_our_books(db):
    """S1 in small: what a bank states of lanes is what their positions say, to the penny."""
    unmatched = """
    SELECT l.id AS subject, l.their_id AS business_key, l.amount_minor - s.position AS amount_minor,
           l.currency, l.reference, s.position AS ours
      FROM changed c
      JOIN sagas_statementline l ON l.id = c.id AND l.source = 'bank'
      LEFT JOIN sagas_saga s ON s.choreography = 'lane' AND s.key = l.reference
     WHERE s.id IS NULL OR s.position <> l.amount_minor
    """
    lines = Watermark(model=StatementLine, column="loaded_at", key="id")
    bank = Bank(3)
    for number, position in ((1, 500), (2, 499)):
        Saga.objects.filter(pk=lane(f"A-{number}").pk).update(position=position)

    with declared(predicate(query=unmatched, watermark=lines), Source(name="bank", read=bank.read)):
        only()

    found = {finding.business_key: finding.amount_minor for finding in open_findings()}
    assert found == {"ch_2": 1, "ch_3": None}


# -- keeping


def test_what_was_resolved_long_ago_is_pruned_and_what_is_open_stays(t1):
    lane("A-17", "bad"), lane("A-18", "bad")
    only()
    label("A-17", "good")
    only(), only()

    with clock.travel(timedelta(days=500)):
        foreseen = prune(older_than=timedelta(days=400), dry_run=True)
        pruned = prune(older_than=timedelta(days=400))
        only()

    assert (pruned.findings, pruned.reconciliations) == (1, 1)
    assert foreseen == pruned
    assert [finding.business_key for finding in open_findings()] == ["A-18"]


# -- keys of every kind


def test_a_native_key_and_its_text_are_the_same_key(db):
    saga = lane("7")
    events = Watermark(model=StoredEvent, column="recorded_at", key="subject_key", of=Saga)

    keys = keys_of(events, [saga.pk], "default")

    one = predicate(watermark=events, query=BAD.replace("'bad'", "'good'"))
    (row,) = broken(one, look_at(one, keys, now=clock.now(), using="default"))
    assert row.subject == str(saga.id)
