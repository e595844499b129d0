"""A page of long rows ends before it is too long, and the next one goes on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import QuerySet

from batchgen.api.paging import PAGE_BYTES
from batchgen.db import compiled_query
from content.pages.models import Page
from epics.models import Card, Epic, Membership, Project, Story
from runs.models import RunAction, RunEpic, RunLog
from runs.reads.log import log_number
from tests.factories import client_of
from tests.integration.engine.world import World

pytestmark = pytest.mark.django_db

#: Characters of the rows, each of which takes four bytes; together they take four pages.
LONG = [10, 200_000, 100_000, 10, 300_000, 10, 10, 240_000, 20_000, 20_000, 10]


def _lengthen(rows: "QuerySet[Any]", field: str, write: Callable[[str], Any] = str) -> None:
    for pk, chars in zip(rows.order_by("pk").values_list("pk", flat=True), LONG, strict=True):
        rows.filter(pk=pk).update(**{field: write("\U0001f600" * chars)})


def projects(world: World) -> str:
    user = world.run.project.created_by
    more = Project.objects.bulk_create(
        Project(name=f"{n}", created_by=user) for n in range(len(LONG) - 1)
    )
    Membership.objects.bulk_create(
        Membership(project=each, user=user, role="owner") for each in more
    )
    _lengthen(Project.objects.all(), "description")
    return "/projects"


def cards(world: World) -> str:
    project = world.run.project
    Card.objects.bulk_create(
        Card(project=project, code=f"X{n}", title="x", order=n + 9) for n in range(len(LONG) - 2)
    )
    _lengthen(Card.objects.all(), "statement")
    return f"/projects/{project.pk}/cards"


def epics(world: World) -> str:
    _lengthen(Epic.objects.all(), "description")
    return f"/projects/{world.run.project_id}/epics"


def stories(world: World) -> str:
    epic = Epic.objects.earliest("order")
    Story.objects.bulk_create(
        Story(epic=epic, project_id=epic.project_id, code=f"S{n}", title="x", order=n)
        for n in range(len(LONG))
    )
    _lengthen(Story.objects.all(), "acceptance_criteria", lambda text: [text[:9], text])
    return f"/projects/{epic.project_id}/stories"


def stories_of_an_epic(world: World) -> str:
    stories(world)
    return f"/epics/{Epic.objects.earliest('order').pk}/stories"


def pages_of_a_site(world: World) -> str:
    project = world.run.project
    Page.objects.bulk_create(
        Page(project=project, code=f"P{n}", page_type="brand", url=f"/{n}", url_key=f"{n}", order=n)
        for n in range(len(LONG))
    )
    _lengthen(Page.objects.all(), "facts", lambda text: {"fact": text})
    return f"/projects/{project.pk}/pages"


def epics_of_a_run(world: World) -> str:
    _lengthen(RunEpic.objects.all(), "error")
    return f"/runs/{world.run.pk}/epics"


def trail(world: World) -> str:
    RunAction.objects.bulk_create(
        RunAction(
            run=world.run, kind="CHANGE", actor=f"ada {n}", details={"x": "\U0001f600" * chars}
        )
        for n, chars in enumerate(LONG[1:])
    )
    return f"/runs/{world.run.pk}/actions"


def log(world: World) -> str:
    RunLog.objects.filter(run=world.run).delete()
    RunLog.objects.bulk_create(RunLog(run=world.run, message="x") for _ in LONG)
    _lengthen(RunLog.objects.all(), "message")
    log_number(run_id=world.run.pk)
    return f"/runs/{world.run.pk}/logs"


LISTS = [
    *(projects, cards, epics, stories, stories_of_an_epic),
    *(pages_of_a_site, epics_of_a_run, trail, log),
]


def page_at(world: World, path: str, cursor: str | None) -> tuple[list[Any], dict[str, Any], int]:
    """Its rows, its neighbours, and its bytes."""
    query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
    answer = client_of(world.run.project.created_by).get(f"/api/v1{path}", query)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    return body["data"], body["page"], len(answer.content)


@pytest.mark.parametrize("list_of", LISTS)
def test_pages_of_long_rows_there_and_back(list_of: Callable[[World], str]) -> None:
    world = World.make(epics=len(LONG))
    path = list_of(world)
    pages: list[list[Any]] = []
    cursor = None
    while not pages or cursor:
        rows, page, size = page_at(world, path, cursor)
        pages.append(rows)
        cursor = page["next"]
        assert len(rows) == 1 or size < PAGE_BYTES + 20_000
    assert 4 <= len(pages) <= 6
    keys = [str(row) for rows in pages for row in rows]
    assert len(keys) == len(set(keys)) == len(LONG)
    back: list[Any] = []
    while page["previous"]:
        rows, page, size = page_at(world, path, page["previous"])
        back = rows + back
        assert len(rows) == 1 or size < PAGE_BYTES + 20_000
    if list_of is not log:  # which only goes on
        assert back == [row for rows in pages[:-1] for row in rows]


def test_many_texts_of_some_length_are_long_together() -> None:
    world = World.make(epics=1)
    project = world.run.project
    Page.objects.bulk_create(
        Page(
            project=project,
            code=f"P{n}",
            page_type="brand",
            url="\U0001f600" * 2_000,
            url_key=f"{n}",
            order=n,
        )
        for n in range(200)
    )
    rows, page, size = page_at(world, f"/projects/{project.pk}/pages", None)
    assert 1 < len(rows) < 200
    assert page["next"]
    assert size < PAGE_BYTES + 200_000


def test_what_does_not_fit_is_not_read() -> None:
    world = World.make(epics=len(LONG))
    path = stories(world)
    read: list[object] = []
    made = compiled_query._Maker.from_db

    def counted(self: Any, *told: Any) -> Any:
        row = made(self, *told)
        if isinstance(row, Story):
            read.append(row)
        return row

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_query._Maker, "from_db", counted)
        rows, _, _ = page_at(world, path, None)
    assert len(read) == len(rows) + 1
