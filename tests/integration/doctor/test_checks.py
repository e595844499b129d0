"""Each fault of a deployment has its finding."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.timezone import now

from batchgen.local.redis import RIGHTS
from batchgen.redis import client as redis
from content.models import PromptSet
from runs.models import Worker

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


def test_no_worker(doctor: Doctor) -> None:
    assert levels(doctor("celery")) == {"NO_WORKER": "error"}


def test_workers_that_an_upgrade_has_to_stop_first(doctor: Doctor) -> None:
    Worker.objects.create(name="w1", concurrency=1, lease_until=now() + timedelta(seconds=60))
    recorder = MigrationRecorder(connection)
    newest = max(name for app, name in recorder.applied_migrations() if app == "runs")
    recorder.record_unapplied("runs", newest)
    try:
        assert levels(doctor("celery")) == {"WORKERS_OUTDATED": "error"}
    finally:
        recorder.record_applied("runs", newest)


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
