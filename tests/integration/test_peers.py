"""The benchmarks' peers work on the engine's tables as they are today."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from django.db import connection

from batchgen import settings
from batchgen.local.local_dir import ROOT
from benchmarks import runs
from benchmarks.peers import bare_celery, work
from benchmarks.peers.running import PEERS, Job
from tests.acceptance.fleet import database_url
from tests.integration.engine.world import project_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "DATABASE_URL", database_url())
    yield
    bare_celery.disconnect()
    with connection.cursor() as cursor:
        cursor.execute(work.NO_TABLES)
        cursor.execute("DROP SCHEMA IF EXISTS peer_procrastinate, peer_dbos CASCADE")


@pytest.mark.parametrize("variant", [bare_celery.SAME, bare_celery.LEAST])
def test_bare_celery_does_an_epic(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    monkeypatch.setenv("BARE_VARIANT", variant)
    monkeypatch.setenv(work.PROVIDER_URL, "")
    job = Job.of(project_make(epics=2))
    assert len(job.item_ids) == 2
    bare_celery.generate_epic(job.item_ids[0], job.project_id)
    assert job.done() == 1
    assert _stories() == 8


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_does_all_epics(name: str) -> None:
    job = Job.of(project_make(epics=3))
    one = PEERS[name]
    if one.sends:
        subprocess.run(one.command("send"), env=_environment(), cwd=ROOT, check=True)
    with subprocess.Popen(one.command("work"), env=_environment(), cwd=ROOT) as process:
        try:
            runs.await_count(job.done, 3)
        finally:
            process.kill()
    assert _stories() == 24


def _environment() -> dict[str, str]:
    own = {"DATABASE_URL": database_url(), work.LANES: "2", work.PROVIDER_URL: ""}
    return {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"} | own


def _stories() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bare_story")
        (count,) = cursor.fetchone()
    return int(count)
