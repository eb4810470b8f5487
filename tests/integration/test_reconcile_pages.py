"""Where people and programs meet reconciliation: the command, the admin and the API."""

import io
import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from sagas import clock
from sagas.models import Case
from sagas.reconciled import (
    ReconciliationFinding,
    ReconciliationRun,
    StatementLine,
    StatementSource,
)
from sagas.reconciliation import Source
from sagas.reconciliation.run import begin
from tests.integration.reconciling import LATER, declared, run
from tests.integration.test_reconciling import Bank, label, lane, mend, only, predicate

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]


def said(*arguments):
    """Return what the command prints, and what it ends with."""
    out = io.StringIO()
    code = 0
    with clock.travel(LATER):
        try:
            call_command("saga_reconcile", *arguments, stdout=out, no_color=True)
        except SystemExit as end:
            code = int(end.code or 0)
    return out.getvalue(), code


@pytest.fixture
def t1(db):
    with declared(predicate(says="%(label)s is no label")):
        yield


# -- the command


def test_books_that_agree_end_with_nought(t1):
    lane("A-17")

    page, code = said("--only", "T1")

    assert code == 0
    assert "Nothing is wrong" in page


def test_a_finding_ends_with_one_and_says_what_where_and_who(t1):
    lane("A-17", "bad")

    page, code = said("--only", "T1")

    assert code == 1
    for part in ("T1  Nothing is bad.", "A-17: bad is no label", "(0.00 EUR)", "for finance"):
        assert part in page


def test_what_was_repaired_ends_with_nought(db):
    lane("A-17", "bad")
    with declared(predicate(repair=mend)):
        page, code = said("--only", "T1", "--repair")

    assert code == 0
    assert "repaired: 1" in page


def test_a_full_run_is_asked_for(t1):
    lane("A-17")
    said("--only", "T1")
    label("A-17", "bad")

    assert [said("--only", "T1")[1], said("--only", "T1", "--full")[1]] == [0, 1]


def test_what_could_not_be_looked_at_ends_with_two(db):
    lane("A-17", "bad")
    wrong = "SELECT s.nothing AS business_key FROM sagas_saga s JOIN changed c ON c.id = s.id"
    with declared(predicate("T0", query=wrong), predicate()):
        page, code = said("--only", "T0,T1")

    assert code == 2
    assert "What could not be looked at" in page
    assert "A-17" in page


def test_a_statement_that_cannot_be_read_ends_with_two(t1):
    bank = Bank(5)
    bank.breaks_at = 3
    with declared(Source(name="bank", read=bank.read)):
        page, code = said("--only", "T1")

    assert code == 2
    assert "hung up" in page


@pytest.mark.parametrize("arguments", [("--only", "M99"), ("--source", "nobody")])
def test_an_unknown_name_ends_with_two(t1, arguments):
    with pytest.raises(CommandError) as refused:
        said(*arguments)

    assert refused.value.returncode == 2


def test_a_run_beside_another_ends_with_two(t1):
    begin(only=["T1"], actor="shell:lee")

    with pytest.raises(CommandError, match="shell:lee") as refused:
        said("--only", "T1")

    assert refused.value.returncode == 2


def test_programs_get_everything_as_json(t1):
    lane("A-17", "bad")
    with declared(Source(name="bank", read=Bank(2).read)):
        page, code = said("--only", "T1", "--json")

    told = json.loads(page)
    assert code == 1
    assert told["run"]["state"] == "done"
    assert told["run"]["looked"] == 1
    (one,) = told["predicates"]
    assert (one["id"], one["owner"], one["break_class"]) == ("T1", "finance", "amount")
    (finding,) = told["findings"]
    assert (finding["business_key"], finding["text"]) == ("A-17", "bad is no label")
    (statement,) = told["statements"]
    assert (statement["name"], statement["lines"]) == ("bank", 2)


def test_of_many_findings_some_are_shown_and_the_others_counted(t1):
    for number in range(25):
        lane(f"{number}", "bad")

    page, _ = said("--only", "T1")

    assert page.count("is no label") == 20
    assert "and 5 more" in page


# -- the admin


@pytest.fixture
def books(t1):
    """A finding that is there, one that is not any more, and a statement."""
    lane("A-17", "bad"), lane("A-18", "bad")
    only()
    label("A-18", "good")
    with declared(Source(name="bank", read=Bank(2).read)):
        return only()


@pytest.fixture
def admin_user(db, django_user_model):
    """Without a password: hashing one is most of a test's time."""
    return django_user_model.objects.create_superuser("admin")


MODELS = (ReconciliationRun, ReconciliationFinding, StatementSource, StatementLine)


def page_of(row, verb="change"):
    return reverse(f"admin:sagas_{row._meta.model_name}_{verb}", args=[row.pk])


@pytest.mark.parametrize("model", MODELS)
def test_lists_are_shown_and_nothing_can_be_changed(books, admin_client, model):
    row = model.objects.first()
    listed = reverse(f"admin:sagas_{model._meta.model_name}_changelist")

    assert admin_client.get(listed).status_code == 200
    assert admin_client.get(page_of(row)).status_code == 200
    assert admin_client.post(page_of(row), {"error": ""}).status_code == 403
    assert admin_client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("wanted", "shown"), [("open=yes", {"A-17"}), ("open=no", {"A-18"}), ("", {"A-17", "A-18"})]
)
def test_findings_are_narrowed_to_what_is_still_there(books, admin_client, wanted, shown):
    listed = reverse("admin:sagas_reconciliationfinding_changelist")

    page = admin_client.get(f"{listed}?predicate=T1&{wanted}").content.decode()

    assert {name for name in ("A-17", "A-18") if f">{name}<" in page} == shown


def test_a_finding_says_what_must_hold_and_leads_to_its_case(books, admin_client):
    finding = ReconciliationFinding.objects.get(resolved_at=None)

    page = admin_client.get(page_of(finding)).content.decode()

    assert "Nothing is bad." in page
    assert "bad is no label" in page
    assert page_of(finding.case) in page


def test_a_run_shows_its_predicates(books, admin_client):
    page = admin_client.get(page_of(books)).content.decode()

    assert "Nothing is bad." in page
    assert "T1" in page


def test_a_case_without_a_saga_is_shown_and_closed(books, admin_client):
    case = ReconciliationFinding.objects.get(resolved_at=None).case
    listed = reverse("admin:sagas_case_changelist")

    assert "finance" in admin_client.get(listed).content.decode()
    with clock.travel(timedelta(hours=1)):
        admin_client.post(page_of(case, "close"), {"reason": "written off", "confirmed": "yes"})

    case.refresh_from_db()
    assert (case.closed_by, case.note) == ("admin:admin", "written off")


# -- the API


@pytest.fixture
def accountant(books, django_user_model):
    """A client that may read reconciliations."""
    user = django_user_model.objects.create_user("kim")
    user.user_permissions.set(
        Permission.objects.filter(
            codename__in=("view_reconciliationrun", "view_reconciliationfinding")
        )
    )
    client = Client()
    client.force_login(user)
    return client


def test_programs_read_runs_and_their_predicates(books, accountant):
    newest, first = accountant.get("/api/reconciliations/").json()["results"]
    detail = accountant.get(f"/api/reconciliations/{newest['id']}/").json()

    assert (newest["id"], first["found"], newest["resolved"]) == (str(books.id), 2, 1)
    (one,) = detail["passes"]
    assert (one["predicate"], one["sentence"]) == ("T1", "Nothing is bad.")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("open=true", ["A-17"]),
        ("open=false", ["A-18"]),
        ("predicate=T1", ["A-18", "A-17"]),
        ("predicate=T2", []),
        ("business_key=A-18", ["A-18"]),
    ],
)
def test_programs_read_findings(books, accountant, wanted, found):
    answer = accountant.get(f"/api/findings/?{wanted}").json()["results"]

    assert [finding["business_key"] for finding in answer] == found


def test_a_finding_is_read_with_what_was_seen_and_its_case(books, accountant):
    finding = ReconciliationFinding.objects.get(resolved_at=None)

    answer = accountant.get(f"/api/findings/{finding.id}/").json()

    assert answer["text"] == "bad is no label"
    assert answer["detail"]["label"] == "bad"
    assert answer["case_id"] == str(Case.objects.get(closed_at=None).id)


def test_lists_go_on_from_page_to_page(books, accountant):
    first = accountant.get("/api/findings/?page_size=1").json()

    second = accountant.get(first["next"]).json()

    assert [len(page["results"]) for page in (first, second)] == [1, 1]
    assert second["next"] is None


@pytest.mark.parametrize("address", ["reconciliations/", "findings/"])
def test_reading_needs_permission(books, django_user_model, address):
    client = Client()
    client.force_login(django_user_model.objects.create_user("ada"))

    assert client.get(f"/api/{address}").status_code == 403


def test_a_query_that_makes_no_sense_is_refused(books, accountant):
    assert accountant.get("/api/reconciliations/?state=gone").status_code == 400


def test_a_run_that_nobody_knows_is_not_found(books, accountant):
    assert accountant.get(f"/api/reconciliations/{run(only=['T1']).pk}/").status_code == 200
    assert accountant.get(f"/api/findings/{books.pk}/").status_code == 404
