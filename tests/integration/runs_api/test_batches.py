"""Pages and their run at once: a batch of jobs, in the words of content teams."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from content.pages.models import Page
from epics import bounds
from epics.models import Project
from runs.models import Lane, OpenTarget, Run, RunItem
from runs.states import ItemStatus
from tests.factories import client_of, member_make, project_make, user_make
from tests.integration.pages.world import page_body, page_make, page_write
from tests.threads import race

pytestmark = pytest.mark.django_db

API = "/api/v1"
BATCH = f"{API}/generation/batch"


@pytest.fixture
def project() -> Project:
    return project_make()


@pytest.fixture
def client(project: Project) -> Any:
    return client_of(project.created_by)


def batch(project: Project, *pages: Any, **fields: Any) -> dict[str, Any]:
    return {"projectId": str(project.pk), "pages": list(pages), **fields}


def started(client: Any, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(BATCH, body, format="json")
    assert answer.status_code == 202, answer.content
    data: dict[str, Any] = answer.json()["data"]
    return data


def item_end(item_id: str, status: str, **fields: Any) -> None:
    RunItem.objects.filter(pk=item_id).update(status=status, completed_at=now(), **fields)


def error_of(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_pages_and_their_run_begin_together(client: Any, project: Project) -> None:
    known = page_make(project, "/known", title="Old", priority=9)
    page_make(project, "/other")
    body = batch(
        project,
        page_body("/new", metadata={"skuCount": 2_000}),
        page_body("/known/", title="New"),
        page_body("/last"),
        priority="HIGH",
        maxConcurrency=2,
        options={"language": "German", "instructions": "Be brief."},
    )
    data = started(client, body)
    run = Run.objects.get()
    assert (data["batchId"], data["projectId"]) == (str(run.pk), str(project.pk))
    assert (data["total"], data["created"], data["updated"]) == (3, 2, 1)
    assert (run.type, run.priority, run.max_concurrency) == ("GENERATE_PAGES", "HIGH", 2)
    assert run.options["language"] == "German"
    items: dict[str, Any] = {str(item.pk): item.target_id for item in run.items.all()}
    urls = dict(Page.objects.values_list("pk", "url"))
    assert [urls[items[job_id]] for job_id in data["jobIds"]] == ["/new", "/known/", "/last"]
    known.refresh_from_db()
    assert (known.title, known.priority) == ("New", 9)
    codes = run.items.order_by("order").values_list("code", flat=True)
    assert list(codes) == ["P1", "P3", "P4"]
    assert [item.priority for item in run.items.order_by("order")] == [9, 5, 5]


def test_a_batch_and_its_jobs_are_read(client: Any, project: Project) -> None:
    data = started(client, batch(project, page_body("/a"), page_body("/b"), priority=None))
    first, second = data["jobIds"]
    answer = client.get(f"{BATCH}/{data['batchId']}").json()["data"]
    assert answer | {"createdAt": None} == {
        "batchId": data["batchId"],
        "projectId": str(project.pk),
        "status": "queued",
        "total": 2,
        "pending": 2,
        "inProgress": 0,
        "completed": 0,
        "failed": 0,
        "skipped": 0,
        "cancelled": 0,
        "percentComplete": 0.0,
        "estimatedRemainingMs": None,
        "error": None,
        "createdAt": None,
        "startedAt": None,
        "completedAt": None,
    }
    page = page_write(Page.objects.get(url="/a"), run_id=data["batchId"])
    item_end(first, ItemStatus.COMPLETED, attempt=2)
    item_end(second, ItemStatus.FAILED, error_code="NOT_READABLE", error="It was not read.")
    job = client.get(f"{API}/generation/jobs/{first}").json()["data"]
    assert (job["status"], job["progress"], job["retryCount"]) == ("completed", 100, 1)
    assert (job["batchId"], job["pageId"], job["code"]) == (data["batchId"], str(page.pk), "P1")
    assert job["result"]["metaTitle"] == page.meta_title
    failed = client.get(f"{API}/generation/jobs/{second}").json()["data"]
    assert (failed["status"], failed["errorCode"]) == ("failed", "NOT_READABLE")
    assert (failed["error"], failed["result"]) == ("It was not read.", None)
    page_write(page, run_id=uuid4())
    assert client.get(f"{API}/generation/jobs/{first}").json()["data"]["result"] is None


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (ItemStatus.PENDING, "pending"),
        (ItemStatus.GENERATING, "processing"),
        (ItemStatus.COMPLETED, "completed"),
        (ItemStatus.FAILED, "failed"),
        (ItemStatus.SKIPPED, "skipped"),
        (ItemStatus.CANCELLED, "cancelled"),
    ],
)
def test_a_job_has_the_status_of_its_item(
    client: Any, project: Project, status: str, told: str
) -> None:
    (job_id,) = started(client, batch(project, page_body("/a")))["jobIds"]
    if status == ItemStatus.GENERATING:
        RunItem.objects.update(status=status, lane=Lane.objects.get(), started_at=now())
    elif status != ItemStatus.PENDING:
        item_end(job_id, status)
    assert client.get(f"{API}/generation/jobs/{job_id}").json()["data"]["status"] == told


def test_a_job_of_a_deleted_page_is_still_told(client: Any, project: Project) -> None:
    (job_id,) = started(client, batch(project, page_body("/a")))["jobIds"]
    assert client.delete(f"{API}/pages/{Page.objects.get().pk}").status_code == 204
    job = client.get(f"{API}/generation/jobs/{job_id}").json()["data"]
    assert (job["pageId"], job["result"]) == (None, None)
    assert not OpenTarget.objects.exists()


def test_what_is_no_job_is_not_there(client: Any) -> None:
    assert client.get(f"{API}/generation/jobs/{uuid4()}").status_code == 404
    assert client.get(f"{BATCH}/{uuid4()}").status_code == 404


class TestRefused:
    @pytest.mark.parametrize(
        ("fields", "place"),
        [
            ({"projectId": "x"}, "projectId"),
            ({"pages": []}, "pages"),
            ({"pages": [page_body()] * (bounds.BATCH_PAGES + 1)}, "pages"),
            ({"pages": [{"url": "/a"}]}, "pages[0].pageType"),
            ({"pages": [page_body("/a"), page_body("/a/#x")]}, "pages[1].url"),
            ({"priority": 5}, "priority"),
            ({"type": "GENERATE_PAGES"}, "type"),
            ({"mode": "concise"}, "mode"),
            ({"targetIds": None}, "targetIds"),
            ({"options": {"epicCount": 3}}, "options.epicCount"),
            ({"maxConcurrency": 0}, "maxConcurrency"),
        ],
        ids=str,
    )
    def test_what_is_wrong_is_named_and_nothing_stays(
        self, client: Any, project: Project, fields: dict[str, Any], place: str
    ) -> None:
        answer = client.post(BATCH, batch(project, page_body()) | fields, format="json")
        assert list(error_of(answer, 400)["details"]) == [place]
        assert not Page.objects.exists()

    def test_who_may_not_edit_learns_nothing_of_the_body(self, project: Project) -> None:
        body = batch(project, {"wrong": 1})
        for user, status in (
            (member_make(project, "viewer"), 403),
            (project_make().created_by, 404),
        ):
            error_of(client_of(user).post(BATCH, body, format="json"), status)

    def test_a_page_that_a_run_is_at_stops_it_all(self, client: Any, project: Project) -> None:
        started(client, batch(project, page_body("/a", title="First")))
        body = batch(project, page_body("/b"), page_body("/a", title="Second"))
        error = error_of(client.post(BATCH, body, format="json"), 409)
        assert error["code"] == "ITEM_ALREADY_ACTIVE"
        assert list(Page.objects.values_list("title", flat=True)) == ["First"]
        assert Run.objects.count() == 1

    def test_a_quota_stops_it_all(self, client: Any, project: Project, settings: Any) -> None:
        settings.USER_RUNS = 0
        error = error_of(client.post(BATCH, batch(project, page_body()), format="json"), 409)
        assert error["code"] == "QUOTA_REACHED"
        assert not Page.objects.exists()


def test_a_key_gives_the_first_answer_again(client: Any, project: Project) -> None:
    body, headers = batch(project, page_body("/a")), {"Idempotency-Key": "k"}
    first = client.post(BATCH, body, format="json", headers=headers)
    again = client.post(BATCH, body, format="json", headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert (Run.objects.count(), Page.objects.count()) == (1, 1)
    headers_of_another = {"Idempotency-Key": "other"}
    url = f"{API}/projects"
    assert client.post(url, {"name": "x"}, headers=headers_of_another).status_code == 201
    conflict = client.post(BATCH, body, format="json", headers=headers_of_another)
    assert error_of(conflict, 409)["code"] == "IDEMPOTENCY_CONFLICT"
    project.memberships.update(role="viewer")
    assert client.post(BATCH, body, format="json", headers=headers).status_code == 403


def test_a_thousand_pages_begin_at_once(client: Any, project: Project) -> None:
    pages = [page_body(f"/{number}", keywords=["a", "b"]) for number in range(1_000)]
    data = started(client, batch(project, *pages))
    assert (data["total"], len(set(data["jobIds"]))) == (1_000, 1_000)
    assert Run.objects.get().total_items == 1_000


@pytest.mark.django_db(transaction=True)
def test_batches_of_one_user_at_the_same_time_all_begin() -> None:
    user = user_make()
    projects = [project_make(user, epics=0) for _ in range(6)]

    def begin(project: Project) -> int:
        body = batch(project, page_body("/a"))
        return int(client_of(user).post(BATCH, body, format="json").status_code)

    assert race(*(partial(begin, project) for project in projects)) == [202] * len(projects)
