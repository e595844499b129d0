"""A small world for the engine's tests: a project, a run, and steps that a worker would take."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils.timezone import now

from batchgen.db.ids import new_id
from content.run_types import RunType
from epics.models import Card, Epic, EpicCard, Project, Story
from epics.services import project_create
from runs.engine.lanes import Fence
from runs.engine.outcomes import Outcome, Spend
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_move
from runs.models import (
    Budget,
    Lane,
    LedgerLine,
    OpenTarget,
    ProviderCall,
    Run,
    RunAction,
    RunItem,
    Worker,
)
from runs.states import ACTIVE, ItemStatus, LaneState, RunStatus
from tests.integration.engine import hands
from tests.integration.engine.bench import Attempted, Bench
from workers.permits import FirstCall

#: What a message says of its epic's first call.
FIRST_CALL: dict[str, Any] = {
    "run": "00000000-0000-0000-0000-000000000000",
    "user": None,
    "weight": 1,
    "priority": "NORMAL",
    "provider": "simulator",
    "model": "claude-sonnet-5-5",
    "kind": "stories",
    "sizeKey": "0123456789ab",
    "cacheKey": "0123456789abcdef:standard:core",
    "inputTokens": 1200,
    "outputCap": 8000,
}
FIRST = FirstCall.of(FIRST_CALL)
SPEND = Spend(input_tokens=700, output_tokens=900, cost_usd=Decimal("0.0104"), request_id="req_1")


def project_make(*, epics: int = 3, name: str = "Library") -> Project:
    """A project whose epics have two cards each."""
    user, _ = User.objects.get_or_create(username="ada")
    project = project_create(user=user, fields={"name": name})
    cards = Card.objects.bulk_create(
        Card(
            project=project,
            code=f"C{i}",
            order=i,
            title="lend a book",
            persona="Reader",
            statement="As a Reader, I want to lend a book.",
            systems=["Desk"],
        )
        for i in range(2)
    )
    made = Epic.objects.bulk_create(
        Epic(project=project, code=f"E{i}", order=i, title=f"Lending {i}", description="Lending.")
        for i in range(1, epics + 1)
    )
    EpicCard.objects.bulk_create(
        EpicCard(epic=epic, card=card, order=i) for epic in made for i, card in enumerate(cards)
    )
    return project


def worker_make(name: str = "w1@test", *, lease_s: float = 60) -> Worker:
    """A registered worker."""
    return Worker.objects.create(
        name=name, concurrency=10, lease_until=now() + timedelta(seconds=lease_s)
    )


def stories_make(count: int = 2, *, title: str = "Lend") -> list[dict[str, object]]:
    """Rows as an attempt stores them."""
    return [
        {
            "id": str(new_id()),
            "order": i,
            "title": f"{title} {i}",
            "user_story": "As a reader, I want to lend a book, so that I can read it.",
            "persona": "Reader",
            "acceptance_criteria": ["Given a book, when lent, then mine."],
            "technical_notes": None,
            "priority": "high",
            "effort": "S",
            "quality_score": 95,
            "defects": [],
        }
        for i in range(1, count + 1)
    ]


@dataclass
class Step:
    """One claimed epic in a test's hands."""

    fence: Fence
    call_id: UUID
    code: str


@dataclass
class World:
    """A run with its lanes sent, and a worker."""

    run: Run
    worker: Worker
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def make(
        cls,
        *,
        epics: int = 3,
        lanes: int = 2,
        begin: bool = True,
        name: str = "Library",
        kind: str = RunType.GENERATE_ALL_STORIES,
    ) -> "World":
        project = project_make(epics=epics, name=name)
        one = kind == RunType.GENERATE_STORIES
        run = run_start(
            project=project,
            user=project.created_by,
            options=RunOptions(
                type=kind,
                pacing_profile="adaptive",
                max_concurrency=lanes,
                target_ids=[project.epics.get().pk] if one else None,
            ),
        )
        if begin:
            run_begin(run_id=run.id)
        return cls(run=run, worker=worker_make())

    def fences(self) -> list[Fence]:
        """What the messages that are under way name."""
        lanes = Lane.objects.filter(run=self.run, state=LaneState.SENT).order_by("index")
        return [
            Fence(
                lane_id=lane.id,
                fencing_token=lane.fencing_token,
                item_id=item.id,
                kind=item.kind,
            )
            for lane in lanes
            for item in RunItem.objects.filter(lane=lane, status=ItemStatus.PENDING)
        ]

    def claim(self, fence: Fence | None = None, *, holding: int | None = None) -> Step | None:
        """Take the fence's epic, or that of the first message; `holding` so many micro-dollars."""
        fence = fence or self.fences()[0]
        call_id = new_id()
        claim = hands.claim(
            fence=fence, worker_id=self.worker.id, call_id=call_id, held_micro_usd=holding
        )
        return Step(fence=fence, call_id=call_id, code=claim.code) if claim else None

    def finish(
        self,
        step: Step,
        *,
        status: ItemStatus = ItemStatus.COMPLETED,
        stories: int = 2,
        title: str = "Lend",
        park_s: float = 0,
        prompt_revision: int | None = None,
    ) -> dict[str, object] | None:
        """End a step as a worker would."""
        rows = stories_make(stories, title=title) if status == ItemStatus.COMPLETED else []
        return hands.finish(
            fence=step.fence,
            call_id=step.call_id,
            outcome=Outcome(
                status=status,
                message=f"[{step.code}] {status}",
                result={"stories": rows, "prompt_revision": prompt_revision},
                error_code="" if rows else "REFUSED",
                error="" if rows else "No.",
            ),
            spend=SPEND,
            park_s=park_s,
        )

    def epic(self, step: Step) -> RunItem:
        """The step's epic, read again."""
        return RunItem.objects.get(id=step.fence.item_id)

    def lane(self, step: Step) -> Lane:
        """The step's lane, read again."""
        return Lane.objects.get(id=step.fence.lane_id)


def attempt_make(world: World, bench: Bench) -> Attempted | None:
    """Begin an attempt at the first message's epic, as a worker does."""
    return bench.attempt(world.worker.id, world.fences()[0], FIRST)


def assert_counted(run: Run, *, kept: bool = True) -> None:
    """I3: what the lanes counted is what the rows say.

    Args:
        kept: no later run has replaced the run's stories.
    """
    epics = RunItem.objects.filter(run=run).aggregate(
        completed=Count("id", filter=Q(status="COMPLETED")),
        failed=Count("id", filter=Q(status="FAILED")),
        skipped=Count("id", filter=Q(status="SKIPPED")),
        cancelled=Count("id", filter=Q(status="CANCELLED")),
        created=Sum("created"),
        generating=Count("id", filter=Q(status="GENERATING")),
    )
    lanes = Lane.objects.filter(run=run).aggregate(
        **{name: Sum(name) for name in ("completed", "failed", "skipped", "cancelled", "created")},
        generating=Count("id", filter=Q(state="running")),
    )
    assert lanes == epics, (lanes, epics)
    if kept:
        assert lanes["created"] == Story.objects.filter(run_id=run.id).count()
    unknown = ProviderCall.objects.filter(item__run=run, input_tokens=None, outcome="ANSWERED")
    for model in (Lane, RunItem):
        counted = model.objects.filter(run=run).aggregate(n=Sum("unknown_calls"))["n"] or 0
        assert counted == unknown.count()
    for name in ("input_tokens", "output_tokens", "cost_usd"):
        booked = [
            model.objects.filter(**where).aggregate(n=Sum(name))["n"] or 0
            for model, where in (
                (Lane, {"run": run}),
                (RunItem, {"run": run}),
                (ProviderCall, {"item__run": run}),
            )
        ]
        assert len(set(booked)) == 1, (name, booked)
    assert_booked(run)


def assert_whole(run: Run) -> None:
    """It succeeded, and each item's epic has the stories that it counts, in their order."""
    assert run.status == RunStatus.SUCCEEDED
    items = RunItem.objects.filter(run=run)
    assert {item.status for item in items} == {ItemStatus.COMPLETED}
    for item in items:
        stories = Story.objects.filter(epic=item.target_id).order_by("order")
        assert [story.order for story in stories] == list(range(1, item.created + 1))
    assert_counted(run)


def lines_of(run: Run) -> "QuerySet[LedgerLine]":
    """The run's lines of the ledger, but those that others correct."""
    corrected = LedgerLine.objects.filter(corrects=OuterRef("id"))
    return LedgerLine.objects.filter(~Exists(corrected), run_id=run.id)


def assert_booked(run: Run) -> None:
    """The ledger, and the budgets, say what the calls' rows and the lanes do: at one moment, for
    what a worker that was killed had sent may be written still."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _assert_booked(run)


def _assert_booked(run: Run) -> None:
    calls = ProviderCall.objects.filter(item__run=run)
    made = calls.exclude(outcome__in=("STARTED", "NOT_MADE"))
    assert set(lines_of(run).values_list("call_id", flat=True)) == set(
        made.values_list("id", flat=True)
    )
    billed = lines_of(run).filter(certainty="billed")
    spent = billed.aggregate(n=Sum("cost_micro_usd"))["n"] or 0
    counted = Lane.objects.filter(run=run).aggregate(n=Sum("cost_usd"))["n"] or Decimal(0)
    assert spent == counted * 1_000_000
    for budget in Budget.objects.filter(run_id=run.id):
        possibly = lines_of(run).filter(certainty="possibly")
        held = calls.filter(outcome="STARTED").aggregate(n=Sum("held_micro_usd"))["n"] or 0
        assert (budget.spent_micro_usd, budget.held_micro_usd, budget.possibly_micro_usd) == (
            spent,
            held,
            possibly.aggregate(n=Sum("cost_micro_usd"))["n"] or 0,
        )


def assert_open() -> None:
    """I13: each epic of an active run is open in it; of one that is draining, what is generated."""
    epics = RunItem.objects.filter(target_id__isnull=False)
    in_hand = epics.filter(run__status__in=ACTIVE) | epics.filter(
        run__draining=True, status=ItemStatus.GENERATING
    )
    assert set(OpenTarget.objects.values_list("target_id", "run")) == set(
        in_hand.values_list("target_id", "run")
    )


def halt(*, run_id: UUID, to: RunStatus, message: str) -> int | None:
    """Move a run to a status in which it stands still; its calls in flight, or None."""
    kind = {"PAUSED": RunAction.Kind.PAUSE, "CANCELLED": RunAction.Kind.CANCEL}
    moved = run_move(run_id=run_id, to=to, kind=kind.get(to, RunAction.Kind.FAIL), message=message)
    return None if moved is None else moved.in_flight
