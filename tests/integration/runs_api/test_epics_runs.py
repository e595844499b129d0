"""Runs that write epics, over HTTP: what starts them, and what is refused."""

from typing import Any

import pytest

from epics.models import Card, Project
from runs.models import Run, RunItem
from tests.integration.engine.world import project_make
from tests.integration.runs_api.world import client_of, post

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    """Two cards and two epics."""
    return project_make(epics=2)


def start(project: Project, *, status: int = 202, **body: Any) -> Any:
    return post(
        client_of("ada"),
        f"/projects/{project.pk}/runs",
        {"type": "GENERATE_EPICS", **body},
        status=status,
    )


def test_a_run_has_the_project_as_its_one_item(project: Project) -> None:
    data = start(project, options={"epicCount": 8, "keepApproved": False})["data"]
    assert (data["items"]["kind"], data["items"]["total"]) == ("project", 1)
    run = Run.objects.get()
    assert (run.options["epic_count"], run.options["keep_approved"]) == (8, False)
    item = RunItem.objects.get()
    assert (item.code, item.title, item.target_id) == ("PROJECT", "Library", project.pk)
    assert item.estimated_input_tokens > 1_000


@pytest.mark.parametrize("count", [0, 61, "8", 1.5, True])
def test_a_number_of_epics_is_bounded(project: Project, count: object) -> None:
    answer = start(project, options={"epicCount": count}, status=400)
    assert list(answer["error"]["details"]) == ["options.epicCount"]


def test_modes_are_for_stories(project: Project) -> None:
    assert "mode" in start(project, mode="concise", status=400)["error"]["details"]


def test_another_project_is_not_this_ones(project: Project) -> None:
    other = project_make(epics=0, name="Archive")
    start(project, targetIds=[str(other.pk)], status=400)
    assert not Run.objects.exists()


def test_without_cards_there_is_nothing_to_start(project: Project) -> None:
    Card.objects.all().delete()
    start(project, status=400)
    assert not Run.objects.exists()


def test_one_run_at_a_time(project: Project) -> None:
    start(project)
    answer = start(project, status=409)
    assert answer["error"]["code"] in ("RUN_ALREADY_ACTIVE", "ITEM_ALREADY_ACTIVE")
