"""A POST that is sent twice does its work once."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import RequestFactory
from django.utils.timezone import now
from rest_framework.request import Request
from rest_framework.response import Response

from batchgen.api.idempotency import HEADER, REPLAYED, idempotent
from batchgen.api.operations import StrictJSONParser
from batchgen.models import IdempotencyKey
from epics.models import Card, Epic, Membership, Project
from runs.engine.open_targets import all_close
from runs.models import Lane, Run, RunItem
from runs.states import ItemStatus, LaneState, RunStatus
from tests.factories import backlog_document, client_of, member_make, project_make, user_make
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1"


def post(user: User, path: str, body: Any, key: str | None) -> Any:
    headers = {} if key is None else {HEADER: key}
    return client_of(user).post(f"{API}{path}", body, format="json", headers=headers)


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/projects", {"name": "New"}, Project),
        ("/projects/import", backlog_document(), Project),
        ("/projects/{id}/cards", {"title": "New"}, Card),
        ("/projects/{id}/epics", {"title": "New"}, Epic),
        ("/projects/{id}/runs", {}, Run),
    ],
)
def test_a_repetition_gets_the_first_answer(path: str, body: Any, model: Any) -> None:
    project = project_make()
    path, user = path.format(id=project.pk), project.created_by
    before = model.objects.count()
    first = post(user, path, body, "k")
    again = post(user, path, body, "k")
    assert first.status_code in {201, 202}
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (first.get(REPLAYED), again[REPLAYED]) == (None, "true")
    assert model.objects.count() == before + 1


def test_a_started_run_is_sent_to_the_workers() -> None:
    project = project_make()
    post(project.created_by, f"/projects/{project.pk}/runs", {}, "k")
    assert set(Lane.objects.values_list("state", flat=True)) == {LaneState.SENT}


def test_a_retry_is_started_once() -> None:
    project = project_make()
    run_id = post(project.created_by, f"/projects/{project.pk}/runs", {}, None).json()["data"][
        "runId"
    ]
    Lane.objects.update(state=LaneState.IDLE)
    RunItem.objects.update(status=ItemStatus.FAILED, completed_at=now(), lane=None)
    Run.objects.update(status=RunStatus.FAILED, completed_at=now())
    all_close(run_id=run_id)
    answers = [post(project.created_by, f"/runs/{run_id}/retry-failed", {}, "k") for _ in "ab"]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    assert Run.objects.count() == 2


def test_another_request_with_the_same_key_conflicts() -> None:
    project = project_make()
    user = project.created_by
    assert post(user, "/projects", {"name": "A", "code": "X"}, "k").status_code == 201
    assert post(user, "/projects", {"code": "X", "name": "A"}, "k").status_code == 201
    for path, body in (
        ("/projects", {"name": "B"}),
        (f"/projects/{project.pk}/cards", {"name": "A", "code": "X"}),
    ):
        answer = post(user, path, body, "k")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert Project.objects.count() == 2


def test_keys_belong_to_their_users() -> None:
    ids = {post(user_make(), "/projects", {"name": "A"}, "k").json()["data"]["id"] for _ in "ab"}
    assert len(ids) == 2


#: As a web server passes on UTF-8 in a header.
_UMLAUTS = "Straße".encode().decode("latin-1")


@pytest.mark.parametrize(
    ("key", "status"), [("k" * 255, 201), (_UMLAUTS, 201), ("k" * 256, 400), ("", 400)]
)
def test_any_text_of_1_to_255_characters_is_a_key(key: str, status: int) -> None:
    answer = post(user_make(), "/projects", {"name": "A"}, key)
    assert answer.status_code == status
    if status == 400:
        assert list(answer.json()["error"]["details"]) == [HEADER]
    assert Project.objects.exists() == (status == 201)


def test_an_error_is_not_kept() -> None:
    user = user_make()
    assert post(user, "/projects", {}, "k").status_code == 400
    assert not IdempotencyKey.objects.exists()
    assert post(user, "/projects", {"name": "A"}, "k").status_code == 201


def test_at_the_same_moment_one_does_the_work() -> None:
    user = user_make()
    answers = race(*[lambda: post(user, "/projects", {"name": "A"}, "k").content] * 6)
    assert len(answers) == 6
    assert len(set(answers)) == 1
    assert json.loads(answers[0])["error"] is None
    assert Project.objects.count() == 1


def test_a_crash_in_between_leaves_neither_work_nor_key() -> None:
    user = user_make()

    def work(view: None, request: Request) -> Response:
        with transaction.atomic():
            Project.objects.create(name="A", created_by=user)
        raise SystemExit

    plain = RequestFactory().post(
        "/somewhere", {}, content_type="application/json", headers={HEADER: "k"}
    )
    request = Request(plain, parsers=[StrictJSONParser()])
    request.user = user
    with pytest.raises(SystemExit):
        idempotent(work, allowed=lambda **_: None)(None, request)
    assert not Project.objects.exists()
    assert not IdempotencyKey.objects.exists()


def test_old_keys_go_when_new_ones_come() -> None:
    user = user_make()
    post(user, "/projects", {"name": "A"}, "old")
    IdempotencyKey.objects.update(expires_at=now() - timedelta(seconds=1))
    post(user, "/projects", {"name": "B"}, "new")
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["new"]
    assert post(user, "/projects", {"name": "C"}, "old").status_code == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/projects/{id}/cards", {"title": "New"}),
        ("/projects/{id}/epics", {"title": "New"}),
        ("/projects/{id}/members", {"username": "new", "role": "viewer"}),
        ("/projects/{id}/runs", {}),
    ],
)
def test_a_repetition_asks_for_the_rights_of_now(path: str, body: Any) -> None:
    user_make("new")
    project = project_make()
    user = member_make(project, "owner")
    mine = Membership.objects.filter(user=user)
    path = path.format(id=project.pk)
    assert post(user, path, body, "k").status_code in {201, 202}
    assert post(user, path, body, "k")[REPLAYED] == "true"
    mine.update(role="viewer")
    assert post(user, path, body, "k").status_code == 403
    assert post(user, path, {"title": "Another"}, "k").status_code == 403
    mine.delete()
    assert post(user, path, body, "k").status_code == 404
    Membership.objects.create(project=project, user=user, role="owner")
    assert post(user, path, body, "k")[REPLAYED] == "true"


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [("/projects", {"name": "New"}, "id"), ("/projects/import", backlog_document(), "projectId")],
)
def test_a_project_of_ones_own_is_told_again_while_one_may_read_it(
    path: str, body: Any, key: str
) -> None:
    user = user_make()
    project_id = post(user, path, body, "k").json()["data"][key]
    mine = Membership.objects.filter(user=user, project=project_id)
    mine.update(role="viewer")
    assert post(user, path, body, "k")[REPLAYED] == "true"
    mine.delete()
    assert post(user, path, body, "k").status_code == 404
