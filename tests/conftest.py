"""The suite's own PostgreSQL and Redis, and a provider simulator for the tests that want one.

Django's settings read the environment once, when pytest-django first asks for them. It does so
before any conftest when it is told the settings' name by the command line, the ini file or the
environment; so the name is set here, after the servers are up.
"""

import gc
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import django
import httpx2
import pytest
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from batchgen import env
from batchgen.local import stack
from batchgen.local.local_dir import scratch
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from tests.forks import forked_programs
from tests.pgbouncer import console, pgbouncer
from tests.redis_servers import tls_server

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling

    from tests.loops import Loop

_SERVERS = ExitStack()
_SETTINGS = "DJANGO_SETTINGS_MODULE"
#: Whatever the shell says, no test asks the real provider, or touches keys that are not its own.
_FIXED = {
    "ANTHROPIC_API_KEY": "none",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "BATCHGEN_REDIS_PREFIX": "batchgen-test:",
    **stack.UNLIMITED,
}


def pytest_configure(config: pytest.Config) -> None:
    """Start what the environment does not name, and point the environment at it."""
    if config.getoption("collectonly") or config.getoption("help"):
        os.environ.setdefault(_SETTINGS, "batchgen.settings")
        return
    if _SETTINGS in os.environ and not os.environ.get("DATABASE_URL"):
        raise pytest.UsageError(f"Unset {_SETTINGS}: the suite sets it after its servers are up.")
    if _only_distributes(config):
        return
    environment = stack.base_environment()
    directory = _SERVERS.enter_context(scratch())
    logs = LogFiles(directory / "log")
    _SERVERS.callback(logs.close)
    supervisor = _SERVERS.enter_context(Supervisor(logs.line, signals=False))
    if env.boolean("BATCHGEN_TEST_TLS", default=False):
        environment["REDIS_URL"] = _SERVERS.enter_context(tls_server(supervisor))
    _SERVERS.enter_context(stack.servers(supervisor, directory, environment, durable=False))
    environment["BATCHGEN_TEST_SERVER_URL"] = environment["DATABASE_URL"]
    environment["BATCHGEN_TEST_SERVER_LOG"] = str(directory / "log" / "postgres.log")
    if env.boolean("BATCHGEN_TEST_PGBOUNCER", default=False):
        pooler = _SERVERS.enter_context(pgbouncer(supervisor, environment["DATABASE_URL"]))
        environment.update(DATABASE_URL=pooler.url, BATCHGEN_DATABASE_POOLED="1")
    _SERVERS.enter_context(forked_programs())
    environment["BATCHGEN_EXPORT_DIR"] = str(directory / "exports")
    os.environ.update({**environment, **_FIXED, _SETTINGS: "batchgen.settings"})
    # pytest-django sets Django up right after this, if the settings are loaded by then.
    django.setup()
    settings.PASSWORD_HASHERS = ["tests.factories.QuickHasher"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadFileScheduling":
    """With `-n`: ours, whatever `--dist` says."""
    from tests.scheduling import Scheduling

    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `-n`: in an order that keeps the processes busy."""
    if hasattr(config, "workerinput"):
        from tests.scheduling import places

        files = [item.nodeid.partition("::")[0] for item in items]
        place = places(dict.fromkeys(files))
        items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], 0))


def _only_distributes(config: pytest.Config) -> bool:
    """Whether the tests run in processes below this one (`-n`), each with servers of its own.

    Raises:
        pytest.UsageError: the environment names servers, which those processes would share.
    """
    if config.getoption("dist", "no") == "no" or not config.getoption("tx", []):
        return False
    if named := [name for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)]:
        raise pytest.UsageError(
            f"Unset {' and '.join(named)}, or leave out -n: tests that run at the same time need "
            "servers of their own."
        )
    return True


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is there by now stays to the end: no search for garbage goes through it again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers, also after Ctrl-C."""
    _SERVERS.close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """pytest-django's test database, emptied quickly, and free to be dropped at the end."""
    from django.test import TransactionTestCase

    from batchgen.db.pools import close_engine_pool
    from tests.database import rows_delete

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", rows_delete)
        yield
    close_engine_pool()
    cast("DatabaseWrapper", connections["default"]).close_pool()
    if settings.DATABASE_POOLED:
        # The pooler's connections to the database would keep it from being dropped.
        console(settings.DATABASE_URL, f'KILL "{connections["default"].settings_dict["NAME"]}"')


@pytest.fixture
def loop() -> Iterator["Loop"]:
    """An event loop of the test's own, as the engine has one."""
    from tests.loops import running_loop

    with running_loop() as loop:
        yield loop


class Simulator:
    """A running provider simulator, and its control endpoint."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx2.Client(base_url=f"{url}/_sim/", trust_env=False, timeout=10)

    def config(self, **values: Any) -> Any:
        """Change its latency, limits or seed."""
        return self._post("config", values)

    def faults(self, faults: list[dict[str, Any]]) -> Any:
        """Script the faults it answers with, instead of those it had."""
        return self._post("faults", faults)

    def reset(self) -> Any:
        """Forget calls, faults and configuration."""
        return self._post("reset", {})

    def stats(self) -> Any:
        """Every call so far."""
        return self._client.get("stats").raise_for_status().json()

    def advance(self, seconds: float) -> Any:
        """Move its clock; the batches that this ends have ended."""
        return self._post("clock", {"advance_s": seconds})

    def bill(self) -> Any:
        """What it charges for all since the reset."""
        return self._client.get("bill").raise_for_status().json()

    def usage(self, **query: Any) -> Any:
        """The bill's lines, the first thousand or those that the query asks for."""
        return self._client.get("usage", params=query).raise_for_status().json()["data"]

    def close(self) -> None:
        """Close the connections to it."""
        self._client.close()

    def _post(self, name: str, body: Any) -> Any:
        # As ASCII: a script may hold halves of characters.
        return self._client.post(name, content=json.dumps(body)).raise_for_status().json()


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulator process for the whole session, without latency; reset it before counting."""
    logs = LogFiles(Path(tmp_path_factory.mktemp("simulator")))
    with Supervisor(logs.line, signals=False) as supervisor:
        child = stack.simulator(stack.base_environment(), latency_ms=0)
        running = Simulator(stack.simulator_url(supervisor.start(child)))
        yield running
        running.close()
    logs.close()
