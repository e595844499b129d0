"""`manage.py quote PROJECT …` and `manage.py quote report`: costs and times before a start, and how
right such quotes were."""

from typing import Any

from django.core.management.base import CommandParser
from rich.table import Table
from rich.text import Text

from content.kind import counted
from content.registry import kind_started_by
from runs.management.report import plain
from runs.management.starting import project_named, start_arguments, start_options
from runs.management.terminal import RunsCommand, in_words
from runs.models import Quote
from runs.quoted import cost_range
from runs.quotes.calibration import RIGHT, Calibration, calibrations
from runs.quotes.quoting import quote_make
from runs.reads.eta import duration_text

#: In place of a project.
_REPORT = "report"


class Command(RunsCommand):
    help = (
        "Says what a start would cost and take; nothing is spent, and nothing begins. `quote "
        "report` sets earlier quotes beside the bills of their runs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "project", help=f"its id, its code or its whole name; or the word {_REPORT}"
        )
        start_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        console = self.console()
        if options["project"] == _REPORT:
            found = calibrations()
            console.print(_report(found) if found else Text("No run that was quoted has ended."))
            return
        project = project_named(options["project"])
        with in_words():
            chosen = start_options(project, options)
            quote = quote_make(project=project, user=None, options=chosen)
        answer, kind = quote.answer, kind_started_by(chosen.type)
        items = counted(answer["itemCount"], kind.item_words)
        console.print(
            Text(
                f"{plain(project.name)}: {items}, {answer['calls']:,} calls, "
                f"{answer['inputTokens']:,} tokens in, {answer['outputTokens']:,} out."
            )
        )
        console.print(_lanes(quote))
        for text in (answer["cacheAssumption"], *answer["assumptions"]):
            console.print(Text(f"- {plain(text)}"))
        console.print(
            Text(f"Start by it until {quote.valid_until:%H:%M:%S} UTC with --quote {quote.pk}")
        )


def _lanes(quote: Quote) -> Table:
    table = Table("Lane")
    for name in ("Low", "Expected", "High", "Half within", "9 of 10 within", "What binds it"):
        table.add_column(name, justify="right")
    for lane in quote.answer["lanes"]:
        cost, times = cost_range(lane["costMicroUsd"]), lane["durationMs"]
        money = (cost.low, cost.expected, cost.high) if cost else ()
        table.add_row(
            lane["lane"],
            *([f"${amount:.4f}" for amount in money] or ["no price"] * 3),
            duration_text(times["p50"]),
            duration_text(times["p90"]),
            lane["bindingLimit"] or "-",
        )
    return table


def _report(found: list[Calibration]) -> Table:
    table = Table("Kind", "Mode", "Model", "Lane")
    right = f"Within {RIGHT:.0%}"
    for name in ("Runs", "Off, median", "Off, worst", right, "In the range", "Within p90"):
        table.add_column(name, justify="right")
    for each in found:
        table.add_row(
            each.kind,
            each.mode or "-",
            each.model,
            each.lane,
            str(each.runs),
            f"{each.off_median:.1%}",
            f"{each.off_worst:+.1%}",
            *(f"{count} of {each.runs}" for count in (each.right, each.within, each.in_time)),
        )
    return table
