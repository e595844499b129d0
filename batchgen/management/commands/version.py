"""What runs here, for a report of a fault and before an upgrade."""

import json
import platform
from importlib.metadata import version
from typing import Any, NamedTuple

import psycopg
from django.apps import apps
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from redis import RedisError

from batchgen import VERSION
from batchgen.db.postgresql import compatibility
from batchgen.http.health import migrations_missing
from batchgen.redis import client as redis


class Schema(NamedTuple):
    """By app the last migration that was applied, and those that this program asks for too."""

    applied: dict[str, str]
    missing: list[str]


class Command(BaseCommand):
    help = (
        "Tells the versions of the program, of Python, PostgreSQL, Redis, Django and Celery, and "
        "of the database's schema. What does not answer is named so; the exit code is 0 all the "
        "same."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        postgresql = _postgresql()
        schema = _schema() if postgresql else None
        versions = {
            "batchgen": VERSION,
            "python": platform.python_version(),
            "django": version("django"),
            "celery": version("celery"),
            "postgresql": postgresql,
            "redis": _redis(),
        }
        if options["json"]:
            told = {
                **versions,
                "migrations": schema and schema.applied,
                "missingMigrations": schema and schema.missing,
            }
            self.stdout.write(json.dumps(told, indent=2))
            return
        for name, found in versions.items():
            self.stdout.write(f"{name:<12}{found or 'does not answer'}")
        if schema:
            self._tell(schema)

    def _tell(self, schema: Schema) -> None:
        for app, migration in schema.applied.items():
            self.stdout.write(f"{'schema':<12}{app}.{migration}")
        if schema.missing:
            count, first = len(schema.missing), schema.missing[0]
            self.stdout.write(f"{'':<12}{count} are missing, from {first} on: manage.py migrate")


def _postgresql() -> str | None:
    """Its version, unless it is away."""
    try:
        with compatibility.connect() as opened:
            return opened.info.parameter_status("server_version")
    except psycopg.Error:
        return None


def _schema() -> Schema | None:
    """That of the database, unless this role may not read it."""
    try:
        applied = sorted(MigrationRecorder(connection).applied_migrations())
        missing = migrations_missing()
    except DatabaseError:
        return None
    return Schema({app: name for app, name in applied if app in apps.app_configs}, missing)


def _redis() -> str | None:
    """Its version, unless it is away or does not tell; Valkey names itself."""
    try:
        told: dict[str, Any] = redis.client().info("server")
    except RedisError:
        return None
    valkey = told.get("valkey_version")
    return f"{valkey} (Valkey)" if valkey else str(told.get("redis_version"))
