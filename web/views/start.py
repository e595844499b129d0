"""Start a run: what each type offers, and what the API would be sent."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from batchgen.api.operations import valid
from batchgen.errors import QuoteOutdated, ValidationFailed
from content.kind import BESIDE, Target, counted
from content.registry import Kind, kind_started_by, run_types
from content.run_types import MANY_AT_ONCE, RunType
from epics import bounds
from epics.access import Role, project_for
from epics.files.backlog_export import FORMATS
from epics.models import Project
from runs.api.run_input import RunInput
from runs.engine.start import RunOptions, run_start
from runs.models import Run
from runs.pacing import MOST_LANES
from runs.quotes.quoting import quote_make
from runs.reads.eta import duration_text
from runs.reads.expected import run_expected_ms
from runs.reads.selectors import active_runs, run_read
from runs.reads.warnings import start_warnings
from runs.states import MoneyLane, Pacing
from web.forms import REFUSALS, dollars, form_refused, typed
from web.page import page, show, user_of
from web.quote import quote_shown
from web.words import OPTIONS, TYPES, type_name

_TEMPLATE = "start.html"
#: Fields of the body that are the same for all types.
_PLAIN = ("pacingProfile", "priority", "model", "lane", "quoteId")
#: What is said to a model, where one is asked.
_OF_A_MODEL = {"language", "instructions"}
_LANES = [
    (MoneyLane.REALTIME.value, "Realtime"),
    (MoneyLane.BATCH.value, "Batch: half the price, within a day"),
    (MoneyLane.CHEAPEST.value, "Cheapest: batches as long as the deadline allows"),
]
#: Targets to choose from; who has more and wants only some names them over the API.
_MOST_SHOWN = 200


@page("GET", "POST")
def start(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Choose a type, then what it offers."""
    project = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
    run_type = _type(request, project)
    kind = kind_started_by(run_type)
    context = _context(request, project, kind, run_type)
    if request.method != "POST":
        return show(request, _TEMPLATE, context)
    asks = request.POST.get("ask") == "quote"
    try:
        options = RunOptions(**valid(RunInput, _body(request.POST, kind, run_type)))
        if asks:
            quote = quote_make(
                project=project, user=user_of(request), options=replace(options, quote_id=None)
            )
            shown = quote_shown(quote, kind, options)
            return show(request, _TEMPLATE, {**context, "quote": shown})
        run = _start(request, project, options)
    except REFUSALS as error:
        answer = form_refused(request, error, _TEMPLATE, context)
        if asks and request.headers.get("HX-Request"):
            # The page asked by itself, perhaps while its form was sent: nobody's mistake.
            answer.status_code = 200
        return answer
    _tell(request, run.pk)
    return redirect("web:run", run_id=run.pk)


def _start(request: HttpRequest, project: Project, options: RunOptions) -> Run:
    """By the quote that stands on the page, unless that is of other choices by now."""
    user = user_of(request)
    if options.quote_id is not None:
        try:
            return run_start(project=project, user=user, options=options)
        except (QuoteOutdated, ValidationFailed):
            pass
    return run_start(project=project, user=user, options=replace(options, quote_id=None))


def _tell(request: HttpRequest, run_id: UUID) -> None:
    run = run_read(run_id=run_id)
    expected_ms = run_expected_ms(run=run)
    what = counted(run.total_items, kind_started_by(run.type).item_words)
    messages.success(request, f"Started: {what}, about {duration_text(expected_ms)}.")
    for warning in start_warnings(run, expected_ms=expected_ms):
        messages.warning(request, warning["message"])


def _type(request: HttpRequest, project: Project) -> str:
    asked = request.POST.get("type") or request.GET.get("type") or ""
    if asked in run_types():
        return asked
    return (
        RunType.GENERATE_ALL_STORIES if project.epics.exists() else RunType.GENERATE_EPICS
    ).value


def _context(request: HttpRequest, project: Project, kind: Kind, run_type: str) -> dict[str, Any]:
    found = kind.targets(project, None, kind.options())
    posted = request.method == "POST"
    chosen = request.POST.getlist("target") if posted else request.GET.getlist("target")
    active = active_runs(project=project).filter(type=run_type)
    return {
        "project": project,
        "type": run_type,
        "told": TYPES.get(run_type, (type_name(run_type), ""))[1],
        "types": [(each, type_name(each)) for each in run_types()],
        "options": list(_options(kind, request.POST if posted else None)),
        "values": dict(request.POST.items()),
        "kind": kind,
        "what": counted(len(found), kind.item_words),
        "targets": _shown(found, kind, chosen),
        "left": max(0, len(found) - _MOST_SHOWN),
        "count": len(found),
        "one": run_type in kind.one_item,
        "active": None if run_type in MANY_AT_ONCE else active.first(),
        "pacing": Pacing.choices,
        "priorities": [("NORMAL", "Normal"), ("HIGH", "High"), ("LOW", "Low"), ("", "Computed")],
        "most_lanes": MOST_LANES,
        "lanes": _LANES,
    }


def _shown(found: Sequence[Target], kind: Kind, chosen: list[str]) -> list[tuple[Target, bool]]:
    """Those to choose from, and whether they are; none where there is nothing to choose."""
    if kind.item_kind == "project":
        return []
    first = [target for target in found if str(target.id) in chosen]
    rest = [target for target in found[:_MOST_SHOWN] if str(target.id) not in chosen]
    return [(target, True) for target in first] + [(target, False) for target in rest]


def _options(kind: Kind, posted: QueryDict | None) -> Iterator[dict[str, Any]]:
    """The kind's options as fields of the form."""
    for name, (label, help_text) in OPTIONS.items():
        field = kind.options.model_fields.get(name)
        if field is None or (not kind.uses_provider and name in _OF_A_MODEL):
            continue
        path, default = _path(name), field.get_default()
        value = default if posted is None else posted.get(path, "")
        option = {"name": path, "label": label, "help": help_text, "value": value}
        yield {**option, **_shape(name, field, default)}


def _shape(name: str, field: FieldInfo, default: Any) -> dict[str, Any]:
    if isinstance(default, bool):
        return {"kind": "check"}
    if name == "format":
        return {"kind": "select", "choices": [(each, each) for each in FORMATS]}
    if isinstance(field.annotation, type) and issubclass(field.annotation, Enum):
        choices = [(each.value, each.value.capitalize()) for each in field.annotation]
        return {"kind": "select", "choices": choices, "value": default.value}
    if name == "instructions":
        return {"kind": "textarea", "most": bounds.INSTRUCTIONS_CHARS}
    return {"kind": "number" if default is None else "text"}


def _path(name: str) -> str:
    """Where the body has an option."""
    return to_camel(name) if name in BESIDE else f"options.{to_camel(name)}"


def _body(form: QueryDict, kind: Kind, run_type: str) -> dict[str, Any]:
    """The form as the body of a start."""
    body: dict[str, Any] = {"type": run_type, **typed(form, _PLAIN)}
    if "priority" in form and not form["priority"]:
        body["priority"] = None
    if lanes := form.get("maxConcurrency", "").strip():
        body["maxConcurrency"] = _whole(lanes)
    if budget := dollars(form, "budgetUsd"):
        body["budgetUsd"] = budget
    if deadline := form.get("deadline", "").strip():
        # As browsers send it: mostly without seconds, never with a zone.
        body["deadline"] = f"{deadline}Z" if deadline.count(":") > 1 else f"{deadline}:00Z"
    if form.get("which") == "some" or run_type in kind.one_item:
        body["targetIds"] = _chosen(form, kind)
    options: dict[str, Any] = {}
    for name, field in kind.options.model_fields.items():
        if name in OPTIONS:
            given = _option(form.get(_path(name), ""), field.get_default())
            if given is not None:
                (body if name in BESIDE else options)[to_camel(name)] = given
    return {**body, "options": options}


def _chosen(form: QueryDict, kind: Kind) -> list[str]:
    chosen = form.getlist("target")
    if not chosen:
        message = f"Choose {kind.item_words[1]}."
        raise ValidationFailed(message, targetIds=[message])
    return chosen


def _option(text: str, default: Any) -> Any:
    """What was chosen, None for nothing."""
    if isinstance(default, bool):
        return text == "true"
    given = text.replace("\r\n", "\n")
    if not given.strip():
        return None
    return _whole(given) if default is None else given


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
