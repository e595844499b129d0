"""Runs in each state that a page shows, made as the engine makes them, without a worker."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import F

from runs.engine.transitions import run_finalize
from runs.models import Run, RunLog
from runs.states import ItemStatus, RunStatus
from tests.integration.engine.world import World, halt


def run_in(state: str) -> Run:
    """A run of six epics in this state; its owner is `ada`."""
    world = World.make(epics=6, lanes=2, begin=state != "queued")
    run = world.run
    match state:
        case "running" | "pausing" | "paused":
            _work(world, done=2, failed=1)
            if state != "paused":
                world.claim()
            if state != "running":
                halt(run_id=run.id, to=RunStatus.PAUSED, message="Paused by ada.")
        case "draining":
            world.claim()
            halt(run_id=run.id, to=RunStatus.CANCELLED, message="Cancelled by ada.")
        case "cancelled":
            _work(world, done=2)
            halt(run_id=run.id, to=RunStatus.CANCELLED, message="Cancelled by ada.")
            run_finalize(run_id=run.id)
        case "succeeded":
            _work(world, done=6)
        case "errors":
            _work(world, done=4, failed=2)
        case "failed":
            _work(world, failed=6)
    run_finalize(run_id=run.id)
    run.refresh_from_db()
    return run


def finish_one(world: World, *, status: ItemStatus = ItemStatus.COMPLETED) -> str:
    """The code of the next epic, which is done now."""
    step = world.claim()
    assert step is not None
    world.finish(step, status=status)
    run_finalize(run_id=world.run.id)
    return step.code


def owner() -> User:
    """Whose runs they are, with a password."""
    user, _ = User.objects.get_or_create(username="ada")
    return user


def staff() -> User:
    """Who sees all of it."""
    user, _ = User.objects.get_or_create(username="sam", is_staff=True)
    return user


def _work(world: World, *, done: int = 0, failed: int = 0) -> None:
    for number in range(done + failed):
        step = world.claim()
        assert step is not None
        status = ItemStatus.COMPLETED if number < done else ItemStatus.FAILED
        world.finish(step, status=status)


def log_made_older(run: Run, *, minutes: int) -> None:
    """For pages that show when something was."""
    RunLog.objects.filter(run=run).update(at=F("at") - timedelta(minutes=minutes))
