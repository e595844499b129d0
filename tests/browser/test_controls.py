"""A run's buttons and its dialog, as hands and keys meet them."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from runs.models import Run, RunAction
from tests.browser.look import Tab
from tests.factories import member_make
from tests.integration.web.states import owner, run_in

Opens = Callable[..., Tab]

#: {state: (buttons that can be pressed, those that cannot, what stands beside them)}.
MATRIX = {
    "queued": (["Cancel"], ["Pause"], None),
    "running": (["Pause", "Cancel"], [], None),
    "pausing": (["Resume", "Cancel"], [], "Pausing… (1 finishing)"),
    "paused": (["Resume", "Cancel"], [], None),
    "succeeded": ([], ["Pause", "Cancel"], "Batch completed"),
    "errors": (["Retry 2 failed"], ["Pause", "Cancel"], "Batch completed with errors"),
    "failed": (["Retry 6 failed"], ["Pause", "Cancel"], "Batch failed"),
    "cancelled": ([], ["Pause", "Cancel"], "Batch cancelled"),
    "draining": ([], ["Pause", "Cancel"], "Cancelling… (1 finishing)"),
}
#: What the API calls them, in its order.
CONTROLS = {"Pause": "pause", "Resume": "resume", "Cancel": "cancel", "Retry": "retry-failed"}


def open_run(tab: Opens, state: str) -> tuple[Run, Tab, Page]:
    """A run in this state, and its page, following it."""
    run = run_in(state)
    opened = tab(owner())
    opened.page.goto(f"/runs/{run.pk}/")
    return run, opened, opened.page


def buttons(page: Page) -> Locator:
    return page.locator("#controls button")


@pytest.mark.parametrize("state", MATRIX)
def test_each_state_has_its_buttons_which_are_the_controls(tab: Opens, state: str) -> None:
    can, cannot, label = MATRIX[state]
    run, opened, page = open_run(tab, state)
    assert {text.strip() for text in buttons(page).all_inner_texts()} == {*can, *cannot}
    for name in can:
        expect(page.get_by_role("button", name=name, exact=True).first).to_be_enabled()
    for name in cannot:
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    if label:
        expect(page.get_by_text(label, exact=True)).to_be_visible()
    controls = page.request.get(f"/api/v1/runs/{run.pk}").json()["data"]["controls"]
    assert controls == [CONTROLS[name.split()[0]] for name in can]
    assert opened.shut_out() == []


def test_a_pause_and_a_resume_show_in_place(tab: Opens) -> None:
    run, opened, page = open_run(tab, "running")
    page.evaluate("() => { window.stayed = true }")
    page.get_by_role("button", name="Pause", exact=True).press("Enter")
    resume = page.get_by_role("button", name="Resume", exact=True)
    expect(resume).to_be_enabled()
    expect(resume).to_be_focused()
    expect(page.locator("#toasts")).to_contain_text("Paused.")
    expect(page.locator("#run-head")).to_contain_text("Pausing… (1 finishing)")
    resume.click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled()
    expect(page.locator("#toasts")).to_contain_text("Resumed.")
    assert page.evaluate("() => window.stayed")
    assert len(opened.posts()) == 2
    assert list(run.actions.values_list("kind", flat=True)) == ["start", "pause", "resume"]


def test_a_double_click_sends_one_request(tab: Opens) -> None:
    run, opened, page = open_run(tab, "running")
    page.get_by_role("button", name="Pause", exact=True).dblclick()
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_enabled()
    assert len(opened.posts()) == 1
    assert RunAction.objects.filter(run=run).exclude(kind="start").count() == 1


def test_the_dialog_is_led_by_keys(tab: Opens) -> None:
    run, opened, page = open_run(tab, "running")
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    dialog = page.get_by_role("dialog", name="Cancel Batch Generation?")
    keep = page.get_by_role("button", name="Keep Running")
    cancel.press("Enter")
    expect(dialog).to_be_visible()
    for text in ("This will stop all pending items.", "In-progress items will complete."):
        expect(dialog).to_contain_text(text)
    expect(keep).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(cancel).to_be_focused()
    cancel.press("Enter")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert opened.posts() == []
    cancel.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Cancel Batch", exact=True)).to_be_focused()
    assert opened.shut_out() == []
    page.keyboard.press("Enter")
    expect(page.get_by_text("Batch cancelled", exact=True)).to_be_visible()
    expect(dialog).to_be_hidden()
    expect(page.locator("#run-head")).to_contain_text("Cancelling… (1 finishing)")
    assert len(opened.posts()) == 1
    run.refresh_from_db()
    assert run.status == "CANCELLED"


def test_of_two_people_the_second_is_told_who_was_first(tab: Opens) -> None:
    run, opened, page = open_run(tab, "running")
    other = tab(member_make(run.project, "editor"))
    # As if it had not heard yet.
    other.page.route("**/events", lambda route: route.abort())
    other.page.goto(f"/runs/{run.pk}/")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_enabled()
    other.page.evaluate("() => document.querySelector('#steer-form').requestSubmit()")
    expect(other.page.locator("#toasts")).to_contain_text("The last action was pause by ada")
    other.expect_complaints("ERR_FAILED")
    assert opened.posts()


def test_a_viewer_is_told_why_nothing_can_be_pressed(tab: Opens) -> None:
    run = run_in("running")
    page = tab(member_make(run.project, "viewer")).page
    page.goto(f"/runs/{run.pk}/")
    for name in ("Pause", "Cancel"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    expect(page.get_by_text("Steering it needs the role editor")).to_be_visible()
