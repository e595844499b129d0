"""Groups and all that they meet take rows in one order: nobody ever waits for each other."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from batchgen.db.pools import close_engine_pool
from epics.models import Epic
from tests.acceptance.fleet import wait_for
from tests.integration.engine.crowd import GO_ON, Crowd
from tests.integration.postgresql.conftest import server
from tests.integration.postgresql.ways import in_loop

pytestmark = pytest.mark.django_db(transaction=True)

_ROUNDS = int(os.environ.get("CROWD_ROUNDS", "150"))
#: Of waits; in the suite a machine may be too busy to be quick.
_LONG_S = 0.1 if "CROWD_ROUNDS" in os.environ else 2.0
#: Of the server's log, from a deadlock on.
_TOLD_LINES = 200
_SEED = os.environ.get("CROWD_SEED", "16")


@pytest.fixture
def admin(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """Of a server that looks for deadlocks long before a group gives a lock up."""
    with psycopg.connect(server(), autocommit=True) as opened:
        opened.execute("ALTER SYSTEM SET deadlock_timeout = '10ms'")
        opened.execute("SELECT pg_reload_conf()")
        yield opened
        opened.execute("ALTER SYSTEM RESET deadlock_timeout")
        opened.execute("SELECT pg_reload_conf()")


def deadlocks(admin: psycopg.Connection[Any]) -> int:
    """That the server ended, once those who met them have told it: at their connections' end."""
    close_engine_pool()
    database = cast("DatabaseWrapper", connections["default"])
    database.close()
    database.close_pool()
    others = (
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    wait_for(lambda: admin.execute(others).fetchone() == (0,), "all connections are closed")
    row = admin.execute(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    assert row
    return int(row[0])


def _told_by_server() -> str:
    """Who waited for whom, with their statements; nothing where the server is not the suite's."""
    log = Path(os.environ.get("BATCHGEN_TEST_SERVER_LOG", os.devnull))
    lines = log.read_text().splitlines() if log.exists() else []
    found = (place for place, line in enumerate(lines) if "deadlock detected" in line)
    return "\n".join(line for place in found for line in lines[place : place + _TOLD_LINES])


def test_nobody_waits_for_each_other_and_every_counter_is_true(
    admin: psycopg.Connection[Any],
) -> None:
    before = deadlocks(admin)
    with in_loop() as way:
        crowd = Crowd(seed=_SEED, run=way.one)
        for number in range(_ROUNDS):
            crowd.round()
            if number % 10 == 9:
                crowd.check()
        crowd.end()
        crowd.check()
    assert crowd.worker.failed.keys() <= {"LockNotAvailable"}, crowd.worker.failed
    assert sum(crowd.done.values()) > _ROUNDS
    assert deadlocks(admin) == before, _told_by_server()


def test_an_edit_that_stays_open_holds_up_none_but_its_own(
    admin: psycopg.Connection[Any],
) -> None:
    """The rounds end though the edit does not; none of them waits for it for long."""
    with in_loop() as way, ThreadPoolExecutor(2) as threads:
        crowd = Crowd(seed=_SEED, run=way.one)
        epic = Epic.objects.filter(project__name="Library").order_by("order")[0]
        with psycopg.connect(server()) as person:
            person.execute("SELECT FROM epics_epic WHERE id = %s FOR UPDATE", [epic.pk])
            is_over = threading.Event()
            waits = threads.submit(_long_waits, person.info.backend_pid, is_over)
            ending = threads.submit(crowd.worker.finish_of(epic.pk))
            wait_for(lambda: crowd.worker.failed["LockNotAvailable"], "its group fails")
            for _ in range(_ROUNDS // 3):
                crowd.round(names=GO_ON)
            is_over.set()
            assert waits.result(10) == []
            assert not ending.done()
        ending.result(10)
        crowd.worker.edited.clear()
        crowd.end()
        crowd.check()


def _long_waits(person: int, is_over: threading.Event) -> list[str]:
    """Statements that wait for the person, or for who does, for long."""
    found: list[str] = []
    with psycopg.connect(server(), autocommit=True) as looking:
        while not is_over.wait(0.02):
            found += [row[0] for row in looking.execute(_LONG_WAITS, [_LONG_S, person])]
    return found


_LONG_WAITS = """
WITH RECURSIVE waiting AS (
    SELECT DISTINCT pid FROM pg_locks
    WHERE NOT granted AND waitstart < clock_timestamp() - make_interval(secs => %s)
), chain AS (
    SELECT pid, unnest(pg_blocking_pids(pid)) AS blocker FROM waiting
    UNION
    SELECT chain.pid, unnest(pg_blocking_pids(chain.blocker)) FROM chain
)
SELECT query FROM pg_stat_activity
WHERE pid IN (SELECT pid FROM chain WHERE blocker = %s)
"""
