"""Gates that people close and open: over REST, in the admin and in the shell, with a trail."""

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import ANY
from uuid import uuid4

import pytest
import redis as redis_client
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.management import CommandError, call_command
from django.db import ProgrammingError
from django.test import Client
from django.urls import reverse
from redis.backoff import NoBackoff
from redis.retry import Retry

from batchgen.db.clock import database_now
from batchgen.redis import client as redis
from limiter.keys import gate_keys
from limiter.permit_queue import TryLater
from providers.errors import RateLimited
from providers.registry import limit_pool
from runs.closures import closed_gates
from runs.engine.trail import Operator
from runs.gates import gate_close, gate_open
from runs.models import Closure, GateAction, Lane, RunLog
from runs.reads.gates import limits_read
from tests.integration.engine import hands
from tests.integration.engine.world import FIRST, World
from tests.integration.runs_api.test_admin import root
from tests.integration.runs_api.world import client_of, get, post
from tests.loops import Loop
from workers.permits import Permit, Permits

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["root"]

MODEL = settings.MODEL
ROOT = Operator(name="root (shell)")
OPEN, CLOSE = f"/gates/{MODEL}/open", f"/gates/{MODEL}/close"


@pytest.fixture(autouse=True)
def _empty_redis() -> Iterator[None]:
    client = redis.client()
    client.flushdb()
    yield
    client.flushdb()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever changes a gate, Redis is not there."""
    gone = redis_client.Redis(port=1, socket_connect_timeout=0.1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(redis, "client", lambda: gone)


def staff(name: str = "sam") -> Client:
    User.objects.get_or_create(username=name, defaults={"is_staff": True})
    return client_of(name)


def later(**span: float) -> str:
    return (database_now() + timedelta(**span)).isoformat()


class Caller:
    """A worker's permits, in a loop of its own."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._permits = Permits(loop.redis, process=uuid4())
        loop.run(self._permits.open(MODEL))

    def first(self, *, patience_s: float = 5) -> Permit | TryLater:
        return self._loop.run(self._permits.first(FIRST, patience_s=patience_s))

    def flush(self) -> None:
        self._loop.run(self._permits.flush())

    def waits(self) -> str:
        found = self.first(patience_s=0.5)
        assert isinstance(found, TryLater)
        return found.reason

    def goes(self) -> bool:
        found = self.first()
        if isinstance(found, TryLater):
            return False
        found.unused()
        return True

    def refused(self, *, retry_after_s: float = 3000) -> None:
        """The provider answers 429 to a call."""
        permit = self.first()
        assert isinstance(permit, Permit)
        self._loop.run(permit.failed(RateLimited(retry_after_s=retry_after_s)))


def test_a_gate_that_is_closed_lets_nobody_through_until_it_is_opened(loop: Loop) -> None:
    made, sam = Caller(loop), staff()
    until = later(hours=2)
    data = post(sam, CLOSE, {"until": until, "reason": "The bill first."}, status=200)["data"]
    assert (data["model"], data["closedReason"]) == (MODEL, "The bill first.")
    told = datetime.fromisoformat(data["closedUntil"])
    assert abs(told - datetime.fromisoformat(until)) < timedelta(seconds=5)
    assert data["timeUntilNextMs"] > 7_000_000
    assert made.waits() == "gate-closed"
    assert get(sam, "/queue/status")["data"]["limits"][0]["closedReason"] == "The bill first."
    data = post(sam, OPEN, {}, status=200)["data"]
    assert (data["closedUntil"], data["closedReason"]) == (None, None)
    assert made.goes()
    assert not closed_gates()


def test_what_the_provider_closed_is_opened_everywhere(loop: Loop) -> None:
    made = Caller(loop)
    made.refused()
    assert made.waits() == "gate-closed"
    post(staff(), OPEN, {"reason": "A mistake of the gateway."}, status=200)
    assert not closed_gates()
    assert made.goes()
    redis.client().flushdb()
    assert Caller(loop).goes()


def test_a_closing_outlives_redis(loop: Loop) -> None:
    Caller(loop)
    post(staff(), CLOSE, {"until": later(hours=2), "reason": "Wait."}, status=200)
    redis.client().flushdb()
    (limits,) = limits_read({MODEL: limit_pool(MODEL)})
    assert limits.closed_reason == "Wait."
    assert Caller(loop).waits() == "gate-closed"


def test_a_closing_replaces_the_one_that_lasts(loop: Loop) -> None:
    made, sam = Caller(loop), staff()
    made.refused()
    post(sam, CLOSE, {"until": later(days=20), "reason": "First."}, status=200)
    post(sam, CLOSE, {"until": later(hours=1), "reason": "Second."}, status=200)
    (limits,) = limits_read({MODEL: limit_pool(MODEL)})
    assert limits.closed_reason == closed_gates()[limit_pool(MODEL)].reason == "Second."
    assert limits.time_until_next_ms <= 3_600_000
    refused_meanwhile = Closure.objects.get()
    assert refused_meanwhile.reason == "Second."


def test_every_change_is_kept_with_who_made_it() -> None:
    world = World.make(epics=1)
    sam = staff()
    post(sam, CLOSE, {"until": later(hours=2), "reason": "The bill first."}, status=200)
    post(sam, OPEN, {}, status=200)
    opened, closed = GateAction.objects.all()
    assert (closed.kind, closed.actor, closed.reason) == ("close", "sam", "The bill first.")
    assert closed.until
    assert (opened.kind, opened.actor, opened.until) == ("open", "sam", None)
    assert opened.actor_id == User.objects.get(username="sam").pk
    told = RunLog.objects.filter(run=world.run, message__contains="gate")
    assert [line.level for line in told.order_by("id")] == ["warning", "info"]
    assert all("by sam" in line.message for line in told)
    with pytest.raises(ProgrammingError, match="append-only"):
        GateAction.objects.update(actor="nobody")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "until"),
        ({"until": "2001-01-01T00:00:00Z", "reason": "x"}, "until"),
        ({"until": "9999-12-31T23:59:59Z", "reason": "x"}, "until"),
        ({"until": "tomorrow", "reason": "x"}, "until"),
        ({"until": 17, "reason": "x"}, "until"),
        ({"until": "2030-01-01T00:00:00Z"}, "reason"),
        ({"until": "2030-01-01T00:00:00Z", "reason": " "}, "reason"),
        ({"until": "2030-01-01T00:00:00Z", "reason": "x" * 201}, "reason"),
        ({"until": "2030-01-01T00:00:00Z", "reason": "a\x07b"}, "reason"),
        ({"until": "2030-01-01T00:00:00Z", "reason": "x", "for": "1h"}, "for"),
    ],
)
def test_a_closing_that_makes_no_sense_changes_nothing(body: dict[str, Any], field: str) -> None:
    error = post(staff(), CLOSE, body, status=400)["error"]
    assert field in error["details"]
    assert not GateAction.objects.exists()
    assert not closed_gates()


def test_a_time_within_a_month_is_judged_by_the_databases_clock() -> None:
    sam = staff()
    post(sam, CLOSE, {"until": later(days=32), "reason": "x"}, status=400)
    post(sam, CLOSE, {"until": later(seconds=-5), "reason": "x"}, status=400)
    assert not GateAction.objects.exists()
    post(sam, CLOSE, {"until": later(days=30), "reason": "x"}, status=200)


def test_a_model_that_nobody_uses_has_no_gate() -> None:
    body = {"until": later(hours=1), "reason": "x"}
    assert MODEL in post(staff(), "/gates/claude-typo/close", body, status=404)["error"]["message"]
    post(staff(), "/gates/claude-typo/open", {}, status=404)
    assert not Closure.objects.exists()


def test_only_staff_may_and_learns_more() -> None:
    post(client_of("ada"), CLOSE, {}, status=403)
    post(client_of("ada"), OPEN, {"nonsense": 1}, status=403)


def parked(world: World, reason: str) -> Lane:
    (fence,) = world.fences()
    assert hands.park(fence=fence, reason=reason, wait_s=3000)
    return Lane.objects.get(id=fence.lane_id)


@pytest.mark.parametrize(("reason", "woken"), [("gate-closed", True), ("backoff", False)])
def test_an_opened_gate_wakes_the_lanes_that_wait_for_it(reason: str, woken: bool) -> None:
    lane = parked(World.make(epics=1, lanes=1), reason)
    gate_open(model=MODEL, actor=ROOT)
    lane.refresh_from_db()
    assert lane.wake_at
    assert (lane.wake_at <= database_now()) is woken


def test_lanes_of_another_model_sleep_on() -> None:
    world = World.make(epics=1, lanes=1)
    lane = parked(world, "gate-closed")
    type(world.run).objects.update(model="claude-other-9")
    gate_open(model=MODEL, actor=ROOT)
    lane.refresh_from_db()
    assert lane.wake_at
    assert lane.wake_at > database_now()


def test_whoever_is_sent_away_by_a_closed_gate_comes_back_within_minutes(loop: Loop) -> None:
    made = Caller(loop)
    gate_close(model=MODEL, until=database_now() + timedelta(days=3), reason="x", actor=ROOT)
    found = made.first(patience_s=0.5)
    assert isinstance(found, TryLater)
    assert found.seconds <= 300


def test_without_redis_the_change_is_kept_and_its_author_is_told(away: None) -> None:
    lane = parked(World.make(epics=1, lanes=1), "gate-closed")
    sam = staff()
    error = post(sam, CLOSE, {"until": later(hours=1), "reason": "x"}, status=503)["error"]
    assert (error["code"], "Repeat it" in error["message"]) == ("UNAVAILABLE", True)
    assert limit_pool(MODEL) in closed_gates()
    assert "Repeat it" in post(sam, OPEN, {}, status=503)["error"]["message"]
    assert not closed_gates()
    lane.refresh_from_db()
    assert lane.wake_at
    assert lane.wake_at <= database_now()
    assert GateAction.objects.count() == 2


def test_what_was_recalled_before_the_opening_does_not_close_it_again(loop: Loop) -> None:
    """A worker that reminds a new Redis of the closing may be slower than whoever opens."""
    gate_close(model=MODEL, until=database_now() + timedelta(hours=1), reason="x", actor=ROOT)
    # Redis did not know the gate: it was read in PostgreSQL, and is still to say.
    slow = Caller(loop)
    gate_open(model=MODEL, actor=ROOT)
    slow.flush()
    assert slow.goes()
    assert redis.client().hget(gate_keys(limit_pool(MODEL))[0], "closed_until") == b"0"


def test_in_the_admin_a_gate_is_closed_and_opened(loop: Loop, root: Client) -> None:
    made = Caller(loop)
    add, rows = reverse("admin:runs_closure_add"), reverse("admin:runs_closure_changelist")
    day, hour = later(hours=5)[:10], later(hours=5)[11:19]
    data = {"model": MODEL, "until_0": day, "until_1": hour, "reason": "Holiday."}
    assert root.post(add, {**data, "until_0": "2001-01-01"}).status_code == 200
    assert not GateAction.objects.exists()
    assert root.post(add, data).status_code == 302
    assert made.waits() == "gate-closed"
    shown = root.get(rows).content.decode()
    assert MODEL in shown
    assert "Holiday." in shown
    chosen = {"action": "open_gates", "_selected_action": [limit_pool(MODEL)]}
    response = root.post(rows, chosen)
    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert said[-1] == f"The gate of {MODEL} is open."
    assert made.goes()
    trail = root.get(reverse("admin:runs_gateaction_changelist")).content.decode()
    assert trail.count("root") >= 2
    assert [each.actor for each in GateAction.objects.all()] == ["root", "root"]


def test_in_the_admin_staff_without_the_permission_may_not(away: None) -> None:
    client = staff()
    assert client.get(reverse("admin:runs_closure_add")).status_code == 403


def test_in_the_admin_a_redis_that_is_away_is_told_of(root: Client, away: None) -> None:
    day, hour = later(hours=5)[:10], later(hours=5)[11:19]
    response = root.post(
        reverse("admin:runs_closure_add"),
        {"model": MODEL, "until_0": day, "until_1": hour, "reason": "Holiday."},
    )
    assert response.status_code == 302
    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert any("Repeat it" in each for each in said)
    assert limit_pool(MODEL) in closed_gates()


def shell(*words: str) -> str:
    out = io.StringIO()
    call_command("gate", *words, stdout=out)
    return out.getvalue()


def test_in_the_shell_gates_are_listed_closed_and_opened(loop: Loop) -> None:
    made = Caller(loop)
    assert MODEL in shell("list")
    assert "Closed until" in shell("close", MODEL, "--for", "2h", "--reason", "Holiday.")
    assert made.waits() == "gate-closed"
    listed = shell("list")
    assert "Holiday." in listed
    assert "UTC" in listed
    shell("close", MODEL, "--until", later(minutes=9), "--reason", "Tea.")
    User.objects.create(username="sam")
    assert f"Open: {MODEL}" in shell("open", MODEL, "--user", "sam")
    assert made.goes()
    actors = [each.actor for each in GateAction.objects.all()]
    assert actors == ["sam", ANY, ANY]
    assert all("shell" in actor for actor in actors[1:])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("close", "claude-typo", "--for", "1h", "--reason", "x"), "No run has used"),
        (("close", MODEL, "--for", "900d", "--reason", "x"), "a time to come"),
        (("close", MODEL, "--for", "soon", "--reason", "x"), "90s, 30m, 2h or 1d"),
        (("close", MODEL, "--until", "2030-01-01", "--reason", "x"), "with its zone"),
        (("close", MODEL, "--reason", "x"), "--for"),
        (("close", MODEL, "--for", "1h", "--reason", "a\x07b"), "one line"),
        (("open", MODEL, "--user", "nobody"), "There is no user nobody"),
    ],
)
def test_in_the_shell_what_makes_no_sense_is_said_so(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        shell(*words)
    assert not GateAction.objects.exists()


def test_in_the_shell_a_redis_that_is_away_is_told_of(away: None) -> None:
    with pytest.raises(CommandError, match="Repeat it"):
        shell("open", MODEL)
