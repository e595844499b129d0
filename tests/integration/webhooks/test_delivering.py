"""Deliveries arrive at least once and in order per run; a bad receiver is nobody else's matter."""

import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from pytest_django.fixtures import Settings
from standardwebhooks import Webhook as Verifier

from batchgen.errors import InvalidTransition
from batchgen.local.local_dir import ROOT
from epics.models import Project
from runs.webhooks.deliveries import (
    OF_HOOK,
    QUERIES,
    Answer,
    deliveries_claim,
    deliveries_expire,
    delivery_note,
    delivery_resend,
)
from runs.webhooks.delivering import deliver
from runs.webhooks.models import Delivery, Webhook
from runs.webhooks.services import secret_rotate, webhook_change, webhook_test
from runs.webhooks.signing import secret_of
from tests.acceptance.fleet import database_url, wait_for
from tests.factories import webhook_make
from tests.integration.engine.world import project_make
from tests.integration.webhooks.receiver import Receiver, receiving
from tests.threads import elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return project_make()


def put(hook: Webhook, key: str, *names: str) -> list[Delivery]:
    """Deliveries of a run, in this order; each says its name."""
    return [
        Delivery.objects.create(hook=hook, type="run.paused", ordering_key=key, body=_body(name))
        for name in names
    ]


def _body(name: str) -> str:
    return f'{{"type":"run.paused","timestamp":"2026-11-23T09:14:41Z","data":{{"name":"{name}"}}}}'


def names(receiver: Receiver) -> list[str]:
    return [str(each.message["data"]["name"]) for each in receiver.came]


def statuses(hook: Webhook) -> list[str]:
    return list(Delivery.objects.filter(hook=hook).order_by("id").values_list("status", flat=True))


def later(**span: float) -> None:
    """Time goes by for all deliveries."""
    passed = timedelta(**span)
    Delivery.objects.update(
        due_at=F("due_at") - passed,
        first_tried_at=F("first_tried_at") - passed,
        leased_until=F("leased_until") - passed,
        at=F("at") - passed,
    )


def test_a_run_is_told_in_order_though_its_first_message_fails_at_first(project: Project) -> None:
    with receiving(lambda receiver: 500 if len(receiver.came) <= 2 else 200) as receiver:
        hook = webhook_make(project, receiver.url)
        put(hook, "one", "a", "b", "c")
        deliver()
        assert names(receiver) == ["a"]
        put(hook, "two", "x")
        deliver()  # which fails, too, and holds up nobody but its own run
        assert names(receiver) == ["a", "x"]
        failed = Delivery.objects.earliest("id")
        assert (failed.status, failed.attempts, failed.error) == (
            "PENDING",
            1,
            "The receiver answered 500.",
        )
        assert failed.due_at > failed.at
        assert deliver() == 0, "it is not due yet"
        later(minutes=1)
        deliver()
        assert [name for name in names(receiver)[2:] if name != "x"] == ["a", "b", "c"]
        assert set(statuses(hook)) == {"DELIVERED"}
        messages = receiver.verified(hook)
        assert messages[0]["type"] == "run.paused"
        first, again = (each for each in receiver.came if each.message["data"]["name"] == "a")
        assert (first.id, first.body) == (again.id, again.body)
        assert first.headers["content-type"] == "application/json"


def test_a_process_that_dies_between_sending_and_noting_has_it_sent_again(
    project: Project,
) -> None:
    reached, let_go = threading.Event(), threading.Event()

    def answer(receiver: Receiver) -> int:
        if len(receiver.came) == 1:
            reached.set()
            let_go.wait(20)
        return 204

    with receiving(answer) as receiver:
        hook = webhook_make(project, receiver.url)
        put(hook, "one", "a", "b")
        command = [sys.executable, "-c", _CHILD, database_url(), str(receiver.port)]
        with subprocess.Popen(command, cwd=ROOT) as child:
            assert reached.wait(30)
            child.kill()
            child.wait(10)
        let_go.set()
        (first, second) = Delivery.objects.order_by("id")
        assert (first.status, first.attempts, second.attempts) == ("PENDING", 1, 0)
        assert deliver() == 0, "its lease says that somebody is sending it"
        later(minutes=1)
        deliver()
        assert names(receiver) == ["a", "a", "b"]
        assert receiver.came[0].id == receiver.came[1].id == str(first.message_id)
        assert statuses(hook) == ["DELIVERED"] * 2


#: A process that sends what is due.
_CHILD = """
import os, sys
from ipaddress import ip_network
os.environ["DATABASE_URL"] = sys.argv[1]
os.environ.update(
    DJANGO_SETTINGS_MODULE="batchgen.settings",
    BATCHGEN_WEBHOOK_HTTP="1",
    BATCHGEN_WEBHOOK_NETWORKS="127.0.0.1",
    BATCHGEN_WEBHOOK_PORTS=sys.argv[2],
)
import django
django.setup()
from runs.webhooks.delivering import deliver
deliver()
"""


def test_after_24_hours_the_hook_is_switched_off_with_a_reason(project: Project) -> None:
    with receiving(lambda _: 503) as receiver:
        hook = webhook_make(project, receiver.url)
        put(hook, "one", "a", "b")
        put(hook, "two", "x")
        deliver()
        for _ in range(3):
            later(hours=6)
            deliver()
            hook.refresh_from_db()
            assert hook.active
        later(hours=6.1)
        deliver()
        hook.refresh_from_db()
        assert not hook.active
        assert hook.off_reason == (
            "A delivery failed for 24 hours. The last attempt: The receiver answered 503."
        )
        assert statuses(hook) == ["FAILED"] * 3
        assert Delivery.objects.get(body=_body("b")).error == (
            "The webhook was switched off. Switch it on and send this again."
        )
        with pytest.raises(InvalidTransition):
            delivery_resend(Delivery.objects.earliest("id"))
    with receiving() as receiver:
        webhook_change(hook_id=hook.pk, changes={"active": True, "url": receiver.url})
        deliver()
        assert receiver.came == [], "what was given up waits for who sends it again"
        hook.refresh_from_db()
        assert (hook.active, hook.off_reason) == (True, "")
        again = Delivery.objects.get(body=_body("b"))
        delivery_resend(again)
        with pytest.raises(InvalidTransition):
            delivery_resend(again)
        deliver()
        assert (names(receiver), receiver.came[0].id) == (["b"], str(again.message_id))


def test_who_answers_410_is_asked_no_more(project: Project) -> None:
    with receiving(lambda _: 410) as receiver:
        hook = webhook_make(project, receiver.url)
        put(hook, "one", "a")
        deliver()
        hook.refresh_from_db()
        assert (hook.active, statuses(hook)) == (False, ["FAILED"])
        assert "410" in hook.off_reason


def _leased() -> int:
    return Delivery.objects.filter(leased_until__gt=Now()).count()


def test_a_slow_receiver_holds_up_no_other(project: Project, settings: Settings) -> None:
    settings.WEBHOOK_TIMEOUT_S = 60
    let_go = threading.Event()

    def wait(_: Receiver) -> int:
        let_go.wait(60)
        return 204

    with receiving(wait) as slow, receiving() as quick:
        bad, good = webhook_make(project, slow.url), webhook_make(project, quick.url)
        for key in range(10):
            put(bad, str(key), "a")
        put(good, "one", "a", "b", "c")
        sending = elsewhere(deliver)
        try:
            wait_for(lambda: len(quick.came) == 3, "the quick one has all")
            # As many as may be under way for one hook, and none was answered yet.
            wait_for(lambda: len(slow.came) == OF_HOOK, "the slow one has as many as it may")
            wait_for(lambda: _leased() == OF_HOOK, "what the quick one had is noted")
        finally:
            let_go.set()
            sending.join(30)
        assert set(statuses(bad)) | set(statuses(good)) <= {"DELIVERED", "PENDING"}
        assert names(quick) == ["a", "b", "c"]


def test_no_more_are_taken_than_are_sent_at_once(project: Project, settings: Settings) -> None:
    settings.WEBHOOKS_AT_ONCE = 4
    for _ in range(3):
        hook = webhook_make(project, "http://127.0.0.1:9/")
        for key in range(3):
            put(hook, str(key), "a", "b")
    assert len(deliveries_claim(room=3)) == 3
    assert len(deliveries_claim(room=3)) == 1
    assert deliveries_claim(room=3) == []
    later(minutes=1)
    assert len(deliveries_claim(room=50)) == 4
    assert Delivery.objects.filter(body=_body("b"), attempts__gt=0).count() == 0


def test_only_the_last_attempt_says_that_it_failed_and_any_that_it_arrived(
    project: Project,
) -> None:
    hook = webhook_make(project, "http://127.0.0.1:9/")
    put(hook, "one", "a")
    (late,) = deliveries_claim(room=5)
    later(minutes=1)
    (last,) = deliveries_claim(room=5)
    delivery_note(late, Answer(error="It slept."))
    delivery = Delivery.objects.get()
    assert (delivery.error, delivery.leased_until is None) == ("", False)
    delivery_note(last, Answer(error="Nobody is there."))
    assert Delivery.objects.get().error == "Nobody is there."
    delivery_note(late, Answer(status=200))
    assert statuses(hook) == ["DELIVERED"]
    delivery_note(last, Answer(error="Too late."))
    assert statuses(hook) == ["DELIVERED"]


def test_a_test_is_sent_once_though_the_hook_is_off(project: Project) -> None:
    with receiving(lambda _: 500) as receiver:
        hook = webhook_make(project, receiver.url)
        webhook_change(hook_id=hook.pk, changes={"active": False})
        webhook_test(hook=hook, data={"id": str(hook.pk)})
        with pytest.raises(InvalidTransition):
            webhook_test(hook=hook, data={})
        deliver()
        assert receiver.types() == ["webhook.test"]
        assert statuses(hook) == ["FAILED"]
        hook.refresh_from_db()
        assert hook.off_reason == "", "it says nothing of the hook"


def test_for_a_day_the_old_secret_signs_too(project: Project) -> None:
    with receiving() as receiver:
        hook = webhook_make(project, receiver.url)
        old = secret_of(hook)
        secret_rotate(hook_id=hook.pk)
        hook.refresh_from_db()
        put(hook, "one", "a")
        deliver()
        Webhook.objects.update(rotated_at=Now() - timedelta(hours=25))
        put(hook, "one", "b")
        deliver()
        both, new = (each.headers["webhook-signature"].split() for each in receiver.came)
        assert (len(both), len(new)) == (2, 1)
        Verifier(old).verify(receiver.came[0].body, receiver.came[0].headers)
        assert len(receiver.verified(hook)) == 2
        assert old != secret_of(hook)


def test_a_changed_key_signs_nothing_and_an_old_one_that_is_known_does(
    project: Project, settings: Settings
) -> None:
    with receiving() as receiver:
        hook = webhook_make(project, receiver.url)
        key, secret = settings.SECRET_KEY, secret_of(hook)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [key]
        put(hook, "one", "a")
        deliver()
        Verifier(secret).verify(receiver.came[0].body, receiver.came[0].headers)
        settings.SECRET_KEY_FALLBACKS = []
        put(hook, "one", "b")
        deliver()
        hook.refresh_from_db()
        assert (len(receiver.came), hook.active) == (1, False)
        assert "BATCHGEN_SECRET_KEY" in hook.off_reason


def test_what_it_tells_of_may_be_gone(project: Project) -> None:
    hook = webhook_make(project, "http://127.0.0.1:9/")
    gone = uuid4()
    Delivery.objects.create(
        hook=hook, type="item.failed", ordering_key=str(gone), run_id=gone, item_id=gone
    )
    deliver()
    hook.refresh_from_db()
    assert (statuses(hook), hook.active) == (["FAILED"], True)


def test_old_deliveries_are_deleted(project: Project) -> None:
    hook = webhook_make(project, "http://127.0.0.1:9/")
    put(hook, "one", "a")
    later(days=8)
    put(hook, "one", "b")
    assert deliveries_expire() == 1
    assert Delivery.objects.get().body == _body("b")
    project.delete()
    assert not Webhook.objects.exists()
    assert not Delivery.objects.exists()


def test_thousands_that_wait_are_stepped_over(project: Project) -> None:
    """The claim looks at the first of each run, whatever waits behind it."""
    hook = webhook_make(project, "http://127.0.0.1:9/")
    Delivery.objects.bulk_create(
        Delivery(hook=hook, type="item.failed", ordering_key=str(place % 3), body=_body("a"))
        for place in range(3_000)
    )
    params = {"room": 50, "of_hook": 3, "of_all": 50, "lease_s": 30}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhooks_delivery")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {QUERIES['deliveries_claim']}", params)
        ((plan,),) = cursor.fetchall()
    assert 3 <= _rows_read(plan[0]["Plan"]) < 60
    assert Delivery.objects.filter(attempts=1).count() == 3


def _rows_read(node: dict[str, Any]) -> int:
    """Of deliveries, by the whole plan."""
    mine = 0
    if node.get("Relation Name") == "webhooks_delivery" and "Scan" in node["Node Type"]:
        read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        mine = round(read * node["Actual Loops"])
    return mine + sum(map(_rows_read, node.get("Plans", ())))
