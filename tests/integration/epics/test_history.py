"""What people changed, field by field."""

from typing import Any

import pytest

from epics.models import ContentChange, Story, Subtask, Upload
from epics.services import epic_delete
from epics.story_services import story_update
from tests.factories import client_of, project_make, subtask_make, user_make

pytestmark = pytest.mark.django_db

API = "/api/v1"


def history(client: Any, path: str) -> Any:
    answer = client.get(f"{API}/{path}/history")
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def test_an_edit_tells_both_sides() -> None:
    project = project_make(epics=1, stories=1)
    story = project.stories.get()
    client = client_of(project.created_by)
    path = f"stories/{story.pk}"
    client.patch(f"{API}/{path}", {"title": "First", "priority": "high"}, format="json")
    client.patch(f"{API}/{path}", {"userStory": "Second", "technicalNotes": "N"}, format="json")
    client.patch(f"{API}/{path}", {"userStory": "Second"}, format="json")
    second, first = history(client, path)
    assert first["fields"] == {"title": {"before": story.title, "after": "First"}}
    assert second["fields"] == {
        "userStory": {"before": story.user_story, "after": "Second"},
        "technicalNotes": {"before": None, "after": "N"},
    }
    assert (first["user"], first["runId"], first["change"]) == (
        project.created_by.username,
        None,
        "changed",
    )
    assert (first["code"], first["at"][-1]) == ("E1-S1", "Z")


def test_of_an_epic_goes_on_under_its_new_code() -> None:
    project = project_make(epics=2)
    epic = project.epics.get(code="E1")
    client = client_of(project.created_by)
    path = f"epics/{epic.pk}"
    client.patch(f"{API}/{path}", {"title": "First"}, format="json")
    client.patch(f"{API}/{path}", {"code": "X1", "cardCodes": ["C1"]}, format="json")
    renamed, first = history(client, path)
    assert first["fields"]["title"]["after"] == "First"
    assert renamed["fields"] == {
        "code": {"before": "E1", "after": "X1"},
        "cardCodes": {"before": ["C1", "C2", "C3"], "after": ["C1"]},
    }


def test_pages_and_the_right_rows() -> None:
    project = project_make(epics=1, stories=2)
    first, second = project.stories.order_by("code")
    for number in range(5):
        story_update(story_id=first.pk, changes={"title": f"T{number}"})
    story_update(story_id=second.pk, changes={"title": "Other"})
    client = client_of(project.created_by)
    path = f"{API}/stories/{first.pk}/history"
    page = client.get(path, {"limit": 3}).json()
    rest = client.get(path, {"limit": 3, "cursor": page["page"]["next"]}).json()
    titles = [row["fields"]["title"]["after"] for row in page["data"] + rest["data"]]
    assert titles == ["T4", "T3", "T2", "T1", "T0"]


def test_what_is_deleted_leaves_its_text() -> None:
    project = project_make(epics=1, stories=2)
    client = client_of(project.created_by)
    story = project.stories.order_by("code")[0]
    new = {"title": "Draw", "kind": "design", "effortHours": 1}
    made = client.post(f"{API}/stories/{story.pk}/subtasks", new, format="json").json()["data"]
    client.delete(f"{API}/subtasks/{made['id']}")
    client.delete(f"{API}/stories/{story.pk}")
    client.delete(f"{API}/cards/{project.cards.all()[0].pk}")
    client.delete(f"{API}/epics/{project.epics.get().pk}")
    told = {each.kind: each for each in ContentChange.objects.all()}
    assert set(told) == {"subtask", "story", "card", "epic"}
    assert {each.change for each in told.values()} == {"removed"}
    assert {each.user for each in told.values()} == {project.created_by}
    assert told["subtask"].fields["effortHours"] == {"before": 1.0}
    assert told["story"].fields["userStory"] == {"before": story.user_story}
    assert told["card"].fields["statement"]["before"]


def test_is_kept_without_a_user_who_is_gone() -> None:
    project = project_make(epics=1, stories=1)
    user = user_make()
    story = project.stories.get()
    story_update(story_id=story.pk, changes={"title": "Another"}, user=user)
    user.delete()
    assert history(client_of(project.created_by), f"stories/{story.pk}")[0]["user"] is None


def test_goes_with_the_project() -> None:
    project = project_make(epics=1, stories=1)
    story_update(story_id=project.stories.get().pk, changes={"title": "Another"})
    epic_delete(epic_id=project.epics.get().pk)
    client_of(project.created_by).delete(f"{API}/projects/{project.pk}")
    assert not ContentChange.objects.exists()
    assert not Story.objects.exists()
    assert not Subtask.objects.exists()


def test_the_admin_tells_it_too(admin_client: Any, admin_user: Any) -> None:
    project = project_make(epics=1, stories=1)
    story = project.stories.get()
    form = {
        "title": "Another",
        "user_story": story.user_story,
        "persona": story.persona,
        "acceptance_criteria": story.acceptance_criteria[0],
        "technical_notes": "",
        "priority": story.priority,
        "effort": story.effort,
    }
    answer = admin_client.post(f"/admin/epics/story/{story.pk}/change/", form)
    assert answer.status_code == 302, answer.content
    told = ContentChange.objects.get()
    assert told.fields["title"] == {"before": story.title, "after": "Another"}
    assert told.user == admin_user
    admin_client.post(f"/admin/epics/story/{story.pk}/delete/", {"post": "yes"})
    assert ContentChange.objects.filter(change="removed", user=admin_user).count() == 1


@pytest.mark.parametrize("name", ["contentchange", "subtask", "upload"])
def test_the_admin_shows_it_to_read(admin_client: Any, name: str) -> None:
    project = project_make(epics=1, stories=1)
    subtask = subtask_make(project.stories.get())
    story_update(story_id=project.stories.get().pk, changes={"title": "Another"})
    upload = Upload.objects.create(
        project=project, name="n.txt", media_type="text/plain", bytes=1, characters=1
    )
    rows: Any = {"subtask": subtask, "upload": upload, "contentchange": ContentChange.objects.get()}
    path = f"/admin/epics/{name}/"
    assert admin_client.get(path, {"q": "x"}).status_code == 200
    assert admin_client.get(f"{path}{rows[name].pk}/change/").status_code == 200
    assert admin_client.get(f"{path}add/").status_code == 403
