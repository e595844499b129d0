"""The queue goes on by itself, and staff stops and opens it there."""

from collections.abc import Callable

from playwright.sync_api import expect

from runs.models import Run
from tests.browser.look import Tab
from tests.integration.engine.world import World
from tests.integration.web.states import staff

Opens = Callable[..., Tab]


def test_what_is_done_shows_by_itself_and_all_is_paused(tab: Opens) -> None:
    world = World.make(epics=3, lanes=1)
    page = tab(staff()).page
    page.goto("/queue/")
    page.evaluate("() => { window.stayed = true }")
    step = world.claim()
    assert step is not None
    expect(page.get_by_role("link", name=step.code, exact=True)).to_be_visible()
    expect(page.get_by_text("Epics are under way, one after the other.")).to_be_visible()
    assert page.evaluate("() => window.stayed")
    page.get_by_role("link", name="Pause 1 running run").click()
    expect(page.get_by_role("heading", name="Pause 1 running run?")).to_be_visible()
    page.get_by_role("button", name="Pause them all").click()
    expect(page.locator("#toasts")).to_contain_text("1 run paused.")
    assert Run.objects.get().status == "PAUSED"


def test_a_gate_is_closed_and_opened(tab: Opens) -> None:
    world = World.make(epics=3, lanes=1)
    page = tab(staff()).page
    page.goto("/queue/")
    gate = page.get_by_role("region", name=f"Gate of {world.run.model}")
    gate.get_by_role("link", name="Close").click()
    expect(page.get_by_text("1 open run will wait.")).to_be_visible()
    page.get_by_label("Why").fill("The bill comes first.")
    page.get_by_role("button", name="Close the gate").click()
    expect(gate).to_contain_text("The bill comes first.")
    gate.get_by_role("link", name="Open").click()
    page.get_by_role("button", name="Open the gate").click()
    expect(gate).to_contain_text("a call may start now")
