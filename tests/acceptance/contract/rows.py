"""What stands in the database before the first request, and the words that lead there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.accounts.tokens import RefreshToken
from content.run_types import RunType
from epics.models import Membership, Project
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_move
from runs.models import Run, RunAction
from runs.states import ItemStatus, RunStatus
from tests.factories import client_of, project_make, user_make
from tests.integration.engine.world import World, worker_make
from tests.integration.pages.world import page_make

_PASSWORD = "secret"
#: Longer than any run of the checks; a program would renew its token.
_TOKEN_LIFE = timedelta(days=1)
_API = "/api/v1"
#: Few, so that they meet.
_CODES = [f"C{number}" for number in range(1, 9)]

#: {parameter: the words it is often given}
Words = dict[str, list[Any]]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Who asks, and what is there to ask for."""

    token: str
    #: For every operation.
    common: Words
    #: For some, by their operationId: mostly those that use up what they are given.
    special: dict[str, Words] = field(default_factory=dict)


def rows_make(*, spare: int) -> Rows:
    """Projects of which the one who asks is the owner, the editor, a viewer and a stranger, and
    runs in every status.

    Args:
        spare: how many there are of each thing that can be deleted, cancelled or spent.
    """
    user = user_make("fuzz")
    home, other, foreign = (project_make(owner, stories=2) for owner in (user, None, None))
    viewed = project_make(stories=1)
    for project, role in ((other, "editor"), (viewed, "viewer")):
        Membership.objects.create(project=project, user=user, role=role)
    projects = [home, other, viewed, foreign]
    runs = _runs(user)
    worker_make(lease_s=_TOKEN_LIFE.total_seconds())
    common: Words = {
        "path.project_id": _ids(projects),
        "path.card_id": [str(project.cards.all()[0].pk) for project in projects],
        "path.epic_id": [str(project.epics.all()[0].pk) for project in projects],
        "path.story_id": [str(project.stories.all()[0].pk) for project in projects],
        "path.member_id": _members(home, "kept", 2) + _ids(viewed.memberships.all()),
        "path.run_id": _ids(runs),
        "path.page_id": [str(page_make(project).pk) for project in projects],
        "path.job_id": _ids(_written(home).items.all()),
        "body.url": [f"/{number}" for number in range(spare)],
        "query.project": _ids([home, runs[0].project]),
        "query.epic": ["E1", str(home.epics.all()[0].pk)],
        "query.q": ["tide", "Epic 1"],
        "query.persona": ["SKIPPER"],
        "header.Idempotency-Key": [f"key {number}" for number in range(spare)],
        "body.version": list(range(1, 9)),
    }
    special = _special(user, home, spare) | _pages(user, home, runs[-1])
    return Rows(token=_token(user), common=common, special=special)


def _special(user: User, home: Project, spare: int) -> dict[str, Words]:
    tokens = [str(RefreshToken.for_user(user_make())) for _ in range(spare)]
    small = [project_make(user, epics=1, cards=1) for _ in range(spare)]
    started = [_started(user) for _ in range(spare)]
    wide = _run(World.make(epics=spare, lanes=2), user)
    full = project_make(user, epics=spare, cards=1, stories=1)
    named = [user_make() for _ in range(spare)]
    offered = [
        Membership.objects.create(project=project_make(), user=user, role="editor", invited=True)
        for _ in range(spare)
    ]
    doomed = {"path.run_id": _ids(started)}
    lively = {"path.run_id": _ids(_started(user) for _ in range(spare))}
    return {
        "tokenCreate": {
            "body.username": ["fuzz", "nobody"],
            "body.password": [_PASSWORD, "wrong"],
        },
        "tokenRefresh": {"body.refresh": tokens[::2]},
        "tokenRevoke": {"body.refresh": tokens[1::2]},
        "invitationAccept": {"path.invitation_id": _ids(offered[::2])},
        "invitationDecline": {"path.invitation_id": _ids(offered[1::2])},
        "memberAdd": {"body.username": [each.get_username() for each in named]},
        "projectDelete": {"path.project_id": _ids(small[::2]) + _ids(_active(user))},
        "runStart": {
            "path.project_id": [*_ids(small[1::2]), str(home.pk)],
            "body.type": ["GENERATE_ALL_STORIES", "GENERATE_STORIES"],
        },
        "batchStart": {
            "body.projectId": _ids([home, *small[1::2]]),
            "body.pages[*].url": _addresses(spare),
        },
        "pageImport": {"body.pages[*].url": _addresses(spare)},
        "pageDelete": {
            "path.page_id": [str(page_make(home, f"/old/{n}").pk) for n in range(spare)]
        },
        "cardDelete": {"path.card_id": _ids(full.cards.all())},
        "storyDelete": {"path.story_id": _ids(full.stories.all())},
        "epicDelete": {"path.epic_id": _ids(project_make(user, epics=spare).epics.all())},
        "memberRemove": {"path.member_id": _members(home, "spare", spare)},
        "projectImport": {
            "body.epics[*].cards[*]": _CODES,
            "body.cards[*].code": _CODES,
        },
        **dict.fromkeys(("runPause", "runResume", "batchPause", "batchResume"), lively),
        "runChange": lively,
        "runCancel": doomed,
        "batchCancel": doomed,
        "runEpicCancel": {
            "path.run_id": [str(wide.pk)],
            "path.run_epic_id": _ids(wide.items.all()),
        },
    }


def _addresses(number: int) -> list[str]:
    return [f"https://shop.example/{place}" for place in range(number)]


# Runs -----------------------------------------------------------------------------------------


def _runs(user: User) -> list[Run]:
    """One in every status, with epics in every status, done with the engine's own steps."""
    queued = _run(World.make(begin=False), user)
    broken = World.make(epics=5, lanes=3)
    for status in (ItemStatus.FAILED, ItemStatus.COMPLETED, ItemStatus.SKIPPED):
        _step(broken, status)
    running = _run(broken, user)
    cancelled = _run(World.make(), user)
    _move(cancelled, RunStatus.CANCELLED, RunAction.Kind.CANCEL)
    ends = [_ended(statuses) for statuses in ("CC", "CF", "FF")]
    # Paused ones can be resumed, running ones paused, for ever.
    return [queued, running, _paused(user), cancelled, *(_run(end, user) for end in ends)]


def _written(project: Project) -> Run:
    """A run over the project's pages."""
    page_make(project, "/written")
    return run_start(
        project=project, user=None, options=RunOptions(type=RunType.GENERATE_PAGES.value)
    )


def _ended(statuses: str) -> World:
    names = {"C": ItemStatus.COMPLETED, "F": ItemStatus.FAILED}
    world = World.make(epics=len(statuses), lanes=1)
    for letter in statuses:
        _step(world, names[letter])
    return world


def _step(world: World, status: ItemStatus) -> None:
    step = world.claim()
    assert step is not None
    world.finish(step, status=status)


def _run(world: World, user: User) -> Run:
    """The world's run, in which the user may do everything."""
    Membership.objects.create(project=world.run.project, user=user, role="owner")
    return world.run


def _paused(user: User) -> Run:
    run = _started(user)
    _move(run, RunStatus.PAUSED, RunAction.Kind.PAUSE)
    return run


def _started(user: User) -> Run:
    project = project_make(user, epics=2, cards=1)
    run = run_start(project=project, user=user, options=RunOptions(priority=None))
    run_begin(run_id=run.pk)
    return run


def _active(user: User) -> list[Project]:
    """A project that cannot be deleted now."""
    return [_started(user).project]


def _move(run: Run, to: RunStatus, kind: RunAction.Kind) -> None:
    assert run_move(run_id=run.pk, to=to, kind=kind, message=f"{kind}.")


# Words ----------------------------------------------------------------------------------------


def _members(project: Project, name: str, count: int) -> list[str]:
    users = [user_make(f"{name}-{number}") for number in range(count)]
    return _ids(
        [Membership.objects.create(project=project, user=each, role="viewer") for each in users]
    )


def _pages(user: User, home: Project, run: Run) -> dict[str, Words]:
    """The second page of every list; each takes its own cursors alone."""
    parts = {f"{part}List": f"/projects/{home.pk}/{part}s" for part in ("card", "epic", "member")}
    lists = {
        **parts,
        "projectList": "/projects",
        "storyList": f"/projects/{home.pk}/stories",
        "epicStoryList": f"/epics/{home.epics.all()[0].pk}/stories",
        "runList": "/runs",
        "runEpicList": f"/runs/{run.pk}/epics",
        "runProgress": f"/runs/{run.pk}/progress",
        "runActionList": f"/runs/{run.pk}/actions",
    }
    client, host = client_of(user), {"host": "127.0.0.1"}
    words = {}
    for operation, path in lists.items():
        answer = client.get(f"{_API}{path}", {"limit": 1}, headers=host)
        if cursor := answer.json()["page"]["next"]:
            words[operation] = {"query.cursor": [cursor]}
    assert len(words) > len(lists) / 2
    return words


def _ids(rows: Iterable[Any]) -> list[str]:
    return [str(row.pk) for row in rows]


def _token(user: User) -> str:
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=_TOKEN_LIFE)
    return str(token)
