"""A thousand pages of all types, of which some are sent ahead, and some behind, on the way."""

from random import Random
from uuid import UUID

import pytest

from content.pages.components import DEFAULTS
from content.pages.models import Page
from content.run_types import RunType
from runs.engine.items import item_prioritise
from runs.engine.start import RunOptions, run_start
from runs.models import Lane, RunItem
from runs.states import ItemStatus
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.factories import project_make
from tests.integration.engine.test_page_runs import pages_make
from tests.integration.engine.world import assert_counted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

_PAGES, _LANES, _CHANGED, _SEED = 1000, 10, 30, 1


def test_the_calls_follow_the_priorities_that_people_give(
    fleet: Fleet, provider: Simulator
) -> None:
    provider.config(latency_ms=20)
    project = project_make(epics=0)
    pages_make(project, _PAGES)
    types = tuple(DEFAULTS)
    pages = list(Page.objects.all())
    for page in pages:
        page.page_type = types[page.order % len(types)]
    Page.objects.bulk_update(pages, ["page_type"])
    fleet.start("w1")
    fleet.start("w2")
    run = run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(
            type=RunType.GENERATE_PAGES, pacing_profile="adaptive", max_concurrency=_LANES
        ),
    )
    wait_for(lambda: len(_started(provider)) > _PAGES // 10, "a tenth is under way")
    free = RunItem.objects.filter(run=run, status=ItemStatus.PENDING, lane=None)
    chosen = Random(_SEED).sample(list(free.order_by("-order")[: _PAGES // 2]), 2 * _CHANGED)
    ahead, behind = chosen[:_CHANGED], chosen[_CHANGED:]
    for item in behind:
        item_prioritise(item=item, user=project.created_by, priority=0)
    for item in ahead:
        item_prioritise(item=item, user=project.created_by, priority=10)
    before = set(_started(provider))
    wait_until_ended(run, timeout_s=200)
    started = list(dict.fromkeys(_started(provider)))
    after = [item for item in started if item not in before]
    left = {item.id for item in ahead} - before
    # Lanes hold an item each already when the last priority is given.
    assert left <= set(after[: len(left) + 2 * _LANES])
    assert {item.id for item in behind} <= set(started[-(_CHANGED + 2 * _LANES) :])
    items = RunItem.objects.filter(run=run)
    assert (run.status, len(started), set(started)) == (
        "SUCCEEDED",
        _PAGES,
        set(items.values_list("id", flat=True)),
    )
    assert set(Page.objects.values_list("run_id", flat=True)) == {run.id}
    assert set(Lane.objects.filter(run=run).values_list("state", flat=True)) == {"idle"}
    assert_counted(run, kept=False)


def _started(provider: Simulator) -> list[UUID]:
    """The items whose calls began, in their order."""
    calls = sorted(provider.stats()["calls"], key=lambda call: call["index"])
    return [UUID(call["marker"]) for call in calls]
