"""What everything waits for, when work could go on and no call starts."""

import time
from collections.abc import Callable, Iterable, Sequence

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from redis import RedisError
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from batchgen.redis import client as redis
from limiter.keys import gate_keys
from providers.registry import limit_pool
from runs.engine.dispatch import message_id, messages_waiting
from tests.acceptance.faults.scene import Scene

#: Three times what the program is given to recover in, and nothing explains it any more.
STALL_S = 90.0
_LOOK_S = 0.5

_LANES = """
SELECT left(lane.run_id::text, 8), lane.index, lane.index < run.max_concurrency, lane.state,
       COALESCE(epic.code || ' ' || epic.status, '-'), lane.fencing_token,
       COALESCE(worker.name, '-'),
       round(extract(epoch FROM lane.wake_at - clock_timestamp())::numeric, 1),
       lane.wait_reason, lane.id
FROM runs_lane lane
JOIN runs_run run ON run.id = lane.run_id
LEFT JOIN runs_worker worker ON worker.id = lane.worker_id
LEFT JOIN runs_runitem epic ON epic.lane_id = lane.id AND epic.status IN ('PENDING', 'GENERATING')
WHERE run.completed_at IS NULL
ORDER BY run.created_at, lane.index
"""
_WORKERS = """
SELECT name, left(id::text, 8),
       round(extract(epoch FROM lease_until - clock_timestamp())::numeric, 1),
       stopped_at IS NOT NULL, round(clock_ahead_s::numeric, 1)
FROM runs_worker ORDER BY started_at DESC LIMIT 12
"""
_CLOSURES = """
SELECT gate, round(extract(epoch FROM until - clock_timestamp())::numeric, 1), reason
FROM runs_closure
"""
_RUNS = """
SELECT left(run.id::text, 8), run.status, run.max_concurrency, run.error_code,
       COUNT(*) FILTER (WHERE epic.status = 'PENDING'),
       COUNT(*) FILTER (WHERE epic.status = 'PENDING' AND epic.lane_id IS NULL),
       COUNT(*) FILTER (WHERE epic.status = 'GENERATING')
FROM runs_run run JOIN runs_runitem epic ON epic.run_id = run.id
WHERE run.completed_at IS NULL GROUP BY run.id
"""


class Stalled(AssertionError):
    """No call started for so long though one could; `picture` shows what everything waits for."""

    def __init__(self, seconds: float, picture: RenderableType) -> None:
        super().__init__(f"no call for {seconds:.0f} s though epics could go on")
        self.picture = picture


class Watchdog:
    """Ends a schedule in which nothing happens any more."""

    def __init__(self, scene: Scene, *, most_s: float = STALL_S) -> None:
        self._scene = scene
        self._most_s = most_s
        self._moved_at = self._looked_at = time.monotonic()

    def look(self) -> None:
        """Call it now and then while the program is left alone.

        Raises:
            Stalled: nothing has moved for too long.
        """
        now = time.monotonic()
        scene = self._scene
        if now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        if scene.bed.provider.starts_since(self._moved_at) or not scene.is_runnable():
            self._moved_at = now
        elif now - self._moved_at > self._most_s:
            raise Stalled(now - self._moved_at, picture(scene))


def picture(scene: Scene) -> RenderableType:
    """Runs, lanes, workers, gate and closures as they are; what cannot be asked says so."""
    return Group(
        _table("runs", ("run", "status", "lanes", "error", "pending", "free", "generating"), _RUNS),
        _lanes(),
        _table("workers", ("name", "id", "lease for s", "stopped", "clock ahead s"), _WORKERS),
        Text(f"processes: {', '.join(_processes(scene))}"),
        _gate(),
        _table("closures in PostgreSQL", ("gate", "for s", "reason"), _CLOSURES),
    )


def _lanes() -> RenderableType:
    try:
        waiting = messages_waiting()
    except RedisError as error:
        return Text(f"Redis is away: {error}")

    def told(row: Sequence[object]) -> Sequence[object]:
        *shown, lane_id = row
        name = message_id(int(str(lane_id)), int(str(row[5])))
        return [*shown, "yes" if name in waiting else "no"]

    columns = ("run", "lane", "in limit", "state", "epic", "fencing_token", "worker", "wakes in s")
    return _table("lanes", (*columns, "waits for", "message"), _LANES, told)


def _gate() -> RenderableType:
    name = limit_pool(settings.MODEL)
    table = Table(title=f"gate {name}")
    table.add_column("field")
    table.add_column("value", justify="right")
    try:
        client = redis.client()
        seconds, micros = client.time()
        for field, value in sorted(client.hgetall(gate_keys(name)[0]).items()):
            table.add_row(_text(field), _text(value))
    except RedisError as error:
        return Text(f"Redis is away: {error}")
    table.add_row("(now)", f"{seconds + micros / 1e6:.6f}")
    return table


def _text(said: bytes | str) -> str:
    return said.decode() if isinstance(said, bytes) else said


def _processes(scene: Scene) -> Iterable[str]:
    for worker in scene.bed.workers.values():
        clock = f", clock {worker.clock_step_s:+.0f} s" if worker.clock_step_s else ""
        yield f"{worker.name} {'runs' if worker.is_alive() else 'is dead'}{clock}"


def _table(
    title: str,
    columns: Sequence[str],
    sql: str,
    told: Callable[[Sequence[object]], Sequence[object]] = lambda row: row,
) -> RenderableType:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, overflow="fold")
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            for row in cursor.fetchall():
                table.add_row(*("-" if value is None else str(value) for value in told(row)))
    except DatabaseError as error:
        close_old_connections()
        return Text(f"PostgreSQL is away: {error}")
    return table
