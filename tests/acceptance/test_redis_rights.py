"""The rights in Redis that docs/redis.md and the doctor ask for are enough for a worker."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from batchgen.local.local_dir import free_port, scratch
from batchgen.local.supervisor import Supervisor
from batchgen.redis import client as redis
from batchgen.redis.rights import RIGHTS
from runs.engine.start import RunOptions, run_start
from runs.states import Pacing
from tests.acceptance.fleet import Fleet, wait_until_ended
from tests.integration.engine.world import project_make
from tests.redis_servers import AS_USER, server

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_with_no_more_rights_does_its_work(fleet: Fleet, tmp_path: Path) -> None:
    port = free_port()
    rights = f"~{redis.prefix()}* allchannels {RIGHTS}"
    lines = (f"port {port}", "user default off", f"user ada on >p@ss/word {rights}")
    url = f"redis://{AS_USER}@127.0.0.1:{port}/0"
    with scratch() as home, Supervisor(lambda *_: None, signals=False) as supervisor:
        supervisor.start(server(url, home / "redis", *lines))
        fleet.environment["REDIS_URL"] = url
        worker = fleet.start()
        # Its messages go to the suite's own Redis: the worker sends them again, to its own.
        run = run_start(
            project=project_make(epics=3),
            user=User.objects.get(username="ada"),
            options=RunOptions(pacing_profile=Pacing.ADAPTIVE),
        )
        wait_until_ended(run)
        assert not worker.find("broker lost|NoPermission")
    assert run.status == "SUCCEEDED"
