"""Clients that ask for much and read nothing of it."""

from collections.abc import Iterator

import httpx2
import pytest

from epics.models import Epic
from tests.acceptance.attacks.clients import asking, begun, connections, opened
from tests.acceptance.fleet import wait_for
from tests.acceptance.live.web import Web
from tests.integration.engine.world import World
from tests.integration.export.world import export_start, file_make

pytestmark = pytest.mark.slow

#: With few connections to the database, and time enough to look before clients are cut off.
WEB = {"BATCHGEN_DATABASE_POOL_SIZE": "2", "BATCHGEN_WRITE_TIMEOUT_S": "8"}
#: More than the pool has connections.
UNREAD = 12


@pytest.fixture(autouse=True)
def _long(world: World) -> None:
    """Answers that no buffer takes whole."""
    Epic.objects.filter(project=world.run.project).update(description="x" * 200_000)


@pytest.fixture(
    params=["/projects/{project}/export", "/projects/{project}/epics", "/runs/{export}/file"]
)
def unread(request: pytest.FixtureRequest, web: Web, world: World) -> Iterator[None]:
    export = export_start(world.run.project)
    file_make(export, b"x" * 5_000_000)
    path = request.param.format(project=world.run.project_id, export=export.pk)
    with opened(web, *[asking(web, f"/api/v1{path}")] * UNREAD) as clients:
        begun(clients)
        yield


@pytest.mark.usefixtures("unread")
def test_answers_that_nobody_reads_hold_no_database_connection(web: Web, world: World) -> None:
    ready = httpx2.get(f"{web.url}/readyz", trust_env=False)
    assert ready.status_code == 200
    assert web.call("GET", f"/runs/{world.run.id}").status_code == 200
    assert connections(web) >= UNREAD, "they are still there"


@pytest.mark.usefixtures("unread")
def test_who_does_not_read_is_cut_off(web: Web) -> None:
    wait_for(lambda: connections(web) == 0, "they are cut off", timeout_s=40)


def test_streams_that_nobody_reads_hold_nothing_either(web: Web, world: World) -> None:
    path = f"/api/v1/runs/{world.run.id}/events"
    with opened(web, *[asking(web, path)] * UNREAD) as clients:
        begun(clients)
        assert httpx2.get(f"{web.url}/readyz", trust_env=False).status_code == 200
        watcher = web.watch(world.run)
        watcher.wait_for("run")
        watcher.close()
