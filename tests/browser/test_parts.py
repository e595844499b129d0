"""What is written, worked through by what can be read on the pages alone."""

from collections.abc import Callable

from playwright.sync_api import expect

from content.pages.models import Page as WrittenPage
from epics.models import Story
from tests.browser.look import Tab
from tests.factories import project_make
from tests.integration.pages.world import page_make, page_write
from tests.integration.web.states import owner

Opens = Callable[..., Tab]


def test_a_page_is_found_changed_and_approved(tab: Opens) -> None:
    project = project_make(owner())
    made = page_write(page_make(project))
    page = tab(owner()).page
    page.goto(f"/projects/{project.pk}/")
    page.get_by_role("navigation", name="Project").get_by_role("link", name="Pages").click()
    page.get_by_label("Type").select_option("category")
    page.get_by_role("button", name="Show").click()
    assert "type=category" in page.url
    page.locator("tbody").get_by_role("link").first.click()
    page.get_by_label("Meta title").fill("Ropes")
    page.get_by_label("Text, as Markdown").first.fill("A rope holds.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".reading")).to_contain_text("A rope holds.")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#toasts")).to_contain_text(f"{made.code} is approved.")
    stored = WrittenPage.objects.get()
    assert (stored.meta_title, stored.review_status) == ("Ropes", "approved")


def test_all_that_a_filter_finds_is_reviewed_after_its_count(tab: Opens) -> None:
    project = project_make(owner(), epics=2, stories=2)
    page = tab(owner()).page
    page.goto(f"/projects/{project.pk}/?tab=stories")
    page.get_by_label("Epic").select_option("E1")
    page.get_by_role("button", name="Show").click()
    page.get_by_label("All 2 that the filters find").check()
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Review all 2").click()
    expect(page.locator("#toasts")).to_contain_text("2 stories rejected.")
    expect(page.get_by_label("Epic")).to_have_value("E1")
    assert Story.objects.filter(review_status="rejected").count() == 2
