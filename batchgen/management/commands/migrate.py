"""Django's `migrate`, beside a program that works."""

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate

from batchgen.db.postgresql.migrating import TableKept, one_at_a_time, patiently


class Command(migrate.Command):
    help = (
        f"{migrate.Command.help} One process at a time; a table that somebody has is waited for "
        "BATCHGEN_MIGRATION_LOCK_S seconds and tried again, and whoever has it is named."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with one_at_a_time(self.stdout.write):
                patiently(
                    lambda: super(Command, self).handle(*args, **options),
                    wait_s=settings.MIGRATION_LOCK_S,
                    say=self.stdout.write,
                )
        except TableKept as kept:
            raise CommandError(str(kept)) from kept
        except psycopg.Error as error:
            raise CommandError(f"PostgreSQL lets nobody in: {error}") from error
