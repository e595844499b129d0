"""One user's many runs, and another user's one, at a worker with few slots."""

import pytest
from django.contrib.auth.models import User

from epics.models import Membership
from runs.engine.start import RunOptions, run_start
from runs.models import Run, RunItem
from runs.states import Priority
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted, project_make

pytestmark = pytest.mark.django_db(transaction=True)


def _start(user: User, *, number: int, epics: int, lanes: int, priority: Priority) -> Run:
    options = RunOptions(pacing_profile="adaptive", max_concurrency=lanes, priority=priority)
    project = project_make(epics=epics, name=f"{user.username} {number}")
    Membership.objects.create(project=project, user=user, role=Membership.Role.EDITOR)
    return run_start(project=project, user=user, options=options)


def test_a_users_run_goes_on_beside_many_urgent_ones_of_another(
    fleet: Fleet, provider: Simulator
) -> None:
    provider.config(latency_ms=100)
    fleet.start(concurrency=4)
    mary, lee = (User.objects.create(username=name) for name in ("mary", "lee"))
    many = [_start(mary, number=n, epics=50, lanes=50, priority=Priority.HIGH) for n in range(5)]
    done = RunItem.objects.filter(run__in=many, completed_at__isnull=False)
    wait_for(lambda: done.count() > 4, "they are under way")
    one = _start(lee, number=1, epics=4, lanes=2, priority=Priority.LOW)
    before = done.filter(completed_at__lt=one.created_at).count()
    assert before < 150
    wait_until_ended(one)
    assert done.filter(completed_at__lt=one.completed_at).count() < before + 60
    wait_until_ended(*many)
    for run in (one, *many):
        assert run.status == "SUCCEEDED"
        assert_counted(run)
