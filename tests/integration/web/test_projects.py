"""Projects as pages: the list, the ways to a new one, and what one project shows."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from batchgen.db.ids import new_id
from epics.models import EpicCard, Project, Story, Upload
from runs.models import Run
from tests.factories import backlog_document, member_make, project_make, user_make
from tests.integration.web.looking import HOSTILE, assert_clean, browser
from tests.integration.web.states import run_in

pytestmark = pytest.mark.django_db


def document_of(**project: Any) -> dict[str, Any]:
    """A backlog whose project has these fields."""
    document = backlog_document(stories=1)
    return {**document, "project": {**document["project"], **project}}


def _values(run: Run) -> dict[str, Any]:
    """Its columns, for another like it."""
    return {field.attname: getattr(run, field.attname) for field in Run._meta.concrete_fields}


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


def test_what_is_wrong_with_a_file_is_told_by_its_line_and_can_be_mended_there() -> None:
    document = document_of()
    document["cards"][1]["persona"] = 7
    del document["epics"][1]["title"]
    text = json.dumps(document, indent=1)
    lines = text.split("\n")
    persona = next(n for n, line in enumerate(lines, start=1) if '"persona": 7' in line)
    file = SimpleUploadedFile("backlog.json", text.encode(), content_type="application/json")
    answer = browser(user_make()).post("/projects/import/", {"file": file, "action": "check"})
    assert f"<code>line {persona}, cards[1].persona</code>" in answer.text
    missing = int(re.findall(r"line (\d+), epics\[1\]\.title", answer.text)[0])
    assert lines[missing - 1].strip() == "{"
    assert missing > persona
    assert "&quot;persona&quot;: 7" in answer.text


def test_quotas_hold_for_pages(settings: Settings) -> None:
    settings.USER_PROJECTS = 0
    form = {"document": json.dumps(backlog_document()), "action": "import"}
    answer = browser(user_make()).post("/projects/import/", form)
    assert answer.status_code == 409
    assert "BATCHGEN_USER_PROJECTS" in answer.text


# One project --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tab", ["", "epics", "cards", "stories", "runs", "notes", "members", "settings", "colour"]
)
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


def test_several_files_are_taken_all_or_none() -> None:
    project = project_make()
    client, address = browser(project.created_by), f"/projects/{project.pk}/uploads/"

    def hand_in(*texts: bytes) -> str:
        files = [SimpleUploadedFile(f"{n}.txt", text) for n, text in enumerate(texts)]
        return client.get(client.post(address, {"file": files}).headers["Location"]).text

    assert "1.txt: " in hand_in(b"The tide is late.", b"")
    assert not project.uploads.exists()
    page = hand_in(b"The tide is late.", b"The tide is early.")
    assert "0.txt is there: 17 characters." in page
    assert project.uploads.count() == 2
    away = f"/uploads/{project.uploads.get(name='0.txt').pk}/delete/"
    assert away in page
    assert "Delete 0.txt?" in client.get(away).text
    assert "0.txt is deleted." in client.get(client.post(away).headers["Location"]).text
    assert project.uploads.get().name == "1.txt"


def test_epics_and_cards_are_added_where_they_stand() -> None:
    project = project_make()
    client, address = browser(project.created_by), f"/projects/{project.pk}"
    answer = client.post(f"{address}/cards/", {"title": "Berths", "persona": "skipper"})
    assert answer.headers["Location"] == f"{address}/?tab=cards"
    card = project.cards.get(title="Berths")
    answer = client.post(f"{address}/epics/", {"title": "Quay", "cardCodes": f"{card.code}, C1"})
    assert answer.headers["Location"] == f"{address}/?tab=epics"
    places = EpicCard.objects.filter(epic__title="Quay").order_by("order")
    assert list(places.values_list("card__code", flat=True)) == [card.code, "C1"]
    for what, form in (
        ("cards", {"title": "", "statement": HOSTILE}),
        ("epics", {"title": HOSTILE, "cardCodes": "C99"}),
    ):
        refused = client.post(f"{address}/{what}/", form)
        assert refused.status_code == 400
        assert_clean(refused.text)
        assert "&lt;script&gt;" in refused.text, "what was typed stays"
        assert f'href="{address}/?tab=runs"' in refused.text


@pytest.mark.django_db(transaction=True)
def test_the_last_runs_are_drawn_and_told() -> None:
    run = run_in("succeeded")
    client, address = browser(run.project.created_by), f"/projects/{run.project_id}/?tab=runs"
    assert "<svg" not in client.get(address).text.split("<h2", 1)[1].split("<table", 1)[0]
    Run.objects.create(**{**_values(run), "id": new_id()})
    page = client.get(address).text
    assert "Cost of the last 2 runs: $0.00 to $0.0624, the last $0.00" in page
    assert 'aria-label="Cost of the last 2 runs: $0.0624, $0.00"' in page


def test_stories_that_want_the_same_are_shown_and_deleted_from_there() -> None:
    project = project_make(stories=1)
    client, address = browser(project.created_by), f"/projects/{project.pk}/duplicates/"
    page = client.get(address).text
    assert "The same want" in page
    for story in project.stories.all():
        assert f'value="{story.pk}:{story.version}"' in page
    assert "checkbox" not in browser(member_make(project, "viewer")).get(address).text
    project.stories.filter(code="E2-S1").update(user_story="As a cook, I want salt, so that it is.")
    assert "No two stories want the same." in client.get(address).text
    assert client.get(f"{address}?epics=colour").status_code == 400


def test_an_export_is_one_click_away() -> None:
    project = project_make()
    client = browser(project.created_by)
    page = client.get(f"/projects/{project.pk}/").text
    address = f"/api/v1/projects/{project.pk}/export?format=csv"
    assert f'href="{address}"' in page
    answer = client.get(address)
    assert answer.status_code == 200
    answer.close()
