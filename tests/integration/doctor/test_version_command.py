"""`manage.py version`."""

import json
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder

from batchgen import VERSION
from batchgen.local.local_dir import ROOT

pytestmark = pytest.mark.django_db


def told(*words: str) -> str:
    out = StringIO()
    call_command("version", *words, stdout=out)
    return out.getvalue()


def test_all_versions_for_people_and_machines() -> None:
    found = json.loads(told("--json"))
    assert found["batchgen"] == VERSION
    assert all(found[name][0].isdigit() for name in ("python", "django", "celery", "postgresql"))
    assert found["redis"][0].isdigit()
    assert found["migrations"]["runs"] == max(
        MigrationRecorder.Migration.objects.filter(app="runs").values_list("name", flat=True)
    )
    assert found["missingMigrations"] == []
    lines = told().splitlines()
    assert lines[0] == f"batchgen    {VERSION}"
    assert f"schema      runs.{found['migrations']['runs']}" in lines


def test_migrations_that_are_missing_are_told() -> None:
    newest = MigrationRecorder.Migration.objects.filter(app="runs").order_by("name").last()
    assert newest
    newest.delete()
    assert json.loads(told("--json"))["missingMigrations"] == [f"runs.{newest.name}"]
    assert f"1 are missing, from runs.{newest.name} on: manage.py migrate" in told()


def test_without_servers_it_tells_the_rest() -> None:
    """And manage.py leaves the word to us, where Django would tell its own version."""
    import os

    nowhere = {"DATABASE_URL": "postgresql://a@127.0.0.1:9/a", "REDIS_URL": "redis://127.0.0.1:9"}
    done: Any = subprocess.run(
        [sys.executable, "manage.py", "version"],
        cwd=ROOT,
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"batchgen    {VERSION}\n")
    assert "postgresql  does not answer\nredis       does not answer\n" in done.stdout
