"""Every page, light and dark, wide and narrow, with and without scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from epics.models import Story
from runs.models import Run
from tests.browser.look import Tab
from tests.factories import project_make, subtask_make, user_make
from tests.integration.pages.world import page_make, page_write
from tests.integration.web.states import owner, run_in, staff

Opens = Callable[..., Tab]

_TABS = ("epics", "cards", "stories", "subtasks", "pages", "runs", "notes")
_NARROW = {"width": 320, "height": 640}


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
        f"{project}/pages/new/",
        f"{project}/pages/import/",
        f"{project}/start/?type=EXPORT",
        f"{project}/start/?type=GENERATE_SUBTASKS",
        "/runs/",
        f"/runs/{run.pk}/?item={run.items.all()[0].pk}",
        f"/runs/{run.pk}/cancel/",
        f"/epics/{story.epic_id}/",
        f"/stories/{story.pk}/",
        f"/subtasks/{subtask_make(story).pk}/",
        f"/pages/{page_write(page_make(run.project)).pk}/",
        "/queue/",
        "/queue/pause/",
        f"/queue/gate/?action=close&model={run.model}",
        "/ops/",
        "/nothing/",
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_keeps_anybody_out(tab: Opens, theme: str) -> None:
    run = run_in("errors")
    opened = tab(staff(), color_scheme=theme)
    found = {}
    for address in addresses(run):
        opened.page.goto(address)
        found[address] = opened.findings()
    assert not any(found.values()), found
    opened.expect_complaints("404")


@pytest.mark.parametrize("state", ["queued", "running", "paused", "draining"])
def test_no_state_of_a_run_keeps_anybody_out(tab: Opens, state: str) -> None:
    run = run_in(state)
    for theme in ("light", "dark"):
        opened = tab(owner(), color_scheme=theme)
        opened.page.goto(f"/runs/{run.pk}/")
        assert opened.findings() == []


def test_the_way_in_keeps_nobody_out(tab: Opens) -> None:
    for theme in ("light", "dark"):
        opened = tab(color_scheme=theme)
        opened.page.goto("/")
        assert opened.findings() == []
    opened = tab(user_make())
    opened.page.goto("/projects/")
    expect(opened.page.get_by_role("heading", name="Begin with a project")).to_be_visible()
    assert opened.findings() == []


def test_every_page_fits_a_narrow_window(tab: Opens) -> None:
    run = run_in("errors")
    opened = tab(staff(), viewport=_NARROW)
    wide = {}
    for address in addresses(run):
        opened.page.goto(address)
        wide[address] = opened.overflow()
    assert not any(wide.values()), wide
    opened.expect_complaints("404")


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


def test_what_is_written_into_a_page_does_not_run_and_the_browser_says_so(tab: Opens) -> None:
    """And so a test would fail that meets it."""
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
    assert any("Content Security Policy" in text for text in opened.complaints)
    opened.expect_complaints("Content Security Policy")
