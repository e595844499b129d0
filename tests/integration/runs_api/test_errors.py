"""What failed in a run, by error, and a retry of no more than that."""

from typing import Any

import pytest

from runs.models import Run, RunItem
from runs.states import ItemStatus
from tests.factories import client_of
from tests.integration.web.states import run_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Run:
    """Its six items failed: two codes, and of one of them two messages."""
    run = run_in("failed")
    told = [
        ("PROVIDER_TIMEOUT", "No answer within 300 s."),
        ("PROVIDER_TIMEOUT", "No answer within 290.5 s."),
        ("PROVIDER_TIMEOUT", 'No answer to "a" of 01989f45-2b11-7c0e-8ad3-1f7e6c5b4a09.'),
        ("REFUSED", "No."),
        ("REFUSED", "No."),
        ("REFUSED", "No."),
    ]
    for item, (code, error) in zip(run.items.order_by("order"), told, strict=True):
        RunItem.objects.filter(pk=item.pk).update(error_code=code, error=error)
    return run


def ask(run: Run, method: str, path: str, *body: Any) -> Any:
    return getattr(client_of(run.project.created_by), method)(
        f"/api/v1/runs/{run.pk}/{path}", *body
    )


def test_failures_are_told_by_code_and_what_messages_have_in_common(run: Run) -> None:
    told = ask(run, "get", "errors").json()["data"]
    assert [(one["code"], one["message"], one["count"]) for one in told] == [
        ("REFUSED", "No.", 3),
        ("PROVIDER_TIMEOUT", "No answer within \N{HORIZONTAL ELLIPSIS} s.", 2),
        (
            "PROVIDER_TIMEOUT",
            'No answer to "a" of 01989f45-2b11-7c0e-8ad3-1f7e6c5b4a09.',
            1,
        ),
    ]
    assert sum(len(one["itemIds"]) for one in told) == 6
    items = run.items.filter(error_code="REFUSED").order_by("order")
    assert told[0]["itemIds"] == [str(item.pk) for item in items]
    assert told[0]["advice"].startswith("The model refuses")
    assert told[1]["firstSeenAt"] <= told[1]["lastSeenAt"]


def test_a_run_without_failures_has_none() -> None:
    assert ask(run_in("succeeded"), "get", "errors").json()["data"] == []


def test_a_retry_takes_what_failed_with_these_errors_alone(run: Run) -> None:
    answer = ask(run, "post", "retry-failed", {"errorCodes": ["PROVIDER_TIMEOUT", "OTHER"]})
    assert answer.status_code == 202
    again = Run.objects.get(pk=answer.json()["data"]["newRunId"])
    wanted = run.items.filter(error_code="PROVIDER_TIMEOUT", status=ItemStatus.FAILED)
    assert set(again.items.values_list("target_id")) == set(wanted.values_list("target_id"))


def test_a_retry_of_an_error_that_nothing_failed_with_is_refused(run: Run) -> None:
    answer = ask(run, "post", "retry-failed", {"errorCodes": ["OTHER"]})
    assert answer.status_code == 400
    assert not Run.objects.filter(retried_from=run).exists()
