"""Refusals that no epic is to blame for, with a real worker: one call, nothing burnt, then on."""

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings

from runs.closures import closed_gates
from runs.engine.controls import run_control
from runs.engine.start import RunOptions, run_start
from runs.engine.trail import Operator
from runs.gates import gate_open
from runs.models import Lane, Run, RunItem
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted, project_make

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "<html><head><title>Access denied</title></head><body>Ask IT</body></html>"
NOT_THE_EPICS: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "disabled"}, "ACCOUNT_UNUSABLE", "This organization has been disabled."),
    ({"kind": "credit"}, "CREDIT_EXHAUSTED", "Your credit balance is too low"),
    ({"status": 403, "body": PAGE}, "BLOCKED_BEFORE_API", 'HTTP 403: "Access denied Ask IT"'),
    (
        {"status": 401, "body": '{"error": {"message": "No virtual key", "code": "401"}}'},
        "BLOCKED_BEFORE_API",
        'HTTP 401: "No virtual key"',
    ),
    ({"status": 404, "kind": "html"}, "BLOCKED_BEFORE_API", 'HTTP 404: "404 Not Found'),
    (
        {"status": 200, "error_type": "billing_error", "message": "Pay first."},
        "CREDIT_EXHAUSTED",
        "Pay first.",
    ),
]


def test_a_run_is_paused_at_the_first_and_goes_on_once_that_is_settled(
    fleet: Fleet, provider: Simulator
) -> None:
    fleet.start()
    dana = User.objects.create(username="dana", is_staff=True)
    for action, code, words in NOT_THE_EPICS:
        provider.reset()
        provider.faults([{"action": {"type": "error", **action}}])
        _paused_and_resumed(provider, dana, code, words)


def _paused_and_resumed(provider: Simulator, dana: User, code: str, words: str) -> None:
    run = run_start(
        project=project_make(epics=3),
        user=None,
        options=RunOptions(pacing_profile="adaptive", max_concurrency=1),
    )
    wait_for(lambda: Run.objects.get(id=run.id).status == "PAUSED", "the run paused")
    wait_for(lambda: not _under_way(run), "its epic went back")

    run.refresh_from_db()
    assert run.error_code == code
    assert words in run.error
    assert "resume" in run.error
    assert len(provider.stats()["calls"]) == 1, code
    epics = RunItem.objects.filter(run=run)
    assert set(epics.values_list("status", "attempt", "error_code")) == {("PENDING", 0, "")}

    provider.faults([])
    run_control(run=run, action="resume", user=dana)
    wait_until_ended(run)
    assert (run.status, run.error_code, run.error) == ("SUCCEEDED", "", "")
    assert len(provider.stats()["calls"]) == 4
    assert_counted(run)


def _under_way(run: Run) -> bool:
    return RunItem.objects.filter(run=run, status="GENERATING").exists()


def test_a_key_that_a_mistake_shut_is_opened_by_hand_and_the_run_goes_on(
    fleet: Fleet, provider: Simulator
) -> None:
    refused = {"type": "error", "status": 429, "retry_after_s": 3000}
    provider.faults([{"times": 1, "action": refused}])
    fleet.environment["ANTHROPIC_API_KEY"] = settings.ANTHROPIC_API_KEY
    run = run_start(
        project=project_make(epics=3),
        user=None,
        options=RunOptions(pacing_profile="adaptive", max_concurrency=1),
    )
    with override_settings(ANTHROPIC_BASE_URL=provider.url):
        fleet.start()
        wait_for(lambda: Lane.objects.filter(run=run, state="parked").exists(), "the lane waits")
        assert closed_gates()
        gate_open(model=run.model, actor=Operator(name="dana"))
        wait_until_ended(run)
        assert not closed_gates()
    assert run.status == "SUCCEEDED"
    assert len(provider.stats()["calls"]) == 4
    assert_counted(run)
