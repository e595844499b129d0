"""Migrations while the program works: one process at a time, and no long wait for a table.

A statement that alters a table waits for everybody who reads or writes it, and everybody who comes
later waits behind it. So it gives up soon, the migration is undone, and it is tried again when
others had their turn; whoever was waited for is told of by name.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections

from batchgen.db.postgresql import compatibility
from batchgen.db.postgresql.base import DatabaseWrapper

Say = Callable[[str], None]

#: Of tries, the first among them, and the time between two.
TRIES = 10
_PAUSE_S = 2.0
#: The advisory lock that one process holds while it migrates.
_LOCK = 7104
_LOOK_S = 0.1
_MOST_QUERY_CHARACTERS = 60
#: The program's own statements lock tables in these modes alone: who waits for another migrates.
_HOLDERS = """
SELECT waiting.relation::regclass::text, holder.pid, holder.usename, holder.application_name,
    holder.client_addr::text, holder.state,
    extract(epoch FROM clock_timestamp() - holder.xact_start)::float, holder.query
FROM pg_locks waiting
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
JOIN pg_stat_activity holder ON holder.pid = blocking.pid
WHERE NOT waiting.granted AND waiting.locktype = 'relation'
  AND waiting.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND waiting.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
ORDER BY holder.xact_start
LIMIT 1
"""


class TableKept(Exception):
    """Somebody had a table at every try. The message says who, and what to do."""


@contextmanager
def one_at_a_time(say: Say) -> Iterator[None]:
    """Hold the right to migrate; wait for whoever has it.

    A transaction that does nothing else has it: so it also holds behind a transaction pooler, and
    ends with the process.

    Raises:
        psycopg.Error: PostgreSQL is away.
    """
    with compatibility.connect() as holding, holding.transaction():
        # It says nothing while others' connections migrate, however long that takes.
        holding.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        (mine,) = _row(holding, f"SELECT pg_try_advisory_xact_lock({_LOCK})")
        if not mine:
            say("Another `manage.py migrate` is under way. Waiting for its end.")
            holding.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
        yield


def patiently(migrate: Callable[[], object], *, wait_s: float, say: Say) -> None:
    """Migrate with waits of so many seconds for a table, and again where one was too short.

    Raises:
        TableKept: at every try.
    """
    with _waits(wait_s):
        for tried in range(1, TRIES + 1):
            watch = _Watch(say)
            try:
                with watch:
                    migrate()
                return
            except OperationalError as error:
                if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                    raise
                kept = f"A table was not to be had within {wait_s:g} s. {watch.told}".strip()
                if tried == TRIES:
                    raise TableKept(
                        f"{kept} The migration that wanted it is undone; those before it are "
                        "applied. End what has the table, and run this again: it goes on there."
                    ) from error
            say(f"{kept} The migration is undone, and tried again in {_PAUSE_S:g} s.")
            time.sleep(_PAUSE_S)


@contextmanager
def _waits(wait_s: float) -> Iterator[None]:
    """This process's sessions wait so long for a lock."""
    session = connection.settings_dict["SESSION"]
    before = session["lock_timeout"]
    try:
        _session_with(session, str(round(wait_s * 1000)))
        with connection.execute_wrapper(_beside):
            yield
    finally:
        _session_with(session, before)


def _session_with(session: dict[str, str], lock_timeout: str) -> None:
    session["lock_timeout"] = lock_timeout
    connection.close()
    cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS]).close_pool()


def _beside(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """What is made beside everybody's work waits for all who began before, and nobody for it."""
    session, pooled = (connection.settings_dict[name] for name in ("SESSION", "POOLED"))
    # Such a statement has no settings behind a pooler, where a SET would reach others.
    if pooled or "CONCURRENTLY" not in sql:
        return execute(sql, params, many, context)
    execute("SET lock_timeout = 0", None, False, context)
    try:
        return execute(sql, params, many, context)
    finally:
        execute(f"SET lock_timeout = {int(session['lock_timeout'])}", None, False, context)


class _Watch:
    """Tells once for whom a migration waits, while it does: afterwards nobody knows."""

    def __init__(self, say: Say) -> None:
        self.told = ""
        self._say = say
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="migration watch", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        with suppress(psycopg.Error), compatibility.connect() as looking:
            while not self._over.wait(_LOOK_S):
                row = looking.execute(_HOLDERS.encode()).fetchone()
                if row is not None and not self.told:
                    self.told = _holder(row)
                    self._say(self.told)


def _holder(row: tuple[Any, ...]) -> str:
    table, pid, user, application, address, state, seconds, query = row
    begun = " ".join(query.split())[:_MOST_QUERY_CHARACTERS]
    return (
        f"{table} is held by process {pid} of PostgreSQL ({application or 'unnamed'}, as {user}, "
        f"from {address or 'this host'}): {state} for {seconds or 0:.0f} s, last with “{begun}”."
    )


def _row(connection: psycopg.Connection, sql: str) -> Any:
    return connection.execute(sql.encode()).fetchone()
