"""DBOS: a workflow an epic in PostgreSQL, whose claim, call and store are a step each.

Its tables stand in a schema of their own.
"""

import threading
from typing import Any

import psycopg
import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from psycopg.conninfo import conninfo_to_dict

from batchgen import settings
from batchgen.db.ids import new_id
from benchmarks.peers import work as shared

SCHEMA = "peer_dbos"
QUEUE = "bare"
#: Seconds between two looks for workflows; with its default of 1 s, lanes would mostly wait.
_POLL_S = 0.02
_ALL = 'SELECT id::text FROM bare_epic ORDER BY "order"'


def _url() -> sa.URL:
    """The database's address for SQLAlchemy, which takes no socket in the place of a host."""
    known = conninfo_to_dict(settings.DATABASE_URL).items()
    parts = {name: str(value) for name, value in known if value}
    return sa.URL.create(
        "postgresql+psycopg",
        username=parts.get("user"),
        password=parts.get("password"),
        database=parts.get("dbname"),
        query={name: parts[name] for name in ("host", "port", "sslmode") if name in parts},
    )


_URL = _url().render_as_string(hide_password=False)
_CONFIG: DBOSConfig = {
    "name": "bare",
    "system_database_url": _URL,
    "dbos_system_schema": SCHEMA,
    "application_version": "1",
    "log_level": "WARNING",
}

_pool = shared.pool()


@DBOS.step()
async def claim(item_id: str, call_id: str) -> list[Any] | None:
    """The epic, where it is pending."""
    await _pool.open()
    claimed = await shared.claim(_pool, item_id, call_id)
    return list(claimed) if claimed is not None else None


@DBOS.step()
async def ask(claimed: list[Any]) -> str:
    """The provider's answer, which a later attempt is given again."""
    return await shared.asking()(claimed)


@DBOS.step()
async def finish(claimed: list[Any], item_id: str, call_id: str, answer: str) -> None:
    """Store the stories."""
    await shared.finish(_pool, shared.finish_values(claimed, item_id, call_id, answer))


@DBOS.workflow(name="generate_epic")
async def generate_epic(item_id: str, call_id: str) -> None:
    """Everything that is done for one epic."""
    claimed = await claim(item_id, call_id)
    if claimed is not None:
        await finish(claimed, item_id, call_id, await ask(claimed))


def send() -> None:
    """Make the tables anew, with a workflow for each epic."""
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        ids = [item_id for (item_id,) in connection.execute(_ALL).fetchall()]
    DBOS(config=_CONFIG)
    DBOS.launch()  # makes the tables; the queue is registered by the worker, so nothing starts
    client = DBOSClient(system_database_url=_URL, dbos_system_schema=SCHEMA)
    options: EnqueueOptions = {"workflow_name": "generate_epic", "queue_name": QUEUE}
    with sa.create_engine(_URL).begin() as transaction:
        for item_id in ids:
            client.enqueue_in_transaction(transaction, options, item_id, str(new_id()))
    DBOS.destroy()


def work() -> None:
    """Do what is in the queue, until told to stop."""
    DBOS(config=_CONFIG)
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=shared.lanes(), polling_interval_sec=_POLL_S)
    threading.Event().wait()
