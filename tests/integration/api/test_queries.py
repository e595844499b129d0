"""Every read costs as many queries with much in the database as with little.

The routes are found as in `test_permissions`: one that has no row here fails.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from django.utils.timezone import now
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.db.ids import new_id
from batchgen.metrics import ROUND_TRIPS
from epics.models import Membership, Project
from epics.services import epic_update
from epics.story_services import story_update
from runs.engine.controls import run_retry
from runs.engine.trail import action_append, log_append
from runs.models import Lane, LedgerLine, Run, RunAction, RunItem, Worker
from runs.states import ItemStatus, LaneState
from runs.webhooks.models import Webhook
from tests.factories import (
    delivery_make,
    member_make,
    project_make,
    subtask_make,
    webhook_make,
)
from tests.integration.api.test_permissions import API, PARTS, _failed, _started, ids_of, routes

#: {read: its queries}, by a member with a token; one of them is the look at who that is,
#: and of lists one measures the page.
QUERIES = {
    "/projects": 3,
    "/projects?q=tide&order=name": 3,
    "/projects/{project_id}": 4,
    "/projects/{project_id}/cards": 5,
    "/projects/{project_id}/cards?q=card&order=title": 5,
    "/projects/{project_id}/epics": 5,
    "/projects/{project_id}/epics?q=epic&order=-code": 5,
    "/projects/{project_id}/stories": 5,
    "/projects/{project_id}/stories?q=tide&persona=skipper&epic=E1": 5,
    "/projects/{project_id}/duplicates": 4,
    "/projects/{project_id}/members": 4,
    "/projects/{project_id}/uploads": 4,
    "/uploads/{upload_id}": 4,
    "/members/{member_id}": 4,
    "/projects/{project_id}/webhooks": 5,
    "/webhooks/{webhook_id}": 4,
    "/webhooks/{webhook_id}/deliveries": 4,
    "/webhooks/{webhook_id}/deliveries?status=FAILED": 4,
    "/invitations": 2,
    "/tokens": 2,
    "/cards/{card_id}": 3,
    "/epics/{epic_id}": 4,
    "/epics/{epic_id}/stories": 5,
    "/stories/{story_id}": 3,
    "/stories/{story_id}/subtasks": 5,
    "/stories/{story_id}/history": 5,
    "/epics/{epic_id}/history": 5,
    "/projects/{project_id}/subtasks?epic=E1&story=E1-S1": 5,
    "/subtasks/{subtask_id}": 3,
    "/projects/{project_id}/pages": 5,
    "/projects/{project_id}/pages?q=rope&type=category&language=English&order=-url": 5,
    "/projects/{project_id}/pages/export": 7,
    "/pages/{page_id}": 3,
    "/generation/batch/{run_id}": 3,
    "/generation/jobs/{job_id}": 3,
    "/queue/status": 8,
    "/runs": 3,
    "/runs?project={project_id}&status=FAILED": 3,
    "/runs/{run_id}": 3,
    "/runs/{run_id}?effective=true": 6,
    "/runs/{run_id}/progress": 5,
    "/runs/{run_id}/epics": 5,
    "/runs/{run_id}/epics?status=FAILED": 5,
    "/runs/{run_id}/epics?effective=true": 6,
    "/runs/{run_id}/items": 5,
    "/runs/{run_id}/items?status=FAILED&order=completedAt": 5,
    "/runs/{run_id}/items/{item_id}": 4,
    "/runs/{run_id}/changes": 8,
    "/runs/{run_id}/errors": 4,
    "/runs/{run_id}/health": 4,
    "/runs/{run_id}/logs": 6,
    "/runs/{run_id}/actions": 5,
    "/runs/{run_id}/batches": 5,
    "/ledger": 2,
    "/ledger/summary?by=day": 3,
}
#: A stream, and files: of those that are read by pages their own tests count the pages.
NOT_READS = {
    f"{API}/runs/{{run_id}}/events",
    f"{API}/projects/{{project_id}}/export",
    f"{API}/runs/{{run_id}}/file",
}


def test_every_read_has_a_row() -> None:
    known = {path for method, path in routes(get_resolver()) if method == "GET"}
    reads = {path for path in known if path.startswith(API)} - NOT_READS
    assert {API + path.partition("?")[0] for path in QUERIES} == reads


def little() -> tuple[User, dict[str, Any]]:
    """A reader of a project with one of each, and what its addresses name."""
    project = project_make(epics=1, cards=1, stories=1)
    return _read_by(member_make(project, "owner"), project, _failed(project))


def much() -> tuple[User, dict[str, Any]]:
    """The same with many of each, and with others beside it."""
    project = project_make(epics=30, cards=3, stories=4)
    user = member_make(project, "owner")
    for _ in range(10):
        member_make(project, "editor")
    run = _failed(project)
    for number in range(20):
        log_append(run_id=run.pk, message=f"Line {number}")
        action_append(run_id=run.pk, kind=RunAction.Kind.CHANGE, user=None, details={})
        _booked(run)
    run.refresh_from_db()
    run_retry(run=run, user=project.created_by, include_pending=False)
    for number in range(20):
        subtask_make(project.stories.all()[0])
        story_update(story_id=project.stories.all()[0].pk, changes={"title": f"T{number}"})
        epic_update(epic_id=project.epics.all()[0].pk, changes={"title": f"T{number}"})
    for number in range(5):
        other = project_make(epics=3)
        Membership.objects.create(project=other, user=user, role="viewer")
        _generate(_started(other), f"w{number}@test")
    found = _read_by(user, project, run)
    for hook in [webhook_make(project) for _ in range(5)]:
        delivery_make(hook)
    for _ in range(20):
        delivery_make(Webhook.objects.get(pk=found[1]["webhook_id"]))
    return found


def _booked(run: Run) -> None:
    LedgerLine.objects.create(
        call_id=new_id(),
        at=now(),
        project_id=run.project_id,
        run_id=run.pk,
        item_id=new_id(),
        model=run.model,
        purpose="generate",
        lane="batch",
        certainty="billed",
        cost_micro_usd=5,
        price_date=now().date(),
    )


def _generate(run: Run, worker_name: str) -> None:
    worker = Worker.objects.create(
        name=worker_name, concurrency=2, lease_until=now() + timedelta(hours=1)
    )
    Lane.objects.filter(run=run).update(state=LaneState.RUNNING, worker=worker)
    carried = RunItem.objects.filter(run=run, lane__isnull=False)
    carried.update(status=ItemStatus.GENERATING, started_at=now())


def _read_by(user: User, project: Project, run: Run) -> tuple[User, dict[str, Any]]:
    every = "".join(f"{{{name}}}" for name in (*PARTS, "webhook_id"))
    ids = ids_of(("GET", every), project)
    return user, {**ids, "run_id": run.pk, "item_id": run.items.all()[0].pk}


def queries_of(path: str, user: User, ids: dict[str, Any]) -> int:
    """Of Django's connections and of the engine's."""
    client = APIClient(headers={"Authorization": f"Bearer {AccessToken.for_user(user)}"})
    address = API + path.format(**ids)
    client.get(address).close()  # the first reader of a log numbers its lines
    before = _named()
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
        assert answer.status_code == 200
        assert b"".join(answer)
        answer.close()
    return len(queries) + _named() - before


def _counted(user: User, ids: dict[str, Any]) -> dict[str, int]:
    return {path: queries_of(path, user, ids) for path in QUERIES}


def _named() -> int:
    (metric,) = ROUND_TRIPS.collect()
    return int(sum(each.value for each in metric.samples if each.name.endswith("_total")))


@pytest.mark.django_db(transaction=True)
def test_a_read_costs_as_many_queries_whatever_is_there() -> None:
    few = _counted(*little())
    assert _counted(*much()) == QUERIES
    # What is not there at all needs no look: rows without a lane, lanes.
    assert {path: few[path] for path in QUERIES if QUERIES[path] - few[path] not in {0, 1}} == {}
