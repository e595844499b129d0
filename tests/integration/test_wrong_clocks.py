"""Hosts whose clocks are wrong: what one writes another reads rightly, and they are told of."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django.fixtures import Settings

from batchgen.db.clock import DATABASE, DatabaseClock
from batchgen.models import IdempotencyKey
from batchgen.redis import client as redis
from epics.models import Project, Story
from epics.services import project_update
from epics.story_services import story_update
from runs.engine.transitions import run_finalize
from runs.models import Run, RunAction, RunItem, RunLog, Worker
from runs.reads.log import log_after
from runs.states import RunStatus
from tests.clocks import host_clock
from tests.factories import client_of, project_make, user_make
from tests.integration.engine.world import World, halt, worker_make
from workers.links import _seconds_until
from workers.process import WorkerProcess

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("step_s", [7200, -7200], ids=["ahead", "behind"]),
]

API = "/api/v1"
#: By which a right time may differ from now while a test runs.
NEAR_S = 600


@pytest.fixture(autouse=True)
def _as_at_the_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test's hosts ask PostgreSQL anew."""
    settings.SIGN_IN_TRIES, settings.SIGN_IN_WINDOW_S = 3, 900
    redis.client().flushdb()
    monkeypatch.setattr(DATABASE, "_reading", None)
    yield
    redis.client().flushdb()


def off_s(moment: datetime | None) -> float:
    """By how much a time that was just written differs from PostgreSQL's."""
    assert moment
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM %s - clock_timestamp())::float", [moment])
        row = cursor.fetchone()
    assert row
    return abs(float(row[0]))


def sign_in(password: str) -> Any:
    body = {"username": "ada", "password": password}
    return client_of(None).post(f"{API}/auth/token", body)


def test_wrong_tries_count_for_their_window(step_s: float) -> None:
    user_make("ada")
    with host_clock(step_s):
        assert [sign_in("wrong").status_code for _ in range(2)] == [401] * 2
    assert sign_in("wrong").status_code == 401
    answer = sign_in("secret")
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 900
    with host_clock(step_s):
        answer = sign_in("secret")
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 900


def test_an_idempotency_key_is_kept_as_long_as_promised(step_s: float, settings: Settings) -> None:
    settings.IDEMPOTENCY_KEEP_S = 3600
    client = client_of(user_make())

    def create() -> tuple[Any, Any]:
        answer = client.post(f"{API}/projects", {"name": "Tides"}, headers={"Idempotency-Key": "k"})
        return answer.json()["data"]["id"], answer.headers.get("Idempotent-Replayed")

    with host_clock(step_s):
        made, _ = create()
    assert create() == (made, "true")
    with host_clock(step_s):
        assert create() == (made, "true")
    assert off_s(IdempotencyKey.objects.get().expires_at) < 3600 + NEAR_S


def test_a_limit_of_requests_is_one_for_all_processes(step_s: float, settings: Settings) -> None:
    settings.REQUESTS_PER_MINUTE = 3
    client = client_of(user_make())
    with host_clock(step_s):
        assert [client.get(f"{API}/projects").status_code for _ in range(2)] == [200] * 2
    assert [client.get(f"{API}/projects").status_code for _ in range(2)] == [200, 429]


def test_a_runs_times_are_postgresqls(step_s: float) -> None:
    with host_clock(step_s):
        world = World.make(epics=1, lanes=1)
        step = world.claim()
        assert step
        world.finish(step)
        run_finalize(run_id=world.run.id)
    run = Run.objects.get()
    epic, action, lines = RunItem.objects.get(), RunAction.objects.get(), RunLog.objects.all()
    for moment in (
        *(run.created_at, run.started_at, run.completed_at),
        *(epic.started_at, epic.completed_at, action.at),
        *(line.at for line in lines),
    ):
        assert off_s(moment) < NEAR_S
    story = Story.objects.first()
    assert story
    assert off_s(story.created_at) < NEAR_S
    with host_clock(step_s):
        shown = client_of(User.objects.get()).get(f"{API}/runs/{run.id}").json()["data"]
    assert shown["elapsedMs"] < NEAR_S * 1000


def test_how_long_a_run_runs_is_told_by_any_host(step_s: float) -> None:
    world = World.make(epics=1, lanes=1)
    user = User.objects.get()
    with host_clock(step_s):
        shown = client_of(user).get(f"{API}/runs/{world.run.id}").json()["data"]
    assert 0 <= shown["elapsedMs"] < NEAR_S * 1000


def test_lines_of_the_log_stand_in_their_order(step_s: float) -> None:
    world = World.make(epics=1, lanes=1)
    with host_clock(step_s):
        halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.")
    halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Cancelled.")
    lines = [line.message for line in log_after(run_id=world.run.id, seq=0, limit=10)]
    assert [line for line in lines if line in ("Paused.", "Cancelled.")] == [
        "Paused.",
        "Cancelled.",
    ]


def test_a_refusal_says_how_long_ago_the_last_action_was(step_s: float) -> None:
    world = World.make(epics=1, lanes=1)
    client = client_of(User.objects.get())
    with host_clock(step_s):
        assert client.post(f"{API}/runs/{world.run.id}/pause").status_code == 200
    answer = client.post(f"{API}/runs/{world.run.id}/pause").json()["error"]
    words = answer["message"].split()
    assert words[-1] == "ago."
    assert 0 <= int(words[-3]) < NEAR_S
    (action,) = RunAction.objects.filter(kind="pause")
    assert off_s(action.at) < NEAR_S


def test_the_backlogs_times_are_postgresqls(step_s: float) -> None:
    with host_clock(step_s):
        project = project_make(epics=1, stories=1)
        story = Story.objects.get()
        story_update(story_id=story.pk, changes={"title": "Another"})
        project_update(project_id=project.pk, changes={"name": "Another"}, version=None)
    story, project = Story.objects.get(), Project.objects.get()
    assert project.updated_at > project.created_at
    for moment in (story.created_at, story.edited_at, project.created_at, project.updated_at):
        assert off_s(moment) < NEAR_S


def test_a_stream_tickets_end_is_postgresqls(step_s: float) -> None:
    world = World.make(epics=1, lanes=1)
    with host_clock(step_s):
        answer = client_of(User.objects.get()).post(f"{API}/runs/{world.run.id}/stream-ticket")
    assert off_s(answer.json()["data"]["goodUntil"]) < NEAR_S


def test_the_admin_knows_who_is_alive(step_s: float) -> None:
    worker_make(lease_s=600)
    client = client_of(None)
    client.force_login(user_make("root", is_staff=True, is_superuser=True))
    with host_clock(step_s):
        page = client.get("/admin/runs/worker/").content.decode()
    assert 'icon-yes.svg" alt="True"' in page


def test_a_lane_waits_its_pace_and_no_longer(step_s: float) -> None:
    """Whether the process that says until when has the wrong clock, or the one that waits."""
    with host_clock(step_s):
        due_at = DATABASE.now().timestamp() + 0.8
    waits = [_seconds_until(due_at)]
    with host_clock(step_s):
        waits.append(_seconds_until(DATABASE.now().timestamp() + 0.8))
    assert all(0 < wait <= 0.8 for wait in waits)


def test_a_worker_tells_how_wrong_its_clock_is(step_s: float) -> None:
    worker = WorkerProcess(name="w1@far", concurrency=1, connect=lambda _: None)  # type: ignore[arg-type,return-value]
    worker_make("w2@near", lease_s=600)
    row = Worker.objects.get()
    worker.id, worker.name = row.id, row.name
    with host_clock(step_s):
        worker.heartbeat()
    ahead_s = Worker.objects.get().clock_ahead_s
    assert ahead_s
    assert abs(ahead_s - step_s) < NEAR_S
    DATABASE._reading = None
    answer = client_of(None).get("/readyz")
    assert answer.status_code == 200
    (warning,) = answer.json()["data"]["warnings"]
    assert (warning["code"], warning["host"]) == ("CLOCK_WRONG", "w2@near")
    assert abs(warning["aheadMs"] - step_s * 1000) < NEAR_S * 1000
    word = "ahead of" if step_s > 0 else "behind"
    assert word in warning["message"]


def test_webs_own_clock_is_told_of(step_s: float) -> None:
    worker_make(lease_s=600)
    with host_clock(step_s):
        answer = client_of(None).get("/readyz")
    assert answer.status_code == 200
    assert [each["code"] for each in answer.json()["data"]["warnings"]] == ["CLOCK_WRONG"]


def test_a_host_that_was_set_right_is_told_of_no_more(step_s: float) -> None:
    with host_clock(step_s):
        clock = DatabaseClock()
        assert abs(clock.host_ahead_s() - step_s) < NEAR_S
        reading = clock._reading
        assert reading
    clock._reading = type(reading)(reading.said, reading.monotonic - 60, reading.host)
    assert abs(clock.host_ahead_s()) < NEAR_S


def test_what_is_known_goes_on_without_asking(step_s: float) -> None:
    clock = DatabaseClock()
    before = clock.now()
    with host_clock(step_s):
        time.sleep(0.01)
        assert 0 < (clock.as_known() - before).total_seconds() < NEAR_S
