"""From the sign-in to a reviewed story by clicking alone, on a real worker."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect

from batchgen.local.terminal import LogFiles
from tests.acceptance.fleet import Fleet
from tests.browser.look import Tab
from tests.conftest import Simulator
from tests.factories import user_make

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
