"""Sentinels make a replica the master: broker, limiter and live events go on there."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from batchgen.local.local_dir import scratch
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from runs.models import ProviderCall, Run, RunItem
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.acceptance.live.web import web_start
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted, project_make
from tests.redis_servers import Watched, tls_program, watched

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(params=["redis", "rediss"])
def servers(request: pytest.FixtureRequest) -> Iterator[Watched]:
    tls = request.param == "rediss"
    if tls and tls_program() is None:
        pytest.skip("there is no redis-server with TLS here")
    with scratch() as home, watched(home, tls=tls) as them:
        yield them


# redis-py leaves a socket to the garbage collector whose handshake a dying Sentinel breaks off.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
def test_a_run_goes_on_after_a_failover(
    servers: Watched, fleet: Fleet, provider: Simulator, tmp_path: Path
) -> None:
    """The master dies, and with it the Sentinel that the URL names first."""
    provider.config(latency_ms=400)
    fleet.environment |= {"REDIS_URL": servers.url}
    fleet.start()
    project = project_make(epics=60)
    with (
        closing(LogFiles(tmp_path / "web-log")) as logs,
        Supervisor(logs.line, signals=False) as supervisor,
    ):
        ada = User.objects.get(username="ada")
        web = web_start(supervisor, ada, REDIS_URL=servers.url)
        answer = web.call("POST", f"/projects/{project.id}/runs", json={"pacingProfile": "fast"})
        assert answer.status_code in (201, 202), answer.text
        run = Run.objects.get(project=project)
        watcher = web.watch(run)
        done = RunItem.objects.filter(run=run, status="COMPLETED")
        wait_for(lambda: done.count() >= 5, "the run is under way")
        old = servers.master_port()
        for each in (servers.master, servers.sentinels[0]):
            each.process.kill()
        wait_for(lambda: servers.master_port() not in (old, None), "the Sentinels agree")
        wait_until_ended(run)
        watcher.wait_over()
    assert run.status == "SUCCEEDED"
    assert ProviderCall.objects.filter(item__run=run).count() == 60
    assert watcher.messages[-1].name == "end"
    assert_counted(run)
