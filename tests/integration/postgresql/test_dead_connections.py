"""What a restarted server leaves in the pool is no one's trouble."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import cast
from unittest.mock import patch

import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from batchgen.db.postgresql import base
from batchgen.db.postgresql.base import DatabaseWrapper

pytestmark = pytest.mark.django_db(transaction=True)

_AT_ONCE = 6


def _answer(barrier: Barrier) -> int:
    try:
        # Behind a pooler a transaction has a server connection to itself, and nothing else has.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
            barrier.wait(20)
            return int(pid)
    finally:
        connection.close()


def test_a_pool_of_dead_connections_answers_at_the_first_request() -> None:
    connection.close()
    barrier = Barrier(_AT_ONCE)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        pids = list(threads.map(_answer, [barrier] * _AT_ONCE))
    assert len(set(pids)) == _AT_ONCE
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid "
            "WHERE pid <> pg_backend_pid()",
            [pids],
        )
    connection.close()
    assert _answer(Barrier(1))


def _round_trips(seconds_ago: float) -> int:
    """Those that it costs to take a connection that was used so long ago."""
    connection.close()
    wrapper = cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])
    wrapper.close_pool()
    # A new pool has one connection; asked before that stands, it makes a second.
    wrapper.pool.open(wait=True)
    connection.ensure_connection()
    used = connection.connection
    connection.close()
    base._used_at[used] = time.monotonic() - seconds_ago
    with (
        patch.object(base, "_GOOD_FOR_S", 60.0),
        patch.object(base, "_answers", wraps=base._answers) as answers,
    ):
        connection.ensure_connection()
    return answers.call_count


@pytest.mark.skipif(settings.DATABASE_POOLED, reason="the server's connection may be another one")
def test_a_connection_that_was_just_used_is_asked_nothing() -> None:
    assert _round_trips(0) == 0
    assert _round_trips(120) == 1
