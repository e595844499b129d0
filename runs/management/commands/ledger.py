"""`manage.py ledger check|reconcile`: whether the ledger adds up, and calls in doubt."""

import json
from collections.abc import Iterator
from typing import IO, Any, cast
from urllib.parse import urlencode
from urllib.request import urlopen

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from batchgen.micro_usd import usd_text
from runs.engine.ledger import Took, calls_reconcile, ledger_drift, took_of

_TIMEOUT_S = 30
#: Of an item there are no more calls.
_MOST_LINES = 1_000


class Command(BaseCommand):
    help = (
        "check: calls, runs and budgets whose figures are not those of the ledger's lines; the "
        "exit code is 1 where there are some. reconcile: settles calls of which nobody knows "
        "whether they were billed, by the provider's own books."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("check", help="find what does not add up")
        actions.add_parser("reconcile", help="ask the provider's books about calls in doubt")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=cast("IO[str]", self.stdout))
        if options["action"] == "check":
            _check(console)
        else:
            _reconcile(console)


def _check(console: Console) -> None:
    rows = ledger_drift()
    if not rows:
        console.print("The ledger adds up: calls, runs and budgets are the sums of its lines.")
        return
    table = Table("what", "id", "figure", "it says", "by the lines")
    for row in rows:
        amounts = (row["counted"], row["lines"])
        shown = ["unknown" if each is None else usd_text(each) for each in amounts]
        table.add_row(row["what"], row["id"], row["figure"], *shown)
    console.print(table)
    raise CommandError(f"{len(rows)} figures are not those of the ledger's lines.")


def _reconcile(console: Console) -> None:
    if settings.PROVIDER_NAME != "simulator":
        raise CommandError(
            f"{settings.PROVIDER_NAME} has no books that name single calls. `manage.py "
            "compare_usage` sets the ledger beside its report."
        )
    done = calls_reconcile(provider=settings.PROVIDER_NAME, billed_lines=_billed_lines)
    console.print(f"{done.billed} calls in doubt were billed, {done.unbilled} were not.")


def _billed_lines(marker: str) -> Iterator[Took]:
    query = urlencode({"marker": marker, "limit": _MOST_LINES})
    address = f"{settings.ANTHROPIC_BASE_URL}/_sim/usage?{query}"
    try:
        with urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # our own simulator's
            lines = json.load(answer)["data"]
    except (OSError, ValueError, KeyError) as error:
        raise CommandError(f"The simulator's books cannot be read: {error}") from error
    for line in lines:
        yield took_of(line["lane"], line["usage"])
