"""Reviews and deletions of many: what is told beforehand is what is done."""

from typing import Any

import pytest
from django.test import Client

from content.pages.models import Page
from epics.models import ContentChange, Epic, Project, Story, Subtask
from epics.services import epic_update
from epics.story_services import story_update
from tests.factories import member_make, project_make, subtask_make
from tests.integration.pages.world import page_make, page_write
from tests.integration.web.looking import assert_clean, browser, hidden

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return project_make(epics=2, stories=2)


@pytest.fixture
def client(project: Project) -> Client:
    return browser(project.created_by)


def act(client: Client, project: Project, what: str, **form: Any) -> Any:
    """What the list's form sends."""
    return client.post(f"/projects/{project.pk}/{what}/", {"tab": "stories", **form})


def sure(client: Client, project: Project, what: str, told: str, **form: Any) -> Any:
    """The same, after the page that says how many."""
    asked = act(client, project, what, **form)
    assert asked.status_code == 200
    assert_clean(asked.text)
    assert told in asked.text
    return act(client, project, what, **form, sure=hidden(asked.text, "sure"))


def ticked(*rows: Any) -> list[str]:
    return [f"{row.pk}:{row.version}" for row in rows]


# Reviews --------------------------------------------------------------------------------------


def test_those_that_are_ticked_are_reviewed_in_the_version_that_was_seen(project: Project) -> None:
    first, second = project.stories.order_by("code")[:2]
    page = browser(project.created_by).get(f"/projects/{project.pk}/?tab=stories").text
    assert f'value="{first.pk}:1"' in page
    assert "All 4 that the filters find" in page
    Story.objects.filter(pk=second.pk).update(version=2)
    client, address = browser(project.created_by), f"/projects/{project.pk}/review/"
    answer = client.post(
        address,
        {
            "tab": "stories",
            "query": "tab=stories&epic=E1",
            "item": [f"{first.pk}:1", f"{second.pk}:1"],
            "status": "approved",
            "note": "Good.",
        },
    )
    back = f"/projects/{project.pk}/?tab=stories&epic=E1"
    assert answer.headers["Location"] == back
    told = client.get(back).text
    assert "1 story approved. 1 story changed in the meantime" in told
    assert Story.objects.filter(review_status="approved", review_note="Good.").count() == 1
    client.post(address, {"tab": "stories", "status": "approved"})
    assert "Tick stories first." in client.get(back).text
    assert client.post(address, {"tab": "colours"}).status_code == 400
    for odd in ({"item": "nonsense", "status": "approved"}, {"item": f"{first.pk}:1"}):
        client.post(address, {"tab": "stories", **odd})
    assert Story.objects.filter(review_status="approved").count() == 1


def test_all_that_the_filters_find_are_reviewed_after_their_count_was_told(
    project: Project, client: Client
) -> None:
    form = {"query": "tab=stories&epic=E1", "everything": "1", "status": "rejected"}
    act(client, project, "review", **form, sure="1")
    assert not Story.objects.filter(review_status="rejected").exists()
    sure(client, project, "review", "Review all 2 stories?", **form)
    found = Story.objects.filter(review_status="rejected").values_list("epic__code", flat=True)
    assert list(found) == ["E1", "E1"]


def test_what_nobody_has_written_is_counted_apart(project: Project, client: Client) -> None:
    written, bare = page_write(page_make(project)), page_make(project, "/bare")
    form = {"tab": "pages", "status": "approved"}
    act(client, project, "review", **form, item=ticked(written, bare))
    told = client.get(f"/projects/{project.pk}/?tab=pages").text
    assert "1 page approved. 1 page without content left out." in told
    form |= {"status": "rejected", "everything": "1"}
    sure(client, project, "review", "1 page without content is left out", **form)
    assert list(Page.objects.values_list("review_status", flat=True)) == ["rejected", "draft"]


# Deletions ------------------------------------------------------------------------------------


def test_all_that_the_filters_find_are_deleted_and_exactly_those_that_were_counted(
    project: Project, client: Client
) -> None:
    first, second = project.stories.filter(epic__code="E1").order_by("code")
    subtask_make(first)
    Story.objects.filter(pk=second.pk).update(review_status="approved")
    form = {"query": "tab=stories&epic=E1", "everything": "1"}
    asked = act(client, project, "remove", **form)
    for told in ("Delete all 2 stories?", "With them go 1 subtask.", "1 is approved"):
        assert told in asked.text
    story_update(story_id=first.pk, changes={"title": "Theirs"})
    again = act(client, project, "remove", **form, sure=hidden(asked.text, "sure"))
    assert "The list has changed since they were counted." in again.text
    assert project.stories.count() == 4
    done = act(client, project, "remove", **form, sure=hidden(again.text, "sure"))
    assert done.headers["Location"] == f"/projects/{project.pk}/?tab=stories&epic=E1"
    assert "2 stories deleted." in client.get(done.headers["Location"]).text
    assert set(project.stories.values_list("epic__code", flat=True)) == {"E2"}
    assert not Subtask.objects.exists()
    removed = ContentChange.objects.filter(change="removed", user=project.created_by)
    assert set(removed.values_list("code", flat=True)) == {first.code, second.code}


def test_what_was_changed_since_it_was_ticked_stays(project: Project, client: Client) -> None:
    first, second = project.stories.order_by("code")[:2]
    item = ticked(first, second)
    story_update(story_id=second.pk, changes={"title": "Theirs"})
    sure(client, project, "remove", "Delete 2 stories?", item=item)
    assert "1 story changed in the meantime" in client.get(f"/projects/{project.pk}/").text
    assert not Story.objects.filter(pk=first.pk).exists()
    assert Story.objects.filter(pk=second.pk).exists()


def test_epics_that_depend_on_each_other_go_together(project: Project, client: Client) -> None:
    for code, before in (("E1", []), ("E2", ["E1"])):
        epic = project.epics.get(code=code)
        epic_update(epic_id=epic.pk, changes={"dependencies": before})
    form = {"tab": "epics", "everything": "1"}
    sure(client, project, "remove", "4 stories and 0 subtasks", **form)
    assert not Epic.objects.exists()


def test_nothing_of_another_project_is_deleted(project: Project, client: Client) -> None:
    foreign = project_make(stories=1).stories.all()[0]
    sure(client, project, "remove", "Delete 1 story?", item=ticked(foreign))
    assert Story.objects.filter(pk=foreign.pk).exists()


def test_who_only_reads_deletes_nothing(project: Project) -> None:
    reader = browser(member_make(project, "viewer"))
    answer = act(reader, project, "remove", item=ticked(*project.stories.all()))
    assert answer.status_code == 403
    assert project.stories.count() == 4


@pytest.mark.parametrize("tab", ["subtasks", "pages"])
def test_each_kind_can_be_deleted(project: Project, client: Client, tab: str) -> None:
    row = subtask_make(project.stories.all()[0]) if tab == "subtasks" else page_make(project)
    sure(client, project, "remove", "Delete 1 ", tab=tab, item=ticked(row))
    assert not type(row)._default_manager.exists()
