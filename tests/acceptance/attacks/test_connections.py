"""Connections that say nothing, half of something, or far too much."""

import httpx2
import psutil
import pytest

from benchmarks.attackers import HALF_HEAD
from tests.acceptance.attacks.clients import connections, opened
from tests.acceptance.fleet import wait_for
from tests.acceptance.live.web import Starter, Web
from tests.factories import project_make, user_make
from tests.integration.engine.world import World

pytestmark = pytest.mark.slow


def sees_projects(web: Web) -> bool:
    """Whether somebody else signs in and reads."""
    credentials = {"username": "other", "password": "secret"}
    url = f"{web.url}/api/v1"
    with httpx2.Client(trust_env=False, timeout=10) as client:
        tokens = client.post(f"{url}/auth/token", json=credentials).json()["data"]
        sign_in = {"Authorization": f"Bearer {tokens['access']}"}
        found = client.get(f"{url}/projects", headers=sign_in).json()["data"]
    return [project["name"] for project in found] == ["Tides"]


def test_silence_and_half_heads_keep_nobody_out(starter: Starter, world: World) -> None:
    web = starter(world, BATCHGEN_CONNECTIONS_PER_ADDRESS="100", BATCHGEN_HEAD_TIMEOUT_S="3")
    project_make(user_make("other"))
    with opened(web, *[HALF_HEAD, ""] * 300):
        assert sees_projects(web)
        assert connections(web) <= 100
        wait_for(lambda: connections(web) == 0, "all of them are closed", timeout_s=20)
        assert sees_projects(web)


def test_a_header_of_100_mb_is_not_kept(starter: Starter, world: World) -> None:
    web = starter(world)
    project_make(user_make("other"))
    process = psutil.Process(web.running.process.pid)
    before = process.memory_info().rss
    with opened(web, HALF_HEAD) as (client,), pytest.raises(ConnectionError):  # noqa: PT012 - one meets it
        for _ in range(100):
            client.sendall(b"x" * 1_000_000)
    assert process.memory_info().rss - before < 10_000_000
    assert sees_projects(web)
