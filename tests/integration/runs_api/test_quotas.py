"""What one user may have: each way in is refused at the limit, also at the same moment."""

from functools import partial

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from batchgen.errors import QuotaReached
from epics.files.backlog_import import backlog_import
from epics.models import Epic, Project
from epics.services import project_create
from runs.engine.controls import run_change
from runs.engine.items import items_add
from runs.engine.start import RunOptions, run_start
from runs.models import Lane, Run
from tests.integration.engine.world import project_make
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


def start(project: Project, *, lanes: int = 2, user: User | None = None) -> Run:
    options = RunOptions(pacing_profile="adaptive", max_concurrency=lanes)
    return run_start(project=project, user=user or project.created_by, options=options)


def refusal(error: QuotaReached) -> tuple[object, ...]:
    return tuple(error.details[name] for name in ("setting", "limit", "used", "needed"))


def test_of_projects_that_are_created_at_once_no_more_stay_than_allowed(
    ada: User, settings: Settings
) -> None:
    settings.USER_PROJECTS = 3
    made = race(*[lambda: project_create(user=ada, fields={"name": "Library"})] * 8)
    assert sum(isinstance(each, QuotaReached) for each in made) == 5
    assert Project.objects.count() == 3


def test_of_runs_that_start_at_once_no_more_stay_than_allowed(
    ada: User, settings: Settings
) -> None:
    settings.USER_RUNS = 2
    projects = [project_make(name=f"Library {n}") for n in range(6)]
    started = race(*[lambda project=project: start(project) for project in projects])
    assert sum(isinstance(each, QuotaReached) for each in started) == 4
    assert Run.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "limit", "used", "needed"),
    [("USER_RUNS", 1, 1, 1), ("USER_LANES", 3, 2, 2), ("USER_ITEMS", 5, 3, 3)],
)
def test_a_run_beyond_a_limit_says_which(
    settings: Settings, name: str, limit: int, used: int, needed: int
) -> None:
    start(project_make(name="one"))
    setattr(settings, name, limit)
    with pytest.raises(QuotaReached) as caught:
        start(project_make(name="two"))
    assert refusal(caught.value) == (f"BATCHGEN_{name}", limit, used, needed)
    assert Run.objects.count() == 1


def test_what_no_person_starts_has_no_limit(settings: Settings) -> None:
    settings.USER_RUNS = 1
    options = RunOptions(pacing_profile="adaptive")
    for name in ("one", "two"):
        run_start(project=project_make(name=name), user=None, options=options)


def test_lanes_that_come_later_count(settings: Settings) -> None:
    run = start(project_make(epics=6), lanes=2)
    settings.USER_LANES = 4
    with pytest.raises(QuotaReached):
        run_change(
            run=run,
            user=User.objects.get(),
            version=run.version,
            priority=None,
            max_concurrency=5,
        )
    assert Lane.objects.count() == 2
    run.refresh_from_db()
    assert run.max_concurrency == 2


@pytest.mark.parametrize(
    ("name", "limit", "used", "needed"), [("USER_LANES", 2, 1, 3), ("USER_STORED_ROWS", 5, 8, 0)]
)
def test_items_that_are_added_bring_no_more_than_a_start_may(
    settings: Settings, name: str, limit: int, used: int, needed: int
) -> None:
    project = project_make(epics=6)
    first, *others = Epic.objects.filter(project=project).order_by("order")[:4]
    options = RunOptions(pacing_profile="adaptive", max_concurrency=9, target_ids=[first.pk])
    run = run_start(project=project, user=project.created_by, options=options)
    setattr(settings, name, limit)
    with pytest.raises(QuotaReached) as caught:
        items_add(run=run, user=User.objects.get(), target_ids=[epic.pk for epic in others])
    assert refusal(caught.value) == (f"BATCHGEN_{name}", limit, used, needed)
    assert (Lane.objects.count(), run.items.count()) == (1, 1)


def test_two_users_who_give_lanes_to_each_others_runs_do_not_wait_for_each_other(
    ada: User,
) -> None:
    lee = User.objects.create_user("lee")
    runs = []
    for user, other in ((ada, lee), (lee, ada)):
        project = project_make(epics=8, name=user.username)
        for each in (user, other):
            project.memberships.get_or_create(user=each, defaults={"role": "editor"})
        runs.append((start(project, lanes=1, user=user), other))

    def give(run: Run, actor: User, lanes: int) -> None:
        run.refresh_from_db()
        run_change(run=run, user=actor, version=run.version, priority=None, max_concurrency=lanes)

    for lanes in range(2, 8):
        given = race(*[partial(give, run, actor, lanes) for run, actor in runs])
        assert given == [None, None]


def test_an_import_that_would_be_too_much_stores_nothing(ada: User, settings: Settings) -> None:
    settings.USER_STORED_ROWS = 3
    cards = [{"code": f"C{n}", "title": "lend", "statement": "I want to lend."} for n in range(4)]
    document = {"project": {"name": "Library"}, "cards": cards, "epics": []}
    with pytest.raises(QuotaReached) as caught:
        backlog_import(user=ada, document=document)
    assert refusal(caught.value) == ("BATCHGEN_USER_STORED_ROWS", 3, 0, 4)
    assert not Project.objects.exists()


def test_over_rest_it_is_a_conflict_with_the_limit_in_its_details(
    ada: User, settings: Settings
) -> None:
    settings.USER_PROJECTS = 1
    project_create(user=ada, fields={"name": "Library"})
    client = APIClient()
    client.force_authenticate(ada)
    answer = client.post("/api/v1/projects", {"name": "Shop"})
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert error["code"] == "QUOTA_REACHED"
    assert error["details"] == {
        "limit": 1,
        "setting": "BATCHGEN_USER_PROJECTS",
        "used": 1,
        "needed": 1,
    }
