"""All that one user can do to the others, at the same moment, while somebody has work to do."""

import pytest
from django.contrib.auth.models import User

from batchgen.local.supervisor import Supervisor
from benchmarks.attackers import HALF_HEAD
from epics.models import Epic
from runs.engine.start import RunOptions, run_start
from runs.models import RunItem
from tests.acceptance.attacks.clients import asking, opened
from tests.acceptance.fleet import Fleet, wait_for
from tests.acceptance.live.web import Web, web_start
from tests.conftest import Simulator
from tests.factories import user_make
from tests.integration.engine.world import project_make

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

RUNS, UNREAD, HALF_HEADS = 60, 200, 300


@pytest.fixture
def web(fleet: Fleet) -> Web:
    """With few connections to the database, and a user who owns all projects."""
    supervisor = fleet.stack.enter_context(Supervisor(fleet.sink, signals=False))
    owner, _ = User.objects.get_or_create(username="ada")
    return web_start(supervisor, owner, BATCHGEN_DATABASE_POOL_SIZE="4")


def unread(web: Web) -> list[str]:
    """Heads of downloads and lists that no buffer takes whole."""
    project = project_make(epics=20, name="Long")
    Epic.objects.filter(project=project).update(description="x" * 100_000)
    paths = (f"projects/{project.pk}/export", f"projects/{project.pk}/epics?limit=200")
    return [asking(web, f"/api/v1/{path}") for path in paths] * (UNREAD // 2)


def urgent_runs(user: User) -> None:
    """So many that a worker's slots and the broker are full of them."""
    options = RunOptions(pacing_profile="adaptive", max_concurrency=10, priority="HIGH")
    for number in range(RUNS):
        run_start(project=project_make(epics=10, name=f"{number}"), user=user, options=options)
    done = RunItem.objects.filter(completed_at__isnull=False)
    wait_for(lambda: done.count() > 4, "they are under way")


def test_another_user_signs_in_and_has_a_run_done(
    fleet: Fleet, web: Web, provider: Simulator
) -> None:
    provider.config(latency_ms=200)
    fleet.start(concurrency=4)
    project = project_make(epics=6, name="Tides")
    project.memberships.create(user=user_make("lee"), role="editor")
    urgent_runs(web.user)
    credentials = {"username": "lee", "password": "secret"}
    with opened(web, *unread(web), *[HALF_HEAD] * HALF_HEADS):
        answer = web.plain("POST", "/auth/token", json=credentials)
        assert answer.status_code == 200
        sign_in = {"Authorization": f"Bearer {answer.json()['data']['access']}"}
        body = {"pacingProfile": "adaptive", "maxConcurrency": 3}
        path = f"/projects/{project.pk}/runs"
        started = web.plain("POST", path, json=body, headers=sign_in)
        assert started.status_code == 202
        run = f"/runs/{started.json()['data']['runId']}"

        def status() -> str:
            answer = web.plain("GET", run, headers=sign_in)
            assert answer.status_code == 200
            return str(answer.json()["data"]["status"])

        wait_for(lambda: status() not in ("QUEUED", "RUNNING"), "the run is over")
        assert status() == "SUCCEEDED"
        assert RunItem.objects.filter(completed_at=None).exists(), "the others' go on"
