"""Budgets and the ledger over REST."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from batchgen.db.ids import new_id
from runs.engine.budgets import months_ensure
from runs.engine.transitions import run_finalize
from runs.models import Budget, LedgerLine, Run, RunAction, RunLog
from runs.states import ItemStatus, RunStatus
from tests.integration.engine.test_ledger import lost
from tests.integration.engine.world import World, halt, project_make
from tests.integration.runs_api.world import client_of, get, owner, post

pytestmark = pytest.mark.django_db(transaction=True)


def patch(client: Client, path: str, body: object, *, status: int = 200) -> Any:
    response = client.patch(f"/api/v1{path}", body, content_type="application/json")
    assert response.status_code == status, response.content
    return response.json()


def start(world_or_project: Any, body: dict[str, Any], *, status: int = 202) -> Any:
    return post(client_of("ada"), f"/projects/{world_or_project.pk}/runs", body, status=status)


@pytest.mark.parametrize(
    ("given", "micro_usd"),
    [("2.50", 2_500_000), ("0.000001", 1), (3, 3_000_000), (0.25, 250_000), ("10000000", 10**13)],
)
def test_a_run_starts_with_a_budget(given: object, micro_usd: int) -> None:
    data = start(project_make(), {"budgetUsd": given})["data"]
    budget = Budget.objects.get(run_id=data["runId"])
    assert budget.limit_micro_usd == micro_usd
    dollars = f"{micro_usd / 1_000_000:.6f}"
    assert data["budget"] == {
        "limitUsd": dollars,
        "spentUsd": "0.000000",
        "heldUsd": "0.000000",
        "possiblyUsd": "0.000000",
        "leftUsd": dollars,
    }
    started = RunAction.objects.get(kind="start")
    assert float(started.details["budgetUsd"]) == micro_usd / 1_000_000


@pytest.mark.parametrize(
    "given", ["0", 0, "-1", "1e3", "0.0000001", "", "10000001", 1e9, True, [1], {}, "1,5", "NaN"]
)
def test_what_is_no_budget_is_refused(given: object) -> None:
    error = start(project_make(), {"budgetUsd": given}, status=400)["error"]
    assert list(error["details"]) == ["budgetUsd"]
    assert not Run.objects.exists()


def test_a_run_without_a_budget_says_so() -> None:
    assert start(project_make(), {"budgetUsd": None})["data"]["budget"] is None
    assert not Budget.objects.exists()


def test_a_budget_is_raised_lowered_and_taken_away() -> None:
    world = World.make()
    path, client = f"/runs/{world.run.pk}", owner(world)
    data = patch(client, path, {"budgetUsd": "1.00"})["data"]
    assert data["budget"]["leftUsd"] == "1.000000"
    step = world.claim(holding=400_000)
    assert step
    budget = get(client, path)["data"]["budget"]
    assert (budget["heldUsd"], budget["leftUsd"]) == ("0.400000", "0.600000")
    world.finish(step)
    data = patch(client, path, {"budgetUsd": "0", "version": data["version"]})["data"]
    assert (data["budget"]["spentUsd"], data["budget"]["leftUsd"]) == ("0.010400", "0.000000")
    patch(client, path, {"budgetUsd": "5", "version": 1}, status=409)
    patch(client, path, {"priority": "HIGH"}, status=400)
    assert patch(client, path, {"budgetUsd": None})["data"]["budget"] is None
    changes = RunAction.objects.filter(kind="change").order_by("id")
    assert [change.details["budgetUsd"] for change in changes] == ["1", "0", None]
    assert RunLog.objects.filter(message="Changed by ada: budget $1.00.").exists()


def test_a_run_that_is_over_has_its_budget_for_good() -> None:
    world = World.make()
    halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Over.")
    patch(owner(world), f"/runs/{world.run.pk}", {"budgetUsd": "1"}, status=409)


def test_where_a_budget_applies_a_model_needs_a_price() -> None:
    project = project_make()
    body = {"model": "local-1", "budgetUsd": "1"}
    error = start(project, body, status=400)["error"]
    assert (error["code"], error["details"]) == ("PRICE_UNKNOWN", {"model": "local-1"})
    run_id = start(project, {"model": "local-1"})["data"]["runId"]
    changed = patch(client_of("ada"), f"/runs/{run_id}", {"budgetUsd": "1"}, status=400)
    assert changed["error"]["code"] == "PRICE_UNKNOWN"
    assert not Budget.objects.exists()
    patch(client_of("ada"), f"/projects/{project.pk}", {"monthlyBudgetUsd": "9"})
    halt(run_id=Run.objects.get().id, to=RunStatus.CANCELLED, message="Over.")
    assert start(project, {"model": "local-1"}, status=400)["error"]["code"] == "PRICE_UNKNOWN"


def test_a_projects_month_has_a_budget_that_its_owners_set() -> None:
    project = project_make()
    path = f"/projects/{project.pk}"
    editor = client_of("eve", project=project, role="editor")
    patch(editor, path, {"monthlyBudgetUsd": "3"}, status=403)
    assert get(editor, path)["data"]["monthlyBudgetUsd"] is None
    data = patch(client_of("ada"), path, {"monthlyBudgetUsd": "3"})["data"]
    assert data["monthlyBudgetUsd"] == "3.000000"
    months = Budget.objects.filter(project_id=project.pk)
    assert months.count() == 2
    assert set(months.values_list("limit_micro_usd", flat=True)) == {3_000_000}
    patch(client_of("ada"), path, {"monthlyBudgetUsd": "0"})
    error = start(project, {}, status=409)["error"]
    assert (error["code"], error["details"]["scope"]) == ("BUDGET_REACHED", "project")
    assert error["details"]["limitUsd"] == "0.000000"
    patch(client_of("ada"), path, {"monthlyBudgetUsd": None})
    start(project, {})
    made = post(client_of("ada"), "/projects", {"name": "N", "monthlyBudgetUsd": 7}, status=201)
    assert Budget.objects.filter(project_id=made["data"]["id"], limit_micro_usd=7_000_000).exists()


def test_the_installations_month_stops_starts_once_it_is_used_up(settings: Settings) -> None:
    settings.MONTHLY_BUDGET_MICRO_USD = 10_400
    world = World.make(epics=1, lanes=1)
    step = world.claim(holding=10_400)
    assert step
    world.finish(step)
    error = start(project_make(name="Other"), {}, status=409)["error"]
    assert (error["code"], error["details"]["scope"]) == ("BUDGET_REACHED", "installation")
    assert "BATCHGEN_MONTHLY_BUDGET_USD" in error["message"]
    # A run that makes no calls costs nothing.
    start(world.run.project, {"type": "EXPORT"})
    settings.MONTHLY_BUDGET_MICRO_USD = None
    months_ensure()
    assert set(Budget.objects.values_list("limit_micro_usd", flat=True)) == {None}
    start(project_make(name="Third"), {})


def test_a_retry_has_what_is_left_of_the_runs_budget() -> None:
    world = World.make(epics=1, lanes=1)
    patch(owner(world), f"/runs/{world.run.pk}", {"budgetUsd": "0.0504"})
    step = world.claim(holding=20_000)
    assert step
    world.finish(step, status=ItemStatus.FAILED)
    run_finalize(run_id=world.run.id)
    path = f"/runs/{world.run.pk}/retry-failed"
    Budget.objects.update(limit_micro_usd=10_400)
    assert "retry-failed" not in get(owner(world), f"/runs/{world.run.pk}")["data"]["controls"]
    error = post(owner(world), path, {}, status=409)["error"]
    assert error["code"] == "BUDGET_REACHED"
    Budget.objects.update(limit_micro_usd=50_400)
    retried = post(owner(world), path, {}, status=202)["data"]["newRunId"]
    assert Budget.objects.get(run_id=retried).limit_micro_usd == 40_000


def spend(world: World) -> None:
    """One call that was billed, and one that was lost."""
    step = world.claim(holding=20_000)
    assert step
    world.finish(step)
    assert world.claim(holding=30_000)
    lost(world)


def test_the_ledger_has_a_line_a_call() -> None:
    world = World.make(epics=2, lanes=1)
    spend(world)
    second, first = get(owner(world), "/ledger", project=str(world.run.project_id))["data"]
    assert (first["certainty"], first["costUsd"], first["outputTokens"]) == (
        "billed",
        "0.010400",
        900,
    )
    assert (second["certainty"], second["costUsd"], second["outputTokens"]) == (
        "possibly",
        "0.030000",
        None,
    )
    assert first["runId"] == str(world.run.pk)
    assert (first["lane"], first["purpose"], first["corrects"]) == ("realtime", "generate", None)
    page = get(owner(world), "/ledger", limit=1)
    assert page["page"]["next"]
    assert len(get(owner(world), "/ledger", certainty="billed")["data"]) == 1
    assert get(owner(world), "/ledger", to=first["at"])["data"] == []
    assert get(client_of("eve"), "/ledger")["data"] == []


def test_lines_that_others_correct_are_shown_where_they_are_asked_for() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim(holding=30_000)
    assert step
    lost(world)
    first = LedgerLine.objects.get()
    LedgerLine.objects.create(
        **{
            field.attname: getattr(first, field.attname)
            for field in LedgerLine._meta.fields
            if field.attname not in ("id", "certainty", "corrects")
        },
        certainty="unbilled",
        corrects=first.pk,
    )
    (line,) = get(owner(world), "/ledger")["data"]
    assert (line["certainty"], line["corrects"]) == ("unbilled", first.pk)
    assert len(get(owner(world), "/ledger", corrected="true")["data"]) == 2


@pytest.mark.parametrize("way", [{"query": {"format": "csv"}}, {"headers": {"accept": "text/csv"}}])
def test_the_ledger_is_a_file_too(way: dict[str, Any]) -> None:
    world = World.make(epics=2, lanes=1)
    spend(world)
    answer = owner(world).get("/api/v1/ledger", way.get("query"), headers=way.get("headers"))
    assert answer["content-type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["costUsd"], first["certainty"], first["outputTokens"]) == (
        "0.010400",
        "billed",
        "900",
    )
    assert (second["costUsd"], second["outputTokens"]) == ("0.030000", "")
    assert first["runId"] == str(world.run.pk)


@pytest.mark.parametrize("by", ["project", "run", "model", "day"])
def test_the_ledger_is_summed(by: str) -> None:
    world = World.make(epics=2, lanes=1)
    spend(world)
    (found,) = get(owner(world), "/ledger/summary", by=by)["data"]
    day = LedgerLine.objects.all()[0].at.date().isoformat()
    keys = {
        "project": str(world.run.project_id),
        "run": str(world.run.pk),
        "model": world.run.model,
        "day": day,
    }
    assert found["key"] == keys[by]
    assert (found["calls"], found["billedUsd"], found["possiblyUsd"]) == (
        2,
        "0.010400",
        "0.030000",
    )
    assert (found["inputTokens"], found["outputTokens"], found["unpricedCalls"]) == (700, 900, 0)


def line_make(world: World, **more: Any) -> LedgerLine:
    """Of a call of the run that was billed."""
    fields = {
        "call_id": new_id(),
        "at": now(),
        "project_id": world.run.project_id,
        "run_id": world.run.pk,
        "item_id": new_id(),
        "model": world.run.model,
        "purpose": "generate",
        "lane": "realtime",
        "certainty": "billed",
        "price_date": now().date(),
    }
    return LedgerLine.objects.create(**{**fields, **more})


def test_sums_say_what_cache_and_batches_saved() -> None:
    world = World.make(epics=1, lanes=1)
    tokens = {
        "input_tokens": 100_000,
        "cache_read_tokens": 1_000_000,
        "cache_write_1h_tokens": 200_000,
        "output_tokens": 10_000,
    }
    line_make(world, lane="batch", cost_micro_usd=600_000, **tokens)
    line_make(world, cost_micro_usd=1_200_000, **tokens)
    # Nobody knows what these cost, or that they did.
    line_make(world, model="local-1", price_date=None, **tokens)
    line_make(world, certainty="possibly", cost_micro_usd=9_000_000, price_date=None)
    for by in ("project", "run", "day"):
        (found,) = get(owner(world), "/ledger/summary", by=by)["data"]
        # 1.3 million tokens at $2 would have been $2.60, and were $1.10; half of both in a batch.
        assert (found["cacheSavedUsd"], found["batchSavedUsd"]) == ("2.250000", "0.600000")
        assert (found["billedUsd"], found["possiblyUsd"]) == ("1.800000", "9.000000")
    priced, unpriced = get(owner(world), "/ledger/summary", by="model")["data"]
    assert priced["cacheSavedUsd"] == "2.250000"
    assert (unpriced["cacheSavedUsd"], unpriced["batchSavedUsd"]) == ("0.000000", "0.000000")


def test_what_was_spent_of_no_project_any_more_is_summed_too() -> None:
    world = World.make(epics=1, lanes=1)
    line_make(world, project_id=None, lane="batch", cost_micro_usd=70)
    client = client_of("sam")
    User.objects.filter(username="sam").update(is_staff=True)
    (found,) = get(client, "/ledger/summary", by="project")["data"]
    assert (found["key"], found["batchSavedUsd"]) == (None, "0.000070")
