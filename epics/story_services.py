"""Every write of people to stories and subtasks. Each service is one transaction.

Who adds a subtask holds its story, whose foreign key is looked at when the transaction ends: a run
that replaces the story waits, and then finds the subtask.
"""

from copy import copy
from itertools import count
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from batchgen.errors import NotFound, ValidationFailed
from epics import bounds
from epics.history import differences, edit_tell, row_remove
from epics.models import Epic, Story, Subtask
from epics.registry import deletion_tell
from epics.writes import Changes, apply_changes, claim_version, project_lock

#: What the quality check of a story looked at.
STORY_JUDGED = ("title", "user_story", "persona", "acceptance_criteria")


@transaction.atomic
def story_update(
    *, story_id: UUID, changes: Changes, version: int | None = None, user: User | None = None
) -> None:
    """A person's change. What the quality check said of the old text is dropped with it.

    Raises:
        VersionConflict, NotFound: as `claim_version`.
    """
    _epic_hold(story_id)
    story = claim_version(Story, story_id, version)
    before = copy(story)
    if apply_changes(story, changes) & set(STORY_JUDGED):
        apply_changes(story, {"quality_score": None, "defects": []})
    edit_tell(story, differences(before, story), user=user)


@transaction.atomic
def story_delete(*, story_id: UUID, version: int | None = None, user: User | None = None) -> bool:
    """Delete one story with its subtasks; whether it was there.

    Raises:
        VersionConflict: it has another version than the given one by now.
    """
    story = Story.objects.filter(pk=story_id).only("project_id", "epic_id").first()
    if story is None:
        return False
    # Whoever starts a run over it is waited for, and so is a run that replaces it.
    project_lock(story.project_id)
    Epic.objects.select_for_update(no_key=True).filter(pk=story.epic_id).first()
    deletion_tell(Story, [story_id])
    return row_remove(Story, story_id, user=user, version=version)


@transaction.atomic
def subtask_create(*, story_id: UUID, fields: Changes) -> Subtask:
    """A person's new last subtask of a story.

    Args:
        fields: of the model; `order` may be missing.

    Raises:
        NotFound: there is no such story any more.
        ValidationFailed: the story has as many as it may have, or lacks a criterion that is named.
    """
    story = _story_hold(story_id)
    _check_criteria(story, fields)
    place = _next_place(story)
    subtask = Subtask.objects.create(
        story=story, project_id=story.project_id, edited_at=Now(), **place | fields
    )
    subtask.refresh_from_db(fields=["edited_at"])
    return subtask


@transaction.atomic
def subtask_update(
    *, subtask_id: UUID, changes: Changes, version: int | None = None, user: User | None = None
) -> None:
    """A person's change.

    Raises:
        VersionConflict, NotFound: as `claim_version`.
        ValidationFailed: as `subtask_create`.
    """
    _parent_hold(subtask_id)
    subtask = claim_version(Subtask, subtask_id, version)
    if "criteria" in changes:
        _check_criteria(subtask.story, changes)
    before = copy(subtask)
    apply_changes(subtask, changes)
    edit_tell(subtask, differences(before, subtask), user=user)


@transaction.atomic
def subtask_delete(
    *, subtask_id: UUID, version: int | None = None, user: User | None = None
) -> bool:
    """Delete one subtask; whether it was there.

    Raises:
        VersionConflict: it has another version than the given one by now.
    """
    return row_remove(Subtask, subtask_id, user=user, version=version)


def _epic_hold(story_id: UUID) -> None:
    """Take a story's epic, before the story: PostgreSQL looks at the foreign key of a row that is
    written twice, and takes what it refers to, when the transaction ends. Who replaces or deletes
    an epic's stories has them in this order."""
    epics = Story.objects.filter(pk=story_id).values("epic_id")
    Epic.objects.select_for_update(no_key=True).filter(pk__in=epics).first()


def _parent_hold(subtask_id: UUID) -> None:
    """Take a subtask's story, before the subtask; as `_epic_hold`."""
    stories = Subtask.objects.filter(pk=subtask_id).values("story_id")
    Story.objects.select_for_update(no_key=True).filter(pk__in=stories).first()


def _story_hold(story_id: UUID) -> Story:
    story = Story.objects.select_for_update(no_key=True).filter(pk=story_id).first()
    if story is None:
        raise NotFound
    return story


def _next_place(story: Story) -> Changes:
    """The order and a free code for a new last subtask of a story that is held."""
    subtasks = Subtask.objects.filter(story=story)
    codes = list(subtasks.values_list("code", flat=True))
    if len(codes) >= bounds.MAX_SUBTASKS_OF_STORY:
        raise ValidationFailed(
            f"The story has {bounds.MAX_SUBTASKS_OF_STORY} subtasks, which is the most."
        )
    last = subtasks.aggregate(last=Max("order"))["last"]
    numbered = (f"{story.code}-T{number}" for number in count(len(codes) + 1))
    return {
        "order": 0 if last is None else last + 1,
        "code": next(code for code in numbered if code not in codes),
    }


def _check_criteria(story: Story, fields: Changes) -> None:
    there = len(story.acceptance_criteria)
    unknown = [number for number in fields.get("criteria", ()) if number > there]
    if unknown:
        message = f"The story has {there} acceptance criteria, so there is no number {unknown[0]}."
        raise ValidationFailed("The input is not valid.", criteria=[message])
