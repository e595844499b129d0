"""Every list's filters stand in its address: they stay over a reload, and over the way back."""

from collections.abc import Callable

from playwright.sync_api import expect

from epics.models import Story
from tests.browser.look import Tab
from tests.factories import subtask_make
from tests.integration.pages.world import page_make, page_write
from tests.integration.web.states import owner, run_in

Opens = Callable[..., Tab]


def test_filters_stay_over_reload_and_back(tab: Opens) -> None:
    run = run_in("errors")
    subtask_make(Story.objects.filter(run_id=run.pk, epic__code="E1")[0])
    page_write(page_make(run.project))
    page = tab(owner()).page
    project = f"/projects/{run.project_id}/?tab="
    for address, label, value in (
        ("/projects/", "Order", "name"),
        ("/runs/", "Status", "COMPLETED_WITH_ERRORS"),
        ("/runs/", "Type", "GENERATE_ALL_STORIES"),
        ("/money/", "Summed by", "run"),
        (f"{project}stories", "Epic", "E1"),
        (f"{project}subtasks", "Review", "draft"),
        (f"{project}pages", "Type", "category"),
        (f"/runs/{run.pk}/", "Status", "FAILED"),
    ):
        page.goto(address)
        field = page.get_by_label(label, exact=True)
        field.select_option(value)
        page.get_by_role("button", name="Show").click()
        page.wait_for_url(f"**={value}*")
        asked = page.url
        page.reload()
        expect(field).to_have_value(value)
        page.locator("tbody").get_by_role("link").first.click()
        expect(page).not_to_have_url(asked)
        page.go_back()
        expect(page).to_have_url(asked)
        expect(field).to_have_value(value)


def test_a_search_stays_over_reload_and_back(tab: Opens) -> None:
    run = run_in("errors")
    page = tab(owner()).page
    project = f"/projects/{run.project_id}/?tab="
    for address, text in (
        ("/projects/", "Library"),
        (f"{project}epics", "Lending 1"),
        (f"{project}stories", "Lend 1"),
        (f"/runs/{run.pk}/", "Lending 1"),
    ):
        page.goto(address)
        page.get_by_role("searchbox").fill(text)
        page.keyboard.press("Enter")
        page.wait_for_url("**q=*")
        page.reload()
        page.get_by_role("main").get_by_role("link", name=text).first.click()
        page.go_back()
        expect(page.get_by_role("searchbox")).to_have_value(text)
