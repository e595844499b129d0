"""Runs whose first requests go by the provider's batches: real workers, real HTTP, and the
provider's own bill."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum

from batchgen.db.clock import database_now
from epics.models import Project, Story
from runs.engine.controls import run_control
from runs.engine.start import RunOptions, run_start
from runs.models import Lane, LedgerLine, OpenTarget, ProviderBatch, ProviderCall, Run, RunItem
from runs.states import Pacing
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted, project_make

pytestmark = pytest.mark.django_db(transaction=True)

_QUICK = {
    "BATCHGEN_BATCH_TICK_S": "0.1",
    "BATCHGEN_BATCH_POLL_S": "0.2",
    "BATCHGEN_BATCH_POLL_MOST_S": "0.2",
    "BATCHGEN_BATCH_SLICE": "10",
    "BATCHGEN_BATCH_LOST_S": "5",
    "BATCHGEN_PROVIDER_TIMEOUT_S": "5",
}


@pytest.fixture
def batches(fleet: Fleet, provider: Simulator) -> Fleet:
    """Workers that look often."""
    fleet.environment.update(_QUICK)
    provider.config(batch_ends_after_s=1)
    return fleet


def _start(*, epics: int, lane: str = "batch", **options: Any) -> tuple[Project, Run]:
    project = project_make(epics=epics)
    chosen = {"pacing_profile": Pacing.ADAPTIVE, "lane": lane, **options}
    run = run_start(project=project, user=project.created_by, options=RunOptions(**chosen))
    return project, run


def _booked() -> int:
    """What the ledger's last lines say, in micro-dollars; corrected ones do not count."""
    corrected = LedgerLine.objects.filter(corrects__isnull=False).values("corrects")
    lines = LedgerLine.objects.exclude(pk__in=corrected).filter(certainty="billed")
    return lines.aggregate(n=Sum("cost_micro_usd"))["n"] or 0


def _assert_whole(run: Run, project: Project, *, epics: int) -> None:
    assert run.status == "SUCCEEDED"
    items = RunItem.objects.filter(run=run)
    assert {item.status for item in items} == {"COMPLETED"}
    assert len(items) == epics
    assert not items.filter(in_batch=True).exists()
    assert Story.objects.filter(epic__project=project).count() == sum(i.created for i in items) > 0
    assert not ProviderCall.objects.filter(outcome="STARTED").exists()
    assert set(Lane.objects.values_list("state", flat=True)) == {"idle"}
    assert not OpenTarget.objects.exists()
    assert_counted(run)


def test_a_run_of_thirty_epics_goes_by_batches_and_costs_half(
    batches: Fleet, provider: Simulator
) -> None:
    batches.start("w1")
    batches.start("w2")
    project, run = _start(epics=30)
    wait_until_ended(run)
    _assert_whole(run, project, epics=30)
    # The one that goes ahead, and nothing else, was asked in realtime.
    realtime = ProviderCall.objects.filter(lane="realtime").exclude(outcome="NOT_MADE")
    assert [call.purpose for call in realtime] == ["generate"]
    assert provider.stats()["totals"]["calls"] == 1
    by_lane = {each["lane"]: each for each in provider.bill()["by"]}
    assert by_lane["batch"]["calls"] == 29
    assert _booked() == provider.bill()["micro_usd"]
    handed_in = ProviderBatch.objects.filter(run=run)
    assert {batch.state for batch in handed_in} == {"collected"}
    assert sum(batch.succeeded for batch in handed_in) == 29


def test_a_worker_that_dies_while_it_hands_in_leaves_no_double(
    batches: Fleet, provider: Simulator
) -> None:
    provider.faults(
        [
            {
                "match": {"endpoint": "batches.create"},
                "times": 1,
                "action": {"type": "lost_answer", "hidden_s": 4},
            }
        ]
    )
    batches.environment["BATCHGEN_BATCH_LOST_S"] = "30"
    worker = batches.start("w1")
    project, run = _start(epics=6)
    wait_for(lambda: provider.stats()["batch_calls"].get("create"), "it is handed in")
    worker.process.kill()
    worker.process.wait()
    assert ProviderBatch.objects.get().state == "creating"
    batches.start("w1")
    wait_until_ended(run)
    _assert_whole(run, project, epics=6)
    assert provider.bill()["calls"] == 6
    assert not ProviderCall.objects.filter(outcome="LOST").exists()
    assert _booked() == provider.bill()["micro_usd"]


def test_answers_that_are_lost_cut_wrong_and_double_lose_nothing(
    batches: Fleet, provider: Simulator
) -> None:
    once = {"times": 1}
    provider.faults(
        [
            {"match": {"endpoint": "batches.create"}, **once, "action": {"type": "lost_answer"}},
            {
                "match": {"endpoint": "batches.get", "nth": [1]},
                "action": {"type": "error", "status": 404},
            },
            {
                "match": {"endpoint": "batches.results", "nth": [1]},
                "action": {"type": "error", "status": 404},
            },
            {
                "match": {"endpoint": "batches.results", "nth": [2]},
                "action": {"type": "cut_body"},
            },
            {
                "match": {"endpoint": "batches.results", "nth": [3]},
                "action": {"type": "double_line"},
            },
            {
                "match": {"endpoint": "batches.line"},
                "times": 2,
                "action": {"type": "error", "status": 529},
            },
        ]
    )
    batches.start("w1")
    project, run = _start(epics=20)
    wait_until_ended(run)
    _assert_whole(run, project, epics=20)
    assert _booked() == provider.bill()["micro_usd"]
    assert provider.bill()["calls"] == 20


def test_what_cannot_be_read_is_repaired_in_realtime(batches: Fleet, provider: Simulator) -> None:
    provider.faults(
        [
            {
                "match": {"endpoint": "batches.line"},
                "times": 2,
                "action": {"type": "schema_miss"},
            }
        ]
    )
    batches.start("w1")
    project, run = _start(epics=4)
    wait_until_ended(run)
    _assert_whole(run, project, epics=4)
    realtime = ProviderCall.objects.filter(lane="realtime")
    assert [call.purpose for call in realtime] == ["repair"] * 2
    assert _booked() == provider.bill()["micro_usd"]


def test_a_pause_has_them_cancelled_and_a_resume_asks_again(
    batches: Fleet, provider: Simulator
) -> None:
    provider.config(batch_ends_after_s=3600)
    batches.start("w1")
    project, run = _start(epics=4)
    wait_for(lambda: ProviderBatch.objects.filter(state="open").exists(), "a batch is out")
    moved = run_control(run=run, action="pause", user=project.created_by, cancel_batches=True)
    assert moved.requests_out == 4
    waiting = RunItem.objects.filter(run=run, in_batch=True, batch=None)
    wait_for(lambda: waiting.count() == 4, "they wait again")
    provider.config(batch_ends_after_s=1)
    run_control(run=run, action="resume", user=project.created_by)
    wait_until_ended(run)
    _assert_whole(run, project, epics=4)


def test_what_expires_is_asked_again_in_another_batch(batches: Fleet, provider: Simulator) -> None:
    provider.faults(
        [
            {
                "match": {"endpoint": "batches.create"},
                "times": 1,
                "action": {"type": "batch", "never_ends": True, "done": 0.5},
            }
        ]
    )
    batches.start("w1")
    project, run = _start(epics=4)
    wait_for(lambda: ProviderBatch.objects.filter(state="open").exists(), "a batch is out")
    provider.advance(24 * 3600 + 1)
    wait_until_ended(run)
    _assert_whole(run, project, epics=4)
    expired = ProviderCall.objects.filter(error_code="BATCH_EXPIRED")
    assert {(call.outcome, call.possibly_billed) for call in expired} == {("FAILED", False)}
    assert len(expired) == 2
    assert provider.bill()["calls"] == 4
    assert _booked() == provider.bill()["micro_usd"]


def test_what_was_answered_of_a_cancelled_run_is_kept(batches: Fleet, provider: Simulator) -> None:
    provider.config(batch_ends_after_s=3600, batch_in_flight=2)
    batches.start("w1")
    project, run = _start(epics=4)
    wait_for(lambda: ProviderBatch.objects.filter(state="open").exists(), "a batch is out")
    moved = run_control(run=run, action="cancel", user=project.created_by)
    assert moved.requests_out == 4
    wait_until_ended(run)
    assert run.status == "CANCELLED"
    statuses = sorted(RunItem.objects.filter(run=run).values_list("status", flat=True))
    assert statuses == ["COMPLETED"] * 2 + ["PENDING"] * 2
    assert Story.objects.filter(run_id=run.id).exists()
    assert not OpenTarget.objects.exists()
    assert _booked() == provider.bill()["micro_usd"]
    assert_counted(run)


def test_the_cheapest_lane_ends_by_its_deadline_under_a_batch_that_never_ends(
    batches: Fleet, provider: Simulator
) -> None:
    batches.environment.update(BATCHGEN_BATCH_SPILL_WAIT_S="2", BATCHGEN_BATCH_SPILL_MARGIN_S="2")
    provider.config(latency_ms=200)
    provider.faults(
        [
            {
                "match": {"endpoint": "batches.create"},
                "action": {"type": "batch", "never_ends": True, "done": 0.5},
            }
        ]
    )
    batches.start("w1")
    deadline = database_now() + timedelta(seconds=55)
    project, run = _start(epics=6, lane="cheapest", deadline=deadline)
    wait_until_ended(run, timeout_s=80)
    assert run.completed_at
    assert run.completed_at < deadline
    _assert_whole(run, project, epics=6)
    # What the batch had done by its cancellation was used.
    assert ProviderCall.objects.filter(lane="batch", outcome="ANSWERED").count() > 0
    assert _booked() == provider.bill()["micro_usd"]
