"""LIVE: 200 clients follow one run in which something is committed ten times a second.

First they stay, then each hangs up 20 times and comes back with its last id. A client in the
browser's place is a process of its own; the web process and the servers share the machine with it.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice, pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.utils.timezone import now
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.db import sql
from batchgen.db.ids import new_id
from batchgen.local import stack
from batchgen.local.child import Child, logged
from batchgen.local.local_dir import free_port, scratch
from batchgen.redis import client as redis
from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import ROOT, Bench, python
from benchmarks.live_clients import Task
from benchmarks.processes import Tree
from benchmarks.rows import Rows, Value, side_by_side
from runs.engine.claims import Claiming, lane_claim
from runs.engine.lanes import Fence, Finishing, lane_finish
from runs.engine.outcomes import Outcome, Spend
from runs.models import Lane, Run, RunItem, Worker
from runs.states import ItemStatus, LaneState

_CLIENTS = 200
_CUTS = 20
_EVENTS_PER_S = 10
_SECONDS = 30
_CUT_SECONDS = 120
_EPICS = 1000
_LANES = 10


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

    def lags_ms(self) -> list[float]:
        """From the commit to each client that was connected then."""
        return [
            (at - self.committed[what]) * 1000
            for client in self.seen
            for what, at, since in client["epics"]
            if since < self.committed.get(what, 0) <= at
        ]

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

    def repeated(self) -> int:
        """Events, by their ids, that a client got twice or out of order."""
        places = [
            [tuple(map(int, each.split("-"))) for each in client["ids"]] for client in self.seen
        ]
        return sum(after <= before for ids in places for before, after in pairwise(ids))


def run(bench: Bench) -> Rows:
    """Both phases, on one run."""
    share = 10 if bench.quick else 1
    cuts = _CUTS // share
    tasks = {"staying": (_SECONDS, 0), f"{cuts} reconnects each": (_CUT_SECONDS, cuts)}
    work = _work(runs.start(project_create(epics=_EPICS), lanes=_LANES))
    first = next(work)
    phases = {}
    port = free_port()
    with bench.process(stack.web(bench.environment, "127.0.0.1", port)) as web, scratch() as place:
        url = f"{stack.address('127.0.0.1', port)}/api/v1/runs/{first}/events"
        for name, (seconds, cuts) in tasks.items():
            task = Task(
                url=url,
                token=_token(),
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
        notes=["p99 wanted: below 100 ms; lost and repeated: none"],
    )


def _phase(bench: Bench, task: Task, work: Iterator[Any], web: Tree) -> _Phase:
    before = _connections()
    clients = Child(
        name="live-clients",
        argv=python("benchmarks.live_clients", json.dumps(asdict(task))),
        cwd=ROOT,
        ready=logged("ready"),
    )
    committed: dict[str, float] = {}
    with bench.process(clients):
        began, cpu = time.monotonic(), web.cpu_s()
        count = int(task.seconds * _EVENTS_PER_S)
        for number, (what, at) in enumerate(islice(work, count)):
            committed[what] = at
            time.sleep(max(0.0, began + (number + 1) / _EVENTS_PER_S - time.monotonic()))
        web_cpu = (web.cpu_s() - cpu) / (time.monotonic() - began)
        held, redis_held = _connections(), len(redis.client().client_list())
        out = Path(task.out)
        runs.await_count(lambda: int(out.exists()), 1)
    return _Phase(
        committed=committed,
        **json.loads(out.read_text()),
        web_cpu=web_cpu,
        connections=held,
        connections_before=before,
        redis_connections=redis_held,
    )


def _work(run: Run) -> Iterator[Any]:
    """The run's id, then one commit at a time: an epic is claimed, then finished."""
    worker = Worker.objects.create(name="w1@live", concurrency=_LANES, lease_until=now())
    Run.objects.filter(id=run.id).update(status="RUNNING", started_at=now())
    yield run.id
    fences = {
        lane.id: Fence(
            lane_id=lane.id,
            fencing_token=lane.fencing_token,
            item_id=RunItem.objects.get(lane=lane, status=ItemStatus.PENDING).id,
            kind="stories",
        )
        for lane in Lane.objects.filter(run=run, state=LaneState.SENT)
    }
    for lane_id in cycle(list(fences)):
        fence, call_id = fences[lane_id], new_id()
        claiming = Claiming(fence=fence, call_id=call_id)
        claimed = sql.run(lane_claim(claiming, worker_id=worker.id))
        at = time.monotonic()
        assert claimed is not None
        code = claimed.code
        yield f"{code} {ItemStatus.GENERATING}", at
        done = Outcome(
            status=ItemStatus.COMPLETED, message=f"[{code}] Completed", result={"stories": []}
        )
        finishing = Finishing(fence=fence, call_id=call_id, outcome=done, spend=Spend(), park_s=0)
        moved = sql.run(lane_finish(finishing))
        at = time.monotonic()
        assert moved is not None
        names = ("lane_id", "fencing_token", "item_id", "kind")
        fences[lane_id] = Fence(**{name: moved[name] for name in names})
        yield f"{code} {ItemStatus.COMPLETED}", at


def _connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        (count,) = cursor.fetchone()
    return int(count)


def _token() -> str:
    user, _ = User.objects.get_or_create(username="bench-live", defaults={"is_staff": True})
    return str(AccessToken.for_user(user))


def _figures(phase: _Phase) -> dict[str, Value]:
    lags = phase.lags_ms()
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
        "repeated": phase.repeated(),
        "resets": sum(client["resets"] for client in phase.seen),
        "connections of clients": sum(client["connections"] for client in phase.seen),
        "PostgreSQL connections before": phase.connections_before,
        "- with the streams open": phase.connections,
        "Redis connections, all": phase.redis_connections,
        "web process, share of a core": phase.web_cpu,
    }
