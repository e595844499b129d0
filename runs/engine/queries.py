"""The SQL of this room, by name, and what each content kind adds to it.

A claim and a finish are one statement each, whatever the kind: its `load_sql` and `store_sql` are
put into them. What moves lanes is for one lane or for a group of them: the same text, whose CTE
`given` has a row for each.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from batchgen.db.sql import Queries
from content.registry import kind_named

QUERIES = Queries(*sorted((Path(__file__).parent / "sql").glob("*.sql")))

_FENCE = {"lane_id": "bigint", "fencing_token": "bigint", "item_id": "uuid"}
_FINISH = {
    **_FENCE,
    "call_id": "uuid",
    "status": "text",
    "stage": "text",
    "result": "jsonb",
    "stage_ms": "jsonb",
    "skipped_stages": "jsonb",
    "notes": "jsonb",
    "error_code": "text",
    "error": "text",
    "outcome": "text",
    "call_error_code": "text",
    "possibly_billed": "boolean",
    "level": "text",
    "message": "text",
    "park_s": "float8",
    "request_id": "text",
    "input_tokens": "bigint",
    "output_tokens": "bigint",
    "cache_read_tokens": "bigint",
    "cache_write_tokens": "bigint",
    "cache_write_1h_tokens": "bigint",
    "cost_usd": "numeric",
    "price_date": "date",
    "unknown_calls": "bigint",
    "alike": "text",
    "prompt_bytes": "bigint",
}
#: {statement: {column of its `given`: type}}
_GIVEN: dict[str, dict[str, str]] = {
    "lane_claim": {**_FENCE, "call_id": "uuid", "held_micro_usd": "bigint"},
    "lane_finish": _FINISH,
    "lane_go_on": {
        **_FINISH,
        "next_call_id": "uuid",
        "next_held_micro_usd": "bigint",
        "next_input_tokens": "bigint",
    },
    "lane_give_back": {
        **_FENCE,
        "call_id": "uuid",
        "reason": "text",
        "message": "text",
        "wait_s": "float8",
        "refund": "bigint",
        "lower": "bigint",
        "rate_limit_streak": "bigint",
        "outcome": "text",
        "error_code": "text",
        "request_id": "text",
        "possibly_billed": "boolean",
    },
    "lane_park": {**_FENCE, "reason": "text", "wait_s": "float8"},
}
#: Who waits for a row that somebody else has, as a person who edits an item's target, would let
#: the whole group wait: it gives up, and its members go one by one. The comparison is always true;
#: PostgreSQL takes it for rare and plans for few rows, so for an index at every step, whatever it
#: believes of the tables.
_GROUP = """given AS MATERIALIZED (
    SELECT *
    FROM json_to_recordset(%(given)s::json) AS given ({columns}, place bigint)
    WHERE set_config('lock_timeout', '50ms', true) = '50ms'
)"""
_ONE = "given AS NOT MATERIALIZED (SELECT {values}, 1 AS place)"
#: What a statement writes it finds by these, too: a join alone may read the whole of an index, by a
#: plan that was made while the table was empty.
IDS = {"lane_ids": "lane_id", "item_ids": "item_id", "call_ids": "call_id"}
#: A group locks in the order that all keep, and its lanes take turns in their run; one lane has
#: no order, and sorting it would cost a tenth of its statement.
_ORDERED = {
    "by_run": "ORDER BY run_id",
    "by_lane": "ORDER BY lane_id",
    "by_item": "ORDER BY item_id",
    "turn_by_index": "ROW_NUMBER() OVER (PARTITION BY run_id ORDER BY index)",
    "turn_by_rank": 'ROW_NUMBER() OVER (PARTITION BY free.run_id ORDER BY priority DESC, "order")',
    "lanes_of_run": "COUNT(*) OVER (PARTITION BY run_id)",
}
_ALONE = {name: "" if name.startswith("by_") else "1" for name in _ORDERED}
#: As a group's `given` has said it.
_LETS_GO = {"lets_go": ""}


@cache
def statement_for(kind: str | None, name: str, *, group: bool = False) -> str:
    """The name of the statement (`lane_claim`, `lane_finish` …) as it is for items of this kind.

    Args:
        kind: None where the statement is the same for all.
        group: it is given `given`, a list of JSON objects with the members' values.
    """
    parts = _parts_of_group(_GIVEN[name]) if group else _parts_of_one(_GIVEN[name])
    if kind is not None:
        made = kind_named(kind)
        parts |= {"kind": made.name, "load_sql": made.load_sql, "store_sql": made.store_sql}
    return QUERIES.variant(name, f"{kind or 'any'}, {'group' if group else 'one'}", parts)


@cache
def loading(kind: str) -> str:
    """The name of `slice_load` as it is for items of this kind."""
    made = kind_named(kind)
    parts = {"kind": made.name, "load_sql": made.load_sql}
    return QUERIES.variant("slice_load", kind, parts)


def _parts_of_one(columns: Mapping[str, str]) -> dict[str, str]:
    values = {name: f"%({name})s::{sql_type}" for name, sql_type in columns.items()}
    given = ", ".join(f"{value} AS {name}" for name, value in values.items())
    ids = {part: values[name] for part, name in IDS.items() if name in values}
    return {"given": _ONE.format(values=given), **ids, **_ALONE}


def _parts_of_group(columns: Mapping[str, str]) -> dict[str, str]:
    given = _GROUP.format(columns=", ".join(" ".join(column) for column in columns.items()))
    ids = {
        part: f"ANY(%({name})s::{columns[name]}[])" for part, name in IDS.items() if name in columns
    }
    return {"given": given, **ids, **_ORDERED, **_LETS_GO}
