"""What PostgreSQL looks at for a statement, as EXPLAIN (ANALYZE, FORMAT JSON) tells it."""

import json
from collections.abc import Iterator
from typing import Any


def plan_of(explained: object) -> dict[str, Any]:
    """The plan in the one column that EXPLAIN answers with."""
    plan = json.loads(explained) if isinstance(explained, str) else explained
    return dict(plan[0]["Plan"])  # type: ignore[index]  # one plan for each statement


def rows_seen(node: dict[str, Any]) -> Iterator[float]:
    """How many rows each step looked at."""
    removed = (
        "Rows Removed by Filter",
        "Rows Removed by Join Filter",
        "Rows Removed by Index Recheck",
    )
    rows = node["Actual Rows"] + sum(node.get(name, 0) for name in removed)
    yield rows * node["Actual Loops"]
    for below in node.get("Plans", ()):
        yield from rows_seen(below)
