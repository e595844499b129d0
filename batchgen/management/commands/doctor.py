"""Checks a deployment."""

import json
import logging
import sys
from dataclasses import asdict
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import autodiscover_modules
from rich.console import Console
from rich.table import Table
from rich.text import Text

from batchgen.doctor.registry import Finding, Group, Level, examine

_STYLE = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}

Found = list[tuple[Group, Finding]]


class Command(BaseCommand):
    help = (
        "Checks a deployment and says what to do: settings, PostgreSQL, Redis, workers, the "
        "provider's key (with a free call), the clock and where files are stored. Changes nothing "
        "but for a file that it stores and deletes again. The exit code is 1 "
        "where an error was found."
    )
    #: They are among what is checked.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")
        parser.add_argument(
            "groups",
            nargs="*",
            choices=[[], *(group.value for group in Group)],
            metavar="GROUP",
            help=f"only these: {', '.join(Group)}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        autodiscover_modules("doctor")
        # Who cannot connect says so, again and again, beside what the check says.
        logging.disable(logging.CRITICAL)
        try:
            found = list(examine([Group(each) for each in options["groups"]] or tuple(Group)))
        finally:
            logging.disable(logging.NOTSET)
        if options["json"]:
            self.stdout.write(as_json(found))
        else:
            show(Console(file=cast("TextIO", self.stdout)), found)
        if count(found, Level.ERROR):
            sys.exit(1)


def count(found: Found, level: Level) -> int:
    """Findings of that level."""
    return sum(each.level is level for _, each in found)


def as_json(found: Found) -> str:
    """`{"errors": n, "warnings": n, "findings": [{group, code, level, message, todo}, …]}`."""
    findings = [{"group": group, **asdict(each)} for group, each in found]
    counted = {"errors": count(found, Level.ERROR), "warnings": count(found, Level.WARNING)}
    return json.dumps({**counted, "findings": findings}, ensure_ascii=False, indent=2)


def show(console: Console, found: Found) -> None:
    """A table for people, and a line with the sum."""
    table = Table("", "Level", "Finding", box=None, padding=(0, 2, 0, 0))
    shown = None
    for group, each in found:
        finding = Text(each.message)
        if each.todo:
            finding.append(f"\n→ {each.todo}", style="bold")
        finding.append(f"  {each.code}", style="dim")
        table.add_row(
            "" if group is shown else group, Text(each.level, style=_STYLE[each.level]), finding
        )
        shown = group
    console.print(table)
    errors, warnings = count(found, Level.ERROR), count(found, Level.WARNING)
    console.print(Text(f"{errors} errors, {warnings} warnings."))
