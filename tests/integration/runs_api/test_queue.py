"""GET /queue/status, computed priorities, and pacing profiles that somebody changed."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from batchgen.db.pools import engine_pool
from batchgen.redis import client as redis
from epics.models import Epic
from limiter.keys import gate_keys
from providers.registry import limit_pool
from runs.closures import closure_write
from runs.engine.queries import QUERIES
from runs.models import PacingProfile, Run, RunItem
from runs.states import ItemStatus
from tests.conftest import Simulator
from tests.integration.engine.bench import bench_open
from tests.integration.engine.world import World, attempt_make, project_make
from tests.integration.runs_api.world import client_of, get, post

pytestmark = pytest.mark.django_db(transaction=True)


def status(name: str = "ada") -> Any:
    return get(client_of(name), "/queue/status")["data"]


def test_what_waits_and_what_is_generated_is_counted_by_priority() -> None:
    world = World.make(epics=5, lanes=2)
    world.claim()
    finished = world.claim()
    assert finished
    world.finish(finished)
    found = status()
    assert (found["pending"], found["processing"], found["total"]) == (3, 1, 4)
    assert (found["high"], found["normal"], found["low"]) == (0, 3, 0)
    assert (found["completedLastHour"], found["failedLastHour"]) == (1, 0)
    assert found["throughputPerMinute"] == 0.2
    (worker,) = found["workers"]
    assert (worker["id"], worker["busy"], worker["concurrency"]) == ("w1@test", True, 10)
    assert [each["epicCode"] for each in worker["current"]] == ["E1"]
    assert found["maxConcurrency"] == 10


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("queue_counts", {"everything": True, "project_ids": [], "minutes": 5.0}),
        ("items_slow", {"observed": 1_000, "least_s": 60.0, "most": 50}),
    ],
)
def test_what_ended_lately_is_found_by_its_time(name: str, params: dict[str, object]) -> None:
    """Whatever ended before, in years, is not looked at."""
    World.make(epics=400)
    RunItem.objects.update(status=ItemStatus.COMPLETED, completed_at=now() - timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    sql, values = QUERIES.sent(name, params)
    assert isinstance(sql, bytes)
    with engine_pool().connection() as own:
        rows = own.execute(b"EXPLAIN " + sql, values).fetchall()
    plan = [str(row["QUERY PLAN"]).strip() for row in rows]
    (place,) = [place for place, line in enumerate(plan) if "run_item_ended" in line]
    assert plan[place + 1].startswith("Index Cond: (completed_at >")


def test_the_ten_items_that_ended_last_in_the_callers_share() -> None:
    world = World.make(epics=12, lanes=1)
    for number in range(12):
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus.FAILED if number == 10 else ItemStatus.COMPLETED)
    ended = status()["recentlyCompleted"]
    assert [each["code"] for each in ended] == [f"E{number}" for number in range(12, 2, -1)]
    item = world.run.items.get(code="E11")
    shown = ended[1]
    assert (shown["itemId"], shown["kind"], shown["status"]) == (str(item.pk), "epic", "FAILED")
    assert shown["durationMs"] >= 0
    assert shown["completedAt"]
    assert status("stranger")["recentlyCompleted"] == []


def test_others_see_their_own_share_and_staff_sees_all() -> None:
    world = World.make(epics=3, lanes=1)
    world.claim()
    User.objects.create(username="staff", is_staff=True)
    stranger, staff = status("stranger"), status("staff")
    assert (stranger["total"], staff["total"]) == (0, 3)
    assert stranger["workers"][0]["busy"]
    assert stranger["workers"][0]["current"] == []
    assert len(staff["workers"][0]["current"]) == 1


def test_what_a_cancelled_run_left_does_not_wait() -> None:
    world = World.make(epics=3, lanes=1)
    world.claim()
    post(client_of("ada"), f"/runs/{world.run.pk}/cancel", {}, status=200)
    assert (status()["pending"], status()["processing"]) == (0, 1)


def test_the_cost_does_not_grow_with_the_backlog(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    World.make(epics=200, lanes=3)
    client = client_of("ada")
    with django_assert_num_queries(7):
        assert get(client, "/queue/status")["data"]["pending"] == 200


def test_limits_are_shown_as_the_gate_has_them(simulator: Simulator) -> None:
    redis.client().flushdb()
    simulator.reset()
    world = World.make(epics=1, lanes=1)
    (empty,) = status()["limits"]
    assert (empty["requests"], empty["closedUntil"]) == (None, None)
    simulator.config(requests_per_minute=1200)
    simulator.faults([{"action": {"type": "error", "status": 429, "retry_after_s": 60}}])
    with bench_open(simulator.url) as bench:
        attempt = attempt_make(world, bench)
        assert attempt
        attempt.run()
    (limits,) = status()["limits"]
    assert limits["model"] == world.run.model
    assert limits["requests"]["limitPerMinute"] == 1200
    assert limits["closedReason"] == "RATE_LIMITED"
    assert limits["closedUntil"] > now().isoformat()
    redis.client().flushdb()


@pytest.mark.parametrize("odd", ["nan", "inf", "1e300", "-1e300", "abc", "", "\x00"])
def test_whatever_redis_holds_of_a_gate_the_status_is_told(odd: str) -> None:
    names = ("requests", "input", "output")
    fields = [f"{what}_{name}" for what in ("limit", "level", "full", "drag") for name in names]
    gate = gate_keys(limit_pool(settings.MODEL))[0]
    redis.client().hset(gate, "limit_requests", "1000")
    for field in [*fields, "at", "closed_until", "closed_reason", "window", "held"]:
        redis.client().hset(gate, field, odd)
        (limits,) = status()["limits"]
        assert limits["closedUntil"] is None
    redis.client().flushdb()


def test_a_gate_that_postgresql_alone_remembers_is_told_closed() -> None:
    redis.client().flushdb()
    other, foreign = limit_pool("claude-other-9"), "0" * 12 + ":claude-other-9"
    for gate in (limit_pool(settings.MODEL), other, foreign):
        closure_write(gate, seconds=60, reason="RATE_LIMITED")
    limits, others = status()["limits"]
    assert (limits["model"], others["model"]) == (settings.MODEL, "claude-other-9")
    for found in (limits, others):
        assert found["closedReason"] == "RATE_LIMITED"
        assert now().isoformat() < found["closedUntil"]
        assert 0 < found["timeUntilNextMs"] <= 60_000


def test_the_time_until_the_next_call_is_told() -> None:
    gate = gate_keys(limit_pool(settings.MODEL))[0]
    seconds, micros = redis.client().time()
    state = {"limit": "60", "full": "1", "level": "-90", "drag": "0"}
    for name, value in state.items():
        redis.client().hset(gate, f"{name}_requests", value)
    redis.client().hset(gate, "at", f"{seconds}.{micros:06}")
    (limits,) = status()["limits"]
    assert 0 < limits["requests"]["timeUntilNextMs"] <= 91_000
    assert limits["timeUntilNextMs"] == limits["requests"]["timeUntilNextMs"]
    redis.client().hset(gate, "level_requests", "1")
    (limits,) = status()["limits"]
    assert limits["timeUntilNextMs"] == 0
    redis.client().flushdb()


def test_a_priority_that_is_left_to_us_is_computed_and_explained() -> None:
    project = project_make(epics=2)
    Epic.objects.filter(project=project, code="E2").update(impact="high")
    soon = (now() + timedelta(hours=5)).isoformat()
    data = post(
        client_of("ada"),
        f"/projects/{project.pk}/runs",
        {"priority": None, "deadline": soon},
        status=202,
    )["data"]
    assert data["priority"] == "HIGH"
    assert {reason["factor"]: reason["points"] for reason in data["priorityReasons"]} == {
        "size": 10,
        "impact": 30,
        "stories": 20,
        "deadline": 30,
    }
    codes = RunItem.objects.filter(run=data["runId"]).order_by("order")
    assert list(codes.values_list("code", flat=True)) == ["E2", "E1"]


def test_a_priority_that_is_given_needs_no_reasons() -> None:
    project = project_make(epics=1)
    data = post(client_of("ada"), f"/projects/{project.pk}/runs", {"priority": "LOW"}, status=202)
    assert (data["data"]["priority"], data["data"]["priorityReasons"]) == ("LOW", [])


def test_a_run_keeps_the_profile_that_it_started_with() -> None:
    PacingProfile.objects.filter(name="adaptive").update(lanes=4, max_tokens=1234, delay_ms=7)
    world = World.make(epics=1)
    PacingProfile.objects.filter(name="adaptive").update(delay_ms=9)
    run = Run.objects.get(pk=world.run.pk)
    assert (run.max_tokens, run.delay_ms) == (1234, 7)
