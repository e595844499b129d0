"""Bare Celery: one task per epic, plain SQL, nothing that survives a fault.

The worker has the engine's Celery settings, as many threads as the run has lanes, and one
PostgreSQL connection a thread with prepared statements. Its tables have the shape, the indexes
and the checks of the engine's. Each task claims its epic, is answered from memory, parses the
8 stories as the engine does, and stores them with the epic's status and the run's counter. Two
variants:

- `same`: the same SQL work as the engine's, in the same two statements: the claim also writes the
  call's intent and reads the epic's texts and cards; the store also replaces old stories, books
  the call and its usage, and writes a log line.
- `least`: the least that one could do: an UPDATE, then 8 INSERTs and two UPDATEs.

Neither has fences, attempts or leases (a task delivered twice writes twice, a killed worker leaves
its epics GENERATING for ever), prompts, quality rules, lanes (a pause would wait for the whole
queue), a reconciler, or Django.

Run as `celery -A benchmarks.peers.bare_celery worker …` with BARE_VARIANT in the environment.
"""

import os
import threading
from typing import Any

import psycopg
from celery import Celery
from django.conf import settings as django_settings
from psycopg.types.json import Jsonb

from batchgen import settings
from batchgen.db.ids import new_id
from benchmarks.memory_provider import ANSWER
from content.stories.answer import StorySet, parse_story_set

QUEUE = "bare"
TASK_NAME = "bare.generate_epic"
SAME, LEAST = "same", "least"

NO_TABLES = "DROP TABLE IF EXISTS bare_story, bare_epic, bare_run, bare_call, bare_log;"
TABLES = f"""
{NO_TABLES}
CREATE TABLE bare_run (
    id uuid PRIMARY KEY, done int NOT NULL DEFAULT 0, stories int NOT NULL DEFAULT 0
);
CREATE TABLE bare_epic (LIKE runs_runitem INCLUDING ALL);
ALTER TABLE bare_epic DROP CONSTRAINT run_item_generates_in_a_lane;
CREATE TABLE bare_story (LIKE epics_story INCLUDING ALL);
ALTER TABLE bare_story ADD FOREIGN KEY (epic_id) REFERENCES epics_epic
    DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE bare_call (LIKE runs_providercall INCLUDING ALL);
ALTER TABLE bare_call ADD FOREIGN KEY (item_id) REFERENCES bare_epic
    DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE bare_log (LIKE runs_runlog INCLUDING ALL);
"""
ITEMS = """
INSERT INTO bare_epic (
    id, run_id, kind, target_id, code, title, "order", status, stage, estimated_input_tokens,
    attempt, cancel_requested, crashes, created, kept, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, error_code, error, stage_ms, notes
)
SELECT gen_random_uuid(), %s, 'stories', id, code, title, "order", 'PENDING', '', 1200,
       0, false, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '{}', '[]'
FROM epics_epic WHERE project_id = %s
RETURNING id
"""
DONE = "SELECT done FROM bare_run WHERE id = %s"

_CLAIM = """
WITH claimed AS (
    UPDATE bare_epic
    SET status = 'GENERATING', stage = 'validation', attempt = attempt + 1,
        started_at = clock_timestamp()
    WHERE id = $1 AND status = 'PENDING'
    RETURNING id, run_id, target_id, code, attempt
), call AS (
    INSERT INTO bare_call (
        id, item_id, attempt, purpose, model, outcome, started_at, request_id, input_tokens,
        output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, error_code, possibly_billed
    )
    SELECT $2, id, attempt, 'generate', 'memory', 'STARTED', clock_timestamp(), '', 0, 0, 0, 0, 0,
           '', false
    FROM claimed
)
SELECT claimed.run_id, claimed.target_id, claimed.code, project.id AS project_id, project.name,
       project.description, project.context, epic.title, epic.theme, epic.description,
       (
           SELECT COALESCE(jsonb_agg(
               jsonb_build_array(
                   card.code, card.title, card.persona, card.statement, card.problem, card.systems
               ) ORDER BY place."order", card."order"
           ), '[]')
           FROM epics_epiccard place JOIN epics_card card ON card.id = place.card_id
           WHERE place.epic_id = claimed.target_id
       ) AS cards
FROM claimed
JOIN epics_epic epic ON epic.id = claimed.target_id
JOIN epics_project project ON project.id = epic.project_id
"""
_FINISH = """
WITH done AS (
    UPDATE bare_epic
    SET status = 'COMPLETED', stage = 'storage', created = $3,
        input_tokens = input_tokens + $4, output_tokens = output_tokens + $5,
        cost_usd = cost_usd + $6, completed_at = clock_timestamp()
    WHERE id = $1
    RETURNING run_id, target_id, code
), gone AS (
    DELETE FROM bare_story USING done WHERE bare_story.epic_id = done.target_id RETURNING 1
), stored AS (
    INSERT INTO bare_story (
        id, epic_id, project_id, run_id, code, "order", title, user_story, persona,
        acceptance_criteria, technical_notes, priority, effort, defects, created_at, version
    )
    SELECT story.id, done.target_id, $7, done.run_id, story.code, story."order", story.title,
           story.user_story, story.persona, story.acceptance_criteria, story.technical_notes,
           story.priority, story.effort, '[]', clock_timestamp(), 1
    FROM done, (SELECT COUNT(*) FROM gone) AS first,
         jsonb_to_recordset($8) AS story (
             id uuid, code text, "order" int, title text, user_story text, persona text,
             acceptance_criteria text[], technical_notes text, priority text, effort text
         )
), call AS (
    UPDATE bare_call
    SET outcome = 'ANSWERED', ended_at = clock_timestamp(), request_id = 'req_memory',
        input_tokens = $4, output_tokens = $5, cost_usd = $6
    WHERE id = $2
), line AS (
    INSERT INTO bare_log (run_id, at, level, item_code, message)
    SELECT run_id, clock_timestamp(), 'info', code, 'Completed' FROM done
)
UPDATE bare_run SET done = bare_run.done + 1, stories = bare_run.stories + $3
FROM done WHERE bare_run.id = done.run_id
"""
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
app.conf.update(result_backend=None, task_default_queue=QUEUE, beat_schedule={})
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
    claimed = connection.execute(_CLAIM, [epic_id, call_id]).fetchone()
    if claimed is None:
        return
    code, project_id = claimed[2], claimed[3]
    stories = [
        {
            "id": str(new_id()),
            "code": f"{code}-S{place}",
            "order": place,
            "title": story.title,
            "user_story": story.user_story,
            "persona": story.persona,
            "acceptance_criteria": story.acceptance_criteria,
            "technical_notes": story.technical_notes,
            "priority": story.priority,
            "effort": story.effort,
        }
        for place, story in enumerate(parse_story_set(ANSWER).stories, start=1)
    ]
    cost = 0.0207
    connection.execute(
        _FINISH,
        [epic_id, call_id, len(stories), 900, 1200, cost, project_id, Jsonb(stories)],
    )


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
