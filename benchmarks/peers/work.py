"""What every peer does for an epic: the engine's SQL in its two statements, and its parsing.

Tables, indexes and checks have the shape of the engine's. The claim also writes the call's intent
and reads the epic's texts and cards; the store also replaces old stories, books the call and its
usage, and writes a log line. Nothing of Django is needed here.
"""

import json
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

import anthropic
import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from batchgen import settings
from batchgen.db.ids import new_id
from benchmarks.memory_provider import ANSWER
from content.stories.answer import STORY_SET_SCHEMA, parse_story_set

#: In a peer's environment: its lanes, and who answers ("": its own memory).
LANES, PROVIDER_URL = "PEER_LANES", "PEER_PROVIDER_URL"

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

CLAIM = """
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
FINISH = """
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

#: A claim's row, as the database gives it.
Claimed = Sequence[Any]
Ask = Callable[[Claimed], Awaitable[str]]
Pool = AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]]
_COST_USD = 0.0207


def lanes() -> int:
    """How many epics this process does at the same time."""
    return int(os.environ[LANES])


def finish_values(claimed: Claimed, item_id: str, call_id: object, answer: str) -> list[Any]:
    """The values of FINISH: the answer, read as the engine reads it."""
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
        for place, story in enumerate(parse_story_set(answer).stories, start=1)
    ]
    return [item_id, call_id, len(stories), 900, 1200, _COST_USD, project_id, Jsonb(stories)]


def message(claimed: Claimed) -> dict[str, Any]:
    """The arguments of the SDK's `messages.create`: a short prompt with the epic and its cards."""
    task = {"mode": "concise", "personaSet": "core", "minStories": 8, "maxStories": 8}
    epic = {"code": claimed[2], "title": claimed[7], "theme": claimed[8]}
    cards = [{"code": card[0], "title": card[1], "statement": card[3]} for card in claimed[10]]
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 4000,
        "system": f"You write user stories for {claimed[4]}.",
        "messages": [
            {
                "role": "user",
                "content": f"<task>{json.dumps(task)}</task>\n<epic>{json.dumps(epic)}</epic>\n"
                "<cards>\n" + "\n".join(map(json.dumps, cards)) + "\n</cards>",
            }
        ],
        "output_config": {"format": {"type": "json_schema", "schema": STORY_SET_SCHEMA}},
    }


def text_of(answer: anthropic.types.Message) -> str:
    """The text that an answer holds."""
    return "".join(block.text for block in answer.content if block.type == "text")


@cache
def asking() -> Ask:
    """Who answers the coroutines of this process."""
    url = os.environ[PROVIDER_URL]
    if not url:
        return _from_memory
    sdk = anthropic.AsyncAnthropic(
        api_key="none", base_url=url, max_retries=0, http_client=anthropic.DefaultAioHttpClient()
    )

    async def ask(claimed: Claimed) -> str:
        return text_of(await sdk.messages.create(**message(claimed)))

    return ask


async def _from_memory(_: Claimed) -> str:
    return ANSWER


def pool() -> Pool:
    """Connections for the coroutines of this process, not yet open."""
    return AsyncConnectionPool(
        settings.DATABASE_URL,
        min_size=1,
        max_size=min(lanes(), 20),
        open=False,
        kwargs={
            "autocommit": True,
            "prepare_threshold": None if settings.DATABASE_POOLED else 0,
            "cursor_factory": psycopg.AsyncRawCursor,
        },
    )


async def claim(pool: Pool, item_id: str, call_id: object) -> Claimed | None:
    """Claim an epic; None where it is not pending."""
    async with pool.connection() as connection:
        cursor = await connection.execute(CLAIM, [item_id, call_id])
        return await cursor.fetchone()


async def finish(pool: Pool, values: Sequence[Any]) -> None:
    """Store an epic's stories."""
    async with pool.connection() as connection:
        await connection.execute(FINISH, values)


async def epic_do(pool: Pool, item_id: str, ask: Ask) -> None:
    """Everything that is done for one epic."""
    call_id = new_id()
    claimed = await claim(pool, item_id, call_id)
    if claimed is not None:
        await finish(pool, finish_values(claimed, item_id, call_id, await ask(claimed)))
