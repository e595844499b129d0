"""What is written, worked through by what can be read on the pages alone."""

from collections.abc import Callable

from playwright.sync_api import expect

from content.pages.models import Page as WrittenPage
from epics.models import Story
from tests.browser.look import Tab
from tests.factories import member_make, project_make, subtask_make
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


def test_an_epic_is_saved_by_itself_until_somebody_else_changed_it(tab: Opens) -> None:
    epic = project_make(owner()).epics.get(code="E1")
    mine, theirs = tab(owner()), tab(owner())
    for each in (mine, theirs):
        each.page.goto(f"/epics/{epic.pk}/")
        each.page.evaluate("() => { window.stayed = true }")
    page, saved = mine.page, mine.page.locator("[data-saved]")
    page.get_by_role("textbox", name="Title").fill("Tides")
    page.get_by_role("textbox", name="Theme").fill("Water")
    expect(saved).to_have_text("Saved.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Tides")
    page.get_by_role("textbox", name="Theme").press("Tab")
    expect(page.locator(".reading")).to_contain_text("Water")
    expect(page.locator("#history")).to_contain_text("theme")
    other = theirs.page
    other.get_by_role("textbox", name="Title").fill("Ebb and flow")
    other.get_by_role("textbox", name="Title").press("Tab")
    conflict = other.get_by_role("alert", name="Somebody changed this epic while you did")
    expect(conflict.get_by_role("deletion")).to_have_text(["Tides", "Water"])
    expect(other.get_by_role("textbox", name="Title")).to_have_value("Ebb and flow")
    assert theirs.shut_out() == []
    assert page.evaluate("() => window.stayed")
    assert other.evaluate("() => window.stayed")
    other.get_by_role("button", name="Save mine over theirs").click()
    expect(other.get_by_role("heading", level=1)).to_contain_text("Ebb and flow")
    epic.refresh_from_db()
    assert (epic.title, epic.theme) == ("Ebb and flow", "Sailing")
    theirs.expect_complaints("409")


def test_a_subtask_tells_what_it_cannot_save_and_saves_the_rest(tab: Opens) -> None:
    subtask = subtask_make(project_make(owner(), stories=1).stories.all()[0])
    opened = tab(owner())
    page, saved = opened.page, opened.page.locator("[data-saved]")
    page.goto(f"/subtasks/{subtask.pk}/")
    hours = page.get_by_role("textbox", name="Hours")
    hours.fill("1.25")
    hours.press("Tab")
    expect(saved).to_contain_text("Not saved")
    hours.fill("1.5")
    hours.press("Tab")
    expect(saved).to_have_text("Saved.")
    page.get_by_role("textbox", name="Title").fill("Draw the ebb")
    # At once, without waiting for what saves by itself.
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("is saved.")
    subtask.refresh_from_db()
    assert (subtask.title, str(subtask.effort_hours)) == ("Draw the ebb", "1.5")
    opened.expect_complaints("400")


def test_what_is_ticked_is_deleted_after_its_count(tab: Opens) -> None:
    project = project_make(owner(), epics=2, stories=2)
    page = tab(owner()).page
    page.goto(f"/projects/{project.pk}/?tab=stories")
    for code in ("E1-S1", "E2-S1"):
        page.get_by_role("checkbox", name=code).check()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("link", name="Leave them").click()
    expect(page.locator("tbody tr")).to_have_count(4)
    page.get_by_label("All 4 that the filters find").check()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", name="Delete all 4 stories?")).to_be_visible()
    page.get_by_role("button", name="Delete 4 stories").click()
    expect(page.locator("#toasts")).to_contain_text("4 stories deleted.")
    assert not Story.objects.exists()


def test_all_that_a_filter_finds_is_reviewed_after_its_count(tab: Opens) -> None:
    project = project_make(owner(), epics=2, stories=60)
    page = tab(owner()).page
    page.goto(f"/projects/{project.pk}/?tab=stories")
    page.get_by_label("Epic").select_option("E1")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_label("All 60 that the filters find").check()
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Review 60 stories").click()
    expect(page.locator("#toasts")).to_contain_text("60 stories rejected.")
    expect(page.get_by_label("Epic")).to_have_value("E1")
    assert Story.objects.filter(review_status="rejected").count() == 60


def test_of_two_people_at_a_story_nobody_loses_a_word(tab: Opens) -> None:
    project = project_make(owner(), epics=1, stories=1)
    story = Story.objects.get()
    first, second = tab(owner()), tab(member_make(project, "editor"))
    for opened in (first, second):
        opened.page.goto(f"/stories/{story.pk}/")
    first.page.get_by_role("textbox", name="Title").fill("Theirs")
    first.page.get_by_role("button", name="Save").click()
    expect(first.page.get_by_role("heading", level=1)).to_contain_text("Theirs")
    page = second.page
    page.get_by_role("textbox", name="Title").fill("Mine")
    page.get_by_role("button", name="Save").click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Somebody changed this story while you did")
    expect(told.get_by_role("row", name="Title")).to_contain_text("Mine")
    expect(told.get_by_role("row", name="Title")).to_contain_text("Theirs")
    assert second.shut_out() == []
    page.get_by_role("button", name="Save mine over theirs").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Mine")
    second.expect_complaints("409")
