"""The API, live events, the admin and the commands show the same of a run and of its items."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from runs.live.changes import changes_since
from runs.live.events import Name
from runs.models import ProviderCall
from runs.reads.eta import duration_text
from runs.states import ItemStatus
from tests.integration.engine.world import World
from tests.integration.runs_api.world import get, owner

pytestmark = pytest.mark.django_db(transaction=True)

#: Of the moment in which it is read.
_MOVING = ("elapsedMs", "estimatedRemainingMs", "estimatedRemainingRange")


@pytest.fixture
def world() -> World:
    """A run with an item in each of five states."""
    world = World.make(epics=5, lanes=1)
    for status in (ItemStatus.COMPLETED, ItemStatus.FAILED, ItemStatus.SKIPPED):
        step = world.claim()
        assert step
        world.finish(step, status=status)
    assert world.claim()
    return world


def _still(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name not in _MOVING}


def _api(world: World) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    data = get(owner(world), f"/runs/{world.run.pk}/progress")["data"]
    return _still(data), data.pop("epics")


def test_live_events_are_the_apis_json(world: World) -> None:
    run, items = _api(world)
    run.pop("epics")
    shown: dict[str, list[Any]] = {}
    for event in changes_since(world.run.pk, None, whole=True).snapshot:
        shown.setdefault(event.name, []).append(json.loads(event.data))
    assert [_still(each) for each in shown[Name.RUN]] == [run]
    assert shown[Name.EPIC] == items
    assert {item["status"] for item in items} == {*ItemStatus} - {ItemStatus.CANCELLED}


def test_the_admin_shows_the_apis_figures(world: World) -> None:
    run, items = _api(world)
    admin = Client()
    admin.force_login(User.objects.create_superuser("root"))
    page = admin.get(reverse("admin:runs_run_change", args=[world.run.pk])).content.decode()
    usage = run["usage"]
    for text in (
        f"{run['completedEpics']} of {run['totalEpics']}",
        f"{usage['inputTokens']:,} in, {usage['outputTokens']:,} out",
        f"{float(usage['costUsd']):.4f}",
        run["phaseDetail"],
        run["health"]["reason"],
    ):
        assert text in page
    rows = admin.get(reverse("admin:runs_runitem_changelist")).content.decode()
    cells = re.findall(r'class="field-(tokens|duration)">([^<]*)<', rows)
    assert sorted(cells) == sorted(
        cell
        for item in items
        for cell in (
            ("tokens", "{inputTokens:,} in, {outputTokens:,} out".format(**item["usage"])),
            ("duration", _duration(item["durationMs"]) or "-"),
        )
    )


def test_the_command_shows_the_apis_figures(world: World) -> None:
    run, items = _api(world)
    out = StringIO()
    call_command("run", "show", str(world.run.pk), stdout=out)
    text = out.getvalue()
    assert f"{run['phaseDetail']};" in text
    assert f"Now possible: {', '.join(run['controls'])}." in text
    assert f"Flowing: {run['health']['reason']}\n" in text
    for item in items:
        (line,) = (line for line in text.splitlines() if line.startswith(f"│ {item['epicCode']}:"))
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        assert cells[1] == item["status"]
        assert cells[2] == str(item["storiesCreated"])
        assert cells[5] == _duration(item["durationMs"])


def _duration(milliseconds: int | None) -> str:
    return "" if milliseconds is None else duration_text(milliseconds)


def test_a_calls_tokens_are_counted_as_its_items(world: World) -> None:
    _, items = _api(world)
    first = ProviderCall.objects.get(item__code=items[0]["epicCode"])
    assert first.input_tokens == items[0]["usage"]["inputTokens"]
