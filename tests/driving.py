"""Steps without a loop: for tests whose answers and jobs are plain functions."""

from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from content.pipeline import Job, Request, StageBegun, Steps
from providers.values import Completion

T = TypeVar("T")


def _no_job(job: Job) -> Any:
    raise TypeError(f"Nobody here runs jobs, and the steps want {job.name} run.")


def drive(
    steps: Steps[T],
    *,
    answer: Callable[[Request], Completion],
    on_stage: Callable[[StageBegun], None],
    job: Callable[[Job], Any] = _no_job,
) -> T:
    """Take an item through its steps, with `answer` making the calls; what they return.

    What `answer`, `on_stage` or `job` raises ends the steps and comes through unchanged.
    """
    with closing(steps):
        try:
            step = next(steps)
            while True:
                if isinstance(step, StageBegun):
                    on_stage(step)
                    step = next(steps)
                else:
                    step = steps.send(job(step) if isinstance(step, Job) else answer(step))
        except StopIteration as end:
            result: T = end.value
            return result
