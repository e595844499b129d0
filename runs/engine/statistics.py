"""PostgreSQL's plans follow a table of the engine's that grows fast.

A connection keeps a statement's plan until a table of it is analysed again. One that was made while
tables were empty may read all rows for each row: with ten thousand items that takes half a minute
instead of some milliseconds, and autovacuum comes by once a minute.
"""

import logging

from django.db import connection
from psycopg import sql

log = logging.getLogger(__name__)

#: Tables of more pages are left to autovacuum: their plans are no empty table's any more.
_MOST_PAGES = 10_000
#: Smaller ones are read as a whole in no time.
_LEAST_PAGES = 8
_GROWN = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
      AND starts_with(relname, 'runs_')
      AND relpages < %(most)s
      AND pg_relation_size(oid) >= current_setting('block_size')::int
          * GREATEST(2 * relpages, %(least)s)
      AND pg_has_role(relowner, 'USAGE')
    ORDER BY relname
"""


def grown_analyze() -> list[str]:
    """Analyse the engine's tables that have doubled since they were analysed; their names.

    One that somebody analyses or vacuums already is left to them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GROWN, {"most": _MOST_PAGES, "least": _LEAST_PAGES})
        tables = [name for (name,) in cursor.fetchall()]
        if tables:
            names = sql.SQL(", ").join(map(sql.Identifier, tables))
            cursor.execute(sql.SQL("ANALYZE (SKIP_LOCKED) {}").format(names))
            log.info("analysed: %s", ", ".join(tables))
    return tables
