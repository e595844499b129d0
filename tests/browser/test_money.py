"""Money by clicking: what was spent, a budget that stopped a run, batches at a pause."""

from collections.abc import Callable
from datetime import timedelta

from django.utils.timezone import now
from playwright.sync_api import expect

from runs.models import ProviderBatch
from tests.browser.look import Tab
from tests.integration.engine.world import World, project_make
from tests.integration.runs_api.test_money import line_make
from tests.integration.web.states import owner
from tests.integration.web.test_money import batched, stopped

Opens = Callable[..., Tab]


def test_what_was_spent_is_read_and_narrowed_down(tab: Opens) -> None:
    world, other = World.make(epics=1, lanes=1), World.make(epics=1, lanes=1, name="Harbour")
    line_make(world, cost_micro_usd=1_000_000)
    line_make(other, cost_micro_usd=7_000_000)
    line_make(other, lane="batch", cost_micro_usd=500_000, at=now() - timedelta(days=3))
    opened = tab(owner())
    page = opened.page
    page.goto("/projects/")
    page.get_by_role("link", name="Money").click()
    expect(page.get_by_text("$8.50", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name="the most, $8.00")).to_be_visible()
    assert opened.shut_out() == []
    page.get_by_label("Summed by").select_option("Project")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Harbour").click()
    expect(page.get_by_role("heading", name="By run")).to_be_visible()
    row = page.get_by_role("row").nth(1)
    expect(row.get_by_role("cell").nth(2)).to_have_text("$7.50")
    page.get_by_label("From", exact=True).fill(f"{now():%Y-%m-%d}")
    page.get_by_role("button", name="Show").click()
    expect(row.get_by_role("cell").nth(2)).to_have_text("$7.00")
    expect(page.get_by_label("Project", exact=True)).to_have_value(str(other.run.project_id))
    row.get_by_role("link").click()
    expect(page).to_have_url(f"{page.url.split('/runs/')[0]}/runs/{other.run.pk}/")


def test_a_budget_that_stopped_a_run_is_raised_by_clicking(tab: Opens) -> None:
    run = stopped()
    opened = tab(owner())
    page = opened.page
    page.goto(f"/runs/{run.pk}/")
    assert opened.shut_out() == []
    page.get_by_label("Budget in dollars").fill("5")
    page.get_by_role("button", name="Set and resume").click()
    expect(page.locator("#toasts")).to_contain_text("The budget is $5.00 now. Resumed.")
    expect(page.locator("#budget")).to_contain_text("of $5.00 are spent")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled()
    run.refresh_from_db()
    assert run.status == "RUNNING"


def test_a_pause_asks_what_becomes_of_batches_and_shows_them(tab: Opens) -> None:
    run = batched()
    opened = tab(owner())
    page = opened.page
    page.goto(f"/runs/{run.pk}/")
    batch = ProviderBatch.objects.get()
    expect(page.get_by_role("row", name=batch.provider_batch_id or "")).to_contain_text("Open")
    page.get_by_role("button", name="Pause", exact=True).click()
    dialog = page.get_by_role("dialog", name="Pause, and the batches?")
    expect(dialog).to_contain_text("Batches that are out at the provider: 1.")
    expect(page.get_by_role("button", name="Keep Running")).to_be_focused()
    assert opened.shut_out() == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert opened.posts() == []
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Pause and cancel them").click()
    expect(page.locator("#toasts")).to_contain_text(
        "6 requests in the provider's batches: cancelled."
    )
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_enabled()
    batch.refresh_from_db()
    assert batch.cancel_at is not None


def test_a_quote_follows_what_is_chosen_while_it_is_asked_for(tab: Opens) -> None:
    page = tab(owner()).page
    page.goto(f"/projects/{project_make().pk}/start/")
    page.get_by_label("Lane").select_option("batch")
    page.get_by_label("Budget in dollars").fill("0.01")
    page.get_by_label("Budget in dollars").press("Tab")
    expect(page.get_by_role("row", name="Batch chosen")).to_be_visible()
    expect(page.locator("#quote")).to_contain_text("The budget, $0.0100, is less than")
