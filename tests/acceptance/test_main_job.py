"""The main job, end to end: real backlogs in, real workers, real HTTP, stored stories out."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from batchgen.redis import client as redis
from epics.files.backlog_export import export_json
from epics.files.backlog_import import backlog_import
from epics.models import Project, Story
from runs.engine.dispatch import messages_waiting
from runs.engine.start import RunOptions, run_start
from runs.models import Lane, ProviderCall, Run, RunItem
from runs.states import Pacing
from tests.acceptance.fleet import Fleet, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted, project_make

BACKLOGS = sorted((Path(__file__).parent.parent / "data" / "backlogs").glob("*.json"))

pytestmark = pytest.mark.django_db(transaction=True)


def _user() -> User:
    return User.objects.get_or_create(username="ada")[0]


def _start(project: Project, **options: Any) -> Run:
    options = {"pacing_profile": Pacing.ADAPTIVE, **options}
    return run_start(project=project, user=_user(), options=RunOptions(**options))


def test_every_epic_of_every_real_backlog_gets_its_stories(
    fleet: Fleet, provider: Simulator
) -> None:
    fleet.start("w1")
    fleet.start("w2")
    documents = {path.stem: json.loads(path.read_text()) for path in BACKLOGS}
    assert len(documents) == 17
    projects = {
        name: backlog_import(user=_user(), document=document)
        for name, document in documents.items()
    }
    runs = {name: _start(project) for name, project in projects.items()}
    wait_until_ended(*runs.values())
    for name, run in runs.items():
        epics = RunItem.objects.filter(run=run)
        assert (name, run.status) == (name, "SUCCEEDED")
        assert {epic.status for epic in epics} == {"COMPLETED"}
        assert len(epics) == len(documents[name]["epics"])
        assert all(5 <= epic.created <= 8 for epic in epics)
        assert_counted(run)
    stats = provider.stats()
    assert len(stats["calls"]) == ProviderCall.objects.count()
    assert {call["status"] for call in stats["calls"]} == {200}
    _assert_at_rest()
    for project in projects.values():
        exported = json.loads("".join(export_json(project)))
        copy = backlog_import(user=_user(), document=exported)
        assert copy.stories.count() == project.stories.count() > 0


def _assert_at_rest() -> None:
    assert set(Lane.objects.values_list("state", flat=True)) == {"idle"}
    assert not RunItem.objects.filter(status__in=("PENDING", "GENERATING")).exists()
    assert messages_waiting() == frozenset()


@pytest.mark.parametrize(
    ("action", "code", "advice"),
    [
        ({"type": "error", "status": 400}, "REQUEST_REJECTED", "Check"),
        ({"type": "malformed_json"}, "UNUSABLE_ANSWER", "again"),
        ({"type": "refusal"}, "REFUSED", "epic"),
    ],
)
def test_one_epics_failure_leaves_the_others_completed(
    fleet: Fleet, provider: Simulator, action: dict[str, Any], code: str, advice: str
) -> None:
    provider.faults([{"match": {"epic": "E3"}, "times": None, "action": action}])
    fleet.start()
    run = _start(project_make(epics=6))
    wait_until_ended(run)
    failed = RunItem.objects.get(run=run, status="FAILED")
    assert (failed.code, failed.error_code) == ("E3", code)
    assert advice in failed.error
    assert len(failed.error) > 30
    assert RunItem.objects.filter(run=run, status="COMPLETED").count() == 5
    assert run.status == "COMPLETED_WITH_ERRORS"
    assert not Story.objects.filter(epic__code="E3").exists()
    assert_counted(run)


def test_what_an_epic_costs_does_not_grow_with_the_run(fleet: Fleet) -> None:
    """One message, two transactions, one provider call an epic; at most k messages at a time."""
    lanes, epics = 8, 400
    fleet.start()
    project = project_make(epics=epics)
    sent = _commands("lpush")
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        cursor.execute("SELECT pg_stat_statements_reset()")
    run = _start(project, max_concurrency=lanes)
    most_waiting = 0
    while Run.objects.filter(id=run.id, completed_at__isnull=True).exists():
        most_waiting = max(most_waiting, len(messages_waiting()))
    run.refresh_from_db()
    assert run.status == "SUCCEEDED"
    assert most_waiting <= lanes
    # Those of the start in one.
    assert _commands("lpush") - sent <= epics - lanes + 1
    with connection.cursor() as cursor:
        cursor.execute(
            # A statement may be on PostgreSQL's list more than once.
            "SELECT query, sum(calls)::int FROM pg_stat_statements "
            "WHERE query NOT LIKE '%%ONLY %%' "  # foreign keys' own checks
            "AND query NOT LIKE '%%SET heartbeat_at%%' "  # more of them, the slower the machine
            "GROUP BY query HAVING sum(calls) >= %s",
            [epics // lanes // 2],
        )
        hot = {
            query.split("(", 1)[1][:60]: calls
            for query, calls in cursor.fetchall()
            if query.startswith("WITH ")
        }
    # Claims, finishes, and the statement that does both, which may leave the two others rare.
    # One by one or in groups: never more than one each of an item.
    assert 1 <= len(hot) <= 4, hot
    assert sum(hot.values()) <= 2 * epics, hot
    assert_counted(run)


def _commands(name: str) -> int:
    stats: dict[str, Any] = redis.client().info("commandstats")
    return int(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"])
