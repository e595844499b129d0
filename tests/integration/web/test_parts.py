"""Epics, subtasks and pages in the editor and the lists that stories have."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content.pages.models import Page
from epics.models import ContentChange, Epic, EpicCard, Project, Subtask
from epics.services import epic_update
from runs.models import Run
from tests.factories import member_make, project_make, subtask_make
from tests.integration.pages.world import CONTENT, page_make, page_write
from tests.integration.web.looking import HOSTILE, assert_clean, browser, hidden

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return project_make(epics=2, stories=2)


def page_of(project: Project, address: str, user: User | None = None) -> str:
    answer = browser(user or project.created_by).get(address)
    assert answer.status_code == 200, answer.text
    assert_clean(answer.text)
    return answer.text


def save(project: Project, address: str, **form: Any) -> Any:
    return browser(project.created_by).post(address, form)


# Epics ----------------------------------------------------------------------------------------


def epic_form(epic: Epic, **changes: Any) -> dict[str, Any]:
    return {
        "title": epic.title,
        "theme": epic.theme,
        "description": epic.description,
        "businessValue": epic.business_value,
        "acceptanceCriteria": [*epic.acceptance_criteria, ""],
        "dependencies": "\r\n".join(epic.dependencies),
        "cardCodes": "C1\r\nC2\r\nC3",
        "effort": epic.effort,
        "impact": epic.impact,
        "priority": "1",
        "version": str(epic.version),
        **changes,
    }


def test_an_epic_is_changed_with_what_it_comes_after_and_its_cards(project: Project) -> None:
    epic, second = project.epics.order_by("order")
    address = f"/epics/{epic.pk}/"
    assert f'href="{address}"' in page_of(project, f"/projects/{project.pk}/")
    page = page_of(project, address)
    assert f"?tab=stories&amp;epic={epic.code}" in page
    assert "C1\nC2\nC3" in page
    form = epic_form(epic, title="Tides", cardCodes="C2, C1", dependencies=second.code)
    assert save(project, address, **form).headers["Location"] == address
    epic.refresh_from_db()
    assert (epic.title, epic.dependencies, epic.version) == ("Tides", [second.code], 2)
    cards = EpicCard.objects.filter(epic=epic).order_by("order")
    assert list(cards.values_list("card__code", flat=True)) == ["C2", "C1"]
    refused = save(project, address, **epic_form(epic, dependencies="E99"))
    assert refused.status_code == 400
    assert "<code>dependencies</code>" in refused.text


def test_an_epic_that_somebody_else_changed_shows_both(project: Project) -> None:
    epic = project.epics.order_by("order")[0]
    epic_update(epic_id=epic.pk, changes={"title": "Theirs"})
    answer = save(project, f"/epics/{epic.pk}/", **epic_form(epic, title="Mine"))
    assert answer.status_code == 409
    assert '<del class="pre">Theirs</del>' in answer.text
    assert '<ins class="pre">Mine</ins>' in answer.text
    assert "Description</th>" not in answer.text
    assert hidden(answer.text, "version") == "2"


# Subtasks -------------------------------------------------------------------------------------


def test_subtasks_are_listed_by_the_address_and_changed(project: Project) -> None:
    first, second = project.stories.order_by("code")[:2]
    subtask = subtask_make(first)
    subtask_make(second, title="Another", kind="test")
    tab = f"/projects/{project.pk}/?tab=subtasks"
    address = f"/subtasks/{subtask.pk}/"
    for query, there in (
        ("", True),
        (f"&story={first.code}", True),
        (f"&story={second.code}", False),
        ("&kind=design", True),
        ("&kind=colour", True),
        ("&q=tide", True),
        ("&q=nothing", False),
        ("&status=approved", False),
        ("&epic=E1", True),
        ("&epic=E2", False),
    ):
        assert (f'href="{address}"' in page_of(project, tab + query)) == there, query
    form = {
        "title": "Draw it",
        "description": "",
        "kind": "docs",
        "effortHours": "2.5",
        "criteria": "1",
        "version": "1",
    }
    assert save(project, address, **form).status_code == 302
    subtask.refresh_from_db()
    assert (subtask.title, str(subtask.effort_hours), subtask.criteria) == ("Draw it", "2.5", [1])
    for wrong in (
        {"effortHours": "two"},
        {"effortHours": "1.25"},
        {"criteria": "9"},
        {"kind": "x"},
    ):
        answer = save(project, address, **{**form, "version": "2", **wrong})
        assert answer.status_code == 400, wrong
        assert f"<code>{next(iter(wrong))}</code>" in answer.text
    page = page_of(project, address)
    assert f'href="/stories/{first.pk}/">{first.code}</a>' in page
    assert f"?tab=subtasks&amp;story={first.code}" in page_of(project, f"/stories/{first.pk}/")


# Pages ----------------------------------------------------------------------------------------


@pytest.fixture
def written(project: Project) -> Page:
    text = CONTENT["components"][0]["markdown"]
    defects = [
        {"severity": "high", "message": "Nobody says so.", "suggestion": "Say less.",
         "field": "components[0].markdown", "start": text.index("eins"),
         "end": text.index("eins") + 4, "text": "eins"},
        {"severity": "low", "message": "Long.", "field": "metaTitle", "start": 0, "end": 5,
         "text": "Seile"},
    ]  # fmt: skip
    return page_write(
        page_make(project, keywords=["rope"], facts={"weight": "2 kg"}), defects=defects
    )


def content_form(page: Page, **changes: Any) -> dict[str, Any]:
    rows = page.content_components
    return {
        "title": page.title,
        "url": page.url,
        "pageType": page.page_type,
        "keywords": "\r\n".join(page.keywords),
        "language": page.language,
        "priority": "",
        "content.metaTitle": page.meta_title,
        "content.metaDescription": page.meta_description,
        "content.components.type": [row["type"] for row in rows],
        "content.components.heading": [row["heading"] for row in rows],
        "content.components.markdown": [row["markdown"].replace("\n", "\r\n") for row in rows],
        "version": str(page.version),
        **changes,
    }


def test_a_page_shows_its_content_with_its_defects_where_they_stand(
    project: Project, written: Page
) -> None:
    page = page_of(project, f"/pages/{written.pk}/")
    assert "<mark>eins<sup>" in page
    assert "<mark>Seile<sup>" in page
    assert "50% of its keywords" in page
    assert "weight: 2 kg" in page
    assert "Nobody says so." in page
    assert f"type=GENERATE_PAGES&amp;target={written.pk}" in page


def test_a_pages_content_is_changed_as_a_whole(project: Project, written: Page) -> None:
    address = f"/pages/{written.pk}/"
    save(project, address, **content_form(written))
    written.refresh_from_db()
    assert written.version == 1
    texts = ["Ein Seil.\r\nHält.", "Ja."]
    save(project, address, **content_form(written, **{"content.components.markdown": texts}))
    written.refresh_from_db()
    assert written.version == 2
    assert [row["markdown"] for row in written.content_components] == ["Ein Seil.\nHält.", "Ja."]
    assert [row["type"] for row in written.content_components] == ["introduction", "faq"]
    assert (written.defects, written.meta_title) == ([], CONTENT["metaTitle"])
    assert ContentChange.objects.latest("id").user == project.created_by
    stale = save(project, address, **content_form(written, version="1", title="Mine"))
    assert stale.status_code == 409
    assert '<ins class="pre">Mine</ins>' in stale.text
    wrong = {"content.components.type": ["colour", "faq"]}
    assert save(project, address, **content_form(written, **wrong)).status_code == 400


def test_a_page_without_content_is_not_reviewed(project: Project) -> None:
    page = page_make(project)
    text = page_of(project, f"/pages/{page.pk}/")
    assert "Not written yet" in text
    assert "Approve" not in text
    save(project, f"/pages/{page.pk}/review/", status="approved", version="1")
    page.refresh_from_db()
    assert page.review_status == "draft"


def test_pages_are_listed_by_the_address(project: Project, written: Page) -> None:
    other = page_make(project, "/other", page_type="product", language="German")
    tab = f"/projects/{project.pk}/?tab=pages"
    for query, codes in (
        ("", {written.code, other.code}),
        ("&type=product", {other.code}),
        ("&type=colour", {written.code, other.code}),
        ("&content=current", {written.code}),
        ("&language=German", {other.code}),
        ("&status=draft", {written.code}),
        ("&q=other", {other.code}),
    ):
        page = page_of(project, tab + query)
        found = {each.code for each in (written, other) if f'href="/pages/{each.pk}/"' in page}
        assert found == codes, query
    assert "/pages/export?format=csv" in page_of(project, tab)


def test_one_page_is_stored_and_written_at_once(project: Project) -> None:
    address = f"/projects/{project.pk}/pages/new/"
    form = {
        "pageType": "product",
        "url": "/anchor",
        "title": "Anchor",
        "keywords": "anchor\r\ncheap anchor",
        "facts": "weight: 2 kg\r\nmade in: Kiel",
        "language": "German",
        "pagePriority": "9",
        "tone": "Dry.",
        "bannedWords": "best, cheapest",
    }
    assert "Store and write it" in page_of(project, address)
    answer = save(project, address, **form)
    run = Run.objects.get()
    assert answer.headers["Location"] == f"/runs/{run.pk}/"
    page = Page.objects.get(url="/anchor")
    assert page.facts == {"weight": "2 kg", "made in": "Kiel"}
    assert (page.keywords, page.priority) == (["anchor", "cheap anchor"], 9)
    assert page.brand_voice is not None
    assert page.brand_voice["bannedWords"] == ["best", "cheapest"]
    assert [item.target_id for item in run.items.all()] == [page.pk]
    # It is open in that run: nothing of the page is changed.
    again = save(project, address, **{**form, "title": "Other"})
    assert again.status_code == 409
    page.refresh_from_db()
    assert page.title == "Anchor"
    for wrong in ({"url": "no address at all://"}, {"facts": "heavy"}, {"pagePriority": "11"}):
        assert save(project, address, **{**form, "url": "/new", **wrong}).status_code == 400, wrong
    assert Page.objects.count() == 1


def test_pages_are_checked_before_they_are_imported(project: Project) -> None:
    page_make(project, "/rope")
    address = f"/projects/{project.pk}/pages/import/"
    table = "Page type;URL;Colour\ncategory;/rope;red\nproduct;/new;blue\n"
    checked = save(project, address, document=table, action="check")
    assert checked.status_code == 200
    for text in ("2 pages", "<dt>New</dt><dd>1</dd>", "<dt>There already</dt><dd>1</dd>", "Colour"):
        assert text in checked.text
    assert Page.objects.count() == 1
    wrong = save(project, address, document="Page type,URL\nhouse,/a", action="check")
    assert wrong.status_code == 400
    assert "row" in wrong.text
    imported = save(project, address, document=table, action="import")
    assert imported.headers["Location"] == f"/projects/{project.pk}/?tab=pages"
    assert Page.objects.count() == 2
    as_json = '{"pages": [{"pageType": "brand", "url": "/b"}]}'
    assert "1 page" in save(project, address, document=as_json, action="check").text
    for nothing in ("", "{", "[1]", HOSTILE):
        answer = save(project, address, document=nothing, action="import")
        assert answer.status_code == 400, nothing
        assert_clean(answer.text)
    assert Page.objects.count() == 2


# Lists ----------------------------------------------------------------------------------------


def test_a_list_costs_no_query_a_row_and_viewers_tick_nothing(project: Project) -> None:
    subtask_make(project.stories.all()[0])
    page_make(project)
    viewer = member_make(project, "viewer")
    for tab in ("stories", "subtasks", "pages"):
        address = f"/projects/{project.pk}/?tab={tab}"
        assert "checkbox" not in page_of(project, address, viewer)
    counts = []
    for number in range(2):
        client = browser(project.created_by)
        client.get(f"/projects/{project.pk}/?tab=subtasks")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/projects/{project.pk}/?tab=subtasks")
        counts.append(len(queries))
        for story in project.stories.all():
            subtask_make(story, title=f"More {number}")
    assert counts[0] == counts[1]


def test_hostile_texts_of_every_kind_stay_texts(project: Project, written: Page) -> None:
    subtask = subtask_make(project.stories.all()[0])
    Epic.objects.update(title=HOSTILE, description=HOSTILE, theme=HOSTILE, review_note=HOSTILE)
    Subtask.objects.update(title=HOSTILE, description=HOSTILE)
    Page.objects.update(
        title=HOSTILE,
        url=HOSTILE,
        meta_title=HOSTILE,
        keywords=[HOSTILE],
        facts={HOSTILE: HOSTILE},
        content_components=[{"type": HOSTILE, "heading": HOSTILE, "markdown": HOSTILE, "html": ""}],
    )
    epic = project.epics.all()[0]
    for address in (
        f"/epics/{epic.pk}/",
        f"/subtasks/{subtask.pk}/",
        f"/pages/{written.pk}/",
        *(f"/projects/{project.pk}/?tab={tab}" for tab in ("epics", "subtasks", "pages")),
        f"/projects/{project.pk}/?tab=pages&language=%22%3E%3Cscript%3E",
    ):
        page_of(project, address)
