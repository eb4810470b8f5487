"""The drill of the demonstration: workers are killed at the worst moments, and the books agree."""

import subprocess
import sys

import pytest

from tests.integration.workers import ROOT, environment


@pytest.mark.slow
def test_the_drill_kills_workers_and_all_books_agree(transactional_db, outside):
    command = [sys.executable, "manage.py", "demo", "--drill", "--orders", "60", "--no-input"]

    run = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(DJANGO_SETTINGS_MODULE="shop.settings"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    for injury in ("killed inside a batch", "killed while a call was out", "stopped beyond"):
        assert injury in run.stdout
    assert "all invariants hold" in run.stdout
