"""POST /projects/{id}/quotes: what a start would cost and take, and starts that name a quote."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db.models import F

from batchgen.db.expiry import rows_expire_all
from epics.models import Card, Epic, Project
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.models import Lane, ProviderCall, Quote, Run, RunItem
from tests.integration.engine.world import World, project_make, worker_make
from tests.integration.runs_api.world import ANYBODY, client_of, get, post

pytestmark = pytest.mark.django_db(transaction=True)


def quote(project: Project, body: object, *, status: int = 201, name: str = "ada") -> Any:
    return post(client_of(name), f"/projects/{project.pk}/quotes", body, status=status)


def start(project: Project, body: object, *, status: int = 202) -> Any:
    return post(client_of("ada"), f"/projects/{project.pk}/runs", body, status=status)


def lane(data: Any, name: str) -> Any:
    return next(each for each in data["lanes"] if each["lane"] == name)


def cost(data: Any, name: str) -> dict[str, Decimal]:
    return {key: Decimal(text) for key, text in lane(data, name)["costUsd"].items()}


class TestAnswer:
    def test_it_tells_cost_and_time_of_each_lane_and_starts_nothing(self) -> None:
        data = quote(project_make(epics=3), {})["data"]
        assert (data["items"], data["calls"], data["calibrated"]) == (3, 3, False)
        assert [each["lane"] for each in data["lanes"]] == ["realtime", "batch", "cheapest"]
        for each in data["lanes"]:
            money = cost(data, each["lane"])
            assert 0 < money["low"] < money["expected"] < money["high"]
            assert 0 < each["durationMs"]["p50"] <= each["durationMs"]["p90"]
        assert data["inputTokens"] > 1_000
        assert data["outputTokens"] > 1_000
        assert "beginning" in data["cacheAssumption"]
        assert any("Not calibrated" in text for text in data["assumptions"])
        assert not Run.objects.exists()
        assert not RunItem.objects.exists()
        assert not ProviderCall.objects.exists()
        row = Quote.objects.get()
        assert str(row.pk) == data["quoteId"]
        assert row.valid_until - row.created_at > timedelta(seconds=settings.QUOTE_VALID_S - 60)

    def test_a_batch_costs_about_half(self) -> None:
        data = quote(project_make(epics=40), {})["data"]
        part = cost(data, "batch")["expected"] / cost(data, "realtime")["expected"]
        assert Decimal("0.45") < part < Decimal("0.65")
        assert cost(data, "batch")["low"] <= cost(data, "cheapest")["expected"]
        assert cost(data, "cheapest")["expected"] <= cost(data, "realtime")["expected"]

    def test_more_items_cost_and_take_more(self) -> None:
        few, many = (quote(project_make(epics=n, name=str(n)), {})["data"] for n in (4, 16))
        assert cost(many, "realtime")["expected"] > 3 * cost(few, "realtime")["expected"]
        assert (
            lane(many, "realtime")["durationMs"]["p50"]
            > 3 * lane(few, "realtime")["durationMs"]["p50"]
        )

    def test_input_is_that_of_the_real_prompts(self) -> None:
        project = project_make(epics=3)
        before = quote(project, {})["data"]["inputTokens"]
        Card.objects.filter(project=project).update(statement="x" * 3_600)
        after = quote(project, {})["data"]["inputTokens"]
        # Two cards in each of three epics, with a few asked once more.
        assert 6_000 < after - before < 7_500

    def test_a_model_without_a_price_costs_nobody_knows_what(self) -> None:
        data = quote(project_make(), {"model": "some-model"})["data"]
        assert [each["costUsd"] for each in data["lanes"]] == [None] * 3
        assert data["outputTokens"] > 0

    def test_an_export_makes_no_calls(self) -> None:
        data = quote(project_make(), {"type": "EXPORT"})["data"]
        assert (data["calls"], data["inputTokens"], data["calibrated"]) == (0, 0, True)
        assert [each["lane"] for each in data["lanes"]] == ["realtime"]
        assert cost(data, "realtime") == dict.fromkeys(("low", "expected", "high"), Decimal(0))

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"mode": "epic"}, 400),
            ({"quoteId": ANYBODY}, 400),
            ({"epicIds": [ANYBODY]}, 400),
            ({"type": "GENERATE_STORIES"}, 400),
            ({"type": "GENERATE_PAGES"}, 400),
        ],
    )
    def test_what_a_start_refuses_is_refused(self, body: object, status: int) -> None:
        answer = quote(project_make(), body, status=status)
        assert answer["error"]["code"] == "VALIDATION_ERROR"
        assert not Quote.objects.exists()

    def test_items_that_are_open_elsewhere_are_left_out(self) -> None:
        world = World.make(epics=3)
        one = Epic.objects.filter(project=world.run.project).first()
        assert one is not None
        Epic.objects.create(project=world.run.project, code="E9", order=9, title="Later")
        data = quote(world.run.project, {})["data"]
        assert data["items"] == 1
        assert any("Left out" in text for text in data["assumptions"])

    def test_a_limit_that_binds_is_named(self, settings: Any) -> None:
        project = project_make(epics=30)
        body = {"pacingProfile": "adaptive", "maxConcurrency": 30}
        settings.LIMIT_REQUESTS_PER_MINUTE = 0
        settings.LIMIT_INPUT_TOKENS_PER_MINUTE = 0
        settings.LIMIT_OUTPUT_TOKENS_PER_MINUTE = 600
        found = lane(quote(project, body)["data"], "realtime")
        assert found["bindingLimit"] == "outputTokens"
        settings.LIMIT_OUTPUT_TOKENS_PER_MINUTE = 0
        settings.LIMIT_REQUESTS_PER_MINUTE = 6
        found = lane(quote(project, body)["data"], "realtime")
        assert found["bindingLimit"] == "requests"
        assert 300_000 < found["durationMs"]["p50"] < 380_000
        settings.LIMIT_REQUESTS_PER_MINUTE = 0
        assert lane(quote(project, {})["data"], "realtime")["bindingLimit"] == "lanes"


class TestStart:
    def test_a_run_keeps_the_quote_that_it_begins_with(self) -> None:
        project = project_make()
        quoted = quote(project, {})["data"]
        data = start(project, {"quoteId": quoted["quoteId"]})["data"]
        assert data["quote"] == {
            "quoteId": quoted["quoteId"],
            "lane": "realtime",
            "calibrated": False,
            "costUsd": lane(quoted, "realtime")["costUsd"],
            "durationMs": lane(quoted, "realtime")["durationMs"],
            "bill": None,
        }
        assert get(client_of("ada"), f"/runs/{data['runId']}")["data"]["quote"] == data["quote"]
        Quote.objects.filter(expires_at__isnull=False).update(expires_at=F("created_at"))
        assert rows_expire_all(Quote) == 0
        assert Quote.objects.get().expires_at is None

    def test_a_run_without_one_has_none(self) -> None:
        assert start(project_make(), {"quoteId": None})["data"]["quote"] is None

    @pytest.mark.parametrize(
        ("changed", "named"),
        [
            ({"mode": "concise"}, "options"),
            ({"maxConcurrency": 7}, "maxConcurrency"),
            ({"model": "claude-opus-5-5"}, "model"),
            ({"deadline": "2099-01-01T00:00:00Z"}, "deadline"),
        ],
    )
    def test_one_of_another_body_is_refused_with_what_differs(
        self, changed: dict[str, Any], named: str
    ) -> None:
        project = project_make()
        quoted = quote(project, {})["data"]
        answer = start(project, {**changed, "quoteId": quoted["quoteId"]}, status=400)
        assert answer["error"]["code"] == "VALIDATION_ERROR"
        assert named in answer["error"]["details"]["quoteId"][0]
        assert not Run.objects.exists()

    def test_that_of_another_project_and_one_that_is_not_there_are_unknown(self) -> None:
        other = quote(project_make(name="Other"), {})["data"]["quoteId"]
        project = project_make()
        for quote_id in (other, ANYBODY):
            answer = start(project, {"quoteId": quote_id}, status=400)
            assert list(answer["error"]["details"]) == ["quoteId"]
        assert not Run.objects.exists()

    def test_one_that_is_over_is_refused(self) -> None:
        project = project_make()
        quoted = quote(project, {})["data"]
        Quote.objects.update(valid_until=F("created_at"))
        answer = start(project, {"quoteId": quoted["quoteId"]}, status=409)
        assert answer["error"]["code"] == "QUOTE_OUTDATED"
        assert "valid until" in answer["error"]["message"]
        assert not Run.objects.exists()

    def test_one_of_other_content_is_refused(self) -> None:
        project = project_make()
        quoted = quote(project, {})["data"]
        Epic.objects.create(project=project, code="E9", order=9, title="Later")
        answer = start(project, {"quoteId": quoted["quoteId"]}, status=409)
        assert answer["error"]["code"] == "QUOTE_OUTDATED"
        assert "changed" in answer["error"]["message"]
        assert not Run.objects.exists()


class TestBill:
    def test_it_stands_beside_the_quote_at_the_end(self) -> None:
        project = project_make(epics=1)
        quoted = quote(project, {})["data"]
        options = RunOptions(quote_id=UUID(quoted["quoteId"]))
        run = run_start(project=project, user=project.created_by, options=options)
        run_begin(run_id=run.pk)
        world = World(run=run, worker=worker_make())
        step = world.claim()
        assert step is not None
        world.finish(step)
        run_finalize(run_id=run.pk)
        data = get(client_of("ada"), f"/runs/{world.run.pk}")["data"]
        assert data["status"] == "SUCCEEDED"
        bill = data["quote"]["bill"]
        assert Decimal(bill["costUsd"]) == Lane.objects.get(run=world.run).cost_usd > 0
        assert bill["durationMs"] == data["durationMs"]
        money = cost(quoted, "realtime")
        assert bill["withinRange"] is (money["low"] <= Decimal(bill["costUsd"]) <= money["high"])
        lines = get(client_of("ada"), f"/runs/{world.run.pk}/logs")["data"]
        assert lines[-1]["message"].startswith(f"Quoted ${money['expected']:.4f} ")
        assert f"billed ${Decimal(bill['costUsd']):.4f}" in lines[-1]["message"]
