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
_LEAST_PAGES, _LEAST_ROWS = 8, 100
#: Each ANALYZE has all statements of its tables planned anew, on each connection: a table that grew
#: so much has others analysed with it, which would be next.
_FACTOR, _FACTOR_OF_OTHERS = 4, 1.5
#: By pages, and by rows: an ANALYZE while a run is being started finds many pages and not one row,
#: and plans that are made from then on read the whole table again and again.
_GROWN = """
    SELECT relname, times >= %(factor)s AS is_due
    FROM (
        SELECT relname, pages,
               GREATEST(
                   pages / GREATEST(relpages, 1), live / GREATEST(reltuples, %(rows)s)
               ) AS times
        FROM (
            SELECT relname, relpages, reltuples, pg_stat_get_live_tuples(oid) AS live,
                   pg_relation_size(oid) / current_setting('block_size')::float AS pages
            FROM pg_class
            WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
              AND starts_with(relname, 'runs_')
              AND (relpages < %(most)s OR reltuples = 0)
              AND pg_has_role(relowner, 'USAGE')
            OFFSET 0
        ) AS sized
    ) AS compared
    WHERE times >= %(others)s AND pages >= %(least)s
    ORDER BY relname
"""


def grown_analyze() -> list[str]:
    """Analyse the engine's tables once one is four times as large as when it was analysed, and with
    it those that are half as large again; their names.

    One that somebody analyses or vacuums already is left to them.
    """
    with connection.cursor() as cursor:
        given = {"factor": _FACTOR, "others": _FACTOR_OF_OTHERS, "most": _MOST_PAGES}
        cursor.execute(_GROWN, {**given, "least": _LEAST_PAGES, "rows": _LEAST_ROWS})
        grown = cursor.fetchall()
        tables = [name for name, _ in grown] if any(is_due for _, is_due in grown) else []
        if tables:
            names = sql.SQL(", ").join(map(sql.Identifier, tables))
            cursor.execute(sql.SQL("ANALYZE (SKIP_LOCKED) {}").format(names))
            log.info("analysed: %s", ", ".join(tables))
    return tables
