"""Every page, light and dark, wide and narrow, with and without scripts; and those that refuse."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection
from playwright.sync_api import expect

from epics.files.upload_text import text_handed
from epics.models import Story
from epics.uploads import upload_create
from runs.models import Run
from tests.browser.look import Tab
from tests.factories import (
    delivery_make,
    member_make,
    project_make,
    subtask_make,
    user_make,
    webhook_make,
)
from tests.integration.pages.world import page_make, page_write
from tests.integration.web.states import owner, run_in, staff

Opens = Callable[..., Tab]

_TABS = (
    *("epics", "cards", "stories", "subtasks", "pages", "runs", "notes", "members", "webhooks"),
    "settings",
)


def _upload(run: Run) -> UUID:
    handed = text_handed("The tide is late.", name="Notes")
    user = run.project.created_by
    return upload_create(project_id=run.project_id, user=user, handed=handed).pk


def addresses(run: Run) -> list[str]:
    """Of all pages, around this run."""
    project = f"/projects/{run.project_id}"
    story = Story.objects.filter(run_id=run.pk)[0]
    Story.objects.filter(pk=story.pk).update(
        defects=[
            {
                "severity": "high", "message": "Two wants.", "suggestion": "Split it.",
                "field": "userStory", "start": 13, "end": 17, "text": story.user_story[13:17],
            }
        ]
    )  # fmt: skip
    return [
        "/projects/",
        "/projects/new/",
        "/projects/import/",
        *(f"{project}/?tab={tab}" for tab in _TABS),
        f"{project}/?tab=stories&q=nothing",
        f"{project}/webhooks/new/",
        f"/webhooks/{delivery_make(webhook_make(run.project)).hook_id}/",
        f"{project}/pages/new/",
        f"{project}/duplicates/?epics=any",
        f"{project}/delete/",
        f"/uploads/{_upload(run)}/delete/",
        f"{project}/pages/import/",
        f"{project}/start/?type=EXPORT",
        f"{project}/start/?type=GENERATE_SUBTASKS",
        "/find/",
        "/runs/",
        "/runs/?status=QUEUED",
        f"/runs/{run.pk}/?item={run.items.all()[0].pk}",
        f"/runs/{run.pk}/cancel/",
        f"/runs/{run.pk}/changes/",
        f"/runs/{run.pk}/items/{run.items.all()[0].pk}/calls/",
        f"/epics/{story.epic_id}/",
        f"/cards/{run.project.cards.all()[0].pk}/",
        f"/stories/{story.pk}/",
        f"/subtasks/{subtask_make(story).pk}/",
        f"/pages/{page_write(page_make(run.project)).pk}/",
        "/money/?by=run",
        f"/runs/{run.pk}/pause/",
        "/queue/",
        "/queue/pause/",
        f"/queue/gate/?action=close&model={run.model}",
        "/ops/",
        "/nothing/",
    ]


def test_no_page_keeps_anybody_out(tab: Opens) -> None:
    run = run_in("errors")
    opened = tab(staff())
    found = {}
    for address in addresses(run):
        opened.page.goto(address)
        found[address] = opened.shut_out()
    assert not any(found.values()), found
    opened.expect_complaints("404")


def test_the_way_in_keeps_nobody_out(tab: Opens) -> None:
    opened = tab()
    opened.page.goto("/")
    assert opened.shut_out() == []
    opened = tab(user_make())
    opened.page.goto("/projects/")
    expect(opened.page.get_by_role("heading", name="Begin with a project")).to_be_visible()
    assert opened.shut_out() == []


def test_what_is_refused_has_a_page_that_keeps_nobody_out(tab: Opens) -> None:
    run = run_in("running")
    opened = tab(member_make(run.project, "viewer"))
    page = opened.page
    page.goto(f"/runs/{run.pk}/cancel/")
    expect(page.get_by_text("403", exact=True)).to_be_visible()
    assert opened.shut_out() == []
    page.goto("/projects/new/")
    page.get_by_label("Name", exact=True).fill("Tides")
    page.locator("main form [name=csrfmiddlewaretoken]").evaluate("field => { field.value = 'x' }")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="This form is out of date.")).to_be_visible()
    assert opened.shut_out() == []
    with _table_gone("runs_run"):
        page.goto("/runs/")
        expect(page.get_by_text("500", exact=True)).to_be_visible()
        assert opened.shut_out() == []
    opened.expect_complaints("403", "500")


@contextmanager
def _table_gone(name: str) -> Iterator[None]:
    """As if the database were another than the program thinks."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO gone")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE gone RENAME TO {name}")


def test_pages_are_read_and_worked_without_scripts(tab: Opens) -> None:
    run = run_in("running")
    page = tab(owner(), java_script_enabled=False).page
    page.goto(f"/runs/{run.pk}/")
    expect(page.get_by_role("row")).to_have_count(7)
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("heading", name="Cancel Batch Generation?")).to_be_visible()
    page.get_by_role("link", name="Keep Running").click()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("Paused.")


def test_keys_lead_past_the_header_and_to_the_search(tab: Opens) -> None:
    project = project_make(owner())
    page = tab(owner()).page
    page.goto(f"/projects/{project.pk}/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_a_theme_is_chosen_and_kept(tab: Opens) -> None:
    page = tab(owner(), color_scheme="light").page
    page.goto("/projects/")
    page.locator(".top summary").click()
    page.get_by_role("button", name="Dark").click()
    page.goto("/runs/")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(14, 21, 34)"


def test_what_a_page_may_not_run_and_what_is_not_answered_fails_a_test(tab: Opens) -> None:
    opened = tab(owner())
    opened.page.goto("/projects/")
    opened.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.head.append(script);
        }"""
    )
    assert opened.page.evaluate("() => window.ran") is None
    opened.page.route("**/gone.css", lambda route: route.abort())
    with opened.page.expect_event("requestfailed"):
        opened.page.evaluate("() => { fetch('/gone.css').catch(() => null) }")
    assert any("gone.css" in text for text in opened.complaints)
    assert any("Content Security Policy" in text for text in opened.complaints)
    opened.expect_complaints("Content Security Policy", "gone.css", "ERR_FAILED")
