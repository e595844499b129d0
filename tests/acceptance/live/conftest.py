"""Web processes on the test's database and Redis."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles

if TYPE_CHECKING:
    from tests.acceptance.live.web import Starter, Web
    from tests.integration.engine.world import World


@pytest.fixture
def starter(transactional_db: None, tmp_path: Path) -> "Iterator[Starter]":
    from batchgen.redis import client as redis
    from tests.acceptance.live.web import web_start

    redis.client().flushdb()
    logs = LogFiles(tmp_path / "log")
    with ExitStack() as opened:

        def start(world: "World", **settings: str) -> "Web":
            supervisor = opened.enter_context(Supervisor(logs.line, signals=False))
            user = world.run.project.created_by
            assert user is not None
            return web_start(supervisor, user, **settings)

        yield start
    logs.close()


@pytest.fixture
def world(transactional_db: None) -> "World":
    from tests.integration.engine.world import World

    return World.make(epics=40, lanes=4)


@pytest.fixture
def web(starter: "Starter", world: "World") -> "Web":
    return starter(world)
