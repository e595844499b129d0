"""`manage.py compare_usage`: the ledger beside the provider's own usage report."""

from datetime import timedelta
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from batchgen import env
from batchgen.db.clock import database_now
from providers.errors import ProviderError
from providers.registry import account_of
from runs.reads.usage_compared import CLASSES, Compared, usage_compared

_DAYS = 7
_MOST_DAYS = 366
_WIDTH = 140


class Command(BaseCommand):
    help = (
        "Shows, for each day (UTC), model and lane, where the ledger and the provider's usage "
        "report differ. The report counts the whole organization, or the one key that "
        "--api-key-id names, and a call in the minute in which it was worked on; the ledger counts "
        "it when it began. Needs ANTHROPIC_ADMIN_KEY."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=_DAYS, help=f"until today; {_DAYS}")
        parser.add_argument("--api-key-id", default="", help="as the console has it: apikey_…")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if not 1 <= days <= _MOST_DAYS:
            raise CommandError(f"--days is a number from 1 to {_MOST_DAYS}.")
        last = database_now().date()
        first = last - timedelta(days=days - 1)
        admin_key = env.secret("ANTHROPIC_ADMIN_KEY")
        if not admin_key:
            raise CommandError("Set ANTHROPIC_ADMIN_KEY to the key of an admin.")
        try:
            theirs = account_of(settings.PROVIDER_NAME).usage_by_day(
                first, last, admin_key=admin_key, api_key_id=options["api_key_id"]
            )
        except ProviderError as error:
            raise CommandError(str(error)) from error
        if theirs is None:
            raise CommandError(f"{settings.PROVIDER_NAME} has no usage report.")
        console = Console(file=cast("IO[str]", self.stdout), width=_WIDTH)
        _show(console, list(usage_compared(first, last, theirs)))


def _show(console: Console, rows: list[Compared]) -> None:
    table = Table("day", "model", "lane", "tokens", "ledger", "provider", "in doubt")
    for row in rows:
        for name in CLASSES:
            ours, theirs = row.ours[name], row.theirs[name]
            if ours != theirs:
                table.add_row(
                    *(str(row.day), row.model, "batch" if row.batch else "realtime"),
                    name.removesuffix("_tokens").replace("_", " "),
                    *(f"{ours:,}", f"{theirs:,}", f"{row.in_doubt:,} calls"),
                )
    if table.row_count:
        console.print(table)
    else:
        console.print(f"The ledger and the provider agree on {len(rows)} sums of days and models.")
