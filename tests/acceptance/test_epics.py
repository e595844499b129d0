"""Epics from the cards of real backlogs: every card has one, whoever dies in between, and nothing
is paid for twice but what was in flight."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from content.run_types import RunType
from epics.files.backlog_export import export_json
from epics.files.backlog_import import backlog_import
from epics.files.document_consistency import dependency_cycle
from epics.models import Card, Epic, EpicCard, Project
from runs.engine.controls import run_control, run_retry
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget, ProviderCall, Run, RunItem
from runs.states import CallOutcome, Pacing
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted

BACKLOGS = sorted((Path(__file__).parent.parent / "data" / "backlogs").glob("*.json"))
#: Calls of the large project that are answered before the worker is killed.
_BEFORE_THE_KILL = 4

pytestmark = pytest.mark.django_db(transaction=True)


def _import(document: dict[str, Any]) -> Project:
    user, _ = User.objects.get_or_create(username="ada")
    return backlog_import(user=user, document={**document, "epics": []})


def _all_in_one(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """A project of the size that needs groups: the cards of all."""
    cards = [
        {**card, "code": f"{document['project']['code']}-{card['code']}"}
        for document in documents
        for card in document["cards"]
    ]
    return {"project": {"name": "All of them", "code": "ALL"}, "cards": cards}


def _start(project: Project) -> Run:
    return run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(type=RunType.GENERATE_EPICS, pacing_profile=Pacing.ADAPTIVE),
    )


def _calls(provider: Simulator, run: Run) -> int:
    marker = str(RunItem.objects.get(run=run).id)
    return Counter(call["marker"] for call in provider.stats()["calls"])[marker]


def _assert_whole(project: Project, run: Run) -> None:
    """Each card in an epic or told of, no circle, and the counts are those of the rows."""
    item = RunItem.objects.get(run=run)
    assert (project.name, item.status, item.error) == (project.name, "COMPLETED", "")
    epics = Epic.objects.filter(project=project)
    assert set(epics.values_list("run_id", flat=True)) == {run.id}
    assert 5 <= len(epics) == item.created <= 15
    assert [epic.code for epic in epics] == [f"E{n}" for n in range(1, len(epics) + 1)]
    assert dependency_cycle(dict(epics.values_list("code", "dependencies"))) is None
    placed = set(EpicCard.objects.filter(epic__project=project).values_list("card", flat=True))
    assert placed == set(Card.objects.filter(project=project).values_list("id", flat=True))
    assert_counted(run, kept=False)


def test_the_cards_of_every_real_backlog_have_epics_twice_in_a_row(
    fleet: Fleet, provider: Simulator
) -> None:
    provider.config(latency_ms=200)
    documents = [json.loads(path.read_text()) for path in BACKLOGS]
    assert len(documents) == 17
    large = _import(_all_in_one(documents))
    projects = [large, *map(_import, documents)]
    worker = fleet.start("w1", mortal=True)
    first = [_start(project) for project in projects]
    wait_for(lambda: _calls(provider, first[0]) > _BEFORE_THE_KILL, "the large one is under way")
    worker.process.kill()
    worker.process.wait()
    fleet.start("w1")
    wait_until_ended(*first)
    for project, run in zip(projects, first, strict=True):
        _assert_whole(project, run)
    assert sum(RunItem.objects.values_list("crashes", flat=True)) >= 1

    second = [_start(project) for project in projects]
    wait_until_ended(*second)
    for project, before, run in zip(projects, first, second, strict=True):
        _assert_whole(project, run)
        crashes = RunItem.objects.get(run=before).crashes
        assert _calls(provider, before) <= _calls(provider, run) + crashes
    assert _calls(provider, second[0]) > 2 * _BEFORE_THE_KILL
    assert not OpenTarget.objects.exists()
    assert {call["status"] for call in provider.stats()["calls"]} <= {200, "aborted", "dropped"}
    exported = json.loads("".join(export_json(large)))
    copy = backlog_import(user=User.objects.get(), document=exported)
    assert copy.epics.count() == large.epics.count()


def test_weak_answers_are_repaired_and_every_card_has_an_epic(
    fleet: Fleet, provider: Simulator
) -> None:
    provider.faults([{"match": {}, "times": None, "action": {"type": "weak_stories"}}])
    project = _import(json.loads(BACKLOGS[0].read_text()))
    fleet.start("w1")
    run = _start(project)
    wait_until_ended(run)
    _assert_whole(project, run)
    purposes = ProviderCall.objects.order_by("started_at").values_list("purpose", flat=True)
    assert list(purposes) == ["generate", "repair"]
    assert any("repair kept" in note for note in RunItem.objects.get(run=run).notes)


def test_a_large_project_is_paused_between_its_calls_and_goes_on(
    fleet: Fleet, provider: Simulator
) -> None:
    provider.config(latency_ms=200)
    project = _import(_all_in_one([json.loads(path.read_text()) for path in BACKLOGS]))
    fleet.start("w1")
    run = _start(project)
    wait_for(lambda: _calls(provider, run) >= _BEFORE_THE_KILL, "it is under way")
    moved = run_control(run=run, action="pause", user=project.created_by)
    assert moved.in_flight <= 1
    wait_for(lambda: RunItem.objects.get(run=run).status == "PENDING", "its call has ended")
    asked = _calls(provider, run)
    assert _BEFORE_THE_KILL <= asked <= _BEFORE_THE_KILL + 2
    assert not ProviderCall.objects.filter(outcome=CallOutcome.STARTED).exists()
    run_control(run=run, action="resume", user=project.created_by)
    wait_until_ended(run)
    _assert_whole(project, run)
    # An attempt that is answered by what was kept has made no call.
    made = ProviderCall.objects.exclude(outcome=CallOutcome.NOT_MADE).count()
    assert _calls(provider, run) == made > asked


def test_a_project_that_was_refused_is_retried(fleet: Fleet, provider: Simulator) -> None:
    provider.faults([{"match": {}, "times": 1, "action": {"type": "refusal"}}])
    project = _import(json.loads(BACKLOGS[0].read_text()))
    fleet.start("w1")
    run = _start(project)
    wait_until_ended(run)
    assert (run.status, RunItem.objects.get().error_code) == ("FAILED", "REFUSED")
    assert not Epic.objects.exists()
    again = run_retry(run=run, user=project.created_by, include_pending=False)
    wait_until_ended(again)
    assert again.status == "SUCCEEDED"
    _assert_whole(project, again)
