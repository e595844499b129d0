"""The SQL of this room, by name, and what each content kind adds to it.

A claim and a finish are one statement each, whatever the kind: its `load_sql` and `store_sql` are
put into them.
"""

from pathlib import Path

from batchgen.db.sql import Queries
from content.registry import kind_named

QUERIES = Queries(*sorted((Path(__file__).parent / "sql").glob("*.sql")))


def statement_for(kind: str, name: str) -> str:
    """The name of the statement (`lane_claim`, `lane_finish`) as it is for items of this kind."""
    made = kind_named(kind)
    parts = {"kind": made.name, "load_sql": made.load_sql, "store_sql": made.store_sql}
    return QUERIES.variant(name, kind, parts)
