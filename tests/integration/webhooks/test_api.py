"""Webhooks over REST: the contract's section 6b, for owners."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import TextField
from django.db.models.functions import Cast
from pytest_django.fixtures import Settings
from standardwebhooks import Webhook as Verifier

from batchgen.api.idempotency import HEADER, REPLAYED
from batchgen.models import IdempotencyKey
from epics.models import Project
from runs.webhooks.delivering import deliver
from runs.webhooks.models import Delivery, Webhook
from tests.factories import client_of, project_make
from tests.integration.webhooks.receiver import receiving

pytestmark = pytest.mark.django_db(transaction=True)

URL = "http://127.0.0.1:9/hook"


def ask(method: str, path: str, project: Project, body: Any = None, status: int = 200) -> Any:
    client = client_of(project.created_by)
    answer = getattr(client, method)(f"/api/v1{path}", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json() if answer.content else None


def added(project: Project, url: str = URL, *events: str) -> dict[str, Any]:
    body = {"url": url, "events": list(events or ("run.paused", "run.ended"))}
    found = ask("post", f"/projects/{project.pk}/webhooks", project, body, 201)["data"]
    assert isinstance(found, dict)
    return found


def test_a_webhook_from_its_beginning_to_its_end() -> None:
    project = project_make()
    with receiving() as receiver:
        hook = added(project, receiver.url, "run.ended", "item.failed", "run.ended")
        secret = hook.pop("secret")
        assert hook["events"] == ["run.ended", "item.failed"]
        assert (hook["active"], hook["offReason"], hook["pending"]) == (True, "", 0)
        path = f"/webhooks/{hook['id']}"
        assert ask("get", path, project)["data"] == hook
        assert ask("get", f"/projects/{project.pk}/webhooks", project)["data"] == [hook]
        test = ask("post", f"{path}/test", project, {}, 202)["data"]
        assert (test["type"], test["status"]) == ("webhook.test", "PENDING")
        ask("post", f"{path}/test", project, {}, 409)
        deliver()
        (came,) = receiver.came
        message = Verifier(secret).verify(came.body, came.headers)
        assert message["data"] == hook
        (delivery,) = ask("get", f"{path}/deliveries", project)["data"]
        assert delivery["deliveryId"] == test["deliveryId"] == came.id
        assert (delivery["status"], delivery["responseStatus"], delivery["attempts"]) == (
            "DELIVERED",
            204,
            1,
        )
        resend = f"{path}/deliveries/{came.id}/resend"
        assert ask("post", resend, project, {}, 202)["data"]["status"] == "PENDING"
        ask("post", resend, project, {}, 409)
        deliver()
        assert [each.id for each in receiver.came] == [came.id] * 2
        assert ask("get", f"{path}/deliveries?status=FAILED", project)["data"] == []
        changed = ask("patch", path, project, {"active": False, "version": hook["version"]})["data"]
        assert (changed["active"], changed["version"]) == (False, hook["version"] + 1)
        ask("patch", path, project, {"active": True, "version": hook["version"]}, 409)
        ask("delete", path, project, status=204)
        ask("get", path, project, status=404)


def test_a_secret_is_shown_once_and_stored_nowhere() -> None:
    project = project_make()
    client = client_of(project.created_by)
    address = f"/api/v1/projects/{project.pk}/webhooks"
    body = {"url": URL, "events": ["run.ended"]}
    first, again = (
        client.post(address, body, format="json", headers={HEADER: "k"}) for _ in range(2)
    )
    assert (first.json(), again[REPLAYED]) == (again.json(), "true")
    hook = first.json()["data"]
    assert Webhook.objects.count() == 1
    path = f"/webhooks/{hook['id']}"
    answers = [
        ask("get", path, project),
        ask("get", f"/projects/{project.pk}/webhooks", project),
        ask("patch", path, project, {"url": f"{URL}2"}),
    ]
    plain = hook["secret"].removeprefix("whsec_")
    assert plain not in str(answers)
    assert plain not in IdempotencyKey.objects.get().body
    with connection.cursor() as cursor:
        cursor.execute("SELECT w::text FROM webhooks_webhook w")
        assert plain not in str(cursor.fetchall())
    rotated = ask("post", f"{path}/secret", project, {})["data"]
    assert rotated["secret"] != hook["secret"]
    assert rotated["version"] == 3
    late = client.post(address, body, format="json", headers={HEADER: "k"}).json()["data"]
    assert (late["id"], late["secret"]) == (hook["id"], None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": ["run.ended"]}, "url"),
        ({"url": URL}, "events"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["webhook.test"]}, "events"),
        ({"url": URL, "events": "run.ended"}, "events"),
        ({"url": "http://10.0.0.1/", "events": ["run.ended"]}, "url"),
        ({"url": f" {URL}", "events": ["run.ended"]}, "url"),
        ({"url": URL, "events": ["run.ended"], "secret": "mine"}, "secret"),
        ({"url": URL, "events": ["run.ended"], "active": "yes"}, "active"),
    ],
)
def test_what_is_wrong_is_said_by_its_field(body: dict[str, Any], field: str) -> None:
    project = project_make()
    error = ask("post", f"/projects/{project.pk}/webhooks", project, body, 400)["error"]
    assert [name.partition("[")[0] for name in error["details"]] == [field]
    hook = added(project)
    if field in body:
        wrong = {field: body[field]}
        error = ask("patch", f"/webhooks/{hook['id']}", project, wrong, 400)["error"]
        assert [name.partition("[")[0] for name in error["details"]] == [field]


def test_a_project_has_so_many(settings: Settings) -> None:
    settings.PROJECT_WEBHOOKS = 1
    project = project_make()
    added(project)
    body = {"url": URL, "events": ["run.ended"]}
    error = ask("post", f"/projects/{project.pk}/webhooks", project, body, 409)["error"]
    assert (error["code"], error["details"]["setting"]) == (
        "QUOTA_REACHED",
        "BATCHGEN_PROJECT_WEBHOOKS",
    )


def test_a_delivery_of_another_hook_is_not_there() -> None:
    project, other = project_make(), project_make()
    mine, foreign = added(project), added(other)
    delivery = Delivery.objects.create(hook_id=foreign["id"], type="run.ended", ordering_key="x")
    delivery.refresh_from_db()
    path = f"/webhooks/{mine['id']}/deliveries/{delivery.message_id}/resend"
    ask("post", path, project, {}, 404)


def test_what_is_switched_off_waits_no_more() -> None:
    project = project_make()
    hook = added(project)
    Delivery.objects.create(hook_id=hook["id"], type="run.ended", ordering_key="x", body="{}")
    ask("patch", f"/webhooks/{hook['id']}", project, {"active": False})
    (status,) = Delivery.objects.annotate(text=Cast("status", TextField())).values_list("text")
    assert status == ("FAILED",)
    ask("patch", f"/webhooks/{hook['id']}", project, {"active": True})
    assert deliver() == 0
