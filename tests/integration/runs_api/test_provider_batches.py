"""Runs by the provider's batches, over REST."""

import pytest
from django.utils.timezone import now

from batchgen.db.ids import new_id
from runs.models import ProviderBatch, ProviderCall, Run
from tests.integration.engine.world import project_make
from tests.integration.runs_api.world import client_of, get, post

pytestmark = pytest.mark.django_db(transaction=True)


def batch_make(run: Run, *, state: str = "open") -> ProviderBatch:
    """A batch that is out, with a call for each item."""
    batch = ProviderBatch.objects.create(
        run=run,
        provider=run.provider,
        state=state,
        provider_batch_id=f"msgbatch_{new_id().hex}",
        expected=run.total_items,
        processing=run.total_items,
        created_at=now(),
    )
    for item in run.items.all():
        ProviderCall.objects.create(item=item, attempt=1, batch=batch, lane="batch")
    run.items.update(batch=batch)
    return batch


def test_a_run_is_started_by_batches_and_shows_them() -> None:
    project = project_make(epics=3)
    client = client_of("ada")
    body = {"lane": "batch", "pacingProfile": "fast"}
    started = post(client, f"/projects/{project.pk}/runs", body, status=202)["data"]
    assert started["lane"] == "batch"
    # A quarter of an hour for a batch, before any told.
    assert started["estimatedDurationMs"] >= 900_000
    assert started["batches"] == {"submitted": 0, "processing": 0, "ended": 0}
    run = Run.objects.get()
    assert set(run.items.values_list("in_batch", flat=True)) == {True}
    batch = batch_make(run)
    shown = get(client, f"/runs/{run.pk}")["data"]
    assert shown["batches"] == {"submitted": 1, "processing": 1, "ended": 0}
    (listed,) = get(client, f"/runs/{run.pk}/batches")["data"]
    assert (listed["batchId"], listed["providerBatchId"]) == (
        str(batch.pk),
        batch.provider_batch_id,
    )
    assert (listed["status"], listed["requests"]["processing"]) == ("open", 3)
    assert listed["resultsUntil"] > listed["createdAt"]
    waiting = [item["waiting"] for item in get(client, f"/runs/{run.pk}/items")["data"]]
    assert waiting == [{"reason": "batch", "untilAt": None}] * 3


def test_an_unknown_lane_and_one_without_calls_are_refused() -> None:
    project = project_make()
    client = client_of("ada")
    for body in ({"lane": "slow"}, {"type": "EXPORT", "lane": "batch"}):
        error = post(client, f"/projects/{project.pk}/runs", body, status=400)["error"]
        assert list(error["details"]) == ["lane"]


@pytest.mark.parametrize("batches", ["finish", "cancel"])
def test_a_pause_says_how_many_are_out_and_what_becomes_of_them(batches: str) -> None:
    project = project_make(epics=3)
    client = client_of("ada")
    post(client, f"/projects/{project.pk}/runs", {"lane": "batch"}, status=202)
    Run.objects.update(status="RUNNING", started_at=now())
    run = Run.objects.get()
    batch = batch_make(run)
    answer = post(client, f"/runs/{run.pk}/pause", {"batches": batches}, status=200)["data"]
    assert (answer["inFlight"], answer["requestsOut"]) == (0, 3)
    batch.refresh_from_db()
    assert (batch.cancel_at is not None) == (batches == "cancel")
    error = post(client, f"/runs/{run.pk}/resume", {"batches": batches}, status=400)["error"]
    assert error["code"] == "VALIDATION_ERROR"


def test_a_cancel_has_what_is_out_cancelled_and_waits_for_it() -> None:
    project = project_make(epics=3)
    client = client_of("ada")
    post(client, f"/projects/{project.pk}/runs", {"lane": "batch"}, status=202)
    run = Run.objects.get()
    batch = batch_make(run)
    answer = post(client, f"/runs/{run.pk}/cancel", {}, status=200)["data"]
    assert answer["requestsOut"] == 3
    run.refresh_from_db()
    batch.refresh_from_db()
    assert (run.status, run.completed_at, run.draining) == ("CANCELLED", None, True)
    assert batch.cancel_at is not None
