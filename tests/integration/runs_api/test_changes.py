"""What a run changed, item by item."""

from typing import Any

import pytest

from content.pages.models import Page
from epics.models import Card, ContentChange, Project, Story, Subtask, Upload
from epics.services import epic_update
from epics.story_services import story_update
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.models import Run, RunItem
from tests.factories import client_of, project_make, subtask_make
from tests.integration.engine import test_card_runs as card_runs
from tests.integration.engine import test_epics_store as epics_store
from tests.integration.engine import test_page_runs as page_runs
from tests.integration.engine import test_subtask_runs as subtask_runs
from tests.integration.engine.world import World
from tests.integration.engine.world import project_make as project_with_cards

pytestmark = pytest.mark.django_db(transaction=True)


def changes(run: Run, **query: Any) -> Any:
    answer = client_of(run.project.created_by).get(f"/api/v1/runs/{run.pk}/changes", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def written(world: World, *, stories: int, title: str) -> Run:
    """The run's items, all completed with so many stories."""
    while world.fences():
        step = world.claim()
        assert step
        assert world.finish(step, stories=stories, title=title)
    run_finalize(run_id=world.run.id)
    return world.run


def again(world: World) -> World:
    options = RunOptions(pacing_profile="adaptive", max_concurrency=1)
    run = run_start(project=world.run.project, user=None, options=options)
    run_begin(run_id=run.id)
    return World(run=run, worker=world.worker)


def codes(rows: Any) -> list[str]:
    return [row["code"] for row in rows]


def test_per_item_what_was_added_removed_changed_and_kept() -> None:
    world = World.make(epics=2, lanes=1)
    first = written(world, stories=3, title="Old")
    assert [
        (item["kind"], item["code"], codes(item["added"]), item["removed"], item["changed"])
        for item in changes(first)["data"]
    ] == [
        ("epic", "E1", ["E1-S1", "E1-S2", "E1-S3"], [], []),
        ("epic", "E2", ["E2-S1", "E2-S2", "E2-S3"], [], []),
    ]
    story_update(story_id=Story.objects.get(code="E1-S1").pk, changes={"title": "Mine"})
    second = written(again(world), stories=2, title="New")
    one, two = changes(second)["data"]
    assert (codes(one["added"]), codes(one["removed"]), one["kept"]) == ([], [], 1)
    assert one["changed"] == [
        {"code": "E1-S2", "fields": {"title": {"before": "Old 2", "after": "New 1"}}},
        {"code": "E1-S3", "fields": {"title": {"before": "Old 3", "after": "New 2"}}},
    ]
    assert (codes(two["changed"]), codes(two["removed"])) == (["E2-S1", "E2-S2"], ["E2-S3"])
    assert two["removed"][0]["fields"]["title"] == {"before": "Old 3"}
    third = written(again(world), stories=3, title="Third")
    assert codes(changes(third)["data"][1]["added"]) == ["E2-S3"]


def test_in_pages_by_item_as_far_as_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.make(epics=4, lanes=1)
    written(world, stories=2, title="Old")
    second = written(again(world), stories=2, title="New")
    whole = changes(second)["data"]
    one = changes(second, limit=1)
    two = changes(second, limit=1, cursor=one["page"]["next"])
    assert one["data"] + two["data"] == whole[:2]
    monkeypatch.setattr("batchgen.api.paging.PAGE_BYTES", 300)
    found: list[Any] = []
    cursor: Any = ""
    while cursor is not None:
        page = changes(second, cursor=cursor)
        assert len(page["data"]) < 4
        found += page["data"]
        cursor = page["page"]["next"]
    assert found == whole


def test_of_a_target_that_is_gone_nothing_is_told() -> None:
    world = World.make(epics=1, lanes=1)
    run = written(world, stories=1, title="Old")
    RunItem.objects.update(target_id=None)
    assert changes(run)["data"][0]["added"] == []


def test_of_pages_by_their_codes() -> None:
    world = World.make(epics=1, lanes=1)
    run, project = world.run, Project.objects.get()
    page = Page.objects.create(
        project=project, code="P1", page_type="brand", url="https://e.org/", url_key="k"
    )
    RunItem.objects.update(kind="pages", code="P1", target_id=page.pk)
    ContentChange.objects.create(
        project=project,
        kind="page",
        parent_id=project.pk,
        code="P1",
        change="changed",
        fields={"metaTitle": {"before": "A", "after": "B"}},
        run_id=run.pk,
    )
    (told,) = changes(run)["data"]
    assert codes(told["changed"]) == ["P1"]


def test_the_history_of_an_epic_tells_of_people_not_of_its_stories() -> None:
    world = World.make(epics=1, lanes=1)
    run = written(world, stories=1, title="Old")
    epic = world.run.project.epics.get()
    epic_update(epic_id=epic.pk, changes={"title": "Another"})
    assert changes(run)["data"][0]["changed"] == []
    story = Story.objects.get()
    second = written(again(world), stories=1, title="New")
    successor = Story.objects.exclude(pk=story.pk).get()
    api = client_of(epic.project.created_by)
    (told,) = api.get(f"/api/v1/stories/{successor.pk}/history").json()["data"]
    assert (told["runId"], told["user"]) == (str(second.pk), None)
    assert told["fields"]["title"] == {"before": "Old 1", "after": "New 1"}


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, None),
        ({"keepEdited": False}, 1),
        ({"keepApproved": False}, 2),
        ({"keepEdited": False, "keepApproved": False}, 4),
    ],
)
def test_a_start_says_how_many_would_go(options: dict[str, bool], count: int | None) -> None:
    project = project_make(epics=2, stories=4)
    first, second, third, both = project.stories.filter(epic__code="E1").order_by("code")
    story_update(story_id=first.pk, changes={"title": "Mine"})
    Story.objects.filter(pk__in=[second.pk, both.pk]).update(review_status="approved")
    story_update(story_id=both.pk, changes={"title": "Mine"})
    Story.objects.filter(pk=both.pk).update(review_status="approved")
    subtask = subtask_make(third)
    Subtask.objects.update(edited_at=None, review_status="approved")
    answer = client_of(project.created_by).post(
        f"/api/v1/projects/{project.pk}/runs", {"options": options}, format="json"
    )
    assert answer.status_code == 202, answer.content
    told = [each for each in answer.json()["data"]["warnings"] if each["code"] == "WOULD_REPLACE"]
    assert [each["count"] for each in told] == ([count] if count else [])
    assert Subtask.objects.filter(pk=subtask.pk).exists()


def test_of_cards_by_the_upload_that_they_were_found_in() -> None:
    world = World.make(epics=1, lanes=1)
    run, project = world.run, Project.objects.get()
    upload = Upload.objects.create(
        project=project, name="n.txt", media_type="text/plain", bytes=1, characters=1
    )
    RunItem.objects.update(kind="cards", target_id=upload.pk)
    found = {"upload": upload, "run_id": run.pk, "project": project, "title": "T"}
    Card.objects.create(code="C8", **found)
    Card.objects.create(code="C9", **found)
    for code, change, fields in (
        ("C7", "removed", {"uploadId": {"before": str(upload.pk)}}),
        ("C8", "changed", {"title": {"before": "A", "after": "T"}}),
    ):
        ContentChange.objects.create(
            project=project,
            kind="card",
            parent_id=project.pk,
            code=code,
            change=change,
            fields=fields,
            run_id=run.pk,
        )
    (told,) = changes(run)["data"]
    assert [codes(told[way]) for way in ("added", "removed", "changed")] == [["C9"], ["C7"], ["C8"]]


def test_what_a_run_wrote_again_in_the_same_words_is_no_change() -> None:
    world = World.make(epics=1, lanes=1)
    written(world, stories=2, title="Old")
    second = written(again(world), stories=3, title="Old")
    (told,) = changes(second)["data"]
    assert [codes(told[way]) for way in ("added", "removed", "changed")] == [["E1-S3"], [], []]
    third = written(again(world), stories=3, title="Old")
    (told,) = changes(third)["data"]
    assert [told[way] for way in ("added", "removed", "changed")] == [[], [], []]
    story = Story.objects.get(code="E1-S1")
    assert story.run_id == third.pk
    answer = client_of(story.project.created_by).get(f"/api/v1/stories/{story.pk}/history")
    assert answer.json()["data"] == []


def told_of(run: Run) -> list[tuple[list[str], list[str], list[str]]]:
    return [
        (codes(each["added"]), codes(each["removed"]), codes(each["changed"]))
        for each in changes(run)["data"]
    ]


def test_nor_are_subtasks() -> None:
    project = project_make(epics=1)
    subtask_runs.stories_make(project, each=1)
    first = subtask_runs.Chain.make(project)
    first.do("Build", "Test")
    assert told_of(first.run) == [(["E1-S1-T1", "E1-S1-T2"], [], [])]
    second = first.again()
    second.do("Build", "Watch", "Ask")
    assert told_of(second.run) == [(["E1-S1-T3"], [], ["E1-S1-T2"])]


def test_nor_are_epics() -> None:
    project = project_with_cards(epics=0)
    cards = epics_store.cards_of(project)
    epics_store.finish(epics_store.start(project), [epics_store.row(1, cards)])
    world = epics_store.start(project)
    rows = [epics_store.row(1, cards), epics_store.row(2, cards)]
    epics_store.finish(world, rows)
    assert told_of(world.run) == [(["E2"], [], [])]


def test_nor_are_cards() -> None:
    project = project_make(epics=0)
    card_runs.upload_make(project)
    first = card_runs.analyzed(project, "tides", "charts")
    added = codes(changes(first.run)["data"][0]["added"])
    second = card_runs.analyzed(project, "tides", "charts", "winds")
    ((added_then, removed, changed),) = told_of(second.run)
    assert (len(added), len(added_then), removed, changed) == (2, 1, [], [])


def test_nor_are_pages() -> None:
    project = project_make(epics=0)
    page_runs.pages_make(project, 1)
    first = page_runs.Chain.make(project)
    first.do(page_runs.result())
    assert told_of(first.run) == [(["P1"], [], [])]
    second = first.again()
    second.do(page_runs.result())
    assert told_of(second.run) == [([], [], [])]
