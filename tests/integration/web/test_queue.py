"""The queue and the operators' page: what they show to whom, and what staff does there."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from batchgen.redis import client as redis
from providers.registry import limit_pool
from runs.engine.transitions import run_move
from runs.models import Closure, GateAction, Lane, Run, RunAction, RunItem, Worker
from runs.states import RunStatus
from tests.factories import user_make
from tests.integration.engine.world import World
from tests.integration.web.looking import HOSTILE, assert_clean, browser
from tests.integration.web.states import run_in, staff

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = settings.MODEL


@pytest.fixture(autouse=True)
def _empty_redis() -> Iterator[None]:
    redis.client().flushdb()
    yield
    redis.client().flushdb()


def page_of(address: str, user: User | None = None, *, status: int = 200) -> str:
    answer = browser(user or staff()).get(address)
    assert answer.status_code == status
    assert_clean(answer.text)
    return answer.text


def act(address: str, user: User | None = None, **form: Any) -> Any:
    return browser(user or staff()).post(address, form)


# What is shown --------------------------------------------------------------------------------


def test_what_waits_who_works_and_what_limits() -> None:
    run = run_in("running")
    page = page_of("/queue/")
    assert "2 <small>0 high, 0 low</small>" in page
    assert "1 <small>of 10</small>" in page
    assert "w1@test" in page
    item = RunItem.objects.get(run=run, status="GENERATING")
    assert f'href="/runs/{run.pk}/?item={item.pk}">{item.code}</a>' in page
    assert f"Gate of {MODEL}" in page
    assert "a call may start now" in page
    assert "Epics are under way, up to 2 at the same time." in page
    assert "Pause 1 running run" in page


def test_who_is_no_staff_sees_their_share_and_why_nothing_can_be_pressed() -> None:
    run = run_in("running")
    ada, stranger = User.objects.get(username="ada"), user_make()
    for user, there in ((ada, True), (stranger, False)):
        page = page_of("/queue/", user)
        assert (f'href="/runs/{run.pk}/"' in page) == there
        assert page.count('aria-disabled="true" title="This is for staff."') == 2
        assert "/queue/pause/" not in page
        assert "Operations" not in page
    assert page_of("/ops/", ada, status=403)
    assert "Operations" in page_of("/queue/")


def test_a_run_that_is_stuck_stands_first() -> None:
    World.make(name="Flowing").claim()
    world = World.make(name="Paused")
    run_move(
        run_id=world.run.pk,
        to=RunStatus.PAUSED,
        kind=RunAction.Kind.PAUSE,
        message="Look at it.",
        error_code="FAILURES_IN_A_ROW",
    )
    World.make(name="Newest")
    page = page_of("/queue/")
    assert page.index("Look at it.") < page.index("Its epics wait") < page.index("Epics are under")
    ops = page_of("/ops/")
    assert "Look at it." in ops
    assert "Its epics wait" not in ops


def test_the_queue_costs_no_query_a_run() -> None:
    counts = []
    for number in range(3):
        World.make(name=f"Library {number}").claim()
        client = browser(staff())
        client.get("/queue/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/queue/")
        counts.append(len(queries))
    assert len(set(counts)) == 1, counts


def test_texts_of_others_stay_texts() -> None:
    run = run_in("running")
    RunItem.objects.filter(run=run).update(title=HOSTILE, code="<b>")
    Worker.objects.update(name=HOSTILE)
    run.project.name = HOSTILE
    run.project.save()
    act("/queue/gate/", model=MODEL, action="close", minutes="5", reason=HOSTILE[:200])
    Lane.objects.update(moved_at=F("moved_at") - timedelta(hours=1))
    for address in ("/queue/", "/ops/", f"/queue/gate/?action=open&model={MODEL}"):
        page_of(address)


# What is done ---------------------------------------------------------------------------------


def test_a_pause_of_all_says_first_what_it_stops() -> None:
    World.make(epics=5, lanes=2, name="First").claim()
    World.make(epics=3, lanes=1, name="Second")
    World.make(epics=3, lanes=1, name="Queued", begin=False)
    page = page_of("/queue/pause/")
    for text in (
        "Pause 2 running runs?",
        "This stops work in 2 projects, of everybody.",
        "1 call under way will be finished",
        "7 items wait until each run is resumed",
        "1 run has not begun",
    ):
        assert text in page
    assert Run.objects.filter(status=RunStatus.RUNNING).count() == 2
    client = browser(staff())
    assert client.post("/queue/pause/").headers["Location"] == "/queue/"
    assert "2 runs paused." in client.get("/queue/").text
    assert list(Run.objects.order_by("created_at").values_list("status", flat=True)) == [
        "PAUSED",
        "PAUSED",
        "QUEUED",
    ]
    paused = RunAction.objects.filter(kind="pause").values_list("actor", flat=True)
    assert list(paused) == ["sam", "sam"]
    assert "Pause 0 running runs?" in page_of("/queue/pause/")
    for path in ("/queue/pause/", "/queue/gate/", "/ops/"):
        assert browser(User.objects.get(username="ada")).get(path).status_code == 403


def test_a_gate_is_closed_for_a_time_and_opened_again() -> None:
    world = World.make(epics=3, lanes=1)
    page = page_of(f"/queue/gate/?action=close&model={MODEL}")
    assert "1 open run will wait." in page
    assert "0 calls under way" in page
    answer = act("/queue/gate/", model=MODEL, action="close", minutes="30", reason="The bill.")
    assert answer.headers["Location"] == "/queue/"
    made = GateAction.objects.get()
    assert (made.actor, made.kind, made.reason) == ("sam", "close", "The bill.")
    queue = page_of("/queue/")
    assert "Closed</span> until" in queue
    assert "sam closed the gate of" in queue
    assert "sam</td>" in page_of("/ops/")
    assert "The bill." in page_of(f"/queue/gate/?action=open&model={MODEL}")
    act("/queue/gate/", model=MODEL, action="open")
    assert not Closure.objects.filter(gate=limit_pool(MODEL)).exists()
    assert "a call may start now" in page_of("/queue/")
    assert world.run.log.filter(message__contains="was opened by sam").exists()


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"action": "close", "minutes": "0", "reason": "x"}, 400),
        ({"action": "close", "minutes": "99999999999", "reason": "x"}, 400),
        ({"action": "close", "minutes": "-5", "reason": "x"}, 400),
        ({"action": "close", "minutes": "٣", "reason": "x"}, 400),
        ({"action": "close", "minutes": "5", "reason": ""}, 400),
        ({"action": "close", "minutes": "5", "reason": "x" * 201}, 400),
        ({"action": "close", "minutes": "5", "reason": "x", "model": "unknown"}, 404),
        ({"action": "explode"}, 400),
        ({}, 400),
    ],
)
def test_a_gate_is_not_closed_by_what_makes_no_sense(form: Any, status: int) -> None:
    answer = act("/queue/gate/", **{"model": MODEL, **form})
    assert answer.status_code == status
    assert not GateAction.objects.exists()


# Operators ------------------------------------------------------------------------------------


def test_an_item_that_takes_long_is_told() -> None:
    world = World.make(epics=4, lanes=2)
    quick, slow = world.claim(), world.claim()
    assert quick
    assert slow
    world.finish(quick)
    assert f"</span> Lending {world.epic(slow).order}</a>" not in page_of("/ops/")
    Lane.objects.filter(pk=slow.fence.lane_id).update(moved_at=F("moved_at") - timedelta(minutes=2))
    page = page_of("/ops/")
    assert f'href="/runs/{world.run.pk}/?item={slow.fence.item_id}"' in page
    assert "w1@test" in page
    RunItem.objects.filter(status="COMPLETED").update(
        started_at=F("completed_at") - timedelta(minutes=5)
    )
    assert f"?item={slow.fence.item_id}" not in page_of("/ops/")


def test_who_did_what_is_told_of_runs_and_gates_and_of_people_alone() -> None:
    run = run_in("paused")
    act("/queue/gate/", model=MODEL, action="close", minutes="5", reason="Look.")
    page = page_of("/ops/")
    assert page.index("close gate") < page.index('<td class="nowrap">pause</td>')
    assert "batchgen</td>" in page
    people = page_of("/ops/?by=people")
    assert "batchgen</td>" not in people
    assert "close gate" in people
    assert f'href="/runs/{run.pk}/"' in people
