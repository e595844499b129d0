"""Ways through the pages by what can be read on them alone."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect

from batchgen.local.terminal import LogFiles
from runs.models import Run, RunItem
from tests.acceptance.fleet import Fleet
from tests.browser.look import Tab
from tests.conftest import Simulator
from tests.factories import user_make
from tests.integration.web.states import owner, run_in

Opens = Callable[..., Tab]


@pytest.fixture
def fleet(tab: Opens, simulator: Simulator, tmp_path: Path) -> Iterator[Fleet]:
    simulator.reset()
    logs = LogFiles(tmp_path / "log")
    with ExitStack() as workers:
        yield Fleet(stack=workers, sink=logs.line, provider_url=simulator.url)
    logs.close()


def test_from_the_sign_in_to_an_approved_story(tab: Opens, fleet: Fleet) -> None:
    user_make("ada")
    fleet.start()
    page = tab().page
    page.goto("/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Load the sample").click()
    page.get_by_role("link", name="Start a run").click()
    page.get_by_label("Pacing").select_option("adaptive")
    page.get_by_role("button", name="Start the run").click()
    expect(page.locator("#toasts")).to_contain_text("Started: 6 epics")
    expect(page.get_by_text("Batch completed", exact=True)).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="E1").click()
    page.get_by_role("link", name="Its stories").click()
    page.locator("tbody").get_by_role("link").first.click()
    page.get_by_role("textbox", name="Title").fill("A better title")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("A better title")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#toasts")).to_contain_text("is approved.")
    page.locator(".top summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_what_failed_is_found_and_only_that_is_retried(tab: Opens) -> None:
    run = run_in("failed")
    two = RunItem.objects.filter(run=run).order_by("order")[:2]
    RunItem.objects.filter(pk__in=[item.pk for item in two]).update(
        error_code="PROVIDER_OVERLOADED", error="The provider is overloaded."
    )
    page = tab(owner()).page
    page.goto("/")
    page.get_by_role("link", name="Library").click()
    page.get_by_role("link", name="Runs", exact=True).last.click()
    page.get_by_role("link", name="Write stories").click()
    expect(page.locator(".tile", has_text="Cost")).to_contain_text("$0.0624")
    page.get_by_role("link", name="Show these 2").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("tbody").get_by_role("link").first.click()
    panel = page.get_by_role("complementary", name="Item")
    expect(panel).to_contain_text("The provider is overloaded.")
    expect(
        page.get_by_text("The provider was busy. Retry later, with fewer lanes.")
    ).to_be_visible()
    page.get_by_role("button", name="Retry these 2").click()
    expect(page.locator("#toasts")).to_contain_text("Retrying 2 epics in this run.")
    assert Run.objects.get(retried_from=run).total_items == 2
