"""Pause, resume, cancel and retry in the admin: what is counted before is what is done then."""

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from runs.admin import actions
from runs.models import Run, RunAction, RunItem
from runs.states import ItemStatus, RunStatus
from tests.integration.engine.world import World, halt
from tests.integration.runs_api.test_admin import ended, page, root

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["root"]


def act(client: Client, name: str, *runs: Run, confirmed: bool) -> tuple[str, list[str]]:
    """The page that is shown, and what was said."""
    data = {"action": name, "_selected_action": [str(run.pk) for run in runs]}
    if confirmed:
        data["confirmed"] = "Yes"
    response = client.post(reverse("admin:runs_run_changelist"), data)
    said = [str(message) for message in get_messages(response.wsgi_request)]
    return (response.content.decode() if response.status_code == 200 else ""), said


def status(run: Run) -> str:
    return Run.objects.get(pk=run.pk).status


def test_what_a_pause_will_do_is_counted_before_it_is_done(root: Client) -> None:
    busy, over = World.make(epics=5, lanes=2), ended(World.make(epics=1))
    assert busy.claim()
    shown, _ = act(root, "pause", busy.run, over.run, confirmed=False)
    assert "Pause: 1 run" in shown
    assert "1 call in flight finish and are kept" in shown
    assert "4 items that have not begun wait until the run is resumed" in shown
    assert "it is SUCCEEDED" in shown
    assert status(busy.run) == RunStatus.RUNNING
    _, said = act(root, "pause", busy.run, confirmed=True)
    assert said == [f"Library, run {busy.run.pk}: paused. 1 call in flight."]
    assert status(busy.run) == RunStatus.PAUSED
    assert RunAction.objects.get(run=busy.run, kind="pause").actor == "root"


def test_a_resume_and_a_cancel(root: Client) -> None:
    world = World.make(epics=3)
    halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.")
    shown, _ = act(root, "resume", world.run, confirmed=False)
    assert "3 items go on" in shown
    act(root, "resume", world.run, confirmed=True)
    assert status(world.run) in {RunStatus.QUEUED, RunStatus.RUNNING}
    shown, _ = act(root, "cancel", world.run, confirmed=False)
    assert "3 items that have not begun never do" in shown
    act(root, "cancel", world.run, confirmed=True)
    assert status(world.run) == RunStatus.CANCELLED


def test_a_retry_starts_a_run_over_the_failed(root: Client) -> None:
    world = World.make(epics=2)
    for place, _ in enumerate(range(2)):
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus.FAILED if place else ItemStatus.COMPLETED)
    ended(world)
    shown, _ = act(root, "retry_failed", world.run, confirmed=False)
    assert "1 run will be started anew, over 1 failed item" in shown
    _, said = act(root, "retry_failed", world.run, confirmed=True)
    retry = Run.objects.get(retried_from=world.run)
    assert retry.total_items == 1
    assert str(retry.pk) in said[0]


def test_who_was_faster_is_told(root: Client) -> None:
    world = World.make(epics=2)
    halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Cancelled.")
    _, said = act(root, "pause", world.run, confirmed=True)
    assert "A cancelled run cannot be paused." in said[0]


def test_too_many_at_once_are_refused(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_RUNS", 1)
    first, second = World.make(), World.make()
    _, said = act(root, "cancel", first.run, second.run, confirmed=True)
    assert said == ["Choose at most 1 runs at a time. Nothing was done."]
    assert RunStatus.CANCELLED not in {status(first.run), status(second.run)}


def test_they_are_for_those_who_may_change_runs() -> None:
    User.objects.create_user("helper", is_staff=True)
    helper = User.objects.get(username="helper")
    helper.user_permissions.add(Permission.objects.get(codename="view_run"))
    client = Client()
    client.force_login(helper)
    run = World.make().run
    act(client, "cancel", run, confirmed=True)
    assert status(run) != RunStatus.CANCELLED


def test_a_runs_page_shows_its_errors_its_trail_and_its_log(root: Client) -> None:
    world = World.make(epics=2)
    step = world.claim()
    assert step
    world.finish(step, status=ItemStatus.FAILED)
    RunItem.objects.filter(run=world.run, status="FAILED").update(error="It <b>would</b> not.")
    text, _ = page(root, "runs_run_change", world.run.pk)
    assert "REFUSED: 1, such as: It &lt;b&gt;would&lt;/b&gt; not." in text
    assert "ada start" in text
    assert "FAILED" in text
    assert "0 of 2" in text
