"""Bare Celery: one task per epic, plain SQL, nothing that survives a fault.

The worker has the engine's Celery settings, as many threads as the run has lanes, and one
PostgreSQL connection a thread with prepared statements. Each task claims its epic, is answered,
parses the 8 stories as the engine does, and stores them with the epic's status and the run's
counter. Two variants:

- `same`: the work that all peers do (work.py).
- `least`: the least that one could do: an UPDATE, then 8 INSERTs and two UPDATEs.

Neither has fences, attempts or leases (a task delivered twice writes twice, a killed worker leaves
its epics GENERATING for ever), prompts, quality rules, lanes (a pause would wait for the whole
queue), a reconciler, or Django.

Run as `celery -A benchmarks.peers.bare_celery worker …` with BARE_VARIANT in the environment.
"""

import os
import threading
from functools import cache
from typing import Any

import anthropic
import psycopg
from celery import Celery
from django.conf import settings as django_settings
from psycopg.types.json import Jsonb

from batchgen import settings
from batchgen.db.ids import new_id
from benchmarks.memory_provider import ANSWER
from benchmarks.peers.work import (
    CLAIM,
    FINISH,
    PROVIDER_URL,
    Claimed,
    finish_values,
    message,
    text_of,
)
from content.stories.answer import StorySet, parse_story_set

QUEUE = "bare"
TASK_NAME = "bare.generate_epic"
SAME, LEAST = "same", "least"

_LEAST_CLAIM = """
UPDATE bare_epic SET status = 'GENERATING', started_at = clock_timestamp()
WHERE id = $1 AND status = 'PENDING'
RETURNING run_id, target_id, code
"""
_LEAST_STORE = """
INSERT INTO bare_story (
    id, epic_id, project_id, run_id, code, "order", title, user_story, persona,
    acceptance_criteria, technical_notes, priority, effort, defects, created_at, version
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, clock_timestamp(), 1)
"""
_LEAST_FINISH = """
UPDATE bare_epic
SET status = 'COMPLETED', created = $1, completed_at = clock_timestamp()
WHERE id = $2
"""
_LEAST_COUNT = "UPDATE bare_run SET done = done + 1, stories = stories + $1 WHERE id = $2"

if not django_settings.configured:
    # The engine's transport asks for them; more of Django is not here.
    django_settings.configure(settings)
app = Celery("bare", set_as_current=False)
app.config_from_object(settings, namespace="CELERY")
app.conf.update(result_backend=None, task_default_queue=QUEUE, task_queues=None, beat_schedule={})
_kept = threading.local()


@app.task(name=TASK_NAME)
def generate_epic(epic_id: str, project_id: str) -> None:
    """Everything that is done for one epic."""
    if os.environ["BARE_VARIANT"] == SAME:
        _same(epic_id)
    else:
        _least(epic_id, project_id)


def _same(epic_id: str) -> None:
    connection, call_id = _connection(), new_id()
    claimed = connection.execute(CLAIM, [epic_id, call_id]).fetchone()
    if claimed is not None:
        connection.execute(FINISH, finish_values(claimed, epic_id, call_id, _ask(claimed)))


def _ask(claimed: Claimed) -> str:
    url = os.environ[PROVIDER_URL]
    return text_of(_sdk(url).messages.create(**message(claimed))) if url else ANSWER


@cache
def _sdk(url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="none", base_url=url, max_retries=0)


def _least(epic_id: str, project_id: str) -> None:
    connection = _connection()
    claimed = connection.execute(_LEAST_CLAIM, [epic_id]).fetchone()
    if claimed is None:
        return
    run_id, backlog_epic_id, code = claimed
    rows = _rows(parse_story_set(ANSWER), backlog_epic_id, project_id, run_id, code)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_LEAST_STORE, rows)
        cursor.execute(_LEAST_FINISH, [len(rows), epic_id])
        cursor.execute(_LEAST_COUNT, [len(rows), run_id])


def disconnect() -> None:
    """Close this thread's connection, if it has one."""
    if hasattr(_kept, "connection"):
        _kept.connection.close()
        del _kept.connection


def _rows(
    answer: StorySet, epic_id: object, project_id: str, run_id: object, code: str
) -> list[tuple[Any, ...]]:
    return [
        (
            new_id(),
            epic_id,
            project_id,
            run_id,
            f"{code}-S{place}",
            place,
            story.title,
            story.user_story,
            story.persona,
            list(story.acceptance_criteria),
            story.technical_notes,
            story.priority,
            story.effort,
            Jsonb([]),
        )
        for place, story in enumerate(answer.stories, start=1)
    ]


def _connection() -> psycopg.Connection[tuple[Any, ...]]:
    """This thread's connection."""
    if not hasattr(_kept, "connection"):
        _kept.connection = psycopg.connect(
            settings.DATABASE_URL,
            autocommit=True,
            prepare_threshold=None if settings.DATABASE_POOLED else 0,
            cursor_factory=psycopg.RawCursor,
        )
    connection: psycopg.Connection[tuple[Any, ...]] = _kept.connection
    return connection
