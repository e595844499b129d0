"""Uploads are analyzed by real workers: killed in the middle, paused, failed and retried."""

import pytest

from content.run_types import RunType
from epics.models import Card, Project, Upload
from runs.engine.controls import run_control
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget, ProviderCall, Run, RunItem
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.factories import client_of
from tests.integration.engine.test_card_runs import upload_make
from tests.integration.engine.world import assert_counted, assert_open, project_make

pytestmark = pytest.mark.django_db(transaction=True)

UPLOADS = 6
#: Parts of each, and needs in each part.
PARTS, NEEDS = 3, 8


def text_of(number: int) -> str:
    """Notes of three calls' length, with needs all over them."""
    lines = []
    for place in range(PARTS * NEEDS):
        lines.append(f"Ann: I want to see list {number}-{place} before noon, every single day.")
        lines += [f"Bob tells of his weekend, chapter {place}. It was fine weather."] * 45
    return "\n\n".join(lines)


@pytest.fixture
def project() -> Project:
    made = project_make(epics=1)
    Card.objects.filter(project=made).delete()
    for number in range(UPLOADS):
        upload_make(made, f"call-{number}.txt", text_of(number))
    return made


def _start(project: Project, *, lanes: int = 3, **options: object) -> Run:
    return run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(
            type=RunType.ANALYZE_CARDS,
            pacing_profile="adaptive",
            max_concurrency=lanes,
            options=options,
        ),
    )


def _in_flight(provider: Simulator) -> int:
    return sum(call["end"] is None for call in provider.stats()["calls"])


def _assert_complete(run: Run) -> None:
    """Each upload has its cards, once, and each card a quote that stands in it."""
    assert run.status == "SUCCEEDED"
    items = {item.target_id: item for item in RunItem.objects.filter(run=run)}
    texts = dict(Upload.objects.values_list("pk", "text"))
    assert len(texts) == UPLOADS
    for upload_id, text in texts.items():
        cards = list(Card.objects.filter(upload=upload_id))
        assert items[upload_id].created == len(cards) >= PARTS * NEEDS
        assert len({card.statement for card in cards}) == len(cards)
        plain = " ".join(text.split())
        assert all(card.quote and card.quote in plain for card in cards)
    codes = Card.objects.values_list("code", flat=True)
    assert len(codes) == len({code.upper() for code in codes})
    assert set(Upload.objects.values_list("status", flat=True)) == {"ANALYZED"}
    assert not OpenTarget.objects.exists()
    assert_counted(run, kept=False)
    assert_open()


def test_a_worker_that_is_killed_loses_no_upload_and_pays_no_part_twice(
    fleet: Fleet, provider: Simulator, project: Project
) -> None:
    provider.config(latency_ms=300)
    worker = fleet.start(mortal=True)
    run = _start(project)
    wait_for(lambda: ProviderCall.objects.filter(outcome="ANSWERED").count() >= 4, "four answers")
    wait_for(lambda: _in_flight(provider) == 3, "three calls under way")
    worker.process.kill()
    worker.process.wait()
    provider.config(latency_ms=0)
    fleet.start("w2")
    wait_until_ended(run)
    _assert_complete(run)
    parts = UPLOADS * PARTS
    assert parts <= ProviderCall.objects.filter(item__run=run).count() <= parts + 3


def test_a_run_is_paused_and_goes_on(fleet: Fleet, provider: Simulator, project: Project) -> None:
    provider.config(latency_ms=300)
    fleet.start()
    run = _start(project, lanes=2)
    wait_for(lambda: _in_flight(provider) == 2, "two calls under way")
    run_control(run=run, action="pause", user=project.created_by)
    wait_for(lambda: _in_flight(provider) == 0, "the calls ended")
    wait_for(lambda: not RunItem.objects.filter(status="GENERATING").exists(), "all rest")
    calls = ProviderCall.objects.count()
    assert calls < UPLOADS * PARTS
    provider.config(latency_ms=0)
    run_control(run=run, action="resume", user=project.created_by)
    wait_until_ended(run)
    run.refresh_from_db()
    _assert_complete(run)
    assert ProviderCall.objects.count() == UPLOADS * PARTS


def test_quotes_that_nobody_said_are_repaired(
    fleet: Fleet, provider: Simulator, project: Project
) -> None:
    provider.faults([{"match": {}, "action": {"type": "weak_stories"}}])
    fleet.start()
    run = _start(project)
    wait_until_ended(run)
    run.refresh_from_db()
    _assert_complete(run)
    assert ProviderCall.objects.count() == 2 * UPLOADS * PARTS
    notes = RunItem.objects.filter(run=run).values_list("notes", flat=True)
    assert all("after the repair" in str(each) for each in notes)


def test_what_failed_is_shown_and_done_again(
    fleet: Fleet, provider: Simulator, project: Project
) -> None:
    provider.faults([{"match": {}, "action": {"type": "refusal"}}])
    fleet.start()
    run = _start(project)
    wait_until_ended(run)
    run.refresh_from_db()
    assert run.status == "FAILED"
    client = client_of(project.created_by)
    listed = client.get(f"/api/v1/projects/{project.pk}/uploads").json()["data"]
    assert {upload["status"] for upload in listed} == {"FAILED"}
    assert all("declined" in upload["error"] for upload in listed)
    provider.faults([])
    answer = client.post(f"/api/v1/runs/{run.pk}/retry-failed", {}, format="json")
    again = Run.objects.get(pk=answer.json()["data"]["newRunId"])
    wait_until_ended(again)
    again.refresh_from_db()
    _assert_complete(again)
