"""A shop that is not ours adds `sagas`, runs `migrate` and writes a participant.py."""

import json
import shutil
import uuid
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests.integration.project import Project

pytestmark = pytest.mark.both_databases

PROJECT = Path(__file__).parent.parent / "throwaway" / "project"


@pytest.fixture(scope="module")
def database_url(tmp_path_factory):
    """Yield an empty database of the bookshop's own, of the kind that the suite runs on."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('books') / 'books.sqlite3'}"
        return
    name = f"books_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield _url(server.info, name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _url(info, name):
    return f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{name}"


@pytest.fixture(scope="module")
def bookshop(tmp_path_factory, database_url):
    """Return a way to run the bookshop's Python."""
    home = tmp_path_factory.mktemp("bookshop")
    shutil.copytree(PROJECT, home, dirs_exist_ok=True)
    project = Project(home, DATABASE_URL=database_url)
    project.run("manage.py", "makemigrations", "shelf")
    project.run("manage.py", "migrate")
    return project.run


@pytest.fixture(scope="module")
def told(bookshop):
    """Return what the bookshop's day left in its database."""
    return json.loads(bookshop("drive.py").stdout)


def test_another_shop_sells_a_book_from_a_view_of_its_own(told):
    sold = told["sold"]
    number = sold["number"]

    assert (sold["saga"], sold["state"], sold["parcel"]) == ("completed", "closed", "wrapped")
    assert sold["log"] == [
        f"SalePlaced ({number} state: new>placed)",
        f"CopyHeld ({sold['hold_id']} stage: 0>1)",
        f"ParcelWrapped ({number} parcel: new>wrapped)",
        f"SaleCollected ({number} state: placed>collected)",
        f"SaleClosed ({number} state: collected>closed)",
        "StepDone",
    ]
    assert told["findings"] == []


def test_another_shop_gets_back_what_a_refused_step_had_taken(told):
    unwrapped = told["unwrapped"]

    assert (unwrapped["saga"], unwrapped["state"]) == ("compensated", "undone")
    assert [entry.split()[0] for entry in unwrapped["log"]] == [
        "SalePlaced",
        "CopyHeld",
        "ParcelRefused",
        "SaleCancelled",
        "ParcelUnwrapped",
        "CopyReturned",
        "SaleUndone",
    ]
    assert told["copies"] == 1


def test_a_step_that_found_nothing_leaves_nothing_to_undo(told):
    missing = told["missing"]

    assert (missing["saga"], missing["hold"]) == ("compensated", 2)
    assert "NothingHeld" in missing["log"]


def test_a_plain_function_with_the_orm_is_a_step(told):
    assert told["points"] == 10


def test_an_overridden_save_runs_once_for_each_write(told):
    written_by = ["create", "saga_transaction", "wrap", "saga_transaction", "close"]

    assert told["sold"]["times_saved"] == len(written_by)


def test_a_signal_receiver_hears_of_rows_that_steps_write(told):
    assert told["heard"] == ["Hold Held", "Hold Held", "Hold Returned", "Hold Sold Out"]


def test_a_view_that_fails_after_its_saga_transaction_leaves_nothing(told):
    assert (told["stumbled"], told["left_by_stumbling"]) == (500, 0)


def test_a_starting_event_without_its_key_is_refused(told):
    assert "has no sale_id yet" in told["without_key"]
    assert "save the row" in told["without_key"]


def test_check_finds_no_error_and_says_which_models_are_written_one_by_one(bookshop):
    said = bookshop("manage.py", "check").stderr

    assert "shelf.Hold: (sagas.W001)" in said
    assert "shelf.Sale: (sagas.W001)" in said
    assert "sagas.E" not in said


@pytest.fixture(scope="module")
def errors(bookshop, told):
    """Return what is said about steps that break their contract; after the bookshop's day."""
    return json.loads(bookshop("misbehave.py").stdout)


def test_a_step_that_publishes_to_its_own_saga_is_told_to_return_it(errors):
    assert "clumsy.tell published shelf.CopyHeld to its own saga: return it" in errors["tell"]


def test_a_step_may_not_move_the_other_state_of_its_subject(errors):
    assert "nosy.wrap_too moved parcel of" in errors["wrap_too"]
