"""People delete what runs replace, or start with: each waits for the other, and none for ever."""

import pytest
from django.db import connection, transaction

from content.run_types import RunType
from epics.models import Card, Epic, Project, Story
from epics.services import card_delete
from epics.story_services import story_delete
from epics.writes import project_lock
from runs.engine.open_targets import targets_gone
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget, RunItem
from tests.acceptance.fleet import wait_for
from tests.integration.engine.test_subtask_runs import stories_make
from tests.integration.engine.world import project_make
from tests.threads import elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def start(project: Project) -> RunItem:
    """A run over the project's story."""
    options = RunOptions(type=RunType.GENERATE_SUBTASKS, pacing_profile="adaptive")
    return run_start(project=project, user=None, options=options).items.get()


def test_who_deletes_a_card_takes_rows_in_the_order_of_a_run_that_replaces_it() -> None:
    project = project_make(epics=1)
    card = Card.objects.get(code="C0")
    with transaction.atomic():
        # As `content/cards/store.sql` does.
        project_lock(project.pk)
        Card.objects.select_for_update().get(pk=card.pk)
        thread = elsewhere(lambda: card_delete(card_id=card.pk))
        wait_for(somebody_waits, "the deletion waits")
        Epic.objects.select_for_update(no_key=True).get()
    thread.join(10)
    assert not Card.objects.filter(pk=card.pk).exists()


def test_who_deletes_a_story_takes_rows_in_the_order_of_a_run_that_replaces_it() -> None:
    project = project_make(epics=1)
    (story,) = stories_make(project, each=1)
    start(project)
    with transaction.atomic():
        # As `content/stories/store.sql` does.
        Epic.objects.select_for_update(no_key=True).get()
        Story.objects.select_for_update().get(pk=story.pk)
        thread = elsewhere(lambda: story_delete(story_id=story.pk))
        wait_for(somebody_waits, "the deletion waits")
        targets_gone(Story, [story.pk])
    thread.join(10)
    assert not Story.objects.exists()


def test_who_deletes_a_story_waits_for_a_run_that_starts_with_it() -> None:
    project = project_make(epics=1)
    (story,) = stories_make(project, each=1)
    with transaction.atomic():
        item = start(project)
        thread = elsewhere(lambda: story_delete(story_id=story.pk))
        wait_for(somebody_waits, "the deletion waits")
    thread.join(10)
    item.refresh_from_db()
    assert item.target_id is None
    assert not OpenTarget.objects.exists()
