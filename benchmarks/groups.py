"""GROUPS: what a claim and a finish cost PostgreSQL, singly and in groups of several sizes.

No worker and no messages: this process moves the lanes of a run itself, each from its claim to its
end with the 8 stories of the memory provider, and looks at what PostgreSQL and it itself spend.
"""

import json
import time
from dataclasses import dataclass
from uuid import UUID

from django.utils.timezone import now

from batchgen.db import sql
from batchgen.db.ids import new_id
from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.memory_provider import ANSWER
from benchmarks.rows import Rows, spread
from runs.engine.claims import Claiming, LaneClaim, lane_claim, lanes_claim
from runs.engine.lanes import Fence, Finishing, lane_finish, lanes_finish
from runs.engine.outcomes import Outcome, Spend
from runs.engine.transitions import run_begin
from runs.models import Run, RunItem, Worker
from runs.states import ItemStatus, LaneState

_EPICS = 1000
_WARM_UP = 100
#: 0: by the statements for one lane.
_SIZES = (0, 1, 2, 5, 10, 50)
_WANTED = {5: 1.2, 50: 0.6}
_LEAST_REPEATS = 3
_SPEND = Spend(input_tokens=900, output_tokens=1200, request_id="req_memory")
#: As an attempt stores them, without their ids.
_STORIES = [
    {
        "order": order,
        "title": story["title"],
        "user_story": story["userStory"],
        "persona": story["persona"],
        "acceptance_criteria": story["acceptanceCriteria"],
        "technical_notes": None,
        "priority": story["priority"],
        "effort": story["effort"],
        "quality_score": 95,
        "defects": [],
    }
    for order, story in enumerate(json.loads(ANSWER)["stories"], start=1)
]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spent:
    """CPU milliseconds an epic, and epics a second."""

    postgresql: float
    here: float
    rate: float


def run(bench: Bench) -> Rows:
    """The sizes in turns, at least three times each."""
    repeats = 1 if bench.quick else max(bench.repeats, _LEAST_REPEATS)
    rounds = [{size: _measured(bench, size) for size in _SIZES} for _ in range(repeats)]
    columns = {size: [each[size] for each in rounds] for size in _SIZES}
    return Rows(
        name="GROUPS",
        title=f"a claim and a finish, {bench.epics(_EPICS)} of each size, CPU ms an epic",
        rows=[
            {
                "lanes in a group": size or "single statements",
                "PostgreSQL": spread([each.postgresql for each in found]),
                "client": spread([each.here for each in found]),
                "epics/s": spread([each.rate for each in found], 0),
            }
            for size, found in columns.items()
        ],
        notes=[f"wanted of PostgreSQL at {size}: at most {ms}" for size, ms in _WANTED.items()],
    )


def _measured(bench: Bench, size: int) -> _Spent:
    bench.empty()
    epics = bench.epics(_EPICS)
    run = runs.start(project_create(epics=_WARM_UP + epics), lanes=size or 1)
    run_begin(run_id=run.id)
    worker = Worker.objects.create(name="w1@groups", concurrency=1, lease_until=now())
    fences = _moved(_sent(run), worker.id, size, epics=_WARM_UP)
    postgresql = bench.servers()["PostgreSQL"]
    before, cpu, began = postgresql.cpu_s(), time.process_time(), time.perf_counter()
    _moved(fences, worker.id, size, epics=epics - (size or 1))
    return _Spent(
        postgresql=(postgresql.cpu_s() - before) * 1000 / epics,
        here=(time.process_time() - cpu) * 1000 / epics,
        rate=epics / (time.perf_counter() - began),
    )


def _sent(run: Run) -> list[Fence]:
    """The fences of a run's lanes, all of which were sent."""
    items = RunItem.objects.filter(run=run, lane__state=LaneState.SENT).select_related("lane")
    return [
        Fence(
            lane_id=item.lane.pk,
            fencing_token=item.lane.fencing_token,
            item_id=item.pk,
            kind=item.kind,
        )
        for item in items
        if item.lane
    ]


def _moved(fences: list[Fence], worker_id: UUID, size: int, *, epics: int) -> list[Fence]:
    """Claim and finish so many epics; the lanes' next fences."""
    for _ in range(0, epics, size or 1):
        claiming = [Claiming(fence=fence, call_id=new_id()) for fence in fences]
        if size:
            claims = sql.run(lanes_claim(claiming, worker_id=worker_id))
        else:
            claims = [sql.run(lane_claim(claiming[0], worker_id=worker_id))]
        finishing = [_end(claim) for claim in claims if claim]
        moved = sql.run(lanes_finish(finishing)) if size else [sql.run(lane_finish(finishing[0]))]
        fences = [Fence(**{name: row[name] for name in Fence.__slots__}) for row in moved if row]
    return fences


def _end(claim: LaneClaim) -> Finishing:
    stories = [{**story, "id": str(new_id())} for story in _STORIES]
    return Finishing(
        fence=claim.fence,
        call_id=claim.call_id,
        outcome=Outcome(
            status=ItemStatus.COMPLETED,
            message=f"[{claim.code}] Completed: 8 stories",
            result={"stories": stories, "prompt_revision": 0},
            stage_ms={"validation": 1, "component-generation": 2, "storage": 1},
        ),
        spend=_SPEND,
        park_s=0,
    )
