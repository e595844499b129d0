"""Slices of a run that go by a provider's batches, whatever becomes of them, or of the worker."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F
from django.db.models.functions import Now

from batchgen.db.clock import database_now
from epics.models import Epic
from providers.batches import BatchRequest, Outcome
from providers.errors import (
    ConnectionFailed,
    CreditExhausted,
    Overloaded,
    RequestRejected,
    RequestTooLarge,
)
from runs.engine.budgets import run_budget_set
from runs.engine.controls import run_control, run_item_cancel
from runs.models import (
    Budget,
    Lane,
    OpenTarget,
    ProviderBatch,
    ProviderCall,
    Run,
)
from tests.integration.engine import hands
from tests.integration.engine.bench import Attempted, Bench
from tests.integration.engine.shelf import (
    Batching,
    custom_id,
    items,
    outcomes_of,
    sent,
    starter,
    the_batch,
    time_passes,
)
from tests.integration.engine.world import (
    FIRST,
    assert_booked,
    assert_counted,
    lines_of,
    worker_make,
)

pytestmark = pytest.mark.django_db(transaction=True)


class TestSlices:
    def test_no_lane_takes_what_waits_for_a_slice(self, batching: Batching) -> None:
        run = batching.start()
        assert items(run, in_batch=True).count() == 4
        assert not Lane.objects.exclude(state="idle").exists()

    def test_a_slice_is_handed_in_with_a_call_for_each_request(self, batching: Batching) -> None:
        run = batching.start()
        batching.rounds()
        batch = the_batch(run)
        (kept,) = batching.shelf.kept
        assert (batch.state, batch.expected, batch.provider_batch_id) == ("open", 4, kept.id)
        calls = ProviderCall.objects.filter(batch=batch)
        assert {call.outcome for call in calls} == {"STARTED"}
        assert {call.lane for call in calls} == {"batch"}
        assert {custom_id(call.id) for call in calls} == {each.custom_id for each in kept.requests}
        assert items(run, batch=batch).count() == 4
        batching.rounds()
        assert len(batching.shelf.kept) == 1

    def test_two_workers_at_once_hand_in_each_request_once(self, batching: Batching) -> None:
        for _ in range(3):
            batching.start()
        batching.both()
        calls = ProviderCall.objects.values_list("item", flat=True)
        assert len(calls) == len(set(calls)) == 12
        handed_in = [each.custom_id for kept in batching.shelf.kept for each in kept.requests]
        assert len(handed_in) == len(set(handed_in)) == 12

    def test_answers_are_kept_and_the_lanes_go_on_with_them(self, batching: Batching) -> None:
        run = batching.start()
        batching.rounds()
        batching.shelf.end()
        batching.rounds(2)
        assert the_batch(run).state == "collected"
        assert not items(run, in_batch=True).exists()
        fence = sent(run)
        claim = hands.claim(fence=fence, worker_id=worker_make().id, call_id=None)
        assert claim
        assert claim.answers["generate"]["text"] == '{"stories": []}'
        call = ProviderCall.objects.get(item=fence.item_id)
        assert (call.outcome, call.input_tokens, call.output_tokens) == ("ANSWERED", 1000, 400)
        # Half of $2 and $10 for a million.
        assert call.cost_usd == Decimal("0.003000")
        assert_counted(run, kept=False)


def attempted(bench: Bench, run: Run) -> list[str]:
    """Have a worker work on the run's first message; the purposes of the calls that it made."""
    engine = bench.engine(worker_make().id)
    first = replace(FIRST, answered=True)
    attempt = bench.loop.run(engine.links.attempt(sent(run), bench.client, first, None))
    assert attempt
    Attempted(bench.loop, attempt).run()
    calls = ProviderCall.objects.filter(lane="realtime").order_by("started_at")
    return list(calls.values_list("purpose", flat=True))


class TestAttempts:
    def test_an_answer_takes_the_place_of_the_first_call(
        self, batching: Batching, bench: Bench
    ) -> None:
        run = batching.start(epics=1)
        batching.rounds()
        batching.shelf.end()
        batching.rounds(2)
        # It has no stories in it, and so is repaired.
        assert attempted(bench, run)[:1] == ["repair"]
        assert items(run).get().status == "COMPLETED"

    def test_an_answer_to_what_was_edited_meanwhile_is_not_used(
        self, batching: Batching, bench: Bench
    ) -> None:
        run = batching.start(epics=1)
        batching.rounds()
        Epic.objects.update(description="Lending, and giving back.")
        batching.shelf.end()
        batching.rounds(2)
        assert attempted(bench, run)[:1] == ["generate"]
        assert items(run).get().status == "COMPLETED"

    def test_a_cancelled_runs_answer_is_worked_on_and_its_target_closed(
        self, batching: Batching, bench: Bench
    ) -> None:
        run = batching.start(epics=1)
        batching.rounds()
        run_control(run=run, action="cancel", user=starter(run))
        assert OpenTarget.objects.exists()
        batching.shelf.end()
        batching.rounds(2)
        # A repair would be a call, and none starts any more.
        assert attempted(bench, run) == []
        item = items(run).get()
        assert (item.status, item.batch_id) == ("PENDING", None)
        run.refresh_from_db()
        assert run.completed_at
        assert not OpenTarget.objects.exists()


class TestBudgets:
    def test_a_slice_is_held_whole_and_settled(self, batching: Batching) -> None:
        run = batching.start()
        run_budget_set(run_id=run.id, micro_usd=10**9)
        batching.rounds()
        assert Budget.objects.get().held_micro_usd == sum(
            call.held_micro_usd or 0 for call in ProviderCall.objects.all()
        )
        assert_booked(run)
        batching.shelf.end()
        batching.rounds(2)
        assert (Budget.objects.get().held_micro_usd, lines_of(run).count()) == (0, 4)
        assert set(lines_of(run).values_list("lane", flat=True)) == {"batch"}
        assert_booked(run)

    def test_one_that_does_not_fit_is_halved_and_then_the_run_is_paused(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        run_budget_set(run_id=run.id, micro_usd=1)
        batching.rounds(4)
        run.refresh_from_db()
        assert (run.status, run.error_code) == ("PAUSED", "BUDGET_REACHED")
        assert not ProviderCall.objects.exists()
        assert batching.shelf.kept == []
        run_budget_set(run_id=run.id, micro_usd=10**9)
        run_control(run=run, action="resume", user=starter(run))
        batching.rounds(2)
        assert sum(len(kept.requests) for kept in batching.shelf.kept) == 4
        assert_booked(run)


class TestCanaryAndPrimer:
    def test_one_request_of_a_new_version_goes_ahead_alone(self, batching: Batching) -> None:
        run = batching.start(epics=10)
        batching.rounds(3)
        (first,) = items(run, in_batch=False)
        assert (first.order, first.lane.state, batching.shelf.kept) == (1, "sent", [])
        ProviderCall.objects.create(
            item=first, attempt=1, outcome="ANSWERED", ended_at=database_now()
        )
        batching.rounds()
        assert len(batching.shelf.kept) == 1

    def test_a_version_that_was_answered_in_a_batch_needs_none(self, batching: Batching) -> None:
        batching.start()
        batching.rounds()
        batching.shelf.end()
        batching.rounds(2)
        run = batching.start(epics=10)
        batching.rounds()
        assert not items(run, in_batch=False).exists()

    def test_what_all_begin_with_is_cached_by_one_first(self, batching: Batching) -> None:
        run = batching.start(epics=9)
        batching.rounds(3)
        (primer,) = batching.shelf.kept
        assert the_batch(run).primer
        (request,) = primer.requests
        assert (request.request.cache_for, _marked(request)) == ("1h", True)
        batching.shelf.end()
        batching.rounds(4)
        assert [len(kept.requests) for kept in batching.shelf.kept] == [4, 4, 1]
        rest = batching.shelf.kept[0].requests + batching.shelf.kept[1].requests
        assert {(each.request.cache_for, _marked(each)) for each in rest} == {("1h", True)}

    def test_few_requests_mark_nothing(self, batching: Batching) -> None:
        batching.start()
        batching.rounds()
        (kept,) = batching.shelf.kept
        assert not any(map(_marked, kept.requests))


def _marked(request: BatchRequest) -> bool:
    return any(block.cache for block in request.request.system)


class TestOutcomes:
    def test_what_expired_or_was_canceled_waits_again_and_counts_for_nothing(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.rounds()
        batching.shelf.end(**outcomes_of(batching, Outcome.EXPIRED, Outcome.CANCELED))
        batching.rounds(3)
        assert items(run, in_batch=False).count() == 2
        assert {item.attempt for item in items(run)} == {0}
        codes = ProviderCall.objects.filter(outcome="FAILED").values_list("error_code", flat=True)
        assert set(codes) == {"BATCH_EXPIRED", "BATCH_CANCELED"}
        assert not ProviderCall.objects.filter(outcome="FAILED", possibly_billed=True).exists()
        # They are in another slice by now.
        second = ProviderBatch.objects.get(run=run, state="open")
        assert items(run, in_batch=True, batch=second).count() == second.expected == 2

    def test_what_the_provider_rejects_is_failed(self, batching: Batching) -> None:
        run = batching.start()
        batching.rounds()
        batching.shelf.end(**outcomes_of(batching, RequestRejected(detail="no")))
        batching.rounds(2)
        (failed,) = items(run, status="FAILED")
        assert (failed.error_code, failed.in_batch) == ("REQUEST_REJECTED", False)
        assert "no" in failed.error
        assert_counted(run, kept=False)

    def test_what_may_pass_is_asked_again_until_its_tries_are_used_up(
        self, batching: Batching
    ) -> None:
        run = batching.start(epics=1)
        for attempt in range(1, run.max_retries + 2):
            batching.rounds()
            assert items(run).get().attempt == attempt - 1
            request = batching.shelf.kept[0].requests[0]
            batching.shelf.end(batching.shelf.kept[0], **{request.custom_id: Overloaded()})
            batching.rounds(2)
        item = items(run).get()
        assert (item.status, item.error_code) == ("FAILED", "PROVIDER_OVERLOADED")
        run.refresh_from_db()
        assert run.status == "FAILED"

    def test_an_account_without_credit_pauses_the_run_and_fails_nothing(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.rounds()
        broke = [CreditExhausted() for _ in range(4)]
        batching.shelf.end(**outcomes_of(batching, *broke))
        batching.rounds(3)
        run.refresh_from_db()
        assert (run.status, run.error_code) == ("PAUSED", "CREDIT_EXHAUSTED")
        assert items(run, status="PENDING", in_batch=True, attempt=0).count() == 4
        assert len(batching.shelf.kept) == 1


class TestCreation:
    def test_what_may_have_been_created_is_found_and_not_created_again(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.shelf.refusal = ConnectionFailed(possibly_billed=True)
        batching.shelf.kept_all_the_same = True
        batching.rounds()
        assert the_batch(run).state == "creating"
        batching.another_worker()
        batching.rounds(3)
        (kept,) = batching.shelf.kept
        batch = the_batch(run)
        assert (batch.state, batch.provider_batch_id) == ("open", kept.id)

    def test_nothing_is_created_beside_what_may_have_been(self, batching: Batching) -> None:
        batching.start()
        batching.start()
        batching.shelf.refusal = ConnectionFailed(possibly_billed=True)
        batching.rounds(4)
        assert ProviderBatch.objects.get().state == "creating"
        assert batching.shelf.asked.count("create") == 1

    def test_what_was_never_created_is_lost_and_sent_again(self, batching: Batching) -> None:
        run = batching.start()
        batching.shelf.refusal = ConnectionFailed(possibly_billed=True)
        batching.rounds(2)
        time_passes(run, 601)
        batching.rounds(2)
        states = ProviderBatch.objects.filter(run=run).values_list("state", flat=True)
        assert list(states.order_by("intent_at")) == ["lost", "open"]
        lost = ProviderCall.objects.filter(outcome="LOST")
        assert {(call.possibly_billed, call.error_code) for call in lost} == {(True, "BATCH_LOST")}
        assert len(lost) == 4

    def test_of_two_that_fit_the_results_tell_which_is_ours(self, batching: Batching) -> None:
        run = batching.start()
        batching.shelf.refusal = ConnectionFailed(possibly_billed=True)
        batching.shelf.kept_all_the_same = True
        batching.rounds()
        ours = batching.shelf.kept[0]
        somebody_elses = batching.shelf.foreign(4)
        batching.rounds()
        assert the_batch(run).state == "creating"
        batching.shelf.end()
        batching.rounds(3)
        batch = the_batch(run)
        assert (batch.state, batch.provider_batch_id) == ("collected", ours.id)
        assert batch.provider_batch_id != somebody_elses.id

    def test_somebody_elses_batch_that_was_taken_for_ours_is_let_go(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.shelf.refusal = ConnectionFailed(possibly_billed=True)
        batching.rounds()
        foreign = batching.shelf.foreign(4)
        batching.rounds(2)
        assert the_batch(run).provider_batch_id == foreign.id
        batching.shelf.end()
        batching.rounds(2)
        batch = the_batch(run)
        assert (batch.state, batch.not_ours) == ("creating", [foreign.id])
        assert items(run, in_batch=True, batch=batch).count() == 4

    def test_what_is_too_large_goes_in_halves(self, batching: Batching) -> None:
        run = batching.start()
        batching.shelf.refusal = RequestTooLarge()
        batching.rounds(3)
        sizes = ProviderBatch.objects.filter(run=run).values_list("state", "expected")
        assert list(sizes.order_by("intent_at")) == [("refused", 4), ("open", 2), ("open", 2)]
        assert ProviderCall.objects.filter(outcome="FAILED", possibly_billed=False).count() == 4

    def test_a_run_that_was_paused_meanwhile_hands_in_nothing(self, batching: Batching) -> None:
        run = batching.start(epics=8)
        batching.rounds()
        out = run_control(run=run, action="pause", user=starter(run)).requests_out
        assert out == 1
        batching.rounds(3)
        assert len(batching.shelf.kept) == 1


class TestResults:
    def test_results_that_break_off_are_read_again_and_booked_once(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.rounds()
        batching.shelf.end()
        batching.shelf.cut_after = 2
        batching.rounds()
        assert ProviderCall.objects.filter(outcome="ANSWERED").count() == 2
        batching.another_worker()
        batching.rounds()
        assert the_batch(run).state == "collected"
        assert ProviderCall.objects.filter(outcome="ANSWERED").count() == 4
        assert_counted(run, kept=False)

    def test_a_request_without_a_result_is_asked_again_and_may_have_been_billed(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.rounds()
        (kept,) = batching.shelf.kept
        batching.shelf.without = {kept.requests[0].custom_id}
        batching.shelf.end()
        batching.rounds(5)
        (call,) = ProviderCall.objects.filter(outcome="FAILED")
        assert (call.error_code, call.possibly_billed) == ("PROVIDER_UNREADABLE", True)
        assert batching.shelf.asked.count("results") == 3
        assert items(run, id=call.item_id).get().attempt == 1
        assert ProviderBatch.objects.filter(run=run, state="open", expected=1).exists()

    def test_a_batch_that_nobody_finds_is_lost_after_a_while_alone(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.rounds()
        batching.shelf.hidden = True
        batching.rounds(2)
        assert the_batch(run).state == "open"
        time_passes(run, 601)
        batching.shelf.hidden = False
        batching.rounds(2)
        assert (the_batch(run).state, the_batch(run).missing_since) == ("open", None)
        batching.shelf.hidden = True
        batching.rounds()
        time_passes(run, 601)
        batching.rounds(2)
        assert ProviderBatch.objects.filter(run=run, state="lost").exists()

    def test_all_batches_are_asked_for_at_once(self, batching: Batching) -> None:
        for _ in range(3):
            batching.start()
        batching.rounds(4)
        assert len(batching.shelf.kept) == 3
        batching.shelf.asked.clear()
        batching.rounds()
        assert batching.shelf.asked == ["newest"]


class TestControls:
    def test_a_pause_may_cancel_what_is_out(self, batching: Batching) -> None:
        run = batching.start()
        batching.rounds()
        moved = run_control(run=run, action="pause", user=starter(run), cancel_batches=True)
        assert moved.requests_out == 4
        batching.rounds()
        assert the_batch(run).state == "canceling"
        batching.shelf.end(**outcomes_of(batching, Outcome.SUCCEEDED, *[Outcome.CANCELED] * 3))
        batching.rounds(2)
        assert items(run, in_batch=True, batch=None).count() == 3
        assert not Lane.objects.exclude(state="idle").exists()
        run_control(run=run, action="resume", user=starter(run))
        batching.rounds()
        assert ProviderBatch.objects.filter(run=run, state="open", expected=3).exists()
        assert Lane.objects.filter(state="sent").count() == 1

    def test_what_was_answered_of_a_cancelled_run_is_for_the_lanes(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.rounds()
        run_control(run=run, action="cancel", user=starter(run))
        run.refresh_from_db()
        assert (run.status, run.draining) == ("CANCELLED", True)
        batching.rounds()
        batching.shelf.end(**outcomes_of(batching, Outcome.SUCCEEDED, *[Outcome.CANCELED] * 3))
        batching.rounds(2)
        assert Lane.objects.filter(state="sent").count() == 1
        run.refresh_from_db()
        assert run.completed_at is None

    def test_a_cancelled_run_does_not_wait_for_ever(self, batching: Batching) -> None:
        run = batching.start()
        batching.rounds()
        run_control(run=run, action="cancel", user=starter(run))
        batching.rounds()
        time_passes(run, 601)
        batching.rounds()
        assert not items(run, in_batch=True).exists()

    def test_the_answer_to_an_item_that_was_cancelled_is_booked_and_not_kept(
        self, batching: Batching
    ) -> None:
        run = batching.start()
        batching.rounds()
        item = items(run).first()
        run_item_cancel(item=item, user=starter(run))
        batching.shelf.end()
        batching.rounds(2)
        item.refresh_from_db()
        assert (item.status, item.output_tokens) == ("CANCELLED", 400)
        assert ProviderCall.objects.get(item=item).response is None
        assert_counted(run, kept=False)


class TestCheapest:
    def test_what_cannot_wait_any_longer_goes_realtime(self, batching: Batching) -> None:
        run = batching.start(
            lane="cheapest", deadline=database_now() + timedelta(seconds=30), epics=6
        )
        batching.rounds()
        assert not items(run, in_batch=True).exists()
        assert Lane.objects.filter(state="sent").count() == 2

    def test_a_slice_that_does_not_end_is_let_go(self, batching: Batching) -> None:
        run = batching.start(lane="cheapest")
        batching.rounds()
        assert the_batch(run).state == "open"
        Run.objects.update(created_at=F("created_at") - timedelta(hours=24, minutes=-1))
        batching.rounds(2)
        batch = the_batch(run)
        assert (batch.state, batch.spilled) == ("canceling", True)
        assert items(run, in_batch=True).count() == 4
        time_passes(run, 61)
        batching.rounds()
        assert items(run, in_batch=False, batch=None).count() == 4
        # The later double is booked, and nothing is made of it.
        batching.shelf.end()
        batching.rounds(2)
        assert the_batch(run).state == "collected"
        assert not ProviderCall.objects.filter(response__isnull=False).exists()
        assert_counted(run, kept=False)

    def test_what_a_slice_answered_in_time_is_used(self, batching: Batching) -> None:
        run = batching.start(lane="cheapest")
        batching.rounds()
        Run.objects.update(created_at=F("created_at") - timedelta(hours=24, minutes=-1))
        batching.rounds(2)
        # It was cancelled for the deadline's sake, whatever there is to say of that by now.
        Run.objects.update(created_at=Now())
        batching.shelf.end(
            **outcomes_of(batching, *[Outcome.SUCCEEDED] * 2, *[Outcome.CANCELED] * 2)
        )
        batching.rounds(2)
        assert items(run, in_batch=False).count() == 4
        assert items(run, batch__isnull=False).count() == 2
        assert ProviderBatch.objects.count() == 1
