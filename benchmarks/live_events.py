"""LIVE: 200 clients follow one run in which something is committed ten times a second.

First they stay, then each hangs up 20 times and comes back with its last id. A client in the
browser's place is a process of its own; the web process and the servers share the machine with it.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from django.db import connection

from batchgen.local import stack
from batchgen.local.local_dir import free_port, scratch
from batchgen.redis import client as redis
from benchmarks import live_work
from benchmarks.bench import Bench
from benchmarks.live_clients import Task
from benchmarks.processes import Tree
from benchmarks.rows import Rows, Value, side_by_side

_CLIENTS = 200
_CUTS = 20
_EVENTS_PER_S = 10
_SECONDS = 30
_CUT_SECONDS = 120
_EPICS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Phase:
    """What the clients saw, and what it cost."""

    #: When each `code status` was committed.
    committed: dict[str, float]
    seen: list[dict[str, Any]]
    #: How late the clients' process was by itself: the machine's share in the lags.
    delays_ms: list[float]
    web_cpu: float
    connections: int
    connections_before: int
    redis_connections: int

    def back_ms(self) -> list[float]:
        """From asking for the stream to its first bytes."""
        return [each * 1000 for client in self.seen for each in client["back_s"]]

    def lost(self) -> int:
        """Lines that a client should have had between its first and the last of all."""
        last = max(seq for client in self.seen for seq, _ in client["lines"])
        return sum(
            last - client["lines"][0][0] + 1 - len({seq for seq, _ in client["lines"]})
            for client in self.seen
        )


def run(bench: Bench) -> Rows:
    """Both phases, on one run."""
    share = 10 if bench.quick else 1
    cuts = _CUTS // share
    tasks = {"staying": (_SECONDS, 0), f"{cuts} reconnects each": (_CUT_SECONDS, cuts)}
    followed = live_work.running(epics=_EPICS)
    work = live_work.commits(followed)
    phases = {}
    port = free_port()
    with bench.process(stack.web(bench.environment, "127.0.0.1", port)) as web, scratch() as place:
        url = f"{stack.address('127.0.0.1', port)}/api/v1/runs/{followed.id}/events"
        for name, (seconds, cuts) in tasks.items():
            task = Task(
                url=url,
                token=live_work.token(),
                clients=_CLIENTS,
                cuts=cuts,
                seconds=seconds / share,
                out=str(place / f"{name}.json"),
            )
            phases[name] = _phase(bench, task, work, web)
    return Rows(
        name="LIVE",
        title=f"{_CLIENTS} clients on one run of {_EPICS} epics, {_EVENTS_PER_S} commits/s",
        rows=side_by_side("figure", {name: _figures(phase) for name, phase in phases.items()}),
        notes=["p99 wanted: below 100 ms; lost, repeated, refused: none"],
    )


def _phase(bench: Bench, task: Task, work: Iterator[tuple[str, float]], web: Tree) -> _Phase:
    before = _connections()
    with live_work.clients(bench, task):
        began, cpu = time.monotonic(), web.cpu_s()
        committed = live_work.paced(work, per_s=_EVENTS_PER_S, seconds=task.seconds)
        web_cpu = (web.cpu_s() - cpu) / (time.monotonic() - began)
        held, redis_held = _connections(), len(redis.client().client_list())
    return _Phase(
        committed=committed,
        **json.loads(Path(task.out).read_text()),
        web_cpu=web_cpu,
        connections=held,
        connections_before=before,
        redis_connections=redis_held,
    )


def _connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        (count,) = cursor.fetchone()
    return int(count)


def _figures(phase: _Phase) -> dict[str, Value]:
    lags = live_work.lags_ms(phase.committed, phase.seen)
    cuts = quantiles(lags, n=100)
    return {
        "commit to client, p50, ms": cuts[49],
        "p99, ms": cuts[98],
        "most, ms": max(lags),
        "of it the clients' own delay, p50, ms": median(phase.delays_ms),
        "- delay, p99, ms": quantiles(phase.delays_ms, n=100)[98],
        "observed": len(lags),
        "request to first bytes, p50, ms": median(phase.back_ms()),
        "- p99, ms": quantiles(phase.back_ms(), n=100)[98],
        "lost": phase.lost(),
        "repeated": sum(live_work.repeated(client["ids"]) for client in phase.seen),
        "resets": sum(client["resets"] for client in phase.seen),
        "refused": sum(client["refused"] for client in phase.seen),
        "connections of clients": sum(client["connections"] for client in phase.seen),
        "PostgreSQL connections before": phase.connections_before,
        "- with the streams open": phase.connections,
        "Redis connections, all": phase.redis_connections,
        "web process, share of a core": phase.web_cpu,
    }
