"""`controls` has the actions that would succeed now, no more and no fewer.

What the reads offer is what its endpoint takes; each state of a run is made anew after an action.
"""

from collections.abc import Callable

import pytest
from django.test import Client

from content.run_types import RunType
from epics.models import Epic
from epics.services import epic_delete
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_finalize
from runs.models import Run, RunItem
from runs.states import ItemStatus, RunStatus
from tests.integration.engine.world import World, halt
from tests.integration.runs_api.world import client_of, get, owner

pytestmark = pytest.mark.django_db(transaction=True)

ACTIONS = ("pause", "resume", "cancel", "retry-failed")
_TAKEN = (200, 202)


def _begun(*ends: str, epics: int = 3, kind: str = RunType.GENERATE_ALL_STORIES) -> World:
    """A run whose first epics ended so; the other ones wait."""
    world = World.make(epics=epics, lanes=1, kind=kind)
    for end in ends:
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus(end))
    return world


def _moved(world: World, to: RunStatus) -> World:
    assert halt(run_id=world.run.id, to=to, message="Moved.") is not None
    return world


def _ended(world: World) -> World:
    assert run_finalize(run_id=world.run.id)
    return world


def _draining(world: World, to: RunStatus) -> World:
    assert world.claim()
    return _moved(world, to)


def _beside(world: World, *codes: str, kind: str) -> World:
    """Another run of the project is active."""
    epics = Epic.objects.filter(project=world.run.project, code__in=codes)
    options = RunOptions(type=kind, target_ids=list(epics.values_list("pk", flat=True)))
    run_start(project=world.run.project, user=None, options=options)
    return world


def _deleted(world: World, **which: str) -> World:
    for epic in RunItem.objects.filter(run=world.run, **which):
        assert epic.target_id
        epic_delete(epic_id=epic.target_id)
    return world


_FAILED, _DONE = ItemStatus.FAILED, ItemStatus.COMPLETED
_ONE, _ALL = RunType.GENERATE_STORIES, RunType.GENERATE_ALL_STORIES

STATES: dict[str, Callable[[], World]] = {
    "queued": lambda: World.make(begin=False),
    "running": World.make,
    "running, with failures": lambda: _begun(_FAILED),
    "running, with nothing left": lambda: _begun(_DONE, _FAILED, _DONE),
    "paused": lambda: _moved(World.make(), RunStatus.PAUSED),
    "paused, with failures": lambda: _moved(_begun(_FAILED), RunStatus.PAUSED),
    "paused, a call in flight": lambda: _draining(World.make(), RunStatus.PAUSED),
    "succeeded": lambda: _ended(_begun(_DONE, _DONE, _DONE)),
    "succeeded, with skipped ones": lambda: _ended(_begun(_DONE, ItemStatus.SKIPPED, _DONE)),
    "with errors": lambda: _ended(_begun(_DONE, _FAILED, _DONE)),
    "all failed": lambda: _ended(_begun(_FAILED, _FAILED, _FAILED)),
    "failed as a whole, with failures": lambda: _moved(_begun(_FAILED), RunStatus.FAILED),
    "failed as a whole, none failed": lambda: _moved(_begun(_DONE), RunStatus.FAILED),
    "failed, draining": lambda: _draining(_begun(_FAILED), RunStatus.FAILED),
    "cancelled, with failures": lambda: _moved(_begun(_FAILED), RunStatus.CANCELLED),
    "cancelled, none failed": lambda: _moved(_begun(_DONE), RunStatus.CANCELLED),
    "cancelled before it began": lambda: _moved(World.make(begin=False), RunStatus.CANCELLED),
    "cancelled, draining": lambda: _draining(_begun(_FAILED), RunStatus.CANCELLED),
    "what failed was deleted": lambda: _deleted(
        _ended(_begun(_DONE, _FAILED, _DONE)), status=_FAILED
    ),
    "some of what failed was deleted": lambda: _deleted(
        _ended(_begun(_FAILED, _FAILED, _DONE)), code="E1"
    ),
    "another run of the type is active": lambda: _beside(
        _ended(_begun(_DONE, _FAILED, _DONE)), "E1", kind=_ALL
    ),
    "what failed is open elsewhere": lambda: _beside(
        _ended(_begun(_DONE, _FAILED, _DONE)), "E2", kind=_ONE
    ),
    "what succeeded is open elsewhere": lambda: _beside(
        _ended(_begun(_DONE, _FAILED, _DONE)), "E1", kind=_ONE
    ),
    "one epic, failed": lambda: _ended(_begun(_FAILED, epics=1, kind=_ONE)),
    "one epic, open elsewhere": lambda: _beside(
        _ended(_begun(_FAILED, epics=1, kind=_ONE)), "E1", kind=_ALL
    ),
}


def _offers(client: Client, run: Run) -> set[str]:
    """What every read of the run says."""
    listed = get(client, "/runs", project=str(run.project_id))["data"]
    reads = [
        get(client, f"/runs/{run.pk}")["data"],
        get(client, f"/runs/{run.pk}", effective="true")["data"],
        get(client, f"/runs/{run.pk}/progress")["data"],
        *[each for each in listed if each["runId"] == str(run.pk)],
    ]
    offers = {tuple(each["controls"]) for each in reads}
    assert len(reads) == 4
    assert len(offers) == 1, offers
    return set(offers.pop())


def _takes(client: Client, run: Run, action: str) -> bool:
    answer = client.post(f"/api/v1/runs/{run.pk}/{action}", {}, content_type="application/json")
    assert answer.status_code in {*_TAKEN, 400, 403, 409}, answer.content
    return answer.status_code in _TAKEN


@pytest.mark.parametrize("state", STATES)
def test_what_is_offered_is_what_would_succeed(state: str) -> None:
    world = STATES[state]()
    client = owner(world)
    offered = _offers(client, world.run)
    assert not {each for each in ACTIONS if each not in offered and _takes(client, world.run, each)}
    for place, action in enumerate(sorted(offered.intersection(ACTIONS))):
        world = STATES[state]() if place else world
        assert _takes(client, world.run, action), action


@pytest.mark.parametrize(("role", "offered"), [("viewer", set()), ("editor", {"pause", "cancel"})])
def test_who_may_only_read_is_offered_nothing(role: str, offered: set[str]) -> None:
    world = World.make()
    client = client_of("dana", project=world.run.project, role=role)
    assert _offers(client, world.run) == offered
    assert _takes(client, world.run, "pause") == ("pause" in offered)
