"""A shop that is not ours adds `sagas`, runs `migrate` and writes a participant.py."""
import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection

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
        yield _url(server, name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _url(server, name):
    info = server.info
    return f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{name}"


@pytest.fixture(scope="module")
def bookshop(tmp_path_factory, database_url):
    """Return a way to run the bookshop's Python: it sees its own files and `sagas`, no more."""
    home = tmp_path_factory.mktemp("bookshop")
    shutil.copytree(PROJECT, home, dirs_exist_ok=True)
    (home / "sagas").symlink_to(Path(settings.BASE_DIR) / "sagas")

    def run(*arguments):
        """Return what a command prints. Fails the test when the command fails."""
        environment = {**os.environ, "DATABASE_URL": database_url, "PYTHONPATH": str(home)}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    run("manage.py", "makemigrations", "shelf")
    run("manage.py", "migrate")
    return run


@pytest.fixture(scope="module")
def told(bookshop):
    """Return what the bookshop's day left in its database."""
    return json.loads(bookshop("drive.py").stdout)


def test_x(told, bookshop):
    print(json.dumps(told, indent=1))
    print(bookshop("manage.py", "check"))
    assert 0
