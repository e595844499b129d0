"""Each fault of a deployment has its finding."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.utils.timezone import now

from batchgen.db.expansion import STOPPED_UP_TO
from batchgen.redis import client as redis
from batchgen.redis.rights import RIGHTS
from content.models import PromptSet
from runs.models import Worker
from runs.webhooks.deliveries import hook_switch_off
from tests.factories import delivery_make, project_make, webhook_make

pytestmark = pytest.mark.django_db(transaction=True)

Doctor = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def redis_away(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    redis.client.cache_clear()
    yield
    redis.client.cache_clear()


@pytest.fixture
def narrow_rights(settings: Any) -> Iterator[None]:
    """Redis as a user that may do what batchgen needs, and nothing dangerous."""
    admin: Any = redis.client()
    to = urlsplit(settings.REDIS_URL)
    admin.execute_command("ACL", "SETUSER", "narrow", "on", ">pw", "~*", "&*", *RIGHTS.split())
    settings.REDIS_URL = urlunsplit(to._replace(netloc=f"narrow:pw@{to.hostname}:{to.port}"))
    redis.client.cache_clear()
    yield
    redis.client.cache_clear()
    admin.execute_command("ACL", "DELUSER", "narrow")


def levels(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {code: each["level"] for code, each in found.items()}


def test_a_deployment_in_order(doctor: Doctor, narrow_rights: None) -> None:
    Worker.objects.create(name="w1", concurrency=1, lease_until=now() + timedelta(seconds=60))
    found = levels(doctor("database", "redis", "celery"))
    assert set(found.values()) == {"ok"}
    assert {"DATABASE_VERSION", "REDIS_VERSION", "REDIS_DANGEROUS", "WORKERS"} <= set(found)


def test_what_is_silenced_is_meant(doctor: Doctor, settings: Any) -> None:
    settings.PRODUCTION, settings.SECURE_HSTS_SECONDS = True, 3600
    found = doctor("settings")
    assert "SECURITY_W012" in found, "Django's checks of a deployment are made"
    assert not {"SECURITY_W005", "SECURITY_W021"} & found.keys()


def test_no_worker(doctor: Doctor) -> None:
    assert levels(doctor("celery")) == {"NO_WORKER": "error", "BUDGETS": "ok", "WEBHOOKS": "ok"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (STOPPED_UP_TO["runs"], {"WORKERS_OUTDATED": "error", "BUDGETS": "ok", "WEBHOOKS": "ok"}),
        ("9999_adds", {"WORKERS": "ok", "BUDGETS": "ok", "WEBHOOKS": "ok"}),
    ],
)
def test_workers_that_an_upgrade_has_to_stop_first(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, name: str, expected: dict[str, str]
) -> None:
    """From 0.2.0 on they go on while migrations are applied, which only add."""
    Worker.objects.create(name="w1", concurrency=1, lease_until=now() + timedelta(seconds=60))
    monkeypatch.setattr("runs.doctor.migrations_missing", lambda: [f"runs.{name}"])
    assert levels(doctor("celery")) == expected


def test_workers_that_may_spend_another_amount(doctor: Doctor, settings: Any) -> None:
    alive = {"concurrency": 1, "lease_until": now() + timedelta(seconds=60)}
    Worker.objects.create(name="w1", monthly_budget_micro_usd=5_000_000, **alive)
    Worker.objects.create(name="w2", monthly_budget_micro_usd=None, **alive)
    settings.MONTHLY_BUDGET_MICRO_USD = 5_000_000
    found = doctor("celery")["BUDGETS_DIFFER"]
    assert found["level"] == "error"
    assert "may spend any amount as w2 was started, and $5.00 a month as this" in found["message"]
    settings.MONTHLY_BUDGET_MICRO_USD = None
    assert "$5.00 a month as w1 was started" in doctor("celery")["BUDGETS_DIFFER"]["message"]
    Worker.objects.update(monthly_budget_micro_usd=None)
    assert levels(doctor("celery"))["BUDGETS"] == "ok"


def test_a_user_that_may_configure_redis_is_told(doctor: Doctor) -> None:
    assert levels(doctor("redis"))["REDIS_DANGEROUS"] == "warning"


def test_redis_away(redis_away: None, doctor: Doctor) -> None:
    found = levels(doctor("redis"))
    assert found.pop("REDIS_UNREACHABLE") == "error"
    assert found == {"NOT_CHECKED": "warning", "REDIS_WAY": "ok"}


def test_edited_prompts_that_an_upgrade_left_behind(doctor: Doctor) -> None:
    assert levels(doctor("database"))["PROMPTS"] == "ok"
    texts = {"user.md": "Write. $task $epic $cards", "repair.md": "Only $request."}
    PromptSet.objects.create(kind="stories", version=1, texts=texts)
    found = doctor("database")
    assert found["PROMPTS_DO_NOT_FIT"]["level"] == "error"
    assert (
        "stories, version 1 do not fit this release: repair.md."
        in (found["PROMPTS_DO_NOT_FIT"]["message"])
    )
    PromptSet.objects.create(kind="stories", version=2, texts={})
    assert levels(doctor("database"))["PROMPTS"] == "ok"


def test_webhooks_that_fail_or_are_off(doctor: Doctor) -> None:
    project = project_make()
    failing, off = webhook_make(project), webhook_make(project)
    delivery_make(failing, "PENDING", error="HTTP 500", first_tried_at=now())
    hook_switch_off(off.pk, reason="The receiver answered 410: it wants no more.")
    found = doctor("celery")
    assert found["WEBHOOK_FAILING"]["level"] == found["WEBHOOK_OFF"]["level"] == "warning"
    assert str(failing.pk) in found["WEBHOOK_FAILING"]["message"]
    assert "answered 410" in found["WEBHOOK_OFF"]["message"]
    # Where it leads may be a secret.
    assert "example.com" not in str(found)
