"""What whoever starts a run should know of it: as the API answers it, and the pages tell it."""

from typing import Any

from django.conf import settings

from content.kind import counted
from content.registry import kind_started_by
from runs.engine.start_words import kept_text, left_out_text, many_key
from runs.models import Run
from runs.reads.eta import duration_text
from runs.reads.replaced import replaced_count, replaced_text
from runs.reads.selectors import items_kept_out, items_left_out


def start_warnings(run: Run, *, expected_ms: int) -> list[dict[str, Any]]:
    """`{code, message, …}` each, of a run that was started just now."""
    return [*_many_items(run, expected_ms), *_left_out(run), *_kept(run), *_would_replace(run)]


def _would_replace(run: Run) -> list[dict[str, Any]]:
    count = replaced_count(run)
    if not count:
        return []
    message = f"{replaced_text(kind_started_by(run.type), count)}, unless you cancel it before."
    return [{"code": "WOULD_REPLACE", "message": message, "count": count}]


def _left_out(run: Run) -> list[dict[str, Any]]:
    left_out = items_left_out(run=run)
    if not left_out:
        return []
    message = left_out_text(left_out)
    return [{"code": f"{_many(run)}_LEFT_OUT", "message": message, "details": left_out}]


def _kept(run: Run) -> list[dict[str, Any]]:
    count = items_kept_out(run=run)
    if not count:
        return []
    message = kept_text(kind_started_by(run.type), count)
    return [{"code": "KEPT_LEFT_OUT", "message": message, "count": count}]


def _many(run: Run) -> str:
    return many_key(kind_started_by(run.type)).upper()


def _many_items(run: Run, expected_ms: int) -> list[dict[str, Any]]:
    if run.total_items <= settings.MANY_EPICS:
        return []
    items = counted(run.total_items, kind_started_by(run.type).item_words)
    taken = duration_text(expected_ms)
    if run.adaptive_lanes:
        message = f"{items} may take about {taken}, in as many lanes as workers and limits allow."
    else:
        message = (
            f"{items} in {run.max_concurrency} lanes may take about {taken}. A higher "
            "maxConcurrency or a faster pacingProfile shortens it."
        )
    code = f"MANY_{_many(run)}"
    return [{"code": code, "message": message, "expectedDurationMs": expected_ms}]
