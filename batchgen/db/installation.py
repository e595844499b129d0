"""The installation's id: stored in the database, the same for all of its processes."""

from functools import cache
from uuid import UUID

import psycopg
from django.db import connections

from batchgen.db.ids import new_id

_READ = "SELECT id FROM batchgen_installation"
_MAKE = "INSERT INTO batchgen_installation (id, single) VALUES (%s, true) ON CONFLICT DO NOTHING"


@cache
def installation_id() -> UUID:
    """The id, made when it is first asked for and never changed.

    Over a connection of its own: what is made must not go with the transaction of who asks.

    Raises:
        psycopg.Error: PostgreSQL is away, or its migrations are missing.
    """
    parameters = connections["default"].get_connection_params()
    with psycopg.connect(**parameters, autocommit=True) as connection:
        if connection.execute(_READ).fetchone() is None:
            connection.execute(_MAKE, [new_id()])
        (row,) = connection.execute(_READ).fetchall()
    found: UUID = row[0]
    return found
