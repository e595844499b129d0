"""Reviews: bound to the version that was seen, ended by an edit."""

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from batchgen.errors import BatchgenError
from content.pages.models import Page
from epics.models import ContentChange, Project, ReviewStatus, Story, Subtask
from epics.review import review_set
from epics.services import epic_update
from epics.story_services import story_update
from tests.factories import client_of, project_make, subtask_make
from tests.threads import race

pytestmark = pytest.mark.django_db

API = "/api/v1"


def review(project: Project, rows: Any, kind: str = "story", **fields: Any) -> Any:
    items = [{"id": str(row.pk), "version": row.version} for row in rows]
    body = {"kind": kind, "items": items, "status": "approved", **fields}
    return client_of(project.created_by).post(
        f"{API}/projects/{project.pk}/review", body, format="json"
    )


def answered(project: Project, rows: Any, **fields: Any) -> Any:
    answer = review(project, rows, **fields)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


class TestReview:
    def test_what_may_be_said_is_told(self) -> None:
        answer = review(project_make(), [], kind="card", status="ok")
        assert answer.status_code == 400
        assert answer.json()["error"]["details"] == {
            "kind": ['"card" is none of epic, story, subtask, page.'],
            "items": ["Give 1 or more."],
            "status": ['"ok" is none of draft, approved, rejected.'],
        }

    def test_of_many_at_once(self) -> None:
        project = project_make(epics=2, stories=3)
        stories = list(project.stories.all())
        told = answered(project, stories, note="Good.")
        assert told == {"changed": 6, "unchanged": 0, "conflicts": []}
        read = client_of(project.created_by).get(f"{API}/stories/{stories[0].pk}").json()["data"]
        assert (read["reviewStatus"], read["reviewNote"]) == ("approved", "Good.")
        assert read["version"] == stories[0].version
        assert answered(project, stories, note="Good.")["unchanged"] == 6
        assert answered(project, stories[:1], status="rejected")["changed"] == 1

    @pytest.mark.parametrize("kind", ["epic", "story", "subtask"])
    def test_every_kind(self, kind: str) -> None:
        project = project_make(epics=1, stories=1)
        rows = {
            "epic": project.epics.get(),
            "story": project.stories.get(),
            "subtask": subtask_make(project.stories.get()),
        }
        assert answered(project, [rows[kind]], kind=kind, status="rejected")["changed"] == 1
        plural = {"epic": "epics", "story": "stories", "subtask": "subtasks"}[kind]
        read = client_of(project.created_by).get(f"{API}/{plural}/{rows[kind].pk}")
        assert read.json()["data"]["reviewStatus"] == "rejected"

    def test_of_a_page_that_a_room_above_has(self) -> None:
        project = project_make(epics=1)
        page = Page.objects.create(
            project=project,
            code="P1",
            page_type="brand",
            url="https://e.org/",
            url_key="k",
            generated_at=Now(),
        )
        assert answered(project, [page], kind="page")["changed"] == 1
        page.refresh_from_db()
        assert page.review_status == ReviewStatus.APPROVED
        assert ContentChange.objects.get().kind == "page"

    def test_what_has_another_version_stays(self) -> None:
        project = project_make(epics=1, stories=2)
        first, second = project.stories.order_by("code")
        story_update(story_id=first.pk, changes={"title": "Another"})
        told = answered(project, [first, second])
        assert told == {
            "changed": 1,
            "unchanged": 0,
            "conflicts": [{"id": str(first.pk), "version": 2}],
        }
        first.refresh_from_db()
        assert first.review_status == ReviewStatus.DRAFT

    def test_what_is_not_in_the_project(self) -> None:
        project, other = project_make(stories=1), project_make(stories=1)
        foreign, gone = other.stories.all()[0], Story(pk=uuid4())
        told = answered(project, [foreign, gone])
        assert told["changed"] == 0
        ids = {str(foreign.pk), str(gone.pk)}
        assert {each["id"]: each["version"] for each in told["conflicts"]} == dict.fromkeys(ids)
        foreign.refresh_from_db()
        assert foreign.review_status == ReviewStatus.DRAFT

    @pytest.mark.parametrize(
        "wrong",
        [
            {"items": []},
            {"items": [{"id": str(uuid4()), "version": 1}] * 2},
            {"items": [{"id": str(uuid4()), "version": 1} for _ in range(1001)]},
            {"kind": "card"},
            {"status": "approve"},
            {"note": "x" * 2001},
            {"note": "\x07"},
        ],
    )
    def test_what_is_refused(self, wrong: dict[str, Any]) -> None:
        project = project_make(stories=1)
        answer = review(project, project.stories.all(), **wrong)
        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) & {"items", "kind", "status", "note"}

    def test_a_thousand_cost_no_query_a_row(self) -> None:
        project = project_make(epics=10, stories=100)
        rows = list(project.stories.all())
        with CaptureQueriesContext(connection) as few:
            assert answered(project, rows[:2])["changed"] == 2
        with CaptureQueriesContext(connection) as many:
            assert answered(project, rows, status="rejected")["changed"] == 1000
        assert len(many) <= len(few)

    def test_stands_in_the_history(self) -> None:
        project = project_make(epics=1, stories=1)
        story = project.stories.get()
        answered(project, [story], note="Good.")
        told = ContentChange.objects.get()
        assert told.user == project.created_by
        assert told.fields == {
            "reviewStatus": {"before": "draft", "after": "approved"},
            "reviewNote": {"before": "", "after": "Good."},
        }


class TestEdits:
    @pytest.mark.parametrize("what", ["stories", "epics", "subtasks"])
    def test_make_it_a_draft_again(self, what: str) -> None:
        project = project_make(epics=1, stories=1)
        subtask_make(project.stories.get())
        row: Any = {
            "stories": project.stories.get(),
            "epics": project.epics.get(),
            "subtasks": Subtask.objects.get(),
        }[what]
        kind = row._meta.model_name
        answered(project, [row], kind=kind, note="Good.")
        client = client_of(project.created_by)
        path = f"{API}/{what}/{row.pk}"
        same = client.patch(path, {"title": row.title}, format="json").json()["data"]
        assert (same["reviewStatus"], same["editedAt"] is None) == ("approved", what != "subtasks")
        changed = client.patch(path, {"title": "Another"}, format="json").json()["data"]
        assert (changed["reviewStatus"], changed["reviewNote"]) == ("draft", "Good.")
        assert changed["editedAt"]

    def test_of_an_epics_cards_too(self) -> None:
        project = project_make(epics=1)
        epic = project.epics.get()
        answered(project, [epic], kind="epic")
        epic_update(epic_id=epic.pk, changes={}, card_codes=["C1"])
        epic.refresh_from_db()
        assert epic.review_status == ReviewStatus.DRAFT
        assert epic.edited_at


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_an_edit_under_way_wins_over_a_review(self) -> None:
        project = project_make(epics=1, stories=1)
        story = project.stories.get()
        edited, waited = threading.Event(), threading.Event()

        def editor() -> None:
            with transaction.atomic():
                story_update(story_id=story.pk, changes={"title": "Another"})
                edited.set()
                waited.wait(10)

        def reviewer() -> object:
            edited.wait(10)
            threading.Timer(0.3, waited.set).start()
            return _approve(story)

        _, reviewed = race(editor, reviewer)
        assert reviewed.conflicts == {story.pk: 2}
        story.refresh_from_db()
        assert (story.title, story.review_status) == ("Another", ReviewStatus.DRAFT)

    def test_of_reviews_and_edits_at_once_no_approval_is_of_another_text(self) -> None:
        project = project_make(epics=1, stories=1)
        story = project.stories.get()

        def edit() -> object:
            try:
                story_update(story_id=story.pk, changes={"title": "Another"}, version=1)
            except BatchgenError as error:
                return error.code
            return "done"

        reviewed, edited = race(lambda: _approve(story), edit)
        assert edited == "done"
        story.refresh_from_db()
        assert story.review_status == ReviewStatus.DRAFT
        assert reviewed.changed + len(reviewed.conflicts) == 1

    def test_reviews_of_the_same_rows_do_not_block_each_other(self) -> None:
        project = project_make(epics=2, stories=20)
        rows = list(project.stories.all())
        versions = [{row.pk: 1 for row in rows}, {row.pk: 1 for row in reversed(rows)}]
        found = race(
            *(
                lambda seen=seen: review_set(
                    project_id=project.pk, kind="story", versions=seen, status="approved"
                )
                for seen in versions * 3
            )
        )
        assert sorted(each.changed for each in found) == [0, 0, 0, 0, 0, 40]


def _approve(story: Story) -> Any:
    return review_set(
        project_id=story.project_id, kind="story", versions={story.pk: 1}, status="approved"
    )


def test_epics_say_where_they_come_from() -> None:
    project = project_make(epics=1)
    client = client_of(project.created_by)
    path = f"{API}/projects/{project.pk}/epics"
    made = client.post(path, {"title": "By hand"}, format="json").json()["data"]
    assert made["origin"] == "manual"
    imported = client.get(path).json()["data"][0]
    assert imported["origin"] == "import"
