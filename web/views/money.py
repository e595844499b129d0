"""Money: what calls cost, by day, project, run and model; what was saved; quotes beside bills."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework import serializers

from batchgen.api.inputs import Id, QuerySerializer
from batchgen.api.operations import valid
from batchgen.db.clock import database_now
from batchgen.micro_usd import usd_text
from epics.access import Role, project_for, projects_visible, role_held
from epics.api.serializers import ProjectPatch
from epics.models import Project
from epics.services import project_update
from runs.models import Run
from runs.reads.budgets import installation_month
from runs.reads.ledger import MOST_SUMS, ledger_lines, ledger_sums
from runs.reads.progress import RunProgress
from runs.reads.run_list import runs_list
from runs.reads.savings import PROMPT_TOKENS
from web.bars import bars_of
from web.forms import asked, dollars, told_wrong
from web.page import next_of, page, show, user_of

#: {what is summed by: what the page calls one}.
_BY = {"day": "Day", "project": "Project", "run": "Run", "model": "Model"}
#: Days that are looked at where nobody says, today included.
_DAYS = 30
#: Rows of the table, quotes beside bills, and projects to choose from.
_MOST_ROWS, _MOST_QUOTES, _MOST_PROJECTS = 50, 20, 200
#: What all days together have, of what each has.
_ADDED = ("calls", "billed", "possibly", "unpriced", "cache_saved", "batch_saved", *PROMPT_TOKENS)


class Day(serializers.DateField):
    """A day in UTC; becomes its first moment, or that of the next day."""

    default_error_messages: ClassVar = {"invalid": "Give a day like 2026-11-30."}

    def __init__(self, *, later_days: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._later = timedelta(days=later_days)

    def to_internal_value(self, value: Any) -> datetime:
        try:
            return _midnight(super().to_internal_value(value) + self._later)
        except OverflowError:
            self.fail("invalid")


class MoneyQuery(QuerySerializer):
    by = serializers.ChoiceField(list(_BY), default="day")
    project = Id(required=False)
    run = Id(required=False)

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name in Python.
        return {
            **super().get_fields(),
            "from": Day(required=False, source="since"),
            "to": Day(required=False, source="until", later_days=1),
        }


@page("GET")
def money(request: HttpRequest) -> HttpResponse:
    """Of the projects that the user may read; of everything for staff."""
    query = asked(request, MoneyQuery)
    by = query.pop("by")
    query.setdefault("since", _midnight(database_now().date() - timedelta(days=_DAYS - 1)))
    lines = ledger_lines(user=request.user, **query)
    days = ledger_sums(lines, by="day")
    sums = days if by == "day" else ledger_sums(lines, by=by)
    context = {
        "by": by,
        "by_name": _BY[by],
        "ways": _BY.items(),
        "rows": _rows(by, sums[:_MOST_ROWS]),
        "more": max(0, len(sums) - _MOST_ROWS),
        "cut": MOST_SUMS if len(days) == MOST_SUMS else 0,
        "total": _total(days),
        "bars": bars_of({row["key"].date(): row["billed"] for row in days}),
        "quoted": list(_quoted(request, query)),
        "month": installation_month() if user_of(request).is_staff else None,
        "csv": _csv(query),
        **_filters(request, query),
    }
    return show(request, "money.html", context)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _filters(request: HttpRequest, query: Mapping[str, Any]) -> dict[str, Any]:
    """What the form shows of the address."""
    projects = projects_visible(user=user_of(request)).only("name").order_by("name", "id")
    choices = list(projects[:_MOST_PROJECTS])
    chosen = query.get("project")
    if chosen and chosen not in {project.pk for project in choices}:
        choices += projects.filter(pk=chosen)
    until = query.get("until")
    return {
        "projects": choices,
        "project_id": chosen,
        "run_id": query.get("run"),
        "first": query["since"].date(),
        "last": until.date() - timedelta(days=1) if until else None,
        "filtered": bool(request.GET.keys() & {"project", "run", "from", "to"}),
    }


def _total(days: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return _with_hits({name: sum(day[name] for day in days) for name in _ADDED})


def _with_hits(sums: Mapping[str, Any]) -> dict[str, Any]:
    """With the part of the input that was read from the cache, 0 to 1; None where there is none."""
    prompt = sum(sums[name] for name in PROMPT_TOKENS)
    return {**sums, "hit_rate": sums["cache_read_tokens"] / prompt if prompt else None}


def _rows(by: str, sums: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The table's, each with the project or run that it is `of`, where that is still there."""
    keys = [row["key"] for row in sums if row["key"] is not None]
    found: Mapping[UUID, Project | Run] = {}
    if by == "project":
        found = Project.objects.only("name", "code").in_bulk(keys)
    elif by == "run":
        runs = Run.objects.select_related("project")
        found = runs.only("type", "created_at", "project__name").in_bulk(keys)
    return [{**_with_hits(row), "of": found.get(row["key"])} for row in sums]


def _quoted(request: HttpRequest, query: Mapping[str, Any]) -> Iterator[RunProgress]:
    """The runs that ended last of those that began in this time, where they began with a quote."""
    runs = runs_list(user=user_of(request), project_id=query.get("project")).queryset()
    wanted = {
        "pk": query.get("run"),
        "created_at__gte": query["since"],
        "created_at__lt": query.get("until"),
    }
    ended = runs.filter(
        quote__isnull=False,
        completed_at__isnull=False,
        **{name: value for name, value in wanted.items() if value is not None},
    ).select_related("project")
    for run in ended.order_by("-created_at", "-id")[:_MOST_QUOTES]:
        progress = RunProgress.of(run)
        if progress.quote is not None and progress.quote.cost is not None:
            yield progress


def _csv(query: Mapping[str, Any]) -> str:
    """The address of the file of the lines that are summed."""
    names = {"project": "project", "run": "run", "since": "from", "until": "to"}
    given = {names[name]: _text(value) for name, value in query.items()}
    return f"{reverse('ledger')}?{urlencode({'format': 'csv', **given})}"


def _text(value: UUID | datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)


@page("POST")
def project_budget(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """What a project's runs may spend in a month; its owners say so."""
    project_for(user=request.user, project_id=project_id, role=Role.OWNER)
    user, back = user_of(request), next_of(request, reverse("web:project", args=[project_id]))
    given = {"monthlyBudgetUsd": dollars(request.POST, "monthlyBudgetUsd")}
    try:
        changes = valid(ProjectPatch, given)
    except serializers.ValidationError as error:
        return told_wrong(request, error, back)
    with role_held(user=user, project_id=project_id, role=Role.OWNER):
        project_update(project_id=project_id, changes=changes)
    limit = changes["monthly_budget_micro_usd"]
    messages.success(
        request,
        "The project has no budget of its own."
        if limit is None
        else f"The project's runs may spend {usd_text(limit)} a month.",
    )
    return redirect(back)
