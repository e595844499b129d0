"""`manage.py generate PROJECT`: start a run and watch it in the terminal."""

import shutil
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q
from rest_framework.serializers import ValidationError
from rich.text import Text

from batchgen.api.strict_json import strict_loads
from batchgen.errors import BatchgenError, RunAlreadyActive
from content.kind import BESIDE, MakesFiles, counted
from content.registry import Kind, kind_started_by, run_types
from content.run_types import RunType
from content.stories.options import Mode, PersonaSet, StoriesOptions
from epics.models import Project
from runs.api.run_options import options_chosen
from runs.engine.start import RunOptions, run_start
from runs.engine.start_words import answered_text, left_out_text
from runs.management.report import plain
from runs.management.terminal import RunsCommand, actor_named
from runs.management.watch import NO_WORKER
from runs.models import Run
from runs.pacing import MOST_LANES
from runs.reads.selectors import active_runs, items_left_out
from runs.reads.surroundings import workers_alive
from runs.states import Pacing, Priority, RunStatus

_NAMES_SHOWN = 10


class Command(RunsCommand):
    help = (
        "Starts a run: the stories of all epics of a project, or of some; with --type another "
        "one. With --watch or --attach the exit code is 0 when all went well, 2 when some items "
        "failed, else 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        defaults, chosen = RunOptions(), StoriesOptions()
        parser.add_argument("project", help="its id, its code or its whole name")
        parser.add_argument(
            "--type",
            choices=run_types(),
            help="what to make (default: GENERATE_ALL_STORIES; of one epic GENERATE_STORIES)",
        )
        parser.add_argument(
            "--option",
            nargs=2,
            action="append",
            default=[],
            metavar=("NAME", "VALUE"),
            help="one of the type's options, as the API names it: --option epicCount 8",
        )
        parser.add_argument(
            "--mode", choices=Mode.values, help=f"of stories (default: {chosen.mode.value})"
        )
        parser.add_argument(
            "--persona-set",
            choices=PersonaSet.values,
            help=f"of stories (default: {chosen.persona_set.value})",
        )
        parser.add_argument("--model", help="the model to call (default: BATCHGEN_MODEL)")
        parser.add_argument("--pacing", choices=Pacing.values, default=defaults.pacing_profile)
        parser.add_argument("--priority", choices=Priority.values, default=defaults.priority)
        parser.add_argument(
            "--max-concurrency",
            type=_lanes,
            metavar="N",
            help="items at the same time (default: as the pacing says)",
        )
        parser.add_argument(
            "--epic",
            "--target",
            nargs="+",
            action="extend",
            metavar="CODE",
            help="only these epics, or whatever the type takes (default: all)",
        )
        parser.add_argument(
            "--skip-quality-check",
            action="store_true",
            help="neither judge what is made nor have it repaired",
        )
        parser.add_argument("--user", help="who starts it, by user name")
        parser.add_argument(
            "--replace-edited",
            action="store_true",
            help="replace also what a person edited; without this it stays",
        )
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
    run_type: str = options["type"] or (
        RunType.GENERATE_STORIES if one else RunType.GENERATE_ALL_STORIES
    )
    kind = kind_started_by(run_type)
    chosen = _chosen(kind, run_type, options)
    try:
        return run_start(
            project=project,
            user=actor_named(options["user"]) if options["user"] else None,
            options=RunOptions(
                type=run_type,
                options=chosen,
                pacing_profile=options["pacing"],
                priority=options["priority"],
                target_ids=_target_ids(kind, project, chosen, codes),
                max_concurrency=options["max_concurrency"],
                model=options["model"],
            ),
        )
    except RunAlreadyActive as error:
        raise CommandError(
            f"Run {error.details['runId']} of {project} is already active. "
            f"Watch it: manage.py generate {project.pk} --attach"
        ) from error
    except BatchgenError as error:
        raise CommandError(error.message) from error


def _chosen(kind: Kind, run_type: str, options: dict[str, Any]) -> dict[str, Any]:
    """The type's options, as the API reads them.

    Raises:
        CommandError: the type has no such option, or not with this value.
    """
    given = {name: _value(text) for name, text in options["option"]}
    if options["skip_quality_check"]:
        given["skipQualityCheck"] = True
    if options["replace_edited"]:
        given["keepEdited"] = False
    beside = {name: options[name] for name in BESIDE if options[name]}
    try:
        return options_chosen(kind, run_type, given, beside)
    except ValidationError as error:
        raise CommandError(_problems(error.detail)) from error


def _value(text: str) -> object:
    """8, true and null as JSON has them, anything else as a text."""
    try:
        return strict_loads(text.encode())
    except ValueError:
        return text


def _problems(detail: Any) -> str:
    if isinstance(detail, dict):
        return " ".join(
            _problems(inner) if name == "options" else f"{name}: {_problems(inner)}"
            for name, inner in detail.items()
        )
    return " ".join(map(str, detail))


def _target_ids(
    kind: Kind, project: Project, chosen: dict[str, Any], codes: list[str] | None
) -> list[UUID] | None:
    if codes is None:
        return None
    targets = kind.targets(project, None, kind.options.model_validate(chosen))
    found = {target.code: target.id for target in targets}
    if unknown := [code for code in codes if code not in found]:
        raise CommandError(f"{project} has no {kind.item_words[0]} {', '.join(unknown)}.")
    return [found[code] for code in dict.fromkeys(codes)]


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
        f"{run.max_concurrency} at a time{answered_text(run)}."
    )


def _lanes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_LANES:
        raise ArgumentTypeError(f"give a whole number from 1 to {MOST_LANES}")
    return int(text)
