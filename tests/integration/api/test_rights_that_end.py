"""Every route of the API, walked again after a right was taken away, and while it is taken away."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.timezone import now
from rest_framework.test import APIClient

from batchgen.accounts.tokens import tokens_for
from batchgen.api.idempotency import HEADER
from epics.models import Membership, Project
from epics.services import project_delete
from runs.engine.open_targets import all_close
from runs.models import Closure, GateAction, Lane, Run, RunItem
from runs.states import ItemStatus, LaneState, RunStatus
from tests.factories import project_make, user_make
from tests.integration.api.test_permissions import (
    API,
    WHO,
    Route,
    body_of,
    ids_of,
    somebody,
    table,
)
from tests.threads import elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

Lose = Callable[[User, Project], object]


def _removed(user: User, project: Project) -> None:
    Membership.objects.filter(user=user, project=project).delete()


def _lowered(user: User, project: Project) -> None:
    Membership.objects.filter(user=user, project=project).update(role="viewer")


def _deactivated(user: User, project: Project) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _no_staff(user: User, project: Project) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=False)


def _another_password(user: User, project: Project) -> None:
    user.set_password("another")
    user.save()


def _project_deleted(user: User, project: Project) -> None:
    for run in Run.objects.filter(project=project, completed_at=None):
        Lane.objects.filter(run=run).update(state=LaneState.IDLE)
        RunItem.objects.filter(run=run).update(
            status=ItemStatus.FAILED, completed_at=now(), lane=None
        )
        Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED, completed_at=now())
        all_close(run_id=run.pk)
    project_delete(project_id=project.pk)


#: {what is lost: (how, who one was, whom one is like afterwards)}
LOSSES: dict[str, tuple[Lose, str, str]] = {
    "member removed": (_removed, "owner", "stranger"),
    "role lowered": (_lowered, "owner", "viewer"),
    "user deactivated": (_deactivated, "owner", "anonymous"),
    "password changed": (_another_password, "owner", "anonymous"),
    "project deleted": (_project_deleted, "owner", "stranger"),
    "staff no more": (_no_staff, "staff", "stranger"),
    "staff deactivated": (_deactivated, "staff", "anonymous"),
}
#: Not of a user's rights: who signs in, and who is invited.
_APART = ("/auth/", "/invitations/")
ROUTES = [
    route
    for route in table()
    if route[1].startswith(API) and not any(p in route[1] for p in _APART)
]
#: A ticket is looked at again when it is used, like the stream that it opens.
_NO_WRITES = ("/stream-ticket", "/lint")
WRITES = [
    (method, path)
    for method, path in ROUTES
    if method != "GET" and "{" in path and not path.endswith(_NO_WRITES)
]
#: What is taken away while a request is at work, from whoever could do with it what they ask for.
IN_THE_MIDDLE = [
    (loss, route)
    for loss in ("member removed", "role lowered", "user deactivated", "staff no more")
    for route in WRITES
    if table()[route][WHO.index(LOSSES[loss][1])] < 400
]
#: What heeds an Idempotency-Key.
CREATES = [route for route in WRITES if table()[route][WHO.index("owner")] in {201, 202}]


def _named(part: str | Route) -> str:
    return part if isinstance(part, str) else " ".join(part)


class _Asker:
    """Somebody with a token, and a request that is right in all else."""

    def __init__(self, route: Route, who: str) -> None:
        method, path = route
        self.project = project_make(stories=1)
        user = somebody(who, self.project)
        assert user
        self.user = user
        self._address = path.format(**ids_of(route, self.project))
        self._body = body_of(route, self.project)
        self._method = method.lower()
        self._token = tokens_for(self.user)["access"]

    def ask(self, **headers: str) -> int:
        client = APIClient(
            headers={"Authorization": f"Bearer {self._token}", **headers},
            raise_request_exception=False,
        )
        answer = getattr(client, self._method)(self._address, self._body, format="json")
        answer.close()
        return int(answer.status_code)


@pytest.mark.parametrize("loss", LOSSES)
def test_after_a_right_is_lost_every_route_knows(loss: str) -> None:
    user_make("new")
    lose, was, like = LOSSES[loss]
    found, wanted = {}, {}
    for route in ROUTES:
        asker = _Asker(route, was)
        lose(asker.user, asker.project)
        found[route] = asker.ask()
        wanted[route] = table()[route][WHO.index(like)]
    assert found == wanted


@pytest.mark.parametrize(("loss", "route"), IN_THE_MIDDLE, ids=_named)
def test_a_write_waits_for_who_takes_the_right_away(loss: str, route: Route) -> None:
    """The right is gone, but not committed, while the write finds it; it must not be used."""
    user_make("new")
    asker = _Asker(route, LOSSES[loss][1])
    _refused_in_the_middle(loss, route, asker)


@pytest.mark.parametrize("loss", ["member removed", "role lowered", "user deactivated"])
@pytest.mark.parametrize("route", CREATES, ids=_named)
def test_a_repetition_waits_for_who_takes_the_right_away(loss: str, route: Route) -> None:
    """What was answered before is not told again to who is losing the right to it."""
    user_make("new")
    asker = _Asker(route, LOSSES[loss][1])
    assert asker.ask(**{HEADER: "k"}) < 400
    _refused_in_the_middle(loss, route, asker, **{HEADER: "k"})


def _refused_in_the_middle(loss: str, route: Route, asker: _Asker, **headers: str) -> None:
    lose, _, like = LOSSES[loss]
    before = _rows()
    with _taken(lambda: lose(asker.user, asker.project)) as let_go:
        status: list[int] = []
        asking = elsewhere(lambda: status.append(asker.ask(**headers)))
        _wait_for_lock(asking)
        let_go()
        asking.join(30)
    # A deactivated user was signed in when the request began: to the write it is a stranger.
    assert status == [table()[route][WHO.index("stranger" if like == "anonymous" else like)]]
    assert _rows() == before


@contextmanager
def _taken(take: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Rights that are taken in a transaction, which ends when what this yields is called."""
    begun, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            take()
            begun.set()
            over.wait(30)

    taking = elsewhere(hold)
    assert begun.wait(10)

    def let_go() -> None:
        over.set()
        taking.join(10)

    try:
        yield let_go
    finally:
        let_go()


def _wait_for_lock(thread: threading.Thread) -> None:
    """Until a transaction waits for another, or the thread is done without."""
    pause = threading.Event()
    while thread.is_alive():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.rowcount:
                return
        pause.wait(0.01)


def _rows() -> dict[str, Any]:
    """What writes would change, but the memberships and users whose rights are taken."""
    project = Project.objects.get()
    rows: dict[str, Any] = {"project": (project.name, project.version)}
    for name in ("cards", "epics", "stories"):
        rows[name] = set(getattr(project, name).values_list("pk", "version"))
    others = project.memberships.filter(user__username__startswith="viewer")
    rows["members"] = set(others.values_list("pk", "role"))
    rows["runs"] = set(project.runs.values_list("pk", "status", "version"))
    rows["epics of runs"] = set(RunItem.objects.values_list("pk", "status"))
    rows["trail"] = project.runs.values_list("actions__kind").count()
    rows["gates"] = set(Closure.objects.values_list("gate", "until"))
    rows["gates' trail"] = GateAction.objects.count()
    return rows
