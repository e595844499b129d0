"""A project's settings as a page, and its end."""

from typing import Any

import pytest
from django.test import Client

from epics.models import Epic, Project
from epics.services import project_update
from tests.factories import member_make, project_make
from tests.integration.engine.world import World
from tests.integration.web.looking import HOSTILE, assert_clean, browser, hidden

pytestmark = pytest.mark.django_db(transaction=True)

VOICE = {"tone": "Dry.", "do": ["Say it, once."], "dont": [], "bannedWords": ["best"], "sample": ""}


@pytest.fixture
def project() -> Project:
    return project_make(stories=1)


@pytest.fixture
def client(project: Project) -> Client:
    return browser(project.created_by)


def form_of(project: Project, **changes: str) -> dict[str, Any]:
    return {
        "name": project.name,
        "code": project.code,
        "language": project.language,
        "description": project.description,
        "context": project.context,
        "source": project.source,
        "version": str(project.version),
        **changes,
    }


def test_settings_are_changed_and_what_was_written_is_outdated(
    project: Project, client: Client
) -> None:
    address = f"/projects/{project.pk}/settings/"
    shown = client.get(f"/projects/{project.pk}/?tab=settings")
    assert hidden(shown.text, "version") == str(project.version)
    client.post(address, form_of(project))
    project.refresh_from_db()
    assert project.version == 1
    voice = {
        "brandVoice.tone": "Dry.",
        "brandVoice.do": "Say it, once.\r\n",
        "brandVoice.bannedWords": "best",
    }
    answer = client.post(address, form_of(project, context="Boats.", **voice))
    assert answer.headers["Location"] == f"/projects/{project.pk}/?tab=settings"
    project.refresh_from_db()
    assert (project.context, project.version, project.brand_voice) == ("Boats.", 2, VOICE)
    assert Epic.objects.filter(stories_outdated=True).exists()
    client.post(address, form_of(project))
    project.refresh_from_db()
    assert project.brand_voice is None


def test_two_people_at_the_settings_lose_nothing(project: Project, client: Client) -> None:
    project_update(project_id=project.pk, changes={"name": "Theirs"})
    answer = client.post(f"/projects/{project.pk}/settings/", form_of(project, name="Mine"))
    assert answer.status_code == 409
    assert '<del class="pre">Theirs</del>' in answer.text
    assert '<ins class="pre">Mine</ins>' in answer.text
    assert hidden(answer.text, "version") == "2"
    assert "Save mine over theirs" in answer.text


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"language": "Gibberish"}, {"version": "x", "name": "New"}]
)
def test_what_is_wrong_is_told_and_stays_in_the_form(
    project: Project, client: Client, changes: dict[str, str]
) -> None:
    form = form_of(project, description=HOSTILE, **changes)
    answer = client.post(f"/projects/{project.pk}/settings/", form)
    assert answer.status_code == 400
    assert_clean(answer.text)
    assert f"<code>{next(iter(changes))}</code>" in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_viewer_reads_them(project: Project) -> None:
    page = browser(member_make(project, "viewer")).get(f"/projects/{project.pk}/?tab=settings").text
    assert "<dd" in page
    assert "Save the settings" not in page


def test_a_project_is_deleted_by_an_owner_after_what_goes_was_told(
    project: Project, client: Client
) -> None:
    address = f"/projects/{project.pk}/delete/"
    asked = client.get(address).text
    assert "2 epics, 2 stories" in asked
    assert client.post(address).headers["Location"] == "/projects/"
    assert not Project.objects.exists()
    open_run = World.make(epics=1).run
    browser(open_run.project.created_by).post(f"/projects/{open_run.project_id}/delete/")
    assert Project.objects.exists()
