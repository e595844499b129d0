"""What happens to a run that somebody follows: one commit after the other, at a pace."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.utils.timezone import now
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.db import sql
from batchgen.db.ids import new_id
from batchgen.local.child import Child, logged
from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import ROOT, Bench, python
from benchmarks.live_clients import Task
from runs.engine.claims import Claiming, lane_claim
from runs.engine.lanes import Fence, Finishing, lane_finish
from runs.engine.outcomes import Outcome, Spend
from runs.models import Lane, Run, RunItem, Worker
from runs.states import ItemStage, ItemStatus, LaneState

LANES = 10
#: {what happened: when it was committed, by the clock that all processes of a machine share}.
Committed = dict[str, float]


def running(*, epics: int) -> Run:
    """A run that goes on, of a worker that is this process."""
    run = runs.start(project_create(epics=epics), lanes=LANES)
    Run.objects.filter(id=run.id).update(status="RUNNING", started_at=now())
    return run


def commits(run: Run, *, places: int = 0) -> Iterator[tuple[str, float]]:
    """`code status` and when: an epic is claimed, comes so many places further, each of them a
    commit (`code status percent`), and is finished. The lanes take turns."""
    worker = Worker.objects.create(name="w1@live", concurrency=LANES, lease_until=now())
    lanes = Lane.objects.filter(run=run, state=LaneState.SENT)
    work = [_lane(worker, _fence(lane), places) for lane in lanes]
    return (next(each) for each in cycle(work))


def _fence(lane: Lane) -> Fence:
    item = RunItem.objects.get(lane=lane, status=ItemStatus.PENDING)
    return Fence(lane_id=lane.id, fencing_token=lane.fencing_token, item_id=item.id, kind="stories")


def _lane(worker: Worker, fence: Fence, places: int) -> Iterator[tuple[str, float]]:
    """One epic after the other."""
    while True:
        call_id = new_id()
        claiming = Claiming(fence=fence, call_id=call_id)
        claimed = sql.run(lane_claim(claiming, worker_id=worker.id))
        at = time.monotonic()
        assert claimed is not None
        code = claimed.code
        yield f"{code} {ItemStatus.GENERATING}", at
        for percent in range(5, 95, 90 // places) if places else ():
            reached = {"stage": ItemStage.COMPONENT_GENERATION, "stage_percent": percent}
            RunItem.objects.filter(id=fence.item_id).update(**reached)
            yield f"{code} {ItemStatus.GENERATING} {percent}", time.monotonic()
        done = Outcome(
            status=ItemStatus.COMPLETED, message=f"[{code}] Completed", result={"stories": []}
        )
        finishing = Finishing(fence=fence, call_id=call_id, outcome=done, spend=Spend(), park_s=0)
        moved = sql.run(lane_finish(finishing))
        at = time.monotonic()
        assert moved is not None
        names = ("lane_id", "fencing_token", "item_id", "kind")
        fence = Fence(**{name: moved[name] for name in names})
        yield f"{code} {ItemStatus.COMPLETED}", at


def paced(work: Iterator[tuple[str, float]], *, per_s: float, seconds: float) -> Committed:
    """Do so much of it at this pace."""
    committed: Committed = {}
    began = time.monotonic()
    for number, (what, at) in enumerate(islice(work, int(seconds * per_s))):
        committed[what] = at
        time.sleep(max(0.0, began + (number + 1) / per_s - time.monotonic()))
    return committed


@contextmanager
def clients(bench: Bench, task: Task) -> Iterator[None]:
    """Follow the run in the block, which takes as long as the task; its file is there afterwards.

    Raises:
        ChildFailedError: they could not connect.
    """
    child = Child(
        name="live-clients",
        argv=python("benchmarks.live_clients", json.dumps(asdict(task))),
        cwd=ROOT,
        ready=logged("ready"),
    )
    with bench.process(child):
        yield
        runs.await_count(lambda: int(Path(task.out).exists()), 1)


def lags_ms(committed: Mapping[str, float], seen: Sequence[Mapping[str, Any]]) -> list[float]:
    """From a commit to each client (`live_clients.Seen`) that was connected then."""
    lags = []
    for client in seen:
        first: dict[str, float] = {}
        for what, at, since in client["epics"]:
            if since < committed.get(what, 0) <= at:
                first.setdefault(what, at)
        lags += [(at - committed[what]) * 1000 for what, at in first.items()]
    return lags


def repeated(ids: Sequence[str]) -> int:
    """How many of the events with these ids came twice or out of order."""
    places = [tuple(map(int, each.split("-"))) for each in ids]
    return sum(after <= before for before, after in pairwise(places))


def token() -> str:
    """Of somebody who sees every run."""
    user, _ = User.objects.get_or_create(username="bench-live", defaults={"is_staff": True})
    return str(AccessToken.for_user(user))
