"""What `generate` and `quote` take of a start, and what the API would be sent."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q
from rest_framework.serializers import ValidationError

from batchgen.api.strict_json import strict_loads
from content.kind import BESIDE
from content.registry import Kind, kind_started_by, run_types
from content.run_types import RunType
from content.stories.options import Mode, PersonaSet, StoriesOptions
from epics.models import Project
from runs.api.run_options import options_chosen
from runs.engine.start import RunOptions
from runs.management.report import plain
from runs.pacing import MOST_LANES
from runs.states import Pacing, Priority

_NAMES_SHOWN = 10


def start_arguments(parser: CommandParser) -> None:
    """What a start is told by, but for its project."""
    defaults, chosen = RunOptions(), StoriesOptions()
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
        "--deadline",
        type=_moment,
        metavar="TIME",
        help="when what is made is needed, such as 2026-11-30T09:00, in UTC where it names no "
        "zone: the lane cheapest ends by it, and it is part of a computed priority",
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
    parser.add_argument(
        "--replace-edited",
        action="store_true",
        help="replace also what a person edited; without this it stays",
    )


def start_options(project: Project, options: dict[str, Any]) -> RunOptions:
    """Those arguments, as a start takes them.

    Raises:
        CommandError: an option or a target is none.
    """
    codes: list[str] | None = options["epic"]
    one = codes is not None and len(set(codes)) == 1
    run_type: str = options["type"] or (
        RunType.GENERATE_STORIES if one else RunType.GENERATE_ALL_STORIES
    )
    kind = kind_started_by(run_type)
    chosen = _chosen(kind, run_type, options)
    return RunOptions(
        type=run_type,
        options=chosen,
        pacing_profile=options["pacing"],
        priority=options["priority"],
        target_ids=_target_ids(kind, project, chosen, codes),
        max_concurrency=options["max_concurrency"],
        model=options["model"],
        deadline=options["deadline"],
    )


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


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("give a time such as 2026-11-30T09:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _lanes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_LANES:
        raise ArgumentTypeError(f"give a whole number from 1 to {MOST_LANES}")
    return int(text)
