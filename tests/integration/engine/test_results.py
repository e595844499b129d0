"""What tasks returned or raised: kept for operators, but for a lane's links."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery.app.trace import build_tracer
from celery.beat import PersistentScheduler
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils.timezone import now
from django_celery_results.models import TaskResult

from batchgen.celery import app
from batchgen.models import SignInTries
from runs.engine.reconciler import reconcile
from runs.models import Lane, Worker
from runs.states import LaneState
from tests.integration.engine.world import FIRST_CALL, World, worker_make
from workers.tasks import delete_expired, generate_item, reconcile_round

pytestmark = pytest.mark.django_db(transaction=True)


def _work_off(task: Any, **kwargs: object) -> None:
    """As a worker does with a message."""
    message = {"id": str(uuid4()), "task": task.name, "hostname": "w1@test"}
    build_tracer(task.name, task, app=app)(message["id"], [], kwargs, message)


def test_what_a_task_returned_is_kept_with_its_name_and_time() -> None:
    gone = now() - timedelta(days=1)
    SignInTries.objects.bulk_create(
        SignInTries(key=f"k{place}", expires_at=gone) for place in range(250)
    )
    _work_off(delete_expired)
    result = TaskResult.objects.get()
    assert (result.task_name, result.status) == ("workers.delete_expired", "SUCCESS")
    assert f'"{SignInTries._meta.db_table}": 250' in result.result
    assert result.date_done
    assert not SignInTries.objects.exists()


def test_sessions_that_are_over_are_deleted() -> None:
    for key, ends in ("over", -1), ("still good", 1):
        Session.objects.create(session_key=key, expire_date=now() + timedelta(days=ends))
    assert delete_expired()["django_session"] == 1
    assert Session.objects.get().session_key == "still good"


def test_workers_that_are_long_gone_are_deleted() -> None:
    world = World.make()
    world.claim()
    gone = worker_make("w2@test", lease_s=-8 * 24 * 3600)
    worker_make("w3@test", lease_s=-6 * 24 * 3600)
    Lane.objects.filter(state=LaneState.RUNNING).update(worker=gone)
    assert delete_expired()["runs_worker"] == 1
    assert set(Worker.objects.values_list("name", flat=True)) == {"w1@test", "w3@test"}
    reconcile()
    assert not Lane.objects.filter(worker=gone).exists()


def test_what_a_task_raised_is_shown_in_the_admin() -> None:
    _work_off(reconcile_round)
    result = TaskResult.objects.get()
    assert (result.task_name, result.status) == ("workers.reconcile", "FAILURE")
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(f"/admin/django_celery_results/taskresult/{result.pk}/change/")
    assert "This process is not a worker" in page.content.decode()


def test_a_lanes_link_keeps_no_result_whatever_becomes_of_it() -> None:
    _work_off(
        generate_item, item_id=str(uuid4()), lane_id=1, fencing_token=1, first_call=FIRST_CALL
    )
    assert not TaskResult.objects.exists()


def test_beat_cleans_results_up(tmp_path: Path) -> None:
    beat = PersistentScheduler(app, schedule_filename=str(tmp_path / "schedule"), lazy=True)
    beat.setup_schedule()
    tasks = {entry.task for entry in beat.schedule.values()}
    beat.close()
    assert tasks == {"workers.delete_expired", "celery.backend_cleanup", "export.delete_files"}
    old = TaskResult.objects.create(task_id="old")
    TaskResult.objects.create(task_id="new")
    TaskResult.objects.filter(pk=old.pk).update(date_done=now() - timedelta(days=8))
    app.tasks["celery.backend_cleanup"]()
    assert [result.task_id for result in TaskResult.objects.all()] == ["new"]
