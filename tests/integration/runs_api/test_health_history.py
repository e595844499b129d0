"""`GET /runs/{id}/health`: what a run's health is, and what it was."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from runs import health_history as history
from runs.engine.controls import run_control
from runs.engine.transitions import run_finalize
from runs.health_history import health_notice, is_first, loneliness_notice
from runs.models import HealthPeriod, Run, Worker
from runs.reads.progress import RunProgress
from runs.reads.selectors import run_read
from tests.integration.engine.world import World, worker_make
from tests.integration.runs_api.world import client_of, get

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


def told(world: World) -> list[dict[str, Any]]:
    """The history, which has no gaps: each time ends where the next one begins."""
    found = get(client_of("ada"), f"/runs/{world.run.pk}/health")["data"]
    now, *before = found["history"]
    assert now["until"] is None
    assert {name: found[name] for name in ("verdict", "reason", "nextAction")} == {
        name: now[name] for name in ("verdict", "reason", "nextAction")
    }
    for later, earlier in zip(found["history"], before, strict=False):
        assert earlier["until"] == later["since"]
        assert earlier["since"] <= earlier["until"]
    return list(found["history"])


def verdicts(world: World) -> list[str]:
    return [each["verdict"] for each in reversed(told(world))]


def control(world: World, action: str) -> None:
    user = world.run.project.created_by
    assert user is not None
    run_control(run=Run.objects.get(pk=world.run.pk), action=action, user=user)


def workers_go() -> None:
    """All leases have been over for a minute."""
    Worker.objects.update(lease_until=Now() - MINUTE)


def test_a_run_is_told_of_through_all_that_happens_to_it() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step is not None
    # Before anybody noticed anything, it is what is so now.
    assert verdicts(world) == ["flowing"]
    assert health_notice() == 1
    assert health_notice() == 0
    control(world, "pause")
    assert verdicts(world) == ["flowing", "waiting"]
    assert health_notice() == 1
    control(world, "resume")
    workers_go()
    # Nobody is there to notice; the first one that starts does.
    assert [each["nextAction"] for each in told(world)][:2] == [
        "Start a worker.",
        "Resume the run.",
    ]
    loneliness_notice()
    worker_make("w2@test")
    assert health_notice() == 1
    world.finish(step)
    assert run_finalize(run_id=world.run.pk) == "SUCCEEDED"
    assert verdicts(world) == ["flowing", "waiting", "stuck", "flowing", "ended"]
    assert health_notice() == 1
    assert health_notice() == 0
    assert verdicts(world) == ["flowing", "waiting", "stuck", "flowing", "ended"]
    world.run.refresh_from_db()
    assert world.run.completed_at is not None
    assert not HealthPeriod.objects.filter(until=None).exists()
    assert HealthPeriod.objects.order_by("-id")[0].until == world.run.completed_at


def test_who_starts_notices_only_that_nobody_is_there() -> None:
    world = World.make(epics=1, lanes=1)
    loneliness_notice()
    assert not HealthPeriod.objects.exists()
    gone_at = Worker.objects.annotate(at=Now() - MINUTE).values_list("at", flat=True)[0]
    Worker.objects.update(lease_until=gone_at)
    Run.objects.update(created_at=F("created_at") - 10 * MINUTE)
    loneliness_notice()
    (period,) = HealthPeriod.objects.all()
    assert (period.verdict, period.next_action) == ("stuck", "Start a worker.")
    assert period.since == gone_at
    assert verdicts(world) == ["stuck"]


def test_of_two_that_notice_the_same_one_writes_it() -> None:
    world = World.make(epics=1, lanes=1)
    health_notice()
    (seen,) = HealthPeriod.objects.all()
    control(world, "pause")
    progress = RunProgress.of(run_read(run_id=world.run.pk))
    assert history._notice(progress, seen)
    assert not history._notice(progress, seen)
    # The first look of all, by two.
    HealthPeriod.objects.all().delete()
    assert history._notice(progress, None)
    history._notice(progress, None)
    assert HealthPeriod.objects.count() == 1


def test_a_run_that_is_deleted_meanwhile_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, there = World.make(name="Gone"), World.make(name="There")
    begin = history._begin

    def as_it_goes(run: Run, *args: Any) -> None:
        if run.pk == gone.run.pk:
            begin(run, *args)
            Run.objects.filter(pk=run.pk)._raw_delete(using="default")
        else:
            begin(run, *args)

    monkeypatch.setattr(history, "_begin", as_it_goes)
    assert health_notice() == 1
    assert list(HealthPeriod.objects.values_list("run_id", flat=True)) == [there.run.pk]


def test_the_last_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_KEPT", 3)
    world = World.make(epics=1, lanes=1)
    for _ in range(3):
        control(world, "pause")
        health_notice()
        control(world, "resume")
        health_notice()
    assert HealthPeriod.objects.count() == 3
    assert len(told(world)) == 3


def test_one_worker_looks_the_one_that_is_alive_for_longest() -> None:
    first, second = worker_make("w1@test"), worker_make("w2@test")
    assert (is_first(first.pk), is_first(second.pk)) == (True, False)
    Worker.objects.filter(pk=first.pk).update(stopped_at=Now())
    assert (is_first(first.pk), is_first(second.pk)) == (False, True)
