"""`python -m batchgen.local.migration_lint`: what a migration must not do beside a live program.

Of 0.2.0 and later (`batchgen/db/expansion.py`) each is looked at: what breaks the workers of the
release before, and what keeps a table for long. django-migration-linter has most of the checks, on
SQL; ours split it into whole statements, for it reads lines, and add what PostgreSQL does besides.
docs/upgrading.md says what to write instead.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence

import django
from django.apps import apps
from django.db import connection
from django.db.migrations import Migration, RunPython
from django.db.migrations.loader import MigrationLoader
from django_migration_linter.sql_analyser.base import Check, CheckMode, CheckType
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

from batchgen.db.expansion import only_adds
from batchgen.local.local_dir import ROOT

#: What stands in a migration on purpose, by its name: {code: why it does no harm}.
DELIBERATE: Mapping[str, Mapping[str, str]] = {}

_CREATED = re.compile(r'CREATE TABLE (?:IF NOT EXISTS )?("?\w+"?)')
_CONSTRAINT = re.compile(r'ALTER TABLE (?:ONLY )?("?\w+"?) ADD CONSTRAINT .*(CHECK|FOREIGN KEY)')
_REFERENCE = re.compile(r'REFERENCES ("?\w+"?)([^,]*)')
_VOLATILE = re.compile(
    r"ADD COLUMN .*(DEFAULT .*(random|clock_timestamp|nextval)|GENERATED)", re.IGNORECASE
)
_ROWS = re.compile(r"(WITH .*)?\b(UPDATE|DELETE|TRUNCATE|LOCK TABLE)\b", re.IGNORECASE)
#: What no check has to say anything about: the statements in a function's body run later.
_HARMLESS = re.compile(
    r"CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)|COMMENT ON|DROP FUNCTION", re.IGNORECASE
)


def _constrains(statements: Sequence[str], **_: object) -> bool:
    """A table that was there is read whole under a lock, for a constraint."""
    created = {found[1] for each in statements if (found := _CREATED.match(each))}
    return any(
        found[1] not in created and not each.rstrip("; ").endswith("NOT VALID")
        for each in statements
        if (found := _CONSTRAINT.match(each))
    )


def _refers(statements: Sequence[str], **_: object) -> bool:
    """Rows that the release before does not know keep it from deleting those that they name."""
    created = {found[1] for each in statements if (found := _CREATED.match(each))}
    return any(
        table not in created and "ON DELETE" not in rest
        for each in statements
        if each.startswith(("CREATE TABLE", "ALTER TABLE"))
        for table, rest in _REFERENCE.findall(each)
    )


def _rewrites(statement: str, **_: object) -> bool:
    return bool(_VOLATILE.search(statement))


def _writes_rows(statement: str, **_: object) -> bool:
    return bool(_ROWS.match(statement))


class Analyser(PostgresqlAnalyser):
    """The library's checks, and ours."""

    migration_checks = [
        *PostgresqlAnalyser.migration_checks,
        Check(
            code="CONSTRAINT",
            fn=_constrains,
            message="a constraint on a table that is there: add it NOT VALID, validate it later",
            mode=CheckMode.TRANSACTION,
            type=CheckType.ERROR,
        ),
        Check(
            code="FOREIGN_KEY",
            fn=_refers,
            message="the release before cannot delete rows that these name: db_constraint=False, "
            "or ON DELETE by the database",
            mode=CheckMode.TRANSACTION,
            type=CheckType.ERROR,
        ),
        Check(
            code="REWRITE",
            fn=_rewrites,
            message="a column whose value is another one for each row: the table is written anew",
            mode=CheckMode.ONE_LINER,
            type=CheckType.ERROR,
        ),
        Check(
            code="ROWS",
            fn=_writes_rows,
            message="rows are written and stay locked to the end: do it later, and by parts",
            mode=CheckMode.ONE_LINER,
            type=CheckType.ERROR,
        ),
    ]


def faults(statements: Iterable[str]) -> dict[str, str]:
    """What is wrong with a migration's statements, by the check's code."""
    lines = [" ".join(each.split()) for each in statements]
    analyser = Analyser([])
    analyser.analyse([each for each in lines if not _HARMLESS.match(each)])
    return {each.code: each.message for each in (*analyser.errors, *analyser.warnings)}


def faults_of(migration: Migration, loader: MigrationLoader) -> dict[str, str]:
    """As `faults`, of what the migration would execute."""
    statements = loader.collect_sql([(migration, False)])
    found = faults(each for each in statements if not each.startswith("--"))
    if any(isinstance(operation, RunPython) for operation in migration.operations):
        found["PYTHON"] = "nobody can see what RunPython locks: write SQL, or do it later, by parts"
    return found


def unexpected() -> dict[str, dict[str, str]]:
    """By migration what is wrong with it, and is not there on purpose."""
    loader = MigrationLoader(connection, replace_migrations=False)
    ours = {each.label for each in apps.get_app_configs() if _is_ours(each.name)}
    looked_at = {
        f"{app}.{name}": migration
        for (app, name), migration in sorted(loader.disk_migrations.items())
        if app in ours and only_adds(f"{app}.{name}")
    }
    found = {}
    for name, migration in looked_at.items():
        wrong = faults_of(migration, loader)
        meant = DELIBERATE.get(name, {})
        found[name] = {code: text for code, text in wrong.items() if code not in meant}
    return found


def _is_ours(app: str) -> bool:
    """Others' migrations come with their packages."""
    return (ROOT / app.partition(".")[0]).is_dir()


def main() -> int:
    """1 where a migration does what it must not."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchgen.settings")
    django.setup()
    found = unexpected()
    wrong = {name: each for name, each in found.items() if each}
    for name, each in wrong.items():
        for code, text in each.items():
            sys.stdout.write(f"{name}: {code}: {text}\n")
    sys.stdout.write(f"{len(found)} migrations of 0.2.0 and later, {len(wrong)} with faults.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
