"""Ways through the pages by what can be read on them alone."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from batchgen.local.terminal import LogFiles
from content.registry import run_types
from epics.management.commands.load_sample import NOTES
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
    page.locator("tbody").get_by_role("link", name="E1").click()
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


def started(page: Page) -> None:
    """Start the run that the page is of, as fast as it goes, and see it end."""
    pacing = page.get_by_label("Pacing")
    if pacing.count():
        pacing.select_option("adaptive")
    page.get_by_role("button", name="Start the run").click()
    expect(page.get_by_text("Batch completed", exact=True)).to_be_visible(timeout=90_000)


def to_the_project(page: Page) -> None:
    page.get_by_role("link", name="Workshop", exact=True).click()


def to_the_tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Project").get_by_role("link", name=name).click()


@pytest.mark.timeout(300)
def test_every_run_from_an_upload_to_an_export(tab: Opens, fleet: Fleet) -> None:
    fleet.start()
    page = tab(user_make()).page
    page.goto("/")
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name").fill("Workshop")
    page.get_by_role("button", name="Create the project").click()
    to_the_tab(page, "Notes")
    page.get_by_label("Files").set_input_files(NOTES)
    page.get_by_role("button", name="Add the notes").click()
    page.get_by_role("link", name="Find cards in them").click()
    started(page)
    to_the_project(page)
    page.get_by_role("link", name="Cut epics").click()
    started(page)
    to_the_project(page)
    page.get_by_role("link", name="Start a run").click()
    started(page)
    to_the_project(page)
    page.get_by_role("link", name="Write again of E1", exact=True).click()
    started(page)
    to_the_project(page)
    to_the_tab(page, "Subtasks")
    page.get_by_role("link", name="Break down stories").click()
    started(page)
    to_the_project(page)
    to_the_tab(page, "Pages")
    page.get_by_role("link", name="Write one page").click()
    page.get_by_label("Address").fill("/repairs")
    page.get_by_label("Keywords").fill("bicycle repair")
    page.get_by_label("Brand voice: how it sounds").fill("Dry.")
    page.get_by_role("button", name="Store and write it").click()
    expect(page.get_by_text("Batch completed", exact=True)).to_be_visible(timeout=90_000)
    to_the_project(page)
    page.get_by_role("link", name="Start a run").click()
    page.get_by_role("navigation", name="Type of run").get_by_role("link", name="Export").click()
    started(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    backlog = json.loads(download.value.path().read_text())
    assert len(backlog["cards"]) > 5
    assert all(epic["stories"] for epic in backlog["epics"])
    assert any(story["subtasks"] for epic in backlog["epics"] for story in epic["stories"])
    assert set(Run.objects.values_list("type", flat=True)) == set(run_types())
    assert set(Run.objects.values_list("status", flat=True)) == {"SUCCEEDED"}


def failed_run() -> Run:
    """Six epics that failed, two of them at the provider's limit."""
    run = run_in("failed")
    limited = RunItem.objects.filter(run=run).order_by("order")[:2]
    RunItem.objects.filter(pk__in=[item.pk for item in limited]).update(
        error_code="RATE_LIMITED", error="The provider answered 429 five times."
    )
    return run


def to_the_run(page: Page) -> None:
    """As somebody finds it who knows the project's name alone."""
    page.goto("/")
    page.get_by_role("link", name="Library").click()
    page.get_by_role("navigation", name="Project").get_by_role("link", name="Runs").click()
    page.get_by_role("link", name="Write stories").click()
    expect(page.get_by_text("Batch failed", exact=True)).to_be_visible()


def test_what_is_wrong_with_an_item_is_found(tab: Opens) -> None:
    failed_run()
    page = tab(owner()).page
    to_the_run(page)
    expect(page.get_by_role("heading", name="What failed")).to_be_visible()
    page.get_by_role("link", name="Show these 2").click()
    page.get_by_role("link", name="Lending 1").click()
    panel = page.get_by_role("complementary", name="Item")
    expect(panel).to_contain_text("The provider answered 429 five times.")
    expect(panel).to_contain_text("generate, attempt 1")


def test_only_what_was_limited_is_retried(tab: Opens) -> None:
    run = failed_run()
    page = tab(owner()).page
    to_the_run(page)
    expect(page.get_by_role("heading", name="RATE_LIMITED 2 failed")).to_be_visible()
    page.get_by_role("button", name="Retry these 2").click()
    expect(page.get_by_role("status", name="Messages")).to_contain_text(
        "Retrying 2 epics in this run."
    )
    again = Run.objects.get(retried_from=run)
    assert list(again.items.order_by("order").values_list("code", flat=True)) == ["E1", "E2"]


def test_what_it_costs_is_told_before_and_after(tab: Opens) -> None:
    failed_run()
    page = tab(owner()).page
    to_the_run(page)
    main = page.get_by_role("main")
    expect(main).to_contain_text("Cost $0.0624", use_inner_text=True)
    page.get_by_role("link", name="Library").click()
    page.get_by_role("link", name="Start a run").click()
    page.get_by_role("link", name="Write stories", exact=True).click()
    quote = page.get_by_role("table", name="What it would cost and take: 6 epics")
    for lane in ("Realtime", "Batch"):
        expect(quote.get_by_role("row", name=re.compile(f"^{lane}"))).to_contain_text("$")
    page.get_by_role("link", name="Money").click()
    expect(main).to_contain_text("Spent $0.0624", use_inner_text=True)
