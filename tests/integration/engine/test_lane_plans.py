"""Each step of a claim and a finish finds its rows by an index, whatever PostgreSQL believes.

A statement's plan is made once for a connection, and kept until the table is analysed again. The
worst moment is that of an empty database that was just analysed: then reading the whole of an index
costs as little as one look into it, and a minute later there may be ten thousand rows.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from batchgen.db.pools import engine_pool
from runs.engine.queries import QUERIES, statement_for
from tests.plans import plan_of

pytestmark = pytest.mark.django_db(transaction=True)

_PARAMETER = re.compile(r"%\((\w+)\)s")
_BY_INDEX = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}
_KINDS = ("cards", "epics", "export", "pages", "stories", "subtasks")
_STATEMENTS = [
    *((kind, name) for kind in _KINDS for name in ("lane_claim", "lane_finish", "lane_go_on")),
    (None, "lane_give_back"),
    (None, "lane_park"),
]


@pytest.mark.parametrize("group", [False, True], ids=["single", "group"])
@pytest.mark.parametrize(("kind", "name"), _STATEMENTS)
def test_no_step_reads_more_than_its_rows(kind: str | None, name: str, group: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE runs_run, runs_runlog CASCADE")  # pages of former rows, too
        cursor.execute("ANALYZE")
    assert list(_read_whole(_plan(kind, name, group=group))) == []


def _plan(kind: str | None, name: str, *, group: bool) -> dict[str, Any]:
    """The plan that is kept, as the engine's connections make it."""
    text = QUERIES[statement_for(kind, name, group=group)]
    names = list(dict.fromkeys(_PARAMETER.findall(text)))
    numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
    explained = f"EXPLAIN (FORMAT JSON) EXECUTE planned ({', '.join(['NULL'] * len(names))})"
    with engine_pool().connection() as own, own.transaction():
        own.execute(f"PREPARE planned AS {numbered}".encode(), prepare=False)
        (row,) = own.execute(explained.encode(), prepare=False).fetchall()
        own.execute("DEALLOCATE planned", prepare=False)
    return plan_of(row["QUERY PLAN"])


def _read_whole(node: dict[str, Any]) -> Iterator[str]:
    """The scans of tables and indexes in which no index says which rows they are."""
    kind, table = node["Node Type"], node.get("Relation Name")
    if kind in _BY_INDEX and "Index Cond" not in node:
        yield f"{kind} of {node['Index Name']} ({node.get('Filter')})"
    elif table and kind not in _BY_INDEX | {"Bitmap Heap Scan", "Tid Scan", "ModifyTable"}:
        yield f"{kind} of {table}"
    for below in node.get("Plans", ()):
        yield from _read_whole(below)
