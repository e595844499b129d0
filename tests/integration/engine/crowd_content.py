"""People in a crowd who edit, review and delete what runs write."""

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

from content.pages.models import Page
from content.pages.services import page_delete, page_update
from epics.models import Card, Epic, Project, ReviewStatus, Story, Subtask
from epics.review import review_set
from epics.services import card_update, epic_create, epic_delete, epic_update, project_update
from epics.story_services import (
    story_delete,
    story_update,
    subtask_create,
    subtask_delete,
    subtask_update,
)
from tests.integration.engine.crowd_somebody import Action, Somebody


class Editors(Somebody):
    """Whoever may change what these projects hold."""

    def __init__(self, chance: random.Random, projects: Sequence[Project]) -> None:
        super().__init__(chance)
        self._projects = projects
        #: So many epics a project keeps.
        self._fewest = min(Epic.objects.filter(project=each).count() for each in projects) // 2

    def story_edits(self) -> Action | None:
        story = self.one_of(Story.objects.all())
        changes = {"title": f"Edited {self.random.random()}"}
        return story and partial(story_update, story_id=story.pk, changes=changes)

    def story_deletions(self) -> Action | None:
        story = self.one_of(Story.objects.all())
        return story and partial(story_delete, story_id=story.pk)

    def subtask_edits(self) -> Action | None:
        subtask = self.one_of(Subtask.objects.all())
        changes = {"title": f"Edited {self.random.random()}"}
        return subtask and partial(subtask_update, subtask_id=subtask.pk, changes=changes)

    def subtask_additions(self) -> Action | None:
        story = self.one_of(Story.objects.all())
        fields = {"title": "Added", "description": "Added.", "kind": "backend", "effort_hours": 1}
        return story and partial(subtask_create, story_id=story.pk, fields=fields)

    def subtask_deletions(self) -> Action | None:
        subtask = self.one_of(Subtask.objects.all())
        return subtask and partial(subtask_delete, subtask_id=subtask.pk)

    def epic_edits(self) -> Action | None:
        epic = self.one_of(Epic.objects.all())
        if epic is None:
            return None
        others = Epic.objects.filter(project=epic.project_id, order__lt=epic.order)
        changes: dict[str, Any] = {
            "title": f"Edited {self.random.random()}",
            "dependencies": list(others.values_list("code", flat=True)),
        }
        if self.random.random() < 0.5:
            changes = {"code": f"X{self.random.randrange(10**9)}"}
        return partial(epic_update, epic_id=epic.pk, changes=changes)

    def epic_deletions(self) -> Action | None:
        project = self.random.choice(self._projects)
        epics = Epic.objects.filter(project=project)
        epic = self.one_of(epics)
        if epics.count() <= self._fewest:
            fields = {"title": "New", "description": "New."}
            return partial(epic_create, project_id=project.pk, fields=fields, card_codes=["C0"])
        return epic and partial(epic_delete, epic_id=epic.pk)

    def card_edits(self) -> Action | None:
        card = self.one_of(Card.objects.all())
        changes = {"title": f"Edited {self.random.random()}"}
        return card and partial(card_update, card_id=card.pk, changes=changes)

    def page_edits(self) -> Action | None:
        page = self.one_of(Page.objects.all())
        changes = {"title": f"Edited {self.random.random()}"}
        return page and partial(page_update, page_id=page.pk, changes=changes)

    def page_deletions(self) -> Action | None:
        page = self.one_of(Page.objects.filter(order__gt=2))
        return page and partial(page_delete, page_id=page.pk)

    def project_edits(self) -> Action | None:
        project = self.random.choice(self._projects)
        changes = {"description": f"Edited {self.random.random()}"}
        return partial(project_update, project_id=project.pk, changes=changes)

    def reviews(self) -> Action | None:
        project = self.random.choice(self._projects)
        versions = dict(Story.objects.filter(project=project).values_list("pk", "version"))
        some = self.random.sample(sorted(versions), min(3, len(versions)))
        return partial(
            review_set,
            project_id=project.pk,
            kind="story",
            versions={pk: versions[pk] for pk in some},
            status=ReviewStatus.APPROVED if self.random.random() < 0.2 else ReviewStatus.DRAFT,
        )
