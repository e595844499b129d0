"""Querysets that are made once and read with other values: what they read is what they would read
if they were made anew."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from batchgen.db import compiled_query
from batchgen.db.compiled_query import CompiledRows
from epics.models import Epic, Project, Story
from tests.factories import project_make, user_make

pytestmark = pytest.mark.django_db

_calls: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_made() -> None:
    _calls.clear()
    compiled_query._statement.cache_clear()


def _epics(*, project_id: UUID, **filters: Any) -> "QuerySet[Epic]":
    _calls.append("made")
    return Epic.objects.filter(project=project_id, **filters).order_by("order")


def _first(rows: "QuerySet[Epic]", *, count: int) -> "QuerySet[Epic]":
    return rows[:count]


def _codes(rows: "QuerySet[Epic]") -> "QuerySet[Epic, str]":
    return rows.values_list("code", flat=True)


def test_it_is_made_once_and_read_with_other_values() -> None:
    one, other = project_make(epics=3), project_make(epics=2)
    for project in (one, other, one):
        found = list(CompiledRows(_epics, project_id=project.pk))
        assert found == [*project.epics.order_by("order")]
    assert list(CompiledRows(_epics, project_id=uuid4())) == []
    assert len(_calls) == 1


@pytest.mark.parametrize(
    ("lookup", "values"),
    [
        ("order__gt", [1, 0, 2, 10**12, 10**30, -(10**12), -1]),
        ("order__lte", [1, 0, 2, 10**12, -(10**12)]),
        ("code", ["E1", "E2", "e2", "'; --", "\\", "%s", "%(a)s"]),
        ("title__icontains", ["e", "100%", "_", "\\", "%", "'", "%s"]),
        ("title__iexact", ["100%", "EPIC_2", "epic%"]),
        ("edited_at__lt", [datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]),
        ("run_id", [uuid4(), UUID(int=1)]),
    ],
)
def test_every_kind_of_value(lookup: str, values: list[Any]) -> None:
    project = project_make(epics=3)
    titles = ["100% done", "Epic_2", "back\\slash and it's %s"]
    for number, epic in enumerate(project.epics.order_by("order")):
        epic.title, epic.edited_at = titles[number], datetime(2026, 1, number + 1, tzinfo=UTC)
        epic.save()
    for value in values:
        rows = CompiledRows(_epics, project_id=project.pk, **{lookup: value})
        assert list(rows) == list(rows.queryset()), value
    assert len(_calls) == 1 + len(values)


def _chosen(*, name: str, staff: bool | None) -> "QuerySet[User]":
    users = User.objects.order_by("pk")
    if name:
        users = users.filter(Q(username=name) | Q(last_name=name))
    return users if staff is None else users.filter(is_staff=staff)


def test_what_it_is_made_of_may_depend_on_all_else() -> None:
    first, second = user_make(is_staff=True), user_make(is_staff=False)
    names = ["", first.username, second.username]
    for name, staff in [(name, staff) for name in names for staff in (None, True, False)]:
        rows = CompiledRows(_chosen, name=name, staff=staff)
        assert list(rows) == list(rows.queryset())


def test_further_steps_and_slices() -> None:
    project = project_make(epics=4)
    rows = CompiledRows(_epics, project_id=project.pk)
    for count in (1, 3, 9):
        assert list(rows.then(_first, count=count)) == [*project.epics.order_by("order")][:count]
        assert list(rows.then(_first, count=count).then(_codes)) == ["E1", "E2", "E3", "E4"][:count]
    assert len(_calls) == 2
    assert rows.like().model is Epic
    assert rows.first() == project.epics.get(order=0)


def test_relations_that_are_known(django_assert_num_queries: Any) -> None:
    project = project_make(epics=2)
    for known in (project, Project.objects.get(pk=project.pk)):
        with django_assert_num_queries(1):
            epics = list(CompiledRows(_epics, project_id=project.pk).knowing(project=known))
            assert all(epic.project is known for epic in epics)


def _scored(*, score: int | None) -> "QuerySet[Story]":
    return Story.objects.filter(epic__stories_outdated=False, pk__in=[], quality_score=score)


def _better(*, score: int) -> "QuerySet[Story]":
    return Story.objects.filter(quality_score__gt=score).order_by("order")


def test_a_queryset_that_django_knows_to_be_empty() -> None:
    """Of a small column Django knows it also for the number that stands in for others."""
    project = project_make(epics=1, stories=2)
    project.stories.update(quality_score=70)
    for score in (None, 70):
        assert list(CompiledRows(_scored, score=score)) == []
    for score in (80, 69, 70, 100_000):
        rows = CompiledRows(_better, score=score)
        assert list(rows) == list(rows.queryset())
    assert len(list(CompiledRows(_better, score=69))) == 2


def _by_start(*, text: str) -> "QuerySet[User]":
    return User.objects.filter(username__startswith=text)


def _by_all(*, text: str) -> "QuerySet[User]":
    return User.objects.all()


def _by_sum(*, number: int) -> "QuerySet[User]":
    return User.objects.filter(pk=number + 1)


@pytest.mark.parametrize(
    ("make", "given"),
    [(_by_start, {"text": "u"}), (_by_all, {"text": "u"}), (_by_sum, {"number": 1})],
)
def test_a_value_that_becomes_another_is_refused(make: Any, given: dict[str, Any]) -> None:
    """Rather than read with the value that stands in for it."""
    for _ in range(2):
        with pytest.raises(AssertionError):
            list(CompiledRows(make, **given))


def test_times_are_those_that_were_asked_for() -> None:
    project = project_make()
    at = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    Project.objects.filter(pk=project.pk).update(created_at=at)

    for moment, found in ((at, [project]), (at + timedelta(microseconds=1), [])):
        assert list(CompiledRows(_made_at, at=moment)) == found


def _made_at(*, at: datetime) -> "QuerySet[Project]":
    return Project.objects.filter(created_at=at)


def _with_projects(*, project_id: UUID) -> "QuerySet[Epic]":
    return Epic.objects.filter(project=project_id).select_related("project").defer("theme")


def test_objects_are_as_django_makes_them(django_assert_num_queries: Any) -> None:
    project = project_make(epics=1)
    rows = CompiledRows(_with_projects, project_id=project.pk)
    (epic,), (usual,) = list(rows), list(rows.queryset())
    state, usual_state = vars(epic).pop("_state"), vars(usual).pop("_state")
    assert vars(epic) == vars(usual)
    assert (state.adding, state.db) == (usual_state.adding, usual_state.db)
    vars(epic)["_state"] = state
    with django_assert_num_queries(0):
        assert epic.project == project
    assert epic.get_deferred_fields() == {"theme"}
    with django_assert_num_queries(1):
        theme = epic.theme
    assert theme == Epic.objects.get().theme
    epic.title = "Another"
    epic.save()
    assert Epic.objects.get().title == "Another"
