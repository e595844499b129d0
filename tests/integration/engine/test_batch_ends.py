"""Slices that nobody waits for any more, that come to nothing, or whose run is gone."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from pytest_django.fixtures import Settings

from batchgen.errors import ItemAlreadyActive
from epics.services import project_delete
from providers.batches import BatchStatus, Outcome
from providers.errors import ConnectionFailed
from runs.engine.budgets import run_budget_set
from runs.engine.controls import run_control, run_item_cancel
from runs.engine.lanes import lanes_reclaim
from runs.engine.ledger import ledger_drift
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_finalize
from runs.models import Budget, Lane, LedgerLine, ProviderBatch, ProviderCall, Run, Worker
from tests.integration.engine import hands
from tests.integration.engine.shelf import (
    Batching,
    items,
    outcomes_of,
    sent,
    starter,
    the_batch,
    time_passes,
)
from tests.integration.engine.world import assert_booked, assert_counted, worker_make

pytestmark = pytest.mark.django_db(transaction=True)


def booked() -> list[tuple[str, int | None]]:
    """Certainty and cost of the ledger's lines that no other corrects."""
    corrected = LedgerLine.objects.filter(corrects__isnull=False).values("corrects")
    lines = LedgerLine.objects.exclude(id__in=corrected).order_by("certainty", "id")
    return list(lines.values_list("certainty", "cost_micro_usd"))


class TestDeletedRuns:
    def test_what_is_out_is_cancelled_and_booked_and_nothing_is_made_of_it(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        run_budget_set(run_id=run.id, micro_usd=10**9)
        batching.rounds()
        project_id = run.project_id
        run_control(run=run, action="cancel", user=starter(run))
        time_passes(run, 601)
        batching.shelf.hidden = True
        batching.rounds()
        run_finalize(run_id=run.id)
        project_delete(project_id=project_id)
        assert {certainty for certainty, _ in booked()} == {"possibly"}
        batching.shelf.hidden = False
        batching.rounds()
        assert batching.shelf.kept[0].status is BatchStatus.CANCELING
        batching.shelf.end(
            **outcomes_of(batching, *[Outcome.SUCCEEDED] * 2, Outcome.CANCELED, ConnectionFailed()),
        )
        batching.rounds(2)
        assert booked() == [("billed", 3000)] * 2 + [("unbilled", 0)] * 2
        budget = Budget.objects.get()
        assert (budget.spent_micro_usd, budget.possibly_micro_usd) == (6000, 0)
        assert ledger_drift() == []
        batch = ProviderBatch.objects.get()
        assert (batch.run_id, batch.state) == (None, "collected")
        # Read by two at once, or once more: nothing is booked twice.
        ProviderBatch.objects.update(state="ended")
        batching.both()
        assert len(LedgerLine.objects.all()) == 8

    def test_what_may_have_been_created_is_found_and_cancelled(self, batching: Batching) -> None:
        run = batching.start()
        batching.shelf.refusal = ConnectionFailed(possibly_billed=True)
        batching.shelf.kept_all_the_same = True
        batching.rounds()
        run.delete()
        batching.rounds(2)
        batch = ProviderBatch.objects.get()
        assert (batch.provider_batch_id, batch.state) == (batching.shelf.kept[0].id, "canceling")
        batching.shelf.end()
        batching.rounds()
        assert booked() == [("billed", 3000)] * 4

    def test_of_slices_that_had_ended_nothing_is_left(self, batching: Batching) -> None:
        run = batching.start()
        batching.rounds()
        batching.shelf.end()
        batching.rounds(2)
        run.delete()
        assert not ProviderBatch.objects.exists()


class TestInVain:
    @pytest.mark.parametrize(("lane", "status"), [("batch", "FAILED"), ("cheapest", "PENDING")])
    def test_what_expires_again_and_again_is_not_asked_for_ever(
        self, batching: Batching, lane: str, status: str
    ) -> None:
        run = batching.start(epics=2, lane=lane)
        for _ in range(3):
            assert items(run, in_batch=True).count() == 2
            batching.rounds()
            batching.shelf.end(
                batching.shelf.kept[0], **outcomes_of(batching, Outcome.EXPIRED, Outcome.EXPIRED)
            )
            batching.rounds()
        batching.rounds()
        assert len(batching.shelf.kept) == 3
        ended = items(run, in_batch=False)
        code = "BATCH_EXPIRED" if lane == "batch" else ""
        assert {(item.status, item.error_code) for item in ended} == {(status, code)}
        assert {item.attempt for item in ended} == {0}
        assert len(ended) == 2
        assert set(booked()) == {("unbilled", 0)}
        assert_counted(run, kept=False)

    def test_what_is_lost_again_and_again_is_not_asked_for_ever(self, batching: Batching) -> None:
        run = batching.start(epics=2)
        run_budget_set(run_id=run.id, micro_usd=10**9)
        for _ in range(4):
            # Each round takes the one before for lost, and hands in the next.
            batching.shelf.refusal = ConnectionFailed(possibly_billed=True)
            batching.rounds()
            time_passes(run, 601)
        assert batching.shelf.asked.count("create") == 3
        assert {item.error_code for item in items(run, status="FAILED")} == {"BATCH_LOST"}
        run.refresh_from_db()
        assert run.status == "FAILED"
        assert ProviderCall.objects.filter(outcome="LOST", possibly_billed=True).count() == 6
        assert_booked(run)


class TestNobodyWaits:
    def test_a_slice_whose_items_were_all_cancelled_is_cancelled(self, batching: Batching) -> None:
        run = batching.start(epics=2)
        batching.rounds()
        first, second = items(run)
        run_item_cancel(item=first, user=starter(run))
        batching.rounds()
        assert the_batch(run).state == "open"
        run_item_cancel(item=second, user=starter(run))
        batching.rounds()
        assert the_batch(run).state == "canceling"
        run.refresh_from_db()
        assert run.completed_at
        batching.shelf.end()
        batching.rounds(2)
        assert (the_batch(run).state, booked()) == ("collected", [("billed", 3000)] * 2)

    def test_one_that_has_ended_is_asked_for_and_not_told_again(
        self, batching: Batching, settings: Settings
    ) -> None:
        run = batching.start()
        batching.rounds()
        batching.shelf.end()
        run_control(run=run, action="cancel", user=starter(run))
        # The list is not due yet.
        settings.BATCH_POLL_S = settings.BATCH_POLL_MOST_S = 3600
        batching.rounds()
        assert batching.shelf.asked[-3:] == ["cancel", "get", "results"]
        assert the_batch(run).state == "collected"

    def test_a_slice_that_was_not_waited_for_ends_as_it_does_when_a_worker_dies(
        self, batching: Batching
    ) -> None:
        run = batching.start(lane="cheapest", epics=1)
        batching.rounds()
        Run.objects.update(created_at=F("created_at") - timedelta(hours=24, minutes=-1))
        batching.rounds(2)
        time_passes(run, 61)
        batching.rounds()
        worker = worker_make()
        assert hands.claim(fence=sent(run), worker_id=worker.id, call_id=None)
        Worker.objects.filter(id=worker.id).delete()
        assert lanes_reclaim()
        call = ProviderCall.objects.get(lane="batch")
        assert call.outcome == "STARTED"
        batching.shelf.end()
        batching.rounds(2)
        assert booked() == [("billed", 3000)]


class TestControls:
    def test_a_resume_keeps_what_the_provider_was_not_told_to_cancel(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.rounds()
        run_control(run=run, action="pause", user=starter(run), cancel_batches=True)
        run_control(run=run, action="resume", user=starter(run))
        batching.rounds()
        assert (the_batch(run).state, the_batch(run).cancel_at) == ("open", None)
        assert "cancel" not in batching.shelf.asked

    def test_a_resume_asks_again_what_the_provider_was_told_to_cancel(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.rounds()
        run_control(run=run, action="pause", user=starter(run), cancel_batches=True)
        batching.rounds()
        run_control(run=run, action="resume", user=starter(run))
        batching.rounds()
        assert the_batch(run).state == "canceling"
        batching.shelf.end(**outcomes_of(batching, Outcome.SUCCEEDED, *[Outcome.CANCELED] * 3))
        batching.rounds(2)
        assert the_batch(run, state="open").expected == 3
        assert Lane.objects.filter(state="sent").count() == 1

    def test_a_cancelled_runs_targets_are_started_again_once_its_slices_have_ended(
        self, batching: Batching
    ) -> None:
        run = batching.start(epics=6)
        batching.rounds()
        (slice_,) = ProviderBatch.objects.filter(run=run, primer=True)
        assert slice_.expected == 1
        run_control(run=run, action="cancel", user=starter(run))
        chosen: dict[str, Any] = {"lane": "batch", "pacing_profile": "adaptive"}
        out, *others = [item.target_id for item in items(run)]
        with pytest.raises(ItemAlreadyActive, match="was stopped has E1 until"):
            run_start(
                project=run.project,
                user=starter(run),
                options=RunOptions(target_ids=[out], **chosen),
            )
        again = run_start(project=run.project, user=starter(run), options=RunOptions(**chosen))
        assert [item.target_id for item in items(again)] == others
        batching.shelf.end(**outcomes_of(batching, Outcome.CANCELED))
        batching.rounds(2)
        run_finalize(run_id=run.id)
        run.refresh_from_db()
        assert run.completed_at
        handed_in = ProviderCall.objects.filter(batch__run=again, outcome="STARTED")
        assert handed_in.exists()
        assert not handed_in.filter(item__target_id=out).exists()


class TestStrangers:
    def test_lines_of_calls_that_are_not_ours_change_nothing(self, batching: Batching) -> None:
        other = batching.start()
        batching.rounds()
        theirs = batching.shelf.kept[0].requests[0].custom_id
        run = batching.start()
        batching.rounds()
        batching.shelf.strangers = ["theirs-1", "0" * 32, theirs]
        batching.shelf.end(batching.shelf.kept[0])
        batching.rounds(2)
        assert the_batch(run).state == "collected"
        assert the_batch(other).state == "open"
        assert ProviderCall.objects.filter(batch__run=other, outcome="STARTED").count() == 4
        assert booked() == [("billed", 3000)] * 4
        assert_counted(run, kept=False)
