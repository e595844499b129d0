"""Doctor checks of the database schema: migrations, privileges, extensions."""

from collections.abc import Iterator

import psycopg
from django.db import Error as DjangoDatabaseError
from django.db import connection as django_connection

from batchgen.doctor.database import asked, connected
from batchgen.doctor.registry import Finding, NotChecked, check, error, ok, warning
from batchgen.http.health import migrations_missing

#: What the migrations ask for, and who may make them: the database's owner, as they are trusted.
EXTENSIONS = ("btree_gin", "pg_trgm")
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
#: Of tables and rights those that the role lacks, and the tables' sequences that it may not use.
_LACKING = """
WITH asked AS (
    SELECT name, wanted, to_regclass(name) AS id
    FROM unnest(%s::text[], %s::text[]) AS given(name, wanted)
)
SELECT concat_ws(' ', wanted, 'ON', name) FROM asked WHERE NOT has_table_privilege(id, wanted)
UNION ALL
SELECT concat('USAGE ON ', objid::regclass) FROM pg_depend
WHERE refobjid IN (SELECT id FROM asked) AND deptype IN ('a', 'i')
  AND CASE WHEN classid = 'pg_class'::regclass AND (
          SELECT relkind FROM pg_class WHERE oid = objid
      ) = 'S' THEN NOT has_sequence_privilege(objid, 'USAGE') END
"""


@check("database")
def migrations() -> Iterator[Finding]:
    """They are all applied; else this role could."""
    try:
        missing = migrations_missing()
    except DjangoDatabaseError as failure:
        raise NotChecked("PostgreSQL does not say which there are.") from failure
    if not missing:
        yield ok("MIGRATIONS", "All migrations are applied.")
        return
    yield error(
        "MIGRATIONS_MISSING",
        f"Migrations are missing: {len(missing)}, from {missing[0]} on.",
        "Run `manage.py migrate`, as the role that owns the tables.",
    )
    with connected() as connection:
        (may,) = asked(connection, "SELECT has_schema_privilege(current_schema(), 'CREATE')")
        if not may:
            yield _may_not_create(connection)


def _may_not_create(connection: psycopg.Connection) -> Finding:
    schema, path = asked(connection, "SELECT current_schema(), current_setting('search_path')")
    if schema is None:
        return error(
            "DATABASE_SCHEMA",
            f"No schema of the search path ({path}) is there, or may be used by this role.",
            "Create the schema, GRANT USAGE on it, or change the role's search_path.",
        )
    return warning(
        "DATABASE_CREATE",
        f"This role may not create tables in the schema {schema}.",
        f"GRANT CREATE ON SCHEMA {schema} to the role that runs `manage.py migrate`; no other "
        "program needs it.",
    )


@check("database")
def rights() -> Iterator[Finding]:
    """This role may read and write every table, and count on in every sequence."""
    tables = sorted(django_connection.introspection.django_table_names())
    wanted = [(name, right) for name in tables for right in _RIGHTS]
    wanted.append(("django_migrations", "SELECT"))  # at every start
    with connected() as connection:
        lacking = connection.execute(
            _LACKING.encode(), [[name for name, _ in wanted], [right for _, right in wanted]]
        ).fetchall()
        (role,) = asked(connection, "SELECT current_user")
    if lacking:
        shown = ", ".join(right for (right,) in lacking[:5])
        yield error(
            "DATABASE_RIGHTS",
            f"The role {role} lacks rights: {len(lacking)}, as {shown}.",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES and USAGE ON ALL SEQUENCES of the "
            f"schema to {role}, and the same by ALTER DEFAULT PRIVILEGES for those to come.",
        )
    else:
        yield ok("DATABASE_RIGHTS", f"The role {role} may read and write every table.")


@check("database")
def extensions() -> Iterator[Finding]:
    """They are there, where the search path finds them."""
    with connected() as connection:
        found: dict[str, bool] = dict(
            connection.execute(
                b"SELECT extname, nspname = ANY(current_schemas(true)) FROM pg_extension"
                b" JOIN pg_namespace ON pg_namespace.oid = extnamespace"
            ).fetchall()
        )
        (may_create,) = asked(
            connection, "SELECT has_database_privilege(current_database(), 'CREATE')"
        )
    for name in EXTENSIONS:
        if name not in found:
            yield (warning if may_create else error)(
                "DATABASE_EXTENSION",
                f"The extension {name} is not there"
                + ("; the migrations will make it." if may_create else "."),
                f"As the database's owner or an administrator: CREATE EXTENSION {name};",
            )
        elif not found[name]:
            yield error(
                "DATABASE_EXTENSION",
                f"The extension {name} stands in a schema that the search path leaves out.",
                f"Add its schema to the search path, or ALTER EXTENSION {name} SET SCHEMA.",
            )
