"""Each alert is provoked with real servers, and fires by what they tell; no other one does.

One stack goes through all faults. What takes Prometheus minutes is not waited for: promtool is told
that what is so now stays so. Rows that have to be old are made old.
"""

import os
import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now

from batchgen.local.local_dir import free_port
from batchgen.local.supervisor import Supervisor
from runs.models import Budget, HealthPeriod, Lane, Run, Worker
from runs.webhooks.models import Delivery, Webhook
from tests.acceptance.alerts.prometheus import RULES, Cases, promtool, scrape
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.acceptance.live.web import Web, web_start
from tests.conftest import Simulator
from tests.factories import webhook_make
from tests.integration.engine.world import project_make
from tests.integration.webhooks.receiver import receiving

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(400),
    pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool on this machine"),
]

_HOOKS_PORT = free_port()
_TO_LOOPBACK = {
    "BATCHGEN_WEBHOOK_NETWORKS": "127.0.0.1",
    "BATCHGEN_WEBHOOK_HTTP": "1",
    "BATCHGEN_WEBHOOK_PORTS": str(_HOOKS_PORT),
}
#: An address without anybody.
_NOWHERE = "redis://127.0.0.1:1/0"


def test_promtool_takes_the_rules() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


class Stack:
    """A web process, workers, and the cases."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.supervisor = fleet.stack.enter_context(Supervisor(fleet.sink, signals=False))
        self.project = project_make(epics=3)
        self.user = User.objects.get(username="ada")
        User.objects.filter(pk=self.user.pk).update(is_staff=True, is_superuser=True)
        self.web = self.more_web(BATCHGEN_LIVE_INTERVAL_S="4")
        fleet.environment |= {
            **_TO_LOOPBACK,
            "BATCHGEN_WORKER_LEASE_S": "2",
            "BATCHGEN_HEARTBEAT_S": "0.2",
        }
        self.cases = Cases({"web": self.web.url})
        self.worker = self.more_workers("w1")

    def more_web(self, **settings: str) -> Web:
        return web_start(self.supervisor, self.user, **_TO_LOOPBACK, **settings)

    def more_workers(self, name: str) -> Any:
        port = free_port()
        self.fleet.environment["BATCHGEN_WORKER_METRICS_PORT"] = str(port)
        worker = self.fleet.start(name)
        self.cases.urls[name] = f"http://127.0.0.1:{port}"
        return worker

    def start(self, *, epics: int = 1, **body: Any) -> Run:
        ids = [str(epic.pk) for epic in self.project.epics.all()[:epics]]
        given = {"type": "GENERATE_ALL_STORIES", "pacingProfile": "adaptive", "epicIds": ids}
        answer = self.web.call("POST", f"/projects/{self.project.pk}/runs", json=given | body)
        assert answer.status_code == 202, answer.text
        return Run.objects.get(pk=answer.json()["data"]["runId"])

    def ask(self, method: str, path: str, **options: Any) -> None:
        answer = self.web.call(method, path, **options)
        assert answer.status_code < 300, answer.text

    def value(self, start: str) -> float:
        """Of the first series that begins so; of none -1."""
        found = scrape(self.cases.urls).values.items()
        return next((value for name, value in found if name.startswith(start)), -1.0)


def test_each_alert_fires_by_its_fault_and_no_other(
    fleet: Fleet, provider: Simulator, tmp_path: Path
) -> None:
    stack = Stack(fleet)
    wait_until_ended(stack.start(epics=3))
    stack.cases.begin()
    wait_until_ended(stack.start())
    stack.cases.add("all is well", [])
    stack.cases.add_silence(["BatchgenNoMetrics"])
    for fault in (
        errors_of_the_provider, late_events, a_late_loop, a_closed_gate, a_budget, a_wrong_clock,
        a_failing_webhook, a_webhook_off, the_ledger_and_redis, no_worker,
    ):  # fmt: skip
        fault(stack, provider)
    stack.cases.begin()
    stack.cases.add("all is well again", [])
    stack.cases.check(tmp_path)


def errors_of_the_provider(stack: Stack, provider: Simulator) -> None:
    provider.faults([{"times": 3, "action": {"type": "error", "status": 529}}])
    stack.cases.begin()
    wait_until_ended(stack.start())
    stack.cases.add("calls fail", ["BatchgenProviderErrors"])


def late_events(stack: Stack, provider: Simulator) -> None:
    provider.config(latency_ms=1500)
    run = stack.start(epics=3, maxConcurrency=1)
    watcher = stack.web.watch(run)
    stack.cases.begin()
    watcher.wait_over()
    stack.cases.add("events are late", ["BatchgenEventLag"])
    wait_until_ended(run)
    provider.config(latency_ms=0)


def a_late_loop(stack: Stack, _: Simulator) -> None:
    stack.cases.begin()
    os.kill(stack.worker.process.pid, signal.SIGSTOP)
    time.sleep(1.2)  # the fault
    os.kill(stack.worker.process.pid, signal.SIGCONT)
    stack.cases.add("the loop stood still", ["BatchgenLoopLag"])


def a_closed_gate(stack: Stack, _: Simulator) -> None:
    model = Run.objects.values_list("model", flat=True)[0]
    until = Worker.objects.annotate(at=Now() + timedelta(hours=1)).values_list("at", flat=True)[0]
    stack.ask("POST", f"/gates/{model}/close", json={"until": until.isoformat(), "reason": "x"})
    stack.cases.begin()
    stack.cases.add("a closed gate", ["BatchgenGateClosed"])
    stack.ask("POST", f"/gates/{model}/open", json={})


def a_budget(stack: Stack, _: Simulator) -> None:
    run = stack.start(epics=3, budgetUsd="0.05", maxConcurrency=1)
    wait_for(
        lambda: HealthPeriod.objects.filter(run=run, verdict="stuck", until=None).exists(),
        "a worker has noticed that the run is paused for its budget",
    )
    run.refresh_from_db()
    assert run.error_code == "BUDGET_REACHED"
    Budget.objects.filter(run_id=run.pk).update(spent_micro_usd=90, limit_micro_usd=100)
    stack.cases.begin()
    stack.cases.add(
        "a budget is used up",
        ["BatchgenBudgetNear", "BatchgenBudgetReached", "BatchgenRunsStuck"],
    )
    stack.ask("POST", f"/runs/{run.pk}/cancel", json={})
    wait_for(
        lambda: not HealthPeriod.objects.filter(run=run, until=None).exists(),
        "a worker has noticed that the run is over",
    )
    told = stack.web.call("GET", f"/runs/{run.pk}/health").json()["data"]["history"]
    assert [each["verdict"] for each in told][:2] == ["ended", "stuck"]
    assert "budget" in told[1]["nextAction"]
    assert told[1]["until"] == told[0]["since"]


def a_wrong_clock(stack: Stack, _: Simulator) -> None:
    other = Worker.objects.create(
        name="w9@test", concurrency=1, lease_until=Now() + timedelta(hours=1), clock_ahead_s=-90.0
    )
    stack.cases.begin()
    stack.cases.add("a clock is wrong", ["BatchgenClockWrong"])
    Worker.objects.filter(pk=other.pk).update(stopped_at=Now())


def a_failing_webhook(stack: Stack, _: Simulator) -> None:
    with receiving(lambda _: 500, port=_HOOKS_PORT) as receiver:
        hook = hook_make(stack, receiver.port)
        stack.ask("POST", f"/webhooks/{hook.pk}/test", json={})
        wait_until_ended(stack.start())
        failing = Delivery.objects.filter(hook=hook, status="PENDING").exclude(error="")
        wait_for(failing.exists, "a delivery has failed once")
        assert receiver.came
    failing.update(first_tried_at=F("first_tried_at") - timedelta(minutes=20))
    stack.cases.begin()
    stack.cases.add("a delivery fails", ["BatchgenWebhooksFailing"])
    assert stack.value('batchgen_webhook_attempts_total{outcome="failed"') >= 1
    Webhook.objects.filter(pk=hook.pk).delete()


def a_webhook_off(stack: Stack, _: Simulator) -> None:
    with receiving(lambda _: 410, port=_HOOKS_PORT) as receiver:
        hook = hook_make(stack, receiver.port)
        wait_until_ended(stack.start())
        off = Webhook.objects.filter(pk=hook.pk, active=False)
        wait_for(off.exists, "the webhook was switched off")
    stack.cases.begin()
    stack.cases.add("a webhook is off", ["BatchgenWebhookOff"])
    off.delete()


def hook_make(stack: Stack, port: int) -> Webhook:
    """A webhook to this port, which only this test's processes may send to."""
    hook = webhook_make(stack.project, "https://hooks.example.com/", "run.ended")
    Webhook.objects.filter(pk=hook.pk).update(url=f"http://127.0.0.1:{port}/")
    return hook


def the_ledger_and_redis(stack: Stack, _: Simulator) -> None:
    """A web process that cannot reach Redis, and that adds the ledger up for the first time."""
    lane = Lane.objects.filter(run__completed_at__isnull=False)[:1].get()
    Lane.objects.filter(pk=lane.pk).update(cost_usd=F("cost_usd") + 1)
    web = stack.more_web(REDIS_URL=_NOWHERE)
    stack.cases.urls["other"] = web.url
    stack.cases.begin()
    for _again in range(3):
        assert web.call("GET", "/queue/status").status_code == 503
    stack.cases.add(
        "the ledger drifts, and Redis is away",
        ["BatchgenLedgerDrift", "BatchgenServiceAway", "BatchgenServerErrors"],
    )
    del stack.cases.urls["other"]
    Lane.objects.filter(pk=lane.pk).update(cost_usd=F("cost_usd") - 1)


def no_worker(stack: Stack, _: Simulator) -> None:
    os.kill(stack.worker.process.pid, signal.SIGKILL)
    stack.worker.process.wait()
    del stack.cases.urls["w1"]
    run = stack.start()
    wait_for(lambda: stack.value("batchgen_workers{") == 0, "the worker's lease is over")
    gone = ["BatchgenNoWorker", "BatchgenWorkerLost"]
    stack.cases.begin()
    stack.cases.add("no worker", gone)
    Lane.objects.filter(run=run).update(moved_at=F("moved_at") - timedelta(minutes=3))
    stack.cases.add("no worker, for long", [*gone, "BatchgenDueWithoutStart"])
    stack.worker = stack.more_workers("w2")
    wait_until_ended(run)
    # The first that starts has found that nobody was there.
    lonely = HealthPeriod.objects.get(run=run, verdict="stuck")
    assert lonely.next_action == "Start a worker."
    open_ = HealthPeriod.objects.filter(until=None)
    wait_for(lambda: not open_.exists(), "a worker has noticed that the run is over")
    # What was lost is told of for a while.
    Worker.objects.filter(stopped_at=None, lease_until__lt=Now()).update(stopped_at=Now())
