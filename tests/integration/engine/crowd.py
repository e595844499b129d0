"""Everybody who moves lanes, and everybody who changes what runs write, at the same time.

A worker's groups and single statements, people and the reconciler work at the same few rows of two
projects, round by round: in each, some of them begin at the same moment.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID

from django.db import connection

from batchgen.db.sql import Statement
from batchgen.errors import BatchgenError
from runs.engine.lanes import lanes_reclaim
from runs.engine.ledger import ledger_drift
from runs.models import Run, RunItem
from tests.integration.engine import test_page_runs, test_subtask_runs
from tests.integration.engine.crowd_content import Editors
from tests.integration.engine.crowd_runs import Operators
from tests.integration.engine.crowd_somebody import Action
from tests.integration.engine.crowd_worker import Worker
from tests.integration.engine.world import assert_counted, assert_open, project_make

#: How many begin at the same moment.
AT_ONCE = 6
_EPICS = 8
#: What passes between two statements of a transaction.
_PAUSES_S = [0, 0, 0.001, 0.005]


class Crowd:
    """Two projects with their runs, a worker, and people.

    Attributes:
        done: what was done, by name.
    """

    def __init__(self, *, seed: str, run: Callable[[Statement[Any]], Any]) -> None:
        """`run`: how the worker runs a statement."""
        self._random = random.Random(seed)
        projects = [project_make(epics=_EPICS, name=name) for name in ("Library", "Archive")]
        for project in projects:
            test_subtask_runs.stories_make(project, each=2)
            test_page_runs.pages_make(project, 4)
        self.done: Counter[str] = Counter()
        self.worker = Worker(self._random, run)
        self._operators = Operators(self._random, projects)
        self._operators.start_all()
        self._everybody = [self.worker, self._operators, Editors(self._random, projects)]
        self._checked: set[UUID] = set()
        self._threads = ThreadPoolExecutor(AT_ONCE)

    def round(self, *, names: Sequence[str] = ()) -> None:
        """Some of them at the same moment, or of those that are named; fails where one of them
        does that must not."""
        actions = self._chosen(names or list(_WEIGHTS))
        barrier = threading.Barrier(len(actions))
        doing = [(name, self._threads.submit(_begin, barrier, act)) for name, act in actions]
        wrong = [(name, error) for name, future in doing if (error := _wrong(future))]
        if wrong:
            raise ExceptionGroup(str(wrong), [error for _, error in wrong])
        self.done.update(name for name, _ in doing)

    def _chosen(self, names: Sequence[str]) -> list[tuple[str, Action]]:
        weights = [_WEIGHTS[name] for name in names]
        made: list[tuple[str, Action]] = []
        for name in self._random.choices(names, weights, k=AT_ONCE * 3):
            action = self._action(name)
            if action is not None:
                made.append((name, action))
            if len(made) == AT_ONCE:
                break
        return made

    def check(self) -> None:
        """Every counter is true, in budgets and the ledger too, and each target is open in the run
        that has it."""
        for run in Run.objects.exclude(id__in=self._checked):
            assert_counted(run, kept=False)
            if run.completed_at is not None:
                self._checked.add(run.id)
        assert_open()
        assert ledger_drift() == []

    def end(self) -> None:
        """Bring all runs to their ends."""
        self._operators.resume_all()
        going_on = Run.objects.filter(completed_at__isnull=True)
        for _ in range(500):
            if not going_on.exists():
                break
            for act in (self.worker.claims(), self.worker.finishes(), self.worker.reconciles()):
                if act is not None:
                    act()
            lanes_reclaim(orphans=self.worker.orphans(), judge=False)
        left = going_on.values_list("type", "status", "max_concurrency", "total_items")
        states = RunItem.objects.filter(run__in=going_on).values_list("status", "lane__state")
        assert not left, (list(left), Counter(states))
        self._threads.shutdown()

    def _action(self, name: str) -> Action | None:
        (somebody,) = (each for each in self._everybody if hasattr(each, name))
        action: Action | None = getattr(somebody, name)()
        return action


#: What a person's edit of an epic's content holds up in no case.
GO_ON = (
    *("claims", "finishes", "goes_on", "give_backs", "parks", "calls", "beats", "reclaims"),
    *("reconciles", "dispatches", "pauses", "resumes", "cancels", "changes", "retries"),
    *("item_cancels", "priorities", "starts"),
)
#: How often each of them is among those of a round.
_WEIGHTS = {
    "claims": 14,
    "finishes": 10,
    "goes_on": 10,
    "give_backs": 4,
    "parks": 3,
    "calls": 3,
    "beats": 3,
    "reclaims": 3,
    "reconciles": 5,
    "dispatches": 2,
    "starts": 4,
    "pauses": 2,
    "resumes": 4,
    "cancels": 2,
    "changes": 3,
    "budgets": 2,
    "retries": 1,
    "adds": 1,
    "item_cancels": 2,
    "priorities": 2,
    "story_edits": 4,
    "story_deletions": 2,
    "subtask_edits": 2,
    "subtask_additions": 1,
    "subtask_deletions": 1,
    "epic_edits": 4,
    "epic_deletions": 3,
    "card_edits": 2,
    "page_edits": 2,
    "page_deletions": 1,
    "project_edits": 1,
    "reviews": 2,
}


def _begin(barrier: threading.Barrier, act: Action) -> None:
    try:
        barrier.wait(30)
        with connection.execute_wrapper(_dawdle):
            act()
    except BatchgenError:
        pass  # what a person asked for cannot be done any more
    finally:
        connection.close()


def _dawdle(execute: Callable[..., Any], *args: Any) -> Any:
    """People's transactions take their time from statement to statement."""
    time.sleep(random.choice(_PAUSES_S))
    return execute(*args)


def _wrong(future: "Future[None]") -> Exception | None:
    error = future.exception(timeout=60)
    if error is not None and not isinstance(error, Exception):
        raise error
    return error
