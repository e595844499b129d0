"""The toy kinds in a test's own process, with their table."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from content import registry
from epics.models import Project
from tests.integration.engine.world import project_make
from tests.toykind.kind import SLOGANS, Note
from tests.toykind.tallies import TALLIES


@contextmanager
def noted(monkeypatch: pytest.MonkeyPatch, *texts: str) -> Iterator[Project]:
    """A project with these notes, where the kinds of notes are known."""
    monkeypatch.setattr(registry, "_KINDS", dict(registry._KINDS))
    registry.kind_register(SLOGANS)
    registry.kind_register(TALLIES)
    with connection.schema_editor() as editor:
        editor.create_model(Note)
    project = project_make(epics=1)
    Note.objects.bulk_create(Note(project=project, text=text) for text in texts)
    yield project
    with connection.schema_editor() as editor:
        editor.delete_model(Note)
