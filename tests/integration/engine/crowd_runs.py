"""People in a crowd who start runs, and change those that are under way."""

import random
from collections.abc import Sequence
from functools import partial

from content.run_types import RunType
from epics.models import Epic, Project
from epics.services import epic_create
from runs.engine.controls import Limit, run_change, run_control, run_item_cancel, run_retry
from runs.engine.items import item_prioritise, items_add
from runs.engine.start import RunOptions, run_start
from runs.models import Budget, Run, RunItem
from runs.states import ACTIVE, ItemStatus, RunStatus
from tests.integration.engine.crowd_somebody import Action, Somebody

_LANES = 6
#: A budget that no run here uses up, in micro-dollars.
_ENOUGH = 10**12
_OF_ALL = [RunType.GENERATE_ALL_STORIES, RunType.GENERATE_SUBTASKS, RunType.GENERATE_PAGES]
_TYPES = [*_OF_ALL, RunType.GENERATE_STORIES]


class Operators(Somebody):
    """Whoever may do all to the runs of these projects."""

    def __init__(self, chance: random.Random, projects: Sequence[Project]) -> None:
        super().__init__(chance)
        self._projects = projects
        self._user = projects[0].created_by

    def start_all(self) -> None:
        """A run over all there is of each kind, in each project; all of one month's budgets."""
        Project.objects.update(monthly_budget_micro_usd=_ENOUGH)
        for project in self._projects:
            for kind in _OF_ALL:
                self._start(project, kind)

    def resume_all(self) -> None:
        """What was paused goes on."""
        for run in Run.objects.filter(status=RunStatus.PAUSED):
            run_control(run=run, action="resume", user=self._user)

    def starts(self) -> Action | None:
        project = self.random.choice(self._projects)
        return partial(self._start, project, self.random.choice(_TYPES))

    def pauses(self) -> Action | None:
        return self._control("pause", RunStatus.RUNNING)

    def resumes(self) -> Action | None:
        return self._control("resume", RunStatus.PAUSED)

    def cancels(self) -> Action | None:
        return self._control("cancel", *ACTIVE)

    def changes(self) -> Action | None:
        run = self.one_of(Run.objects.filter(status__in=ACTIVE))
        return run and partial(
            run_change,
            run=run,
            user=self._user,
            version=run.version,
            priority=None,
            max_concurrency=self.random.randint(1, _LANES + 2),
            budget=Limit(micro_usd=self.random.choice([None, _ENOUGH, 2 * _ENOUGH])),
        )

    def budgets(self) -> Action | None:
        """A project's month has its first budget, while calls are under way."""
        project = Project.objects.filter(pk=self.random.choice(self._projects).pk)

        def act() -> None:
            project.update(monthly_budget_micro_usd=None)
            Budget.objects.filter(project_id__in=project.values("pk")).delete()
            project.update(monthly_budget_micro_usd=_ENOUGH)

        return act

    def retries(self) -> Action | None:
        run = self.one_of(Run.objects.filter(completed_at__isnull=False))
        return run and partial(run_retry, run=run, user=self._user, include_pending=True)

    def adds(self) -> Action | None:
        run = self.one_of(Run.objects.filter(status__in=ACTIVE, type=RunType.GENERATE_ALL_STORIES))
        if run is None:
            return None
        fields = {"title": "Added", "description": "Added."}

        def act() -> None:
            epic = epic_create(project_id=run.project_id, fields=fields, card_codes=["C0"])
            items_add(run=run, user=self._user, target_ids=[epic.pk])

        return act

    def item_cancels(self) -> Action | None:
        item = self.one_of(RunItem.objects.filter(run__status__in=ACTIVE, completed_at=None))
        return item and partial(run_item_cancel, item=item, user=self._user)

    def priorities(self) -> Action | None:
        item = self.one_of(RunItem.objects.filter(status=ItemStatus.PENDING))
        return item and partial(item_prioritise, item=item, user=self._user, priority=3)

    def _control(self, action: str, *statuses: str) -> Action | None:
        run = self.one_of(Run.objects.filter(status__in=statuses))
        return run and partial(run_control, run=run, action=action, user=self._user)

    def _start(self, project: Project, kind: RunType) -> None:
        epic = self.one_of(Epic.objects.filter(project=project))
        one = kind == RunType.GENERATE_STORIES
        if one and epic is None:
            return
        run_start(
            project=project,
            user=self._user,
            options=RunOptions(
                type=kind,
                pacing_profile="adaptive",
                max_concurrency=_LANES,
                budget_micro_usd=self.random.choice([None, _ENOUGH]),
                target_ids=[epic.pk] if one else None,
            ),
        )
