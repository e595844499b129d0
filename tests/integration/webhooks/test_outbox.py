"""What happened is written down exactly where it happened, once for each hook that wants it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from batchgen.db.clock import database_now
from batchgen.redis import client as redis
from runs.api.run_output import run_json
from runs.engine.budget_waits import budgets_tell
from runs.engine.budgets import run_budget_set
from runs.engine.controls import run_control
from runs.engine.trail import Operator
from runs.engine.transitions import run_begin, run_finalize
from runs.gates import gate_close, gate_open
from runs.models import Budget, Closure, Run
from runs.reads.progress import RunProgress
from runs.reads.selectors import run_read
from runs.states import ItemStatus
from runs.webhooks.bodies import late_body
from runs.webhooks.models import Delivery, Webhook
from runs.webhooks.outbox import gates_tell
from tests.factories import webhook_make
from tests.integration.engine.world import World
from tests.integration.runs_api.world import get, owner
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)

URL = "http://127.0.0.1:9/"
SHELL = Operator(name="root (shell)")


def told(hook: Webhook) -> list[str]:
    return list(Delivery.objects.filter(hook=hook).order_by("id").values_list("type", flat=True))


def bodies(hook: Webhook) -> list[dict[str, Any]]:
    return [
        json.loads(each.body or "") for each in Delivery.objects.filter(hook=hook).order_by("id")
    ]


def shown(run: Run) -> dict[str, Any]:
    """The run as the API has it, without what goes on with the time."""
    data = run_json(RunProgress.of(run_read(run_id=run.pk)))
    return {name: data[name] for name in data if name not in {"elapsedMs", "health"}}


def test_a_run_tells_what_befell_it_in_order_with_the_run_as_it_was_then() -> None:
    world = World.make(epics=2, lanes=2, begin=False)
    run = world.run
    hook, deaf = webhook_make(run.project, URL), webhook_make(run.project, URL, "gate.closed")
    off = webhook_make(run.project, URL)
    Webhook.objects.filter(pk=off.pk).update(active=False)
    run_begin(run_id=run.pk)
    run_control(run=run, action="pause", user=SHELL)
    paused = shown(run)
    assert run_begin(run_id=run.pk) is False  # nothing becomes of it, and nothing is told
    run_control(run=run, action="resume", user=SHELL)
    first = world.claim()
    assert first
    world.finish(first, status=ItemStatus.FAILED)
    second = world.claim()
    assert second
    world.finish(second)
    run_finalize(run_id=run.pk)
    expected = ["run.started", "run.paused", "run.resumed", "item.failed", "run.ended"]
    assert (told(hook), told(deaf), told(off)) == (expected, [], [])
    # An item that failed stays as it is, so its body is made when it is first sent.
    failed = Delivery.objects.get(type="item.failed")
    assert failed.body is None
    failed.body = late_body(failed)
    failed.save(update_fields=["body"])
    started, paused_body, resumed, item, ended = bodies(hook)
    assert [each["data"]["status"] for each in (started, paused_body, resumed, ended)] == [
        "RUNNING",
        "PAUSED",
        "RUNNING",
        "COMPLETED_WITH_ERRORS",
    ]
    kept = {name: paused_body["data"][name] for name in paused}
    assert kept == paused
    assert ended["data"] | {"elapsedMs": 0} == shown(run) | {
        "elapsedMs": 0,
        "health": ended["data"]["health"],
    }
    epics = get(owner(world), f"/runs/{run.pk}/epics", status="FAILED")["data"]
    assert item["data"] == epics[0]
    assert item["data"]["runId"] == str(run.pk)
    times = [each["timestamp"] for each in bodies(hook)]
    assert times == sorted(times)


def test_where_a_move_is_undone_nothing_was_told() -> None:
    world = World.make()
    hook = webhook_make(world.run.project, URL)
    with transaction.atomic():
        run_control(run=world.run, action="pause", user=SHELL)
        transaction.set_rollback(True)
    assert told(hook) == []


def test_of_many_pauses_at_once_one_is_told() -> None:
    world = World.make()
    hook = webhook_make(world.run.project, URL)
    race(*[lambda: run_control(run=world.run, action="pause", user=SHELL)] * 10)
    assert told(hook) == ["run.paused"]


def test_a_run_that_cannot_be_read_moves_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World.make()
    webhook_make(world.run.project, URL)

    def broken(**_: Any) -> Run:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr("runs.webhooks.bodies.run_read", broken)
        run_control(run=world.run, action="pause", user=SHELL)
    world.run.refresh_from_db()
    assert world.run.status == "PAUSED"
    delivery = Delivery.objects.get()
    assert (delivery.type, delivery.body) == ("run.paused", None)
    body = json.loads(late_body(delivery) or "")
    assert body["data"]["status"] == "PAUSED"


def test_without_a_hook_an_item_costs_no_statement_and_a_move_one() -> None:
    """An item that fails is told of by a trigger: no statement is added to its end."""
    world = World.make()
    with CaptureQueriesContext(connection) as without:
        run_control(run=world.run, action="pause", user=SHELL)
    looks = [each["sql"] for each in without if "webhooks_" in each["sql"]]
    assert len(looks) == 1
    assert looks[0].startswith("SELECT")


def test_a_budget_is_told_of_once_a_part() -> None:
    world = World.make()
    hook = webhook_make(world.run.project, URL)
    run_budget_set(run_id=world.run.pk, micro_usd=1_000_000)
    for spent in (600_000, 600_000, 960_000):
        Budget.objects.filter(run_id=world.run.pk).update(spent_micro_usd=spent)
        budgets_tell()
    assert told(hook) == ["run.budget", "run.budget"]
    assert [each["data"]["budget"]["spentUsd"] for each in bodies(hook)] == ["0.600000", "0.960000"]


def test_gates_are_told_of_once_whoever_looks_and_however_they_open() -> None:
    redis.client().flushdb()
    hook = webhook_make(World.make().run.project, URL)
    gate_close(
        model=settings.MODEL,
        until=database_now() + timedelta(hours=1),
        reason="Repairs",
        actor=SHELL,
    )
    assert sorted(race(*[gates_tell] * 8)) == [0] * 7 + [1]
    gate_open(model=settings.MODEL, actor=SHELL)
    assert sorted(race(*[gates_tell] * 8)) == [0] * 7 + [1]
    # A closing ends by itself, too.
    gate_close(
        model=settings.MODEL, until=database_now() + timedelta(hours=1), reason="2", actor=SHELL
    )
    gates_tell()
    Closure.objects.update(until=Now() - timedelta(seconds=1))
    gates_tell()
    assert gates_tell() == 0
    assert told(hook) == ["gate.closed", "gate.opened"] * 2
    closed, opened, *_ = (each["data"] for each in bodies(hook))
    assert (closed["model"], closed["closedReason"]) == (settings.MODEL, "Repairs")
    assert closed["closedUntil"]
    assert (opened["closedUntil"], opened["closedReason"]) == (None, None)
    redis.client().flushdb()
