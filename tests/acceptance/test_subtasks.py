"""Stories are broken down by real workers: killed in the middle, paused, failed and retried."""

import pytest
from django.db.models import Count

from content.run_types import RunType
from epics.models import Project, Story, Subtask
from runs.engine.controls import run_control
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget, ProviderCall, Run, RunItem
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.factories import client_of
from tests.integration.engine.test_subtask_runs import stories_make
from tests.integration.engine.world import assert_counted, assert_open, project_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    """Four epics with three stories each."""
    made = project_make(epics=4)
    stories_make(made, each=3)
    return made


def _start(project: Project, *, lanes: int = 4, **options: object) -> Run:
    return run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(
            type=RunType.GENERATE_SUBTASKS,
            pacing_profile="adaptive",
            max_concurrency=lanes,
            options=options,
        ),
    )


def _in_flight(provider: Simulator) -> int:
    return sum(call["end"] is None for call in provider.stats()["calls"])


def _assert_complete(run: Run) -> None:
    """Each story has what its item says, once, and all of its criteria are covered."""
    assert run.status == "SUCCEEDED"
    items = {item.target_id: item for item in RunItem.objects.filter(run=run)}
    for story in Story.objects.annotate(count=Count("subtasks")):
        item = items[story.pk]
        assert (item.status, item.created, item.notes) == ("COMPLETED", story.count, [])
        subtasks = list(Subtask.objects.filter(story=story).order_by("order"))
        assert 3 <= len(subtasks) <= 8
        assert [one.code for one in subtasks] == [
            f"{story.code}-T{place}" for place in range(1, len(subtasks) + 1)
        ]
        assert {number for one in subtasks for number in one.criteria} == {1, 2}
    assert not OpenTarget.objects.exists()
    assert_counted(run, kept=False)
    assert_open()


def test_a_worker_that_is_killed_loses_no_story(
    fleet: Fleet, provider: Simulator, project: Project
) -> None:
    provider.config(latency_ms=300)
    worker = fleet.start(mortal=True)
    run = _start(project)
    wait_for(lambda: RunItem.objects.filter(run=run, status="COMPLETED").count() >= 2, "two done")
    wait_for(lambda: _in_flight(provider) == 4, "four calls under way")
    worker.process.kill()
    worker.process.wait()
    provider.config(latency_ms=0)
    fleet.start("w2")
    wait_until_ended(run)
    _assert_complete(run)
    assert ProviderCall.objects.filter(item__run=run).count() <= 12 + 4


def test_a_run_is_paused_and_goes_on(fleet: Fleet, provider: Simulator, project: Project) -> None:
    provider.config(latency_ms=300)
    fleet.start()
    run = _start(project, lanes=2)
    wait_for(lambda: _in_flight(provider) == 2, "two calls under way")
    ada = project.created_by
    in_flight = run_control(run=run, action="pause", user=ada).in_flight
    assert in_flight == 2
    wait_for(lambda: not RunItem.objects.filter(status="GENERATING").exists(), "the calls ended")
    assert ProviderCall.objects.count() == RunItem.objects.filter(status="COMPLETED").count()
    provider.config(latency_ms=0)
    run_control(run=run, action="resume", user=ada)
    wait_until_ended(run)
    _assert_complete(run)
    assert ProviderCall.objects.count() == 12


def test_weak_answers_are_repaired_and_failed_items_retried(
    fleet: Fleet, provider: Simulator, project: Project
) -> None:
    provider.faults(
        [
            {"match": {"epic": "E1"}, "action": {"type": "weak_stories"}},
            {"match": {"epic": "E2"}, "times": 3, "action": {"type": "refusal"}},
        ]
    )
    fleet.start()
    run = _start(project, instructions="Speak of patrons.", language="German")
    wait_until_ended(run)
    assert run.status == "COMPLETED_WITH_ERRORS"
    items = RunItem.objects.filter(run=run)
    assert items.filter(code__startswith="E2", error_code="REFUSED").count() == 3
    repaired = items.filter(code__startswith="E1").values_list("notes", flat=True)
    assert all("after the repair" in notes[0] for notes in repaired)
    api = client_of(project.created_by)
    answer = api.post(f"/api/v1/runs/{run.pk}/retry-failed", {})
    assert answer.status_code == 202, answer.content
    retry = Run.objects.get(pk=answer.json()["data"]["newRunId"])
    wait_until_ended(retry)
    assert retry.status == "SUCCEEDED"
    assert retry.options == run.options
    assert Subtask.objects.values("story").distinct().count() == 12
    for story in Story.objects.all():
        covered = Subtask.objects.filter(story=story).values_list("criteria", flat=True)
        assert {number for numbers in covered for number in numbers} == {1, 2}
    assert_counted(retry, kept=False)


def test_over_the_api_stories_are_named_and_their_subtasks_read(
    fleet: Fleet, provider: Simulator, project: Project
) -> None:
    api = client_of(project.created_by)
    story = Story.objects.get(code="E3-S2")
    path = f"/api/v1/projects/{project.pk}/runs"
    body = {"type": "GENERATE_SUBTASKS", "targetIds": [str(story.pk)]}
    refused = api.post(path, {**body, "options": {"onlyApproved": True}})
    assert refused.status_code == 400
    assert refused.json()["error"]["details"] == {"targetIds": ["E3-S2 is not approved."]}
    answer = api.post(
        path, {**body, "options": {"language": "German", "instructions": "Be brief."}}
    )
    assert answer.status_code == 202, answer.content
    run = Run.objects.get(pk=answer.json()["data"]["runId"])
    fleet.start()
    wait_until_ended(run)
    (item,) = api.get(f"/api/v1/runs/{run.pk}/items").json()["data"]
    assert (item["code"], item["status"]) == ("E3-S2", "COMPLETED")
    read = api.get(f"/api/v1/stories/{story.pk}/subtasks").json()["data"]
    assert len(read) == item["created"] >= 3
    assert {one["runId"] for one in read} == {str(run.pk)}
