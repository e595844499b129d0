"""Money on pages: what was spent, budgets, and what a start and a pause ask."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from batchgen.micro_usd import usd_of
from epics.models import Project
from runs.engine.budgets import run_budget_set
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_finalize
from runs.models import Budget, Lane, Quote, Run, RunAction
from runs.quotes.quoting import quote_make
from runs.states import RunStatus
from tests.factories import member_make, user_make
from tests.integration.engine.world import World, halt, project_make
from tests.integration.runs_api.test_money import line_make, spend
from tests.integration.runs_api.test_provider_batches import batch_make
from tests.integration.web.looking import HOSTILE, assert_clean, browser, hidden
from tests.integration.web.states import owner, run_in, staff
from web.templatetags.web import usd

pytestmark = pytest.mark.django_db(transaction=True)


def page_of(address: str, user: Any = None, *, status: int = 200) -> str:
    answer = browser(user or owner()).get(address)
    assert answer.status_code == status
    assert_clean(answer.text)
    return answer.text


def act(address: str, user: Any = None, **form: Any) -> Any:
    return browser(user or owner()).post(address, form, follow=True)


# /money/ ------------------------------------------------------------------------------------------


def test_what_was_spent_is_shown_by_each_way() -> None:
    world = World.make(epics=2, lanes=1, name=HOSTILE)
    spend(world)
    run = world.run
    line_make(world, lane="batch", cost_micro_usd=200_000, input_tokens=10, cache_read_tokens=30)
    day = now().strftime("%Y-%m-%d")
    for by, links in (
        ("day", f"?by=run&amp;from={day}&amp;to={day}"),
        ("project", f"?by=run&amp;project={run.project_id}"),
        ("run", f"/runs/{run.pk}/"),
        ("model", run.model),
    ):
        page = page_of(f"/money/?by={by}")
        assert links in page
        # Spent, possibly more, and saved: half of what the batch's call cost is saved by that.
        for amount in ("$0.21", "$0.0300", "$0.20"):
            assert amount in page
    assert f'aria-label="Spent by day, from {day} to {day}: the most, $0.21, on {day}."' in page
    assert "Nothing was spent" in page_of("/money/", user_make())


def test_the_address_says_what_is_looked_at() -> None:
    world, other = World.make(epics=1, lanes=1), World.make(epics=1, lanes=1, name="Other")
    line_make(world, cost_micro_usd=1_000_000)
    line_make(other, cost_micro_usd=7_000_000)
    line_make(world, cost_micro_usd=500_000, at=now() - timedelta(days=40))
    today, before = (f"{now() - timedelta(days=days):%Y-%m-%d}" for days in (0, 40))
    for query, spent in (
        ("", "$8.00"),
        (f"project={world.run.project_id}", "$1.00"),
        (f"run={other.run.pk}", "$7.00"),
        (f"project={world.run.project_id}&from={before}", "$1.50"),
        (f"from={before}&to={before}", "$0.50"),
        (f"from={today}&to={today}", "$8.00"),
    ):
        page = page_of(f"/money/?{query}")
        assert f"<dt>Spent</dt><dd>{spent}</dd>" in page
    assert f'<option value="{world.run.project_id}">' in page
    assert "No call began in this time" in page_of("/money/?from=2020-01-01&to=2020-01-02")
    found = re.search(r'href="(/api/v1/ledger[^"]+)"', page)
    assert found
    lines = browser(owner()).get(found[1].replace("&amp;", "&"))
    assert len(b"".join(lines.streaming_content).splitlines()) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("query", ["by=colour", "from=soon", "to=9999-12-31", "project=1"])
def test_an_address_that_makes_no_sense_is_told(query: str) -> None:
    page_of(f"/money/?{query}", user_make(), status=400)


def test_staff_sees_all_and_what_is_left_of_the_month(settings: Settings) -> None:
    settings.MONTHLY_BUDGET_MICRO_USD = 2_000_000
    world = World.make(epics=2, lanes=1)
    spend(world)
    page = page_of("/money/", staff())
    for text in ("The installation in", "of $2.00", "$1.96 left", "$0.0104"):
        assert text in page
    assert "The installation in" not in page_of("/money/")


def test_quotes_stand_beside_the_bills_of_what_ended() -> None:
    world = quoted_world()
    page = page_of("/money/")
    assert "Quotes beside bills" in page
    quote = Quote.objects.get().answer["lanes"][0]["costMicroUsd"]
    assert usd(usd_of(quote["expected"])) in page
    assert "below" in page
    run = page_of(f"/runs/{world.run.pk}/")
    assert "the bill is outside" in run
    assert "took" in run


def quoted_world() -> World:
    """A run of one item that was quoted, and cost less."""
    project = project_make(epics=1)
    quote = quote_make(project=project, user=None, options=RunOptions())
    world = World.make(epics=1, lanes=1, name="Quoted")
    Run.objects.filter(pk=world.run.pk).update(quote=quote)
    step = world.claim()
    assert step
    world.finish(step)
    run_finalize(run_id=world.run.pk)
    Lane.objects.filter(run=world.run).update(cost_usd=Decimal("0.000001"))
    return world


def test_the_page_costs_the_same_however_much_was_spent() -> None:
    counts = []
    for runs in (1, 4):
        for number in range(runs):
            world = World.make(epics=1, lanes=1, name=f"{runs} {number}")
            for days in range(3 * runs):
                line_make(world, cost_micro_usd=5, at=now() - timedelta(days=days))
        client = browser(owner())
        for by in ("run", "project"):
            client.get(f"/money/?by={by}")
            with CaptureQueriesContext(connection) as queries:
                client.get(f"/money/?by={by}")
            counts.append(len(queries))
    assert counts[:2] == counts[2:]
    assert max(counts) <= 12


# Budgets ------------------------------------------------------------------------------------------


def test_an_owner_says_what_a_project_may_spend_in_a_month() -> None:
    world = World.make(epics=2, lanes=1)
    spend(world)
    address = f"/projects/{world.run.project_id}/"
    assert "<dd>$0.0104" in page_of(address)
    answer = act(f"{address}budget/", monthlyBudgetUsd="$2.50", next=f"{address}?tab=runs")
    assert "may spend $2.50 a month" in answer.text
    assert answer.redirect_chain == [(f"{address}?tab=runs", 302)]
    assert "of $2.50, $2.46 left" in answer.text
    assert "Give dollars like 12.50" in act(f"{address}budget/", monthlyBudgetUsd="2,5").text
    assert "no budget of its own" in act(f"{address}budget/", monthlyBudgetUsd="").text
    assert Project.objects.get().monthly_budget_micro_usd is None
    assert "Dollars a month" not in page_of(address, member_make(world.run.project, "editor"))


def stopped() -> Run:
    """A run that its budget of a dollar paused."""
    world = World.make(epics=3, lanes=1)
    run_budget_set(run_id=world.run.pk, micro_usd=1_000_000)
    step = world.claim(holding=40_000)
    assert step
    world.finish(step)
    halt(run_id=world.run.pk, to=RunStatus.PAUSED, message="The run's budget is reached.")
    Run.objects.filter(pk=world.run.pk).update(
        error_code="BUDGET_REACHED", error="The run's budget is reached."
    )
    world.run.refresh_from_db()
    return world.run


def test_a_budget_that_stopped_a_run_is_raised_and_the_run_goes_on() -> None:
    run = stopped()
    page = page_of(f"/runs/{run.pk}/")
    assert "<details open>" in page
    assert 'name="budgetUsd" inputmode="decimal" maxlength="20" value="1.00"' in page
    for text in ("$1.00</span> are spent", "$0.99</span> left"):
        assert text in page
    version = hidden(page, "version")
    told = act(f"/runs/{run.pk}/budget/", budgetUsd="much", version=version).text
    assert "Give dollars like 12.50" in told
    told = act(f"/runs/{run.pk}/budget/", budgetUsd="5", version=version, then="resume").text
    assert "The budget is $5.00 now. Resumed." in told
    run.refresh_from_db()
    assert run.status == "RUNNING"
    assert Budget.objects.get(run_id=run.pk).limit_micro_usd == 5_000_000
    kinds = list(RunAction.objects.filter(run=run).values_list("kind", flat=True))
    assert kinds[-2:] == ["change", "resume"]
    # By the version that was read before somebody changed it.
    told = act(f"/runs/{run.pk}/budget/", budgetUsd="9", version=version).text
    assert "Somebody changed this in the meantime" in told
    page = page_of(f"/runs/{run.pk}/", member_make(run.project, "viewer"))
    assert "$5.00" in page
    assert "Budget in dollars" not in page


def test_a_run_without_a_budget_may_be_given_one() -> None:
    run = run_in("running")
    assert "Set a budget" in page_of(f"/runs/{run.pk}/")
    told = act(f"/runs/{run.pk}/budget/", budgetUsd="0.5", version=str(run.version)).text
    assert "$0.50</span> are spent" in told
    assert "Change the budget" in told
    assert "Set a budget" not in page_of(f"/runs/{run_in('succeeded').pk}/")


# Batches ------------------------------------------------------------------------------------------


def batched() -> Run:
    """A run of which all requests are out."""
    project = project_make(epics=6)
    run = run_start(project=project, user=owner(), options=RunOptions(lane="batch"))
    Run.objects.filter(pk=run.pk).update(status="RUNNING", started_at=now())
    run.refresh_from_db()
    batch_make(run)
    return run


@pytest.mark.parametrize(("batches", "told"), [("finish", "waited for"), ("cancel", "cancelled")])
def test_a_pause_asks_what_becomes_of_batches_that_are_out(batches: str, told: str) -> None:
    run = batched()
    page = page_of(f"/runs/{run.pk}/")
    assert 'data-opens="pause-dialog"' in page
    assert '<dialog id="pause-dialog"' in page
    assert f"<code>{run.batches.get().provider_batch_id}</code>" in page
    asked = page_of(f"/runs/{run.pk}/pause/")
    assert "Batches that are out at the provider" in asked
    answer = act(f"/runs/{run.pk}/control/", action="pause", batches=batches)
    assert f"6 requests in the provider&#x27;s batches: {told}." in answer.text
    assert (run.batches.get().cancel_at is not None) == (batches == "cancel")
    assert 'data-opens="pause-dialog"' not in answer.text


def test_a_pause_of_a_run_in_realtime_asks_nothing() -> None:
    run = run_in("running")
    page = page_of(f"/runs/{run.pk}/")
    assert "pause-dialog" not in page
    assert act(f"/runs/{run.pk}/control/", action="pause", batches="burn").status_code == 400
    run.refresh_from_db()
    assert run.status == "RUNNING"


# A start ------------------------------------------------------------------------------------------


def test_a_start_has_its_lane_budget_and_deadline() -> None:
    project = project_make(epics=2)
    address = f"/projects/{project.pk}/start/"
    form = {
        "type": "GENERATE_ALL_STORIES",
        "lane": "cheapest",
        "budgetUsd": "$2.50",
        "deadline": "2036-11-30T09:30",
    }
    answer = act(address, **form)
    assert answer.status_code == 200
    run = Run.objects.get()
    assert (run.lane, f"{run.deadline:%H:%M}") == ("cheapest", "09:30")
    assert Budget.objects.get(run_id=run.pk).limit_micro_usd == 2_500_000
    assert "$2.50</span> are spent" in answer.text


def test_a_quote_says_what_does_not_fit_what_was_chosen() -> None:
    project = project_make(epics=2)
    Project.objects.update(monthly_budget_micro_usd=1_000)
    address = f"/projects/{project.pk}/start/"
    form = {"type": "GENERATE_ALL_STORIES", "ask": "quote"}
    near = f"{now() + timedelta(minutes=1):%Y-%m-%dT%H:%M}"
    page = act(address, **form, lane="batch", budgetUsd="0.01", deadline=near).text
    assert_clean(page)
    for text in (
        "The budget, $0.0100, is less than what is expected here",
        "What is left of the project&#x27;s month, $0.0010, is less",
        "nine in ten of such runs take up to",
    ):
        assert text in page
    assert page.count("chosen</span>") == 1
    Project.objects.update(monthly_budget_micro_usd=F("monthly_budget_micro_usd") * 1_000_000)
    page = act(address, **form, budgetUsd="100").text
    assert 'class="stale"' not in page
    wrong = act(address, **form, budgetUsd="a lot")
    assert wrong.status_code == 400
    assert "Give dollars like 12.50" in wrong.text
