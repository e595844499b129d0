"""The benchmarks' peers work on the engine's tables as they are today."""

from collections.abc import Iterator

import pytest
from django.db import connection

from batchgen import settings
from benchmarks.peers import bare_celery
from benchmarks.w0_memory import peer_done, peer_prepare
from tests.acceptance.fleet import database_url
from tests.integration.engine.world import project_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "DATABASE_URL", database_url())
    yield
    bare_celery.disconnect()
    with connection.cursor() as cursor:
        cursor.execute(bare_celery.NO_TABLES)


@pytest.mark.parametrize("variant", [bare_celery.SAME, bare_celery.LEAST])
def test_bare_celery_does_an_epic(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    monkeypatch.setenv("BARE_VARIANT", variant)
    project = project_make(epics=2)
    run_id, epic_ids = peer_prepare(project)
    assert len(epic_ids) == 2
    bare_celery.generate_epic(epic_ids[0], str(project.id))
    assert peer_done(run_id) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bare_story")
        assert cursor.fetchone() == (8,)
