"""Items over REST: the list, one's priority, and more of them."""

from uuid import UUID, uuid4

import pytest

from epics.models import Epic
from runs.engine.controls import run_control, run_retry
from runs.models import Run, RunAction
from tests.integration.engine.world import World
from tests.integration.runs_api.world import client_of, get, owner, post

pytestmark = pytest.mark.django_db(transaction=True)


def patch(world: World, item_id: UUID, body: object, *, status: int) -> dict[str, object]:
    answer = owner(world).patch(
        f"/api/v1/runs/{world.run.pk}/items/{item_id}", body, content_type="application/json"
    )
    assert answer.status_code == status, answer.content
    found: dict[str, object] = answer.json()
    return found


def test_an_item_is_shown_as_what_it_is() -> None:
    world = World.make(epics=2, lanes=1)
    items = get(owner(world), f"/runs/{world.run.pk}/items")["data"]
    first, second = world.run.items.order_by("order")
    assert [(item["itemId"], item["code"], item["assigned"]) for item in items] == [
        (str(first.pk), "E1", True),
        (str(second.pk), "E2", False),
    ]
    assert {name: items[0][name] for name in ("kind", "targetId", "title", "priority")} == {
        "kind": "epic",
        "targetId": str(first.target_id),
        "title": "Lending 1",
        "priority": 5,
    }
    assert get(owner(world), f"/runs/{world.run.pk}/items/{first.pk}")["data"] == items[0]


def test_items_in_the_order_in_which_they_ended() -> None:
    world = World.make(epics=3, lanes=2)
    first, second = world.claim(), world.claim()
    assert first
    assert second
    world.finish(second)
    world.finish(first)
    ended = get(owner(world), f"/runs/{world.run.pk}/items?order=completedAt")["data"]
    assert [item["code"] for item in ended] == [second.code, first.code]


def test_a_priority_is_changed_while_the_item_waits_and_the_trail_says_by_whom() -> None:
    world = World.make(epics=3, lanes=1)
    first, _, third = world.run.items.order_by("order")
    shown = patch(world, third.pk, {"priority": 10}, status=200)["data"]
    assert isinstance(shown, dict)
    assert (shown["priority"], shown["assigned"]) == (10, False)
    assert patch(world, first.pk, {"priority": 0}, status=200)["data"]["assigned"] is True  # type: ignore[index]  # the item
    action = RunAction.objects.get(details__code="E3")
    assert (action.kind, action.actor) == ("priority", "ada")
    world.claim()
    error = patch(world, first.pk, {"priority": 1}, status=409)["error"]
    assert isinstance(error, dict)
    assert error["code"] == "INVALID_TRANSITION"


@pytest.mark.parametrize("body", [{}, {"priority": 11}, {"priority": -1}, {"priority": "9"}])
def test_what_is_no_priority_is_refused(body: dict[str, object]) -> None:
    world = World.make(epics=1, lanes=1)
    item = world.run.items.get()
    patch(world, item.pk, body, status=400)
    item.refresh_from_db()
    assert item.priority == 5


def test_items_are_added_and_answered() -> None:
    world = World.make(epics=1, lanes=1)
    new = Epic.objects.create(project=world.run.project, code="E9", order=9, title="Later")
    path = f"/runs/{world.run.pk}/items"
    (item,) = post(owner(world), path, {"targetIds": [str(new.pk)]}, status=202)["data"]
    assert (item["code"], item["order"], item["status"]) == ("E9", 2, "PENDING")
    error = post(owner(world), path, {"targetIds": [str(new.pk)]}, status=409)["error"]
    assert (error["code"], error["details"]) == (
        "ITEM_ALREADY_ACTIVE",
        {"E9": str(world.run.pk)},
    )
    assert error["message"] == "This run includes E9 already. Name what is not in it."
    post(owner(world), path, {"targetIds": [str(uuid4())]}, status=400)
    post(owner(world), path, {"targetIds": []}, status=400)


@pytest.mark.parametrize(("role", "status"), [(None, 404), ("viewer", 403)])
def test_who_may_only_read_changes_nothing(role: str | None, status: int) -> None:
    world = World.make(epics=2, lanes=1)
    client = client_of("dana", project=world.run.project, role=role)
    item = world.run.items.get(code="E2")
    new = Epic.objects.create(project=world.run.project, code="E9", order=9, title="Later")
    base = f"/runs/{world.run.pk}/items"
    post(client, base, {"targetIds": [str(new.pk)]}, status=status)
    answer = client.patch(
        f"/api/v1{base}/{item.pk}", {"priority": 9}, content_type="application/json"
    )
    assert answer.status_code == status
    item.refresh_from_db()
    assert (item.priority, world.run.items.count()) == (5, 2)


def test_a_retry_keeps_the_priorities_that_people_gave() -> None:
    world = World.make(epics=3, lanes=1)
    first, second, third = world.run.items.order_by("order")
    patch(world, third.pk, {"priority": 3}, status=200)
    patch(world, third.pk, {"priority": 9}, status=200)
    patch(world, second.pk, {"priority": 0}, status=200)
    retry = _retry_of_all(world)
    again = _retry_of_all(World(run=retry, worker=world.worker))
    for run in (retry, again):
        items = run.items.order_by("order").values_list("target_id", "priority")
        assert list(items) == [(first.target_id, 5), (second.target_id, 0), (third.target_id, 9)]


def _retry_of_all(world: World) -> Run:
    run_control(run=world.run, action="cancel", user=world.run.project.created_by)
    run = Run.objects.get(pk=world.run.pk)
    return run_retry(run=run, user=run.project.created_by, include_pending=True)
