"""The suite's own PostgreSQL and Redis, and a provider simulator for the tests that want one.

Django's settings read the environment once, when pytest-django first asks for them. It does so
before any conftest when it is told the settings' name by the command line, the ini file or the
environment; so the name is set here, after the servers are up.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import django
import httpx2
import pytest
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from batchgen.local import stack
from batchgen.local.place import scratch
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles

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
    environment = stack.base_environment()
    directory = _SERVERS.enter_context(scratch())
    logs = LogFiles(directory / "log")
    _SERVERS.callback(logs.close)
    supervisor = _SERVERS.enter_context(Supervisor(logs.line, signals=False))
    _SERVERS.enter_context(stack.servers(supervisor, directory, environment, durable=False))
    os.environ.update({**environment, **_FIXED, _SETTINGS: "batchgen.settings"})
    # pytest-django sets Django up right after this, if the settings are loaded by then.
    django.setup()
    settings.PASSWORD_HASHERS = ["tests.factories.QuickHasher"]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers, also after Ctrl-C."""
    _SERVERS.close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """pytest-django's test database, emptied quickly, and free to be dropped at the end."""
    from django.test import TransactionTestCase

    from batchgen.sql import close_engine_pool
    from tests.database import rows_delete

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", rows_delete)
        yield
    close_engine_pool()
    cast("DatabaseWrapper", connections["default"]).close_pool()


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

    def close(self) -> None:
        """Close the connections to it."""
        self._client.close()

    def _post(self, name: str, body: Any) -> Any:
        return self._client.post(name, json=body).raise_for_status().json()


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
