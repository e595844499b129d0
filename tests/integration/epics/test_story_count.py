"""The stories of an epic are counted by their table, whoever stores or deletes them."""

import pytest
from django.db.models import Count

from epics.models import Epic, Story, StoryCount
from epics.selectors import epic_read, project_read
from epics.services import epic_delete, project_delete
from epics.story_services import story_delete
from tests.database import migrated_back
from tests.factories import project_make

pytestmark = pytest.mark.django_db


def counted() -> dict[str, int]:
    """{epic's code: count}, which must be the truth."""
    kept = dict(StoryCount.objects.values_list("epic__code", "stories"))
    true = dict(Epic.objects.annotate(n=Count("stories")).values_list("code", "n"))
    assert {code: kept.get(code, 0) for code in true} == true
    return kept


def test_an_import_is_counted() -> None:
    project = project_make(epics=2, stories=3)
    assert counted() == {"E1": 3, "E2": 3}
    assert vars(project_read(project_id=project.pk))["story_count"] == 6


def test_deletions_are_counted() -> None:
    project = project_make(epics=3, stories=4)
    first, second = project.epics.order_by("order")[:2]
    story_delete(story_id=first.stories.all()[0].pk)
    assert counted()["E1"] == 3
    Story.objects.filter(code__in=["E1-S2", "E1-S3", "E2-S1", "E3-S1"]).delete()
    counted()
    epic_delete(epic_id=second.pk)
    counted()
    Story.objects.filter(epic=first).delete()
    assert counted()["E1"] == 0
    assert vars(epic_read(epic_id=first.pk))["story_count"] == 0


def test_an_epic_without_stories_has_none() -> None:
    project = project_make(epics=1)
    assert vars(project_read(project_id=project.pk))["story_count"] == 0


def test_a_project_goes_with_its_counts() -> None:
    project_make(epics=1, stories=1)
    project_delete(project_id=project_make(epics=2, stories=2).pk)
    assert counted() == {"E1": 1}


@pytest.mark.django_db(transaction=True)
def test_stories_from_before_are_counted() -> None:
    project_make(epics=2, stories=2)
    with migrated_back(("epics", "0004_prompt_revision")):
        pass
    assert counted() == {"E1": 2, "E2": 2}
