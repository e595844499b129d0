"""What PostgreSQL and Redis counted, so that a workload can say what an epic needs of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.db import connection

from batchgen.redis import client as redis

#: The flow's own statements on the hot path: everything the tools do is left out.
_STATEMENTS = """
SELECT COALESCE(SUM(calls), 0)::float AS calls, COALESCE(SUM(total_exec_time), 0) AS exec_ms
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND query NOT LIKE '%%pg_stat%%' AND query NOT LIKE '%%benchmark%%'
"""
_DATABASE = """
SELECT xact_commit, tup_inserted + tup_updated + tup_deleted AS rows_written
FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counters:
    """Counts since the servers' start; the difference of two is what happened in between.

    A session tells PostgreSQL its commits when it ends, so read them while no worker runs.
    """

    commits: float
    rows_written: float
    messages: float
    redis_commands: float
    redis_reads: float

    def __sub__(self, earlier: "Counters") -> "Counters":
        return Counters(
            **{f.name: getattr(self, f.name) - getattr(earlier, f.name) for f in fields(self)}
        )

    def per(self, epics: int) -> dict[str, float]:
        """Each divided by the number of epics."""
        return {f.name: getattr(self, f.name) / epics for f in fields(self)}


def counters() -> Counters:
    """The counts now."""
    _row("SELECT pg_stat_force_next_flush() IS NULL")  # this session's own
    commits, rows_written = _row(_DATABASE)
    stats = _redis_info("stats")
    return Counters(
        commits=commits,
        rows_written=rows_written,
        messages=_redis_info("commandstats").get("cmdstat_lpush", {}).get("calls", 0),
        redis_commands=stats["total_commands_processed"],
        redis_reads=stats["total_reads_processed"],
    )


def statements() -> tuple[float, float]:
    """Statements executed since the servers' start, and the milliseconds that they took."""
    calls, exec_ms = _row(_STATEMENTS)
    return calls, exec_ms


def redis_used_bytes() -> int:
    """What Redis holds, its own overhead included."""
    return int(_redis_info("memory")["used_memory"])


def _redis_info(section: str) -> Mapping[str, Any]:
    info: Mapping[str, Any] = redis.client().info(section)
    return info


def _row(sql: str) -> tuple[float, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [])
        row: tuple[float, ...] | None = cursor.fetchone()
    assert row is not None
    return row
