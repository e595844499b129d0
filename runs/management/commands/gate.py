"""`manage.py gate list|close|open`: the gates of the provider's key, by hand."""

import re
from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis import RedisError
from rich.console import Console
from rich.table import Table

from batchgen.api.inputs import is_moment
from batchgen.db.clock import database_now
from batchgen.errors import BatchgenError
from epics.bounds import control_character
from runs.gates import REASON_CHARS, gate_close, gate_open
from runs.management.terminal import shell_actor
from runs.models import Run
from runs.reads.gates import gates_of, limits_read

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,6})([smhd])", re.ASCII)


class Command(BaseCommand):
    help = (
        "Shows the gates of the provider's key, one a model, and closes or opens one by hand. "
        "While a gate is closed no call of its model starts. Each change is kept with who made it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="what the limits leave, and which gates are closed")
        close = actions.add_parser("close", help="let no call start for a time")
        span = close.add_mutually_exclusive_group(required=True)
        span.add_argument("--for", dest="span", type=_span, help="so long: 90s, 30m, 2h, 1d")
        span.add_argument(
            "--until", type=_moment, help="until this time, with its zone: 2030-01-31T12:00:00Z"
        )
        close.add_argument("--reason", required=True, type=_reason, help="for those who wonder")
        opened = actions.add_parser("open", help="let calls start again, whatever closed it")
        opened.add_argument("--reason", default="", type=_reason)
        for each in (close, opened):
            each.add_argument("model", help="as `manage.py gate list` has it")
            each.add_argument("--user", help="who does it, by user name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._act(options)
        except BatchgenError as error:
            raise CommandError(error.message) from error
        except RedisError as error:
            raise CommandError(f"Redis is away: {error}") from error

    def _act(self, options: dict[str, Any]) -> None:
        model, reason = options.get("model", ""), options.get("reason", "")
        if options["action"] == "close":
            until = options["until"] or database_now() + options["span"]
            gate_close(model=model, until=until, reason=reason, actor=shell_actor(options["user"]))
            self.stdout.write(f"Closed until {until:%Y-%m-%d %H:%M:%S %Z}: {model}")
        elif options["action"] == "open":
            gate_open(model=model, reason=reason, actor=shell_actor(options["user"]))
            self.stdout.write(f"Open: {model}")
        else:
            self._list()

    def _list(self) -> None:
        table = Table("model", "calls in flight", "next call", "closed until", "why")
        for limits in limits_read(gates_of(Run.objects.all())):
            due_s = limits.time_until_next_ms / 1000
            until = limits.closed_until
            table.add_row(
                limits.model,
                str(limits.in_flight),
                f"in {due_s:,.1f} s" if due_s else "now",
                f"{until:%Y-%m-%d %H:%M:%S %Z}" if until else "-",
                limits.closed_reason or "-",
            )
        Console(file=cast("IO[str]", self.stdout), width=140).print(table)


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ArgumentTypeError("say it as 90s, 30m, 2h or 1d")
    return timedelta(seconds=int(found[1]) * _UNITS_S[found[2]])


def _moment(text: str) -> datetime:
    if not is_moment(text):
        raise ArgumentTypeError("say it with its zone: 2030-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _reason(text: str) -> str:
    if len(text) > REASON_CHARS or control_character(text, lines=False):
        raise ArgumentTypeError(f"one line of at most {REASON_CHARS} characters")
    return text.strip()
