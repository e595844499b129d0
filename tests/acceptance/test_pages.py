"""Pages are written by real workers: killed in the middle, paused, repaired, failed and retried."""

import json
from typing import Any

import pytest

from content.pages.components import DEFAULTS
from content.pages.models import Page
from content.run_types import RunType
from epics.models import Project
from runs.engine.controls import run_control
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget, ProviderCall, Run, RunItem
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.factories import client_of
from tests.integration.engine.test_page_runs import pages_make
from tests.integration.engine.world import assert_counted, assert_open, project_make

pytestmark = pytest.mark.django_db(transaction=True)

_TYPES = tuple(DEFAULTS)
_LANGUAGES = ("", "German", "French", "Spanish", "Italian")


@pytest.fixture
def project() -> Project:
    """Ten pages of all types, in five languages."""
    made = project_make(epics=0)
    voice = {"tone": "calm", "bannedWords": ["cheap"]}
    Project.objects.filter(pk=made.pk).update(brand_voice=voice)
    pages_make(made, 10)
    for page in Page.objects.all():
        page.page_type = _TYPES[page.order % 5]
        page.language = _LANGUAGES[page.order // 5 % 5] if page.order % 2 else ""
        page.keywords = [f"desk lamp {page.code[1:]}", "reading light"]
        page.save()
    return made


def _start(project: Project, *, lanes: int = 4, profile: str = "adaptive", **options: Any) -> Run:
    return run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(
            type=RunType.GENERATE_PAGES,
            pacing_profile=profile,
            max_concurrency=lanes,
            options=options,
        ),
    )


def _in_flight(provider: Simulator) -> int:
    return sum(call["end"] is None for call in provider.stats()["calls"])


def _assert_complete(run: Run, *, kept: int = 0) -> None:
    """Each page has its components once, and each item says so."""
    assert run.status == "SUCCEEDED"
    items = RunItem.objects.filter(run=run)
    assert sum(item.kept for item in items) == kept
    assert sum(item.created for item in items) == items.count() - kept
    for page in Page.objects.filter(run_id=run.pk):
        types = [each["type"] for each in page.content_components]
        assert types == list(DEFAULTS[page.page_type])
        assert all(each["html"] for each in page.content_components)
        assert page.content_status == "current"
        assert page.defects == [], page.code
        assert (page.quality_score, page.keyword_coverage) == (100, 1)
        assert len(page.meta_title) <= 60
        assert len(page.meta_description) <= 155
    assert not OpenTarget.objects.exists()
    assert_counted(run, kept=False)
    assert_open()


def test_a_worker_that_is_killed_loses_no_page(
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
    assert Page.objects.filter(run_id=run.pk).count() == 10
    assert ProviderCall.objects.filter(item__run=run).count() <= 10 + 4


def test_of_a_page_in_parts_only_the_call_under_way_is_made_again(
    fleet: Fleet, provider: Simulator, project: Project
) -> None:
    page = Page.objects.get(code="P5")
    assert page.page_type == "product"
    Page.objects.exclude(pk=page.pk).delete()
    provider.config(latency_ms=200)
    worker = fleet.start(mortal=True)
    run = _start(project, lanes=1, profile="safe")
    wait_for(lambda: len(provider.stats()["calls"]) >= 4, "the fourth component under way")
    worker.process.kill()
    worker.process.wait()
    fleet.start("w2")
    wait_until_ended(run)
    _assert_complete(run)
    assert RunItem.objects.get().notes == ["7 calls, one a component"]
    assert len(provider.stats()["calls"]) == 8


def test_a_run_is_paused_and_goes_on(fleet: Fleet, provider: Simulator, project: Project) -> None:
    provider.config(latency_ms=300)
    fleet.start()
    run = _start(project, lanes=2)
    wait_for(lambda: _in_flight(provider) == 2, "two calls under way")
    ada = project.created_by
    assert run_control(run=run, action="pause", user=ada).in_flight == 2
    wait_for(lambda: not RunItem.objects.filter(status="GENERATING").exists(), "the calls ended")
    assert ProviderCall.objects.count() == RunItem.objects.filter(status="COMPLETED").count()
    provider.config(latency_ms=0)
    run_control(run=run, action="resume", user=ada)
    wait_until_ended(run)
    _assert_complete(run)
    assert ProviderCall.objects.count() == 10


def test_weak_answers_are_repaired_and_failed_items_retried(
    fleet: Fleet, provider: Simulator, project: Project
) -> None:
    provider.faults(
        [
            {"match": {"epic": "P1"}, "action": {"type": "weak_stories"}},
            {"match": {"epic": "P2"}, "times": 1, "action": {"type": "refusal"}},
            {"match": {"epic": "P3"}, "times": 1, "action": {"type": "malformed_json"}},
            {"match": {"epic": "P4"}, "times": 1, "action": {"type": "max_tokens"}},
        ]
    )
    fleet.start()
    run = _start(project)
    wait_until_ended(run)
    assert run.status == "COMPLETED_WITH_ERRORS"
    items = RunItem.objects.filter(run=run)
    assert items.get(code="P2").error_code == "REFUSED"
    assert items.get(code="P1").notes[0].endswith("repair kept")
    api = client_of(project.created_by)
    answer = api.post(f"/api/v1/runs/{run.pk}/retry-failed", {})
    assert answer.status_code == 202, answer.content
    retry = Run.objects.get(pk=answer.json()["data"]["newRunId"])
    wait_until_ended(retry)
    _assert_complete(retry)
    assert Page.objects.filter(content_status="current", defects=[]).count() == 10


def test_edited_and_approved_pages_stay_and_cost_nothing(
    fleet: Fleet, provider: Simulator, project: Project
) -> None:
    pages = {page.code: page for page in Page.objects.all()}
    Page.objects.filter(code="P1").update(review_status="approved", meta_title="Mine")
    fleet.start()
    all_of_them = _start(project)
    named = run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(
            type=RunType.GENERATE_PAGES,
            pacing_profile="adaptive",
            target_ids=[pages["P1"].pk],
        ),
    )
    wait_until_ended(all_of_them, named)
    assert RunItem.objects.filter(run=all_of_them).count() == 9
    _assert_complete(named, kept=1)
    assert Page.objects.get(code="P1").meta_title == "Mine"
    assert len(provider.stats()["calls"]) == 9
    assert json.dumps(Page.objects.get(code="P1").content_components) == "[]"
