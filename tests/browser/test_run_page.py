"""A run's page at work: who works on what, many items at a time, new rows, and keys."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from runs.models import Run, RunItem
from runs.states import ItemStatus
from tests.browser.look import Tab
from tests.browser.test_live import unavailable, watch_shifts
from tests.integration.engine.world import World
from tests.integration.web.states import finish_one, owner, run_in

Opens = Callable[..., Tab]


@pytest.fixture
def world(tab: Opens) -> World:
    """A run of six epics, of which none is done."""
    return World.make(epics=6, lanes=2)


def open_run(tab: Opens, run: Run, query: str = "") -> Page:
    page = tab(owner()).page
    page.goto(f"/runs/{run.pk}/{query}")
    expect(page.locator("[data-connection]")).to_have_text("Live")
    return page


@pytest.mark.parametrize("connection", ["Live", "Asking every 2 s"])
def test_who_works_on_what_shows_by_itself_and_moves_nothing(
    tab: Opens, world: World, connection: str
) -> None:
    opened = tab(owner())
    page = opened.page
    if connection != "Live":
        page.route("**/events", unavailable)
    page.goto(f"/runs/{world.run.pk}/")
    expect(page.locator("[data-connection]")).to_have_text(connection)
    watch_shifts(page)
    active, recent = (
        page.get_by_role("region", name="Active"),
        page.get_by_role("region", name="Recently"),
    )
    workers = page.get_by_role("region", name="Workers")
    expect(workers).to_contain_text("Idle here")
    step = world.claim()
    assert step is not None
    expect(active.get_by_role("link", name=step.code)).to_be_visible()
    expect(active).to_contain_text("Calculating…")
    expect(workers).to_contain_text("Busy 1 of 10")
    RunItem.objects.filter(pk=step.fence.item_id).update(stage_percent=55)
    world.claim()
    expect(active).to_contain_text("55 %")
    world.finish(step)
    expect(recent.get_by_role("link", name=step.code)).to_be_visible()
    expect(recent).to_contain_text("Completed")
    expect(page.get_by_role("region", name="Throughput")).to_contain_text("1 a minute")
    assert page.evaluate("() => window.shift") < 0.05
    recent.get_by_role("link", name=step.code).click()
    expect(page.get_by_role("complementary", name="Item")).to_contain_text("generate, attempt 1")
    documents = [each for each in opened.sent if each.is_navigation_request()]
    assert len(documents) == 1
    opened.expect_complaints("503")


def test_all_that_wait_are_cancelled_beyond_the_page(tab: Opens) -> None:
    world = World.make(epics=60, lanes=2)
    page = open_run(tab, world.run)
    finish_one(world)
    page.get_by_role("checkbox", name="All 59 that wait").check()
    page.get_by_role("button", name="Cancel those…").click()
    expect(page.get_by_role("heading", name="Cancel 59 epics?")).to_be_visible()
    page.get_by_role("button", name="Cancel 59").click()
    expect(page.locator("#toasts")).to_contain_text("59 epics cancelled.")
    assert RunItem.objects.filter(status=ItemStatus.CANCELLED).count() == 59
    expect(page.get_by_text("Batch completed", exact=True)).to_be_visible()


def test_new_rows_come_when_they_are_asked_for(tab: Opens, world: World) -> None:
    first = finish_one(world)
    page = open_run(tab, world.run, "?state=COMPLETED")
    rows, news = page.locator("#items tbody tr"), page.locator("#news")
    expect(news).to_be_hidden()
    watch_shifts(page)
    codes = [first, finish_one(world), finish_one(world)]
    finish_one(world, status=ItemStatus.FAILED)
    expect(news).to_have_text("2 new, show")
    expect(page.locator("#failures")).to_contain_text("1 failed")
    expect(rows).to_have_count(1)
    news.click()
    expect(rows).to_have_count(3)
    expect(news).to_be_hidden()
    for code in codes:
        expect(page.get_by_role("row", name=re.compile(rf"\b{code}\b"))).to_be_visible()


def test_a_run_is_led_by_single_keys_until_they_are_switched_off(tab: Opens) -> None:
    run = run_in("running")
    opened = tab(owner())
    page = opened.page
    page.goto(f"/runs/{run.pk}/")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    page.keyboard.press("p")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    for key in "jjk":
        page.keyboard.press(key)
    items = page.locator("#items")
    expect(items.get_by_role("link", name=re.compile(r"\bE1\b"))).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("checkbox", name="E2")).to_be_checked()
    assert opened.posts() == []
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_enabled()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled()
    page.keyboard.press("/")
    page.keyboard.type("gq?")
    expect(page.get_by_role("searchbox")).to_have_value("gq?")
    page.get_by_role("searchbox").blur()
    page.keyboard.press("g")
    page.keyboard.press("q")
    expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    page.locator(".top summary").click()
    page.get_by_role("group", name="Single keys").get_by_role("button", name="Off").click()
    page.goto(f"/runs/{run.pk}/")
    posts = len(opened.posts())
    for key in ("p", "?", "g", "r"):
        page.keyboard.press(key)
    expect(dialog).to_be_hidden()
    assert len(opened.posts()) == posts
    assert page.url.endswith(f"/runs/{run.pk}/")


def test_any_place_is_found_by_a_few_letters(tab: Opens) -> None:
    run = run_in("running")
    opened = tab(owner())
    page = opened.page
    page.goto("/money/")
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Find")
    expect(dialog.get_by_role("link", name="Queue")).to_be_visible()
    assert opened.shut_out() == []
    page.keyboard.type(run.project.name[:3])
    expect(dialog.get_by_role("link", name="Queue")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=run.project.name)).to_be_visible()


def test_places_are_there_for_who_is_faster_than_the_page(tab: Opens) -> None:
    page = tab(owner()).page
    page.add_init_script(
        "const timer = setTimeout; window.setTimeout = (f, ms) => timer(f, ms ?? 60000)"
    )
    page.goto("/money/")
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Find")
    expect(dialog.get_by_role("link", name="Queue")).to_be_visible()


def test_a_request_is_copied(tab: Opens) -> None:
    run = run_in("errors")
    item = RunItem.objects.filter(run=run, status=ItemStatus.FAILED)[0]
    page = tab(owner(), permissions=["clipboard-read", "clipboard-write"]).page
    page.goto(f"/runs/{run.pk}/?item={item.pk}")
    page.get_by_role("link", name="Requests and answers").click()
    page.get_by_role("button", name="Copy the request").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert item.title in page.evaluate("() => navigator.clipboard.readText()")
