"""`manage.py generate PROJECT`: start a run and watch it in the terminal."""

import shutil
from argparse import ArgumentTypeError
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from rich.text import Text

from batchgen.errors import BatchgenError, RunAlreadyActive
from batchgen.micro_usd import usd_read
from content.kind import MakesFiles, counted
from content.registry import kind_started_by
from epics.models import Project
from runs.engine.start import run_start
from runs.engine.start_words import answered_text, lane_text, left_out_text
from runs.management.report import plain
from runs.management.starting import project_named, start_arguments, start_options
from runs.management.terminal import RunsCommand, actor_named
from runs.management.watch import NO_WORKER
from runs.models import Run
from runs.reads.selectors import active_runs, items_left_out
from runs.reads.surroundings import workers_alive
from runs.states import MoneyLane, RunStatus

_NAMES_SHOWN = 10


class Command(RunsCommand):
    help = (
        "Starts a run: the stories of all epics of a project, or of some; with --type another "
        "one. With --watch or --attach the exit code is 0 when all went well, 2 when some items "
        "failed, else 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="its id, its code or its whole name")
        start_arguments(parser)
        parser.add_argument(
            "--budget",
            type=_usd,
            metavar="USD",
            help="what the run may spend, in dollars (default: no limit of its own)",
        )
        parser.add_argument("--quote", type=UUID, metavar="ID", help="the quote that it goes by")
        parser.add_argument(
            "--lane",
            choices=MoneyLane.values,
            default=MoneyLane.REALTIME.value,
            help="batch: by the provider's batches, at half the price, within a day; cheapest: "
            "by those, and what a day does not suffice for in realtime",
        )
        parser.add_argument("--user", help="who starts it, by user name")
        parser.add_argument("--watch", action="store_true", help="show its progress to the end")
        parser.add_argument(
            "--save",
            type=Path,
            metavar="FILE",
            help="with --watch: keep the file that the run makes (EXPORT) as this one",
        )
        parser.add_argument(
            "--attach",
            action="store_true",
            help="watch the project's active run; with --watch, start one where none is active",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project = project_named(options["project"])
        console = self.console()
        run = active_runs(project=project).first() if options["attach"] else None
        if run is not None:
            console.print(Text(f"Run {run.pk} is {run.status}."))
        elif options["attach"] and not options["watch"]:
            raise CommandError(
                f"{project} has no active run. Start one: manage.py generate {project.pk} --watch"
            )
        else:
            run = _start(project, options)
            console.print(Text(_started_line(project, run)))
            if left_out := items_left_out(run=run):
                console.print(Text(left_out_text(left_out)))
        if options["watch"] or options["attach"]:
            again = f"manage.py generate {run.project_id} --attach"
            self.watch(console, run, again=again, wanted=RunStatus.SUCCEEDED)
            if options["save"]:
                console.print(Text(f"{_saved(run, options['save']):,} bytes in {options['save']}"))
        else:
            console.print(Text(f"Watch it: manage.py generate {project.pk} --attach"))
            if not workers_alive().exists():
                console.print(Text(NO_WORKER))


def _usd(text: str) -> int:
    amount = usd_read(text.removeprefix("$"))
    if not amount:
        raise ArgumentTypeError("give dollars, such as 2.50")
    return amount


def _start(project: Project, options: dict[str, Any]) -> Run:
    try:
        return run_start(
            project=project,
            user=actor_named(options["user"]) if options["user"] else None,
            options=replace(
                start_options(project, options),
                quote_id=options["quote"],
                lane=options["lane"],
                budget_micro_usd=options["budget"],
            ),
        )
    except RunAlreadyActive as error:
        raise CommandError(
            f"Run {error.details['runId']} of {project} is already active. "
            f"Watch it: manage.py generate {project.pk} --attach"
        ) from error
    except BatchgenError as error:
        raise CommandError(error.message) from error


def _saved(run: Run, path: Path) -> int:
    """The run's file, copied; its size in bytes."""
    kind = kind_started_by(run.type)
    made = kind.file_of(run.pk) if isinstance(kind, MakesFiles) else None
    if made is None:
        raise CommandError(f"A run of type {run.type} makes no file.")
    opened = made.open()
    if opened is None:
        raise CommandError("The file is not where this process looks for it: BATCHGEN_EXPORT_DIR.")
    try:
        with opened, path.open("wb") as copy:
            shutil.copyfileobj(opened, copy)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
    return made.size


def _started_line(project: Project, run: Run) -> str:
    kind = kind_started_by(run.type)
    return (
        f"{plain(project.name)}: run {run.pk} over {counted(run.total_items, kind.item_words)}, "
        f"{kind.options_text(run.options)}, "
        f"{run.max_concurrency} at a time{lane_text(run)}{answered_text(run)}."
    )
