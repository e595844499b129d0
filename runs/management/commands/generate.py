"""`manage.py generate PROJECT`: start a run and watch it in the terminal."""

from argparse import ArgumentTypeError
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q
from rich.text import Text

from batchgen.errors import BatchgenError, RunAlreadyActive
from content.run_types import RunType
from content.stories.options import Mode, PersonaSet, StoriesOptions
from epics.models import Epic, Project
from runs.engine.start import RunOptions, left_out_text, run_start
from runs.management.report import plain
from runs.management.terminal import RunsCommand, actor_named
from runs.management.watch import NO_WORKER
from runs.models import Run
from runs.pacing import MOST_LANES
from runs.reads.selectors import active_runs, items_left_out, workers_alive
from runs.states import Pacing, Priority, RunStatus

_NAMES_SHOWN = 10


class Command(RunsCommand):
    help = (
        "Generates the stories of all epics of a project, or of some. With --watch or --attach "
        "the exit code is 0 when all went well, 2 when some epics failed, else 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        defaults, chosen = RunOptions(), StoriesOptions()
        parser.add_argument("project", help="its id, its code or its whole name")
        parser.add_argument("--mode", choices=Mode.values, default=chosen.mode.value)
        parser.add_argument(
            "--persona-set", choices=PersonaSet.values, default=chosen.persona_set.value
        )
        parser.add_argument("--pacing", choices=Pacing.values, default=defaults.pacing_profile)
        parser.add_argument("--priority", choices=Priority.values, default=defaults.priority)
        parser.add_argument(
            "--max-concurrency",
            type=_lanes,
            metavar="N",
            help="epics at the same time (default: as the pacing says)",
        )
        parser.add_argument(
            "--epic",
            nargs="+",
            action="extend",
            metavar="CODE",
            help="only these epics (default: all)",
        )
        parser.add_argument("--skip-quality-check", action="store_true")
        parser.add_argument("--user", help="who starts it, by user name")
        parser.add_argument(
            "--replace-edited",
            action="store_true",
            help="replace also stories that a person edited; without this they stay",
        )
        parser.add_argument("--watch", action="store_true", help="show its progress to the end")
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
        else:
            console.print(Text(f"Watch it: manage.py generate {project.pk} --attach"))
            if not workers_alive().exists():
                console.print(Text(NO_WORKER))


def project_named(name: str) -> Project:
    """The project with this id, else this code, else this name.

    Raises:
        CommandError: none, or several; says which there are.
    """
    for wanted in _meanings(name):
        found = list(Project.objects.filter(wanted).order_by("-created_at")[: _NAMES_SHOWN + 1])
        if len(found) == 1:
            return found[0]
        if found:
            raise CommandError(f"Several projects are called {name}. Give an id:{_listed(found)}")
    known = list(Project.objects.order_by("-created_at")[: _NAMES_SHOWN + 1])
    there = f"There are:{_listed(known)}" if known else "Import one with import_backlog."
    raise CommandError(f"No project has the id, code or name {name}. {there}")


def _meanings(name: str) -> list[Q]:
    meanings = [Q(code=name), Q(name=name)]
    try:
        return [Q(pk=UUID(name)), *meanings]
    except ValueError:
        return meanings


def _listed(projects: list[Project]) -> str:
    rows = [f"\n  {one.pk}  {one.code:<12} {plain(one.name)}" for one in projects]
    return "".join(rows[:_NAMES_SHOWN]) + ("\n  …" if len(rows) > _NAMES_SHOWN else "")


def _start(project: Project, options: dict[str, Any]) -> Run:
    codes: list[str] | None = options["epic"]
    one = codes is not None and len(set(codes)) == 1
    try:
        return run_start(
            project=project,
            user=actor_named(options["user"]) if options["user"] else None,
            options=RunOptions(
                type=RunType.GENERATE_STORIES if one else RunType.GENERATE_ALL_STORIES,
                options={
                    "mode": options["mode"],
                    "persona_set": options["persona_set"],
                    "skip_quality_check": options["skip_quality_check"],
                    "keep_edited": not options["replace_edited"],
                },
                pacing_profile=options["pacing"],
                priority=options["priority"],
                target_ids=_epic_ids(project, codes),
                max_concurrency=options["max_concurrency"],
            ),
        )
    except RunAlreadyActive as error:
        raise CommandError(
            f"Run {error.details['runId']} of {project} is already active. "
            f"Watch it: manage.py generate {project.pk} --attach"
        ) from error
    except BatchgenError as error:
        raise CommandError(error.message) from error


def _epic_ids(project: Project, codes: list[str] | None) -> list[UUID] | None:
    if codes is None:
        return None
    found = dict(Epic.objects.filter(project=project, code__in=codes).values_list("code", "pk"))
    if unknown := [code for code in codes if code not in found]:
        raise CommandError(f"{project} has no epic {', '.join(unknown)}.")
    return list(found.values())


def _started_line(project: Project, run: Run) -> str:
    return (
        f"{plain(project.name)}: run {run.pk} over {run.total_items} epics, "
        f"{run.options['mode']}, "
        f"{run.max_concurrency} at a time, {run.model} answered by {run.provider}."
    )


def _lanes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_LANES:
        raise ArgumentTypeError(f"give a whole number from 1 to {MOST_LANES}")
    return int(text)
