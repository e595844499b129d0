"""Web processes on the test's database and Redis."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles

if TYPE_CHECKING:
    from tests.acceptance.live.web import Starter, Web
    from tests.integration.engine.world import World


@pytest.fixture
def empty_redis(transactional_db: None) -> None:
    from batchgen.redis import client as redis

    redis.client().flushdb()


@pytest.fixture
def starter(empty_redis: None, tmp_path: Path) -> "Iterator[Starter]":
    """Starts web processes of the test's own: with other settings, to be stopped or measured."""
    from tests.acceptance.live.web import web_start

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


@pytest.fixture(scope="module")
def standing(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> "Iterator[Web]":
    """The file's web process, with the settings that it names `WEB`; nobody is signed in."""
    from django.contrib.auth.models import User

    from tests.acceptance.live.web import web_start

    with (
        closing(LogFiles(tmp_path_factory.mktemp("web"))) as logs,
        Supervisor(logs.line, signals=False) as supervisor,
    ):
        yield web_start(supervisor, User(), **getattr(request.module, "WEB", {}))


@pytest.fixture
def web(empty_redis: None, standing: "Web", world: "World") -> "Web":
    """One process for all tests of a file, which leave it as it is; signed in is `world`'s user."""
    user = world.run.project.created_by
    assert user is not None
    return standing.of(user)
