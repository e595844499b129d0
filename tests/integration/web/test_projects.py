"""Projects as pages: the list, the ways to a new one, and what one project shows."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from epics.models import Project, Story, Upload
from tests.factories import backlog_document, member_make, project_make, user_make
from tests.integration.web.looking import HOSTILE, assert_clean, browser

pytestmark = pytest.mark.django_db


def document_of(**project: Any) -> dict[str, Any]:
    """A backlog whose project has these fields."""
    document = backlog_document(stories=1)
    return {**document, "project": {**document["project"], **project}}


# The list -----------------------------------------------------------------------------------------


def test_who_has_nothing_is_shown_how_to_begin() -> None:
    user = user_make()
    page = browser(user).get("/projects/").text
    for way in ("Load the sample", "Import a backlog", "Paste notes"):
        assert way in page
    answer = browser(user).post("/projects/sample/")
    project = Project.objects.get(created_by=user)
    assert answer.headers["Location"] == f"/projects/{project.pk}/"
    browser(user).post("/projects/sample/")
    assert Project.objects.filter(created_by=user).count() == 1


def test_a_list_is_searched_and_says_when_nothing_matches() -> None:
    user = user_make()
    for name in ("Tides", "Harbours"):
        project_make(user)
        Project.objects.filter(name="Tides", created_by=user).update(name=name)
    client = browser(user)
    found = client.get("/projects/?q=harb").text
    assert "Harbours" in found
    assert "<strong>Tides" not in found
    assert "No project matches" in client.get("/projects/?q=nothing").text
    assert client.get("/projects/?order=colour").status_code == 400
    assert client.get("/projects/?colour=blue").status_code == 200


def test_others_projects_are_not_shown() -> None:
    project_make()
    assert "Begin with a project" in browser(user_make()).get("/projects/").text


def test_a_list_costs_the_same_however_long_it_is() -> None:
    user = user_make()
    client, counts = browser(user), []
    for _ in range(2):
        for _ in range(3):
            project_make(user)
        client.get("/projects/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/projects/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


# A new one ----------------------------------------------------------------------------------------


def test_a_project_of_notes() -> None:
    user = user_make()
    form = {"name": "Tides", "language": "German", "notes": "We never know the tide.\r\nNever."}
    answer = browser(user).post("/projects/new/", form)
    project = Project.objects.get(created_by=user)
    assert answer.headers["Location"] == f"/projects/{project.pk}/"
    assert project.language == "German"
    assert Upload.objects.get(project=project).characters > 20


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays() -> None:
    user = user_make()
    form = {"name": "", "code": HOSTILE, "language": "Gibberish", "description": HOSTILE}
    answer = browser(user).post("/projects/new/", form)
    assert answer.status_code == 400
    assert_clean(answer.text)
    assert 'id="f-language-wrong"' in answer.text
    assert 'aria-describedby=" f-language-wrong"' in answer.text
    assert 'value="Gibberish"' in answer.text
    assert not Project.objects.exists()


# Import -------------------------------------------------------------------------------------------


def test_an_import_is_checked_before_anything_is_stored() -> None:
    user = user_make()
    client = browser(user)
    raw = json.dumps(document_of(name="Tides & more")).encode()
    file = SimpleUploadedFile("backlog.json", raw, content_type="application/json")
    checked = client.post("/projects/import/", {"file": file, "action": "check"})
    assert checked.status_code == 200
    assert "Nothing is stored yet" in checked.text
    assert "Tides &amp; more" in checked.text
    for what, count in (("Cards", 6), ("Epics", 2), ("Stories", 2)):
        assert f"<dt>{what}</dt><dd>{count}</dd>" in checked.text
    assert not Project.objects.exists()
    answer = client.post("/projects/import/", {"document": raw.decode(), "action": "import"})
    project = Project.objects.get()
    assert answer.headers["Location"] == f"/projects/{project.pk}/"
    assert Story.objects.filter(project=project).count() == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Choose a file"),
        ("{", "This is no backlog"),
        ("[]", "The backlog was not imported"),
        (json.dumps({"project": {"name": HOSTILE}, "cards": [{}], "epics": []}), "cards[0]"),
        (json.dumps(document_of(colour=HOSTILE)), "project.colour"),
    ],
)
@pytest.mark.parametrize("action", ["check", "import"])
def test_what_is_wrong_with_a_backlog_is_told_by_its_path(
    text: str, told: str, action: str
) -> None:
    answer = browser(user_make()).post("/projects/import/", {"document": text, "action": action})
    assert answer.status_code == 400
    assert told in answer.text
    assert_clean(answer.text)
    assert not Project.objects.exists()


def test_quotas_hold_for_pages(settings: Settings) -> None:
    settings.USER_PROJECTS = 0
    form = {"document": json.dumps(backlog_document()), "action": "import"}
    answer = browser(user_make()).post("/projects/import/", form)
    assert answer.status_code == 409
    assert "BATCHGEN_USER_PROJECTS" in answer.text


# One project --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tab", ["", "epics", "cards", "stories", "runs", "notes", "colour"])
def test_each_tab_escapes_what_people_wrote(tab: str) -> None:
    project = project_make(stories=1)
    Project.objects.update(name=HOSTILE, description=HOSTILE)
    project.cards.update(title=HOSTILE, statement=HOSTILE, quote=HOSTILE)
    project.epics.update(title=HOSTILE, description=HOSTILE, theme=HOSTILE)
    project.stories.update(title=HOSTILE, user_story=HOSTILE)
    Upload.objects.create(
        project=project, name=HOSTILE, media_type="text/plain", bytes=1, characters=1, text="x"
    )
    answer = browser(project.created_by).get(f"/projects/{project.pk}/?tab={tab}&q=")
    assert answer.status_code == 200
    assert_clean(answer.text)
    assert_clean(browser(project.created_by).get("/projects/").text)


def test_epics_stand_with_their_cards() -> None:
    project = project_make(stories=1)
    page = browser(project.created_by).get(f"/projects/{project.pk}/").text
    assert page.index("Epic 1") < page.index("Card 1") < page.index("Epic 2") < page.index("Card 4")
    assert "?tab=stories&amp;epic=E1" in page
    assert "type=GENERATE_STORIES&amp;target=" in page


def test_stories_are_filtered_by_the_address() -> None:
    project = project_make(stories=1)
    project.stories.filter(code="E2-S1").update(review_status="approved")
    client, address = browser(project.created_by), f"/projects/{project.pk}/?tab=stories"
    assert client.get(address).text.count("<strong>Story") == 2
    for query in ("&epic=E2", "&status=approved", "&q=E2-S1"):
        found = client.get(address + query).text
        assert found.count("<strong>Story") == 1
        assert "<strong>Story E2-S1" in found
    assert "No story matches" in client.get(address + "&q=zebra").text


def test_a_viewer_is_told_what_is_missing_to_do_more() -> None:
    project = project_make()
    page = browser(member_make(project, "viewer")).get(f"/projects/{project.pk}/").text
    assert "need the role editor; yours is viewer" in page
    assert f'href="/projects/{project.pk}/start/' not in page
    page = browser(member_make(project, "editor")).get(f"/projects/{project.pk}/").text
    assert f'href="/projects/{project.pk}/start/"' in page


def test_notes_are_files_or_texts() -> None:
    project = project_make()
    client, address = browser(project.created_by), f"/projects/{project.pk}/uploads/"
    file = SimpleUploadedFile("talk.md", b"# Talk\nThe tide is late.", content_type="text/plain")
    for form in ({"file": file}, {"name": "Mail", "text": "The tide is early."}):
        assert client.post(address, form).headers["Location"].endswith("?tab=notes")
    assert set(project.uploads.values_list("name", flat=True)) == {"talk.md", "Mail"}
    assert client.post(address, {"text": " "}).status_code == 302
    assert "Choose a file, or paste a text." in client.get(f"/projects/{project.pk}/").text
    assert project.uploads.count() == 2


def test_an_export_is_one_click_away() -> None:
    project = project_make()
    client = browser(project.created_by)
    page = client.get(f"/projects/{project.pk}/").text
    address = f"/api/v1/projects/{project.pk}/export?format=csv"
    assert f'href="{address}"' in page
    answer = client.get(address)
    assert answer.status_code == 200
    answer.close()
