"""Procrastinate: a job an epic in PostgreSQL, done by an asynchronous worker.

Its tables stand in a schema of their own.
"""

import psycopg
import uvloop
from procrastinate import App, PsycopgConnector

from batchgen import settings
from benchmarks.peers import work as shared

SCHEMA = "peer_procrastinate"
_ALL = 'SELECT id::text FROM bare_epic ORDER BY "order"'

app = App(
    connector=PsycopgConnector(
        conninfo=settings.DATABASE_URL, kwargs={"options": f"-c search_path={SCHEMA}"}
    )
)
_pool = shared.pool()


@app.task(name="generate_epic")
async def generate_epic(item_id: str) -> None:
    """Everything that is done for one epic."""
    await shared.epic_do(_pool, item_id, shared.asking())


def send() -> None:
    """Make the tables anew, with a job for each epic."""
    uvloop.run(_send())


async def _send() -> None:
    async with await psycopg.AsyncConnection.connect(
        settings.DATABASE_URL, autocommit=True
    ) as connection:
        await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        ids = [item_id for (item_id,) in await (await connection.execute(_ALL)).fetchall()]
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await generate_epic.batch_defer_async(*({"item_id": item_id} for item_id in ids))


def work() -> None:
    """Do what is in the queue, until told to stop."""
    uvloop.run(_work())


async def _work() -> None:
    async with _pool, app.open_async():
        await app.run_worker_async(concurrency=shared.lanes(), fetch_job_polling_interval=0.1)
