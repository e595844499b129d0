"""A run's page while the run goes on: what changes shows, with a stream and without one."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F
from playwright.sync_api import Page, Route, expect

from runs.engine.controls import run_control
from runs.models import Lane
from runs.states import ItemStatus
from tests.browser.look import Tab
from tests.integration.engine.world import World
from tests.integration.web.states import finish_one, owner

Opens = Callable[..., Tab]


@pytest.fixture
def world(tab: Opens) -> World:
    """A run of six epics, of which none is done."""
    return World.make(epics=6, lanes=2)


def stand_still(world: World) -> None:
    """As if nothing had moved for a while."""
    Lane.objects.filter(run=world.run).update(moved_at=F("moved_at") - timedelta(seconds=90))


def tile(page: Page, name: str) -> str:
    tiles = page.locator(".tile", has=page.get_by_text(name, exact=True))
    return tiles.locator("dd").inner_text()


def watch_shifts(page: Page) -> None:
    """Count from now on how far the page's parts move by themselves."""
    page.evaluate(
        """() => {
            window.shift = 0;
            new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
                if (!entry.hadRecentInput) window.shift += entry.value;
            })).observe({type: "layout-shift"});
        }"""
    )


def test_what_happens_shows_without_a_reload_and_moves_nothing(tab: Opens, world: World) -> None:
    opened = tab(owner())
    page = opened.page
    page.goto(f"/runs/{world.run.pk}/")
    expect(page.locator("[data-connection]")).to_have_text("Live")
    watch_shifts(page)
    code = finish_one(world)
    row = page.get_by_role("row", name=re.compile(rf"\b{code}\b"))
    expect(row).to_contain_text("Completed")
    expect(row).to_contain_text("$0.0104")
    expect(page.locator("#bar")).to_have_attribute("value", "16.7")
    expect(page.locator("#log")).to_contain_text(f"[{code}] COMPLETED")
    assert (tile(page, "Completed"), tile(page, "Stories")) == ("1", "2")
    expect(page.locator("#spoken")).to_have_text(re.compile(r"\d of 6"))
    assert page.evaluate("() => window.shift") < 0.05
    finish_one(world, status=ItemStatus.FAILED)
    expect(page.locator("#failures")).to_contain_text("1 failed")
    for _ in range(4):
        finish_one(world)
    expect(page.get_by_text("Batch completed with errors", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Retry 1 failed")).to_be_enabled()
    expect(page.locator("[data-connection]")).to_have_text("Ended")
    expect(page.locator("#spoken")).to_contain_text("The run is over")
    documents = [each for each in opened.sent if each.is_navigation_request()]
    assert len(documents) == 1


def test_without_a_stream_the_page_asks(tab: Opens, world: World) -> None:
    opened = tab(owner())
    opened.page.route("**/events", unavailable)
    opened.page.goto(f"/runs/{world.run.pk}/")
    expect(opened.page.locator("[data-connection]")).to_have_text("Asking every 2 s")
    code = finish_one(world)
    row = opened.page.get_by_role("row", name=re.compile(rf"\b{code}\b"))
    expect(row).to_contain_text("Completed")
    expect(opened.page.locator("#log")).to_contain_text(f"[{code}] COMPLETED")
    for _ in range(5):
        finish_one(world)
    expect(opened.page.get_by_text("Batch completed", exact=True)).to_be_visible()
    opened.expect_complaints("503")


def unavailable(route: Route) -> None:
    route.fulfill(status=503, headers={"Retry-After": "2"}, body="{}")


def test_a_run_in_which_nothing_moves_says_so(tab: Opens, world: World) -> None:
    page = tab(owner()).page
    finish_one(world)
    page.clock.install()
    page.goto(f"/runs/{world.run.pk}/")
    expect(page.locator("[data-connection]")).to_have_text("Live")
    stale = page.locator("#stale")
    expect(stale).to_be_hidden()
    page.clock.fast_forward(30_000)
    expect(stale).to_be_hidden()
    page.clock.fast_forward(32_000)
    expect(stale).to_be_visible()
    finish_one(world)
    expect(stale).to_be_hidden()


def test_what_moved_before_the_first_news_ends_the_warning(tab: Opens, world: World) -> None:
    finish_one(world)
    stand_still(world)
    opened = tab(owner())
    opened.page.route("**/api/v1/runs/**", lambda route: route.abort())
    opened.page.goto(f"/runs/{world.run.pk}/")
    stale = opened.page.locator("#stale")
    expect(stale).to_be_visible()
    finish_one(world)
    opened.page.unroute("**/api/v1/runs/**")
    expect(stale).to_be_hidden()
    opened.expect_complaints("ERR_FAILED")


def test_a_run_that_was_paused_for_long_is_not_stale_when_it_goes_on(
    tab: Opens, world: World
) -> None:
    finish_one(world)
    run_control(run=world.run, action="pause", user=owner())
    stand_still(world)
    page = tab(owner()).page
    page.goto(f"/runs/{world.run.pk}/")
    page.get_by_role("button", name="Resume", exact=True).click()
    page.wait_for_function("() => document.querySelector('run-live').status === 'RUNNING'")
    page.evaluate("() => document.querySelector('run-live').tick()")
    assert page.locator("#stale").is_hidden()


def test_why_a_run_does_not_go_on_shows_without_a_reload(tab: Opens, world: World) -> None:
    page = tab(owner()).page
    page.goto(f"/runs/{world.run.pk}/")
    health = page.locator("#health")
    expect(health).to_contain_text("Waiting Its epics wait for a worker.")
    step = world.claim()
    assert step is not None
    expect(health).to_contain_text("Flowing Epics are under way, up to 2 at the same time.")
    run_control(run=world.run, action="pause", user=owner())
    expect(health).to_contain_text("Waiting Paused by ada. Resume the run.")


def test_filters_and_an_open_item_stay_over_back_and_reload(tab: Opens, world: World) -> None:
    page = tab(owner()).page
    code = finish_one(world)
    page.goto(f"/runs/{world.run.pk}/")
    page.get_by_label("Status").select_option("COMPLETED")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody").get_by_role("link", name=re.compile(rf"\b{code}\b")).click()
    panel = page.get_by_role("complementary", name="Item")
    expect(panel).to_contain_text("generate, attempt 1: answered")
    assert "state=COMPLETED" in page.url
    assert "item=" in page.url
    page.reload()
    expect(panel).to_contain_text("generate, attempt 1: answered")
    expect(page.locator("tbody tr")).to_have_count(1)
    panel.get_by_role("link", name="Close").click()
    expect(panel).to_be_hidden()
    page.go_back()
    expect(panel).to_be_visible()
    page.go_back()
    expect(panel).to_be_hidden()
    expect(page.get_by_label("Status")).to_have_value("COMPLETED")
