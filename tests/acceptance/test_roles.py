"""Web and worker as roles that administrators make: with odd defaults, or few rights."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from django.utils.timezone import now

from batchgen.local import stack
from batchgen.local.child import Child, logged
from batchgen.local.local_dir import ROOT, free_port
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from runs.engine.start import RunOptions, run_start
from runs.models import RunItem
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.acceptance.live.web import web_start
from tests.conftest import Simulator
from tests.factories import backlog_document, project_make, user_make
from tests.integration.engine.world import assert_counted
from tests.integration.postgresql.conftest import Turn, admin, odd_role, poolers, server, turned  # noqa: F401 - fixtures
from tests.pgbouncer import PgBouncer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

_ROLES = ("keeper", "clerk")
#: As docs/deployment.md has it.
_SCHEMA = """
CREATE ROLE keeper LOGIN;
CREATE ROLE clerk LOGIN;
CREATE SCHEMA app AUTHORIZATION keeper;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO PUBLIC;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gin;
GRANT USAGE ON SCHEMA app TO clerk;
ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA app
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO clerk;
ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA app GRANT USAGE ON SEQUENCES TO clerk;
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    logs = LogFiles(tmp_path / "others")
    with Supervisor(logs.line, signals=False) as running:
        yield running
    logs.close()


@pytest.mark.parametrize("pooled", ["", "1"], ids=["direct", "pooled"])
def test_a_run_as_a_role_with_odd_defaults(
    pooled: str,
    fleet: Fleet,
    supervisor: Supervisor,
    odd_role: str,  # noqa: F811
    poolers: Callable[..., PgBouncer],  # noqa: F811
) -> None:
    url = server(user=odd_role)
    way = {
        "DATABASE_URL": poolers(url).url if pooled else url,
        "BATCHGEN_DATABASE_POOLED": pooled,
    }
    fleet.environment.update(way)
    fleet.start()
    user = user_make()
    project = project_make(user, epics=4)
    web = web_start(supervisor, user, **way)
    begun = now()
    started = web.call("POST", f"/projects/{project.id}/runs", json={"pacingProfile": "fast"})
    assert started.status_code == 202, started.text
    path = f"/runs/{started.json()['data']['runId']}"
    run = ended(lambda: web.call("GET", path).json()["data"])
    assert (run["status"], run["completedEpics"]) == ("SUCCEEDED", 4)
    for name in ("createdAt", "startedAt", "completedAt"):
        at = datetime.fromisoformat(run[name])
        assert timedelta(0) <= at - begun < timedelta(minutes=2)


def test_a_run_outlives_a_server_that_takes_no_writes_for_a_while(
    fleet: Fleet,
    provider: Simulator,
    turned: Turn,  # noqa: F811
) -> None:
    provider.config(latency_ms=300)
    running = fleet.start(concurrency=4)
    user = user_make()
    run = run_start(project=project_make(user, epics=16), user=user, options=RunOptions())
    wait_for(lambda: RunItem.objects.filter(status="COMPLETED").exists(), "an epic is done")
    turned("on")
    time.sleep(3)
    turned("off")
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    assert_counted(run)
    assert len(provider.stats()["calls"]) == 16
    assert running.code() is None


def ended(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The run as it is shown, after its end."""
    wait_for(lambda: read()["completedAt"], "the run ended")
    return read()


@pytest.fixture(scope="module")
def elsewhere(django_db_setup: None) -> Iterator[None]:
    """A database whose tables stand in a schema of their own, whose owner may make no extension.

    Who finds its tables there migrates nothing the second time.
    """
    with psycopg.connect(server(), autocommit=True) as superuser:
        superuser.execute("CREATE DATABASE elsewhere")
        with psycopg.connect(server(dbname="elsewhere"), autocommit=True) as there:
            there.execute(_SCHEMA.encode())
        yield
        superuser.execute("DROP DATABASE elsewhere WITH (FORCE)")
        for role in _ROLES:
            superuser.execute(f"DROP ROLE {role}".encode())


@pytest.fixture
def search_path(by: str, elsewhere: None) -> Iterator[str]:
    """What says where the tables are there: the role, or what this adds to the address."""
    if by != "role":
        yield "?options=-c%20search_path%3Dapp,public"
        return
    with psycopg.connect(server(), autocommit=True) as superuser:
        for role in _ROLES:
            superuser.execute(f"ALTER ROLE {role} SET search_path = app, public".encode())
        yield ""
        for role in _ROLES:
            superuser.execute(f"ALTER ROLE {role} RESET search_path".encode())


@pytest.mark.parametrize("by", ["role", "options", "pooled"])
def test_a_run_in_a_schema_of_its_own_as_a_role_that_may_make_nothing(
    by: str,
    search_path: str,
    supervisor: Supervisor,
    simulator: Simulator,
    poolers: Callable[..., PgBouncer],  # noqa: F811
) -> None:
    urls = {role: server(user=role, dbname="elsewhere") for role in _ROLES}
    if by == "pooled":
        urls = {role: poolers(url).url for role, url in urls.items()}
    port = free_port()
    environment = {
        **stack.base_environment(),
        "DATABASE_URL": f"{urls['clerk']}{search_path}",
        "BATCHGEN_DATABASE_POOLED": "1" if by == "pooled" else "",
        "BATCHGEN_REDIS_PREFIX": f"elsewhere-{by}:",
        "BATCHGEN_USER": "ada",
        "BATCHGEN_PASSWORD": "a-good-one-indeed",
        "ANTHROPIC_BASE_URL": simulator.url,
        "BATCHGEN_PROVIDER_NAME": "simulator",
    }
    manage({**environment, "DATABASE_URL": f"{urls['keeper']}{search_path}"}, "migrate")
    manage(environment, "ensure_superuser")
    supervisor.start(stack.web(environment, "127.0.0.1", port))
    worker = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "batchgen",
        "worker",
        "-P",
        "threads",
        "-c",
        "4",
    ]
    supervisor.start(
        Child(name="worker", argv=worker, env=environment, cwd=ROOT, ready=logged(r" ready\."))
    )
    manage(environment, "doctor")
    with ExitStack() as opened:
        api = opened.enter_context(
            httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False, timeout=10)
        )
        signed_in = api.post(
            "/auth/token", json={"username": "ada", "password": "a-good-one-indeed"}
        )
        api.headers["Authorization"] = f"Bearer {signed_in.json()['data']['access']}"
        project = api.post("/projects/import", json=backlog_document(epics=3)).json()["data"]
        run = api.post(f"/projects/{project['projectId']}/runs", json={"pacingProfile": "fast"})
        run_id = run.json()["data"]["runId"]
        shown = ended(lambda: api.get(f"/runs/{run_id}").json()["data"])
        found = api.get(f"/projects/{project['projectId']}/stories", params={"q": "want"})
    assert (shown["status"], shown["completedEpics"]) == ("SUCCEEDED", 3)
    assert found.status_code == 200
    assert found.json()["data"]


def manage(environment: dict[str, str], *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
