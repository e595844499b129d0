"""A run's begin and its actions, as the estimate of what is left reads them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from runs.models import Run
from runs.reads.eta import Mark


def marks_of(run: Run, actions: Sequence[Mapping[str, Any]], *, at: datetime) -> list[Mark]:
    """In order.

    Args:
        actions: as `RunProgress.actions`.
        at: when they were read; the begin of a run that has not begun.
    """
    began = {"kind": "resume", "at_s": (run.started_at or at).timestamp()}
    rows = [{**began, "details": {"epicsDone": 0}}, *actions]
    lanes = [run.max_concurrency]
    for row in rows[:0:-1]:
        lanes.insert(0, row["details"].get("lanesBefore", lanes[0]))
    runs, marks = True, []
    for row, count in zip(rows, lanes, strict=True):
        runs = {"pause": False, "resume": True}.get(row["kind"], runs)
        marks.append(
            Mark(
                at_ms=row["at_s"] * 1000,
                runs=runs,
                lanes=min(count, run.total_items),
                done=row["details"]["epicsDone"],
            )
        )
    return marks
