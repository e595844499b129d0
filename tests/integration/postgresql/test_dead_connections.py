"""What a restarted server leaves in the pool is no one's trouble."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

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
            "SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid "
            "WHERE pid <> pg_backend_pid()",
            [pids],
        )
    connection.close()
    assert _answer(Barrier(1))
