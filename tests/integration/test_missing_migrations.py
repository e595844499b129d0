"""A migration that PostgreSQL lacks is missed by its file's name, and told in Django's order."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from batchgen.http import health

pytestmark = pytest.mark.django_db


def test_the_files_are_those_that_django_finds() -> None:
    assert health._migrations() == set(MigrationLoader(None).disk_migrations)


def test_what_was_not_applied_is_told() -> None:
    assert health.migrations_missing() == []
    names = sorted(name for app, name in health._migrations() if app == "runs")
    MigrationRecorder(connection).record_unapplied("runs", names[-1])
    assert health.migrations_missing() == [f"runs.{names[-1]}"]
