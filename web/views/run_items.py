"""Items of a run: the list by its filters, one beside it, and what is done with one or many."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.api.operations import valid
from batchgen.errors import (
    BudgetReached,
    InvalidTransition,
    ItemAlreadyActive,
    PriceUnknown,
    QuotaReached,
    RunAlreadyActive,
    ValidationFailed,
)
from content.kind import counted
from content.registry import kind_started_by
from epics import bounds
from epics.access import Role
from runs.api.item_output import ITEM_ORDERS
from runs.api.run_input import ItemChangeInput
from runs.engine.controls import run_item_cancel, run_retry
from runs.engine.items import item_prioritise, items_cancel
from runs.models import Run, RunItem
from runs.models.work import MOST_PRIORITY
from runs.reads import selectors
from runs.reads.items import (
    duration_ms,
    item_calls,
    item_read,
    remaining_ms,
    run_items,
    stage_percent,
    waiting_of,
)
from runs.reads.lineage import run_lineage
from runs.reads.progress import RunProgress
from runs.states import ACTIVE, ItemStatus
from web.forms import Rows
from web.page import page, show, told, user_of
from web.parts.made import made_of
from web.shapes import whole

#: What a person is told as a message on the page that they acted on.
TOLD = (
    InvalidTransition, ItemAlreadyActive, QuotaReached, RunAlreadyActive, ValidationFailed,
    BudgetReached, PriceUnknown,
)  # fmt: skip
_SORTS = {"order": "In order", "completedAt": "As they ended"}
#: {what is done with many: the items that it can be done with}.
_ACTED_ON = {
    "cancel": Q(status=ItemStatus.PENDING),
    "retry": Q(status=ItemStatus.FAILED, target_id__isnull=False),
}
#: Ticked ones that a form may name; a page has fewer.
_MOST_TICKED = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The filters of a list's address; what is no filter means nothing."""

    state: str
    error: str
    q: str
    sort: str

    @classmethod
    def of(cls, query: QueryDict) -> "Asked":
        state, sort = query.get("state", ""), query.get("sort", "")
        return cls(
            state=state if state in ItemStatus.values else "",
            error=query.get("error", "")[: bounds.CODE_CHARS],
            q=query.get("q", "")[: bounds.NAME_CHARS],
            sort=sort if sort in _SORTS else "order",
        )

    @property
    def filtered(self) -> bool:
        """Some items may be left out."""
        return bool(self.state or self.error or self.q)

    def among(self, items: "QuerySet[RunItem]") -> "QuerySet[RunItem]":
        """Those that are asked for."""
        if self.state:
            items = items.filter(status=self.state)
        if self.error:
            items = items.filter(error_code=self.error)
        if self.q:
            items = items.filter(Q(title__icontains=self.q) | Q(code__iexact=self.q))
        if self.sort == "completedAt":
            items = items.filter(completed_at__isnull=False)
        return items


def items_of(request: HttpRequest, progress: RunProgress) -> dict[str, Any]:
    """The table's rows, by the filters of the address, and what can be done with many of them."""
    asked = Asked.of(request.GET)
    rows = Rows(request, asked.among(run_items(run=progress.run)), keys=ITEM_ORDERS[asked.sort])
    action = _action(progress)
    return {
        "rows": rows,
        "items": [_row(item) for item in rows],
        "filters": asked,
        "filtered": asked.filtered,
        "states": ItemStatus.values,
        "sorts": _SORTS.items(),
        "ticks": progress.may_control and (action != "" or not progress.final),
        "action": action,
        "acted_on": _acted_on(progress.run, action, asked).count() if action else 0,
        "query": request.GET.urlencode(),
    }


def _action(progress: RunProgress) -> str:
    """What can be done with many items now, if anything."""
    if progress.may_control and progress.run.status in ACTIVE:
        return "cancel"
    return "retry" if "retry-failed" in progress.controls else ""


def _acted_on(found: Run, action: str, asked: Asked) -> "QuerySet[RunItem]":
    return asked.among(RunItem.objects.filter(_ACTED_ON[action], run=found)).order_by()


def _row(item: RunItem) -> dict[str, Any]:
    return {
        "item": item,
        "percent": stage_percent(item),
        "waiting": waiting_of(item),
        "remaining_ms": remaining_ms(item),
        "duration_ms": duration_ms(item),
    }


def panel_of(request: HttpRequest, progress: RunProgress) -> dict[str, Any] | None:
    """The item that the address opens beside the table."""
    found, item_id = progress.run, _id(request.GET.get("item", ""))
    item = run_items(run=found).filter(pk=item_id).first() if item_id else None
    if item is None:
        return None
    return {
        **_row(item),
        "calls": item_calls(item=item),
        "made": made_of(item, project_id=found.project_id),
        "others": _others(found, item),
        "open": item.status in (ItemStatus.PENDING, ItemStatus.GENERATING)
        and progress.may_control
        and not progress.final,
        "retry": item.status == ItemStatus.FAILED
        and item.target_id is not None
        and _action(progress) == "retry",
        "most_priority": MOST_PRIORITY,
    }


def _others(found: Run, item: RunItem) -> "QuerySet[RunItem]":
    """The same in the runs that this one retries, and in those that retry it, the oldest first."""
    runs = run_lineage(run=found) if item.target_id else []
    same = RunItem.objects.filter(run__in=runs, kind=item.kind, target_id=item.target_id)
    return same.exclude(pk=item.pk).select_related("run").order_by("run__created_at")


@page("POST")
def item(request: HttpRequest, run_id: UUID, item_id: UUID) -> HttpResponse:
    """Cancel one item, or have it go sooner or later."""
    found = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
    one = item_read(run=found, item_id=item_id)
    back = f"{reverse('web:run', args=[run_id])}?item={item_id}"
    try:
        if request.POST.get("action") == "cancel":
            run_item_cancel(item=one, user=user_of(request))
            done = f"{one.code} is cancelled."
        else:
            priority = whole(request.POST.get("priority", ""))
            priority = valid(ItemChangeInput, {"priority": priority})["priority"]
            item_prioritise(item=one, user=user_of(request), priority=priority)
            done = f"{one.code} has the priority {priority}."
    except TOLD as error:
        return told(request, error, back)
    messages.success(request, done)
    return redirect(back)


# Many ---------------------------------------------------------------------------------------------


@page("POST")
def items(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Cancel those that wait, or retry those that failed, of what was ticked or of all that the
    filters find: first the page that says how many, then it."""
    found = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
    action = request.POST.get("action", "")
    if action not in _ACTED_ON:
        raise ValidationFailed("Choose cancel or retry.")
    query = QueryDict(request.POST.get("query", ""))
    back = f"{reverse('web:run', args=[run_id])}?{query.urlencode()}"
    chosen = _chosen(request, found, action, Asked.of(query))
    ids = list(chosen.order_by("order").values_list("pk", flat=True))
    words = kind_started_by(found.type).item_words
    if not ids:
        which = "waits" if action == "cancel" else "failed"
        messages.error(request, f"Tick {words[1]} first; of those that you chose none {which}.")
        return redirect(back)
    if "sure" not in request.POST:
        context = {"run": found, "action": action, "count": len(ids), "words": words, "back": back}
        return show(request, "run_many.html", {**context, "form": _form(request)})
    try:
        done, to = _DO[action](request, found, ids)
    except TOLD as error:
        return told(request, error, back)
    messages.success(request, _said(action, done, asked=len(ids), words=words))
    return redirect(to or back)


def _chosen(request: HttpRequest, found: Run, action: str, asked: Asked) -> "QuerySet[RunItem]":
    if request.POST.get("everything") == "1":
        return _acted_on(found, action, asked)
    ticked = request.POST.getlist("item")[:_MOST_TICKED]
    return RunItem.objects.filter(
        _ACTED_ON[action], run=found, pk__in=filter(None, map(_id, ticked))
    )


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _form(request: HttpRequest) -> list[tuple[str, str]]:
    """What was sent, to be sent again."""
    kept: Mapping[str, list[str]] = dict(request.POST.lists())
    names = ("action", "query", "everything", "item")
    return [(name, value) for name in names for value in kept.get(name, ())[:_MOST_TICKED]]


def _cancel(request: HttpRequest, found: Run, ids: list[UUID]) -> tuple[int, str]:
    return items_cancel(run=found, user=user_of(request), item_ids=ids), ""


def _retry(request: HttpRequest, found: Run, ids: list[UUID]) -> tuple[int, str]:
    again = run_retry(run=found, user=user_of(request), include_pending=False, item_ids=ids)
    return again.total_items, reverse("web:run", args=[again.pk])


#: {action: what does it, and says with how many, and where that shows; empty: where it was asked}.
_DO = {"cancel": _cancel, "retry": _retry}


def _said(action: str, done: int, *, asked: int, words: tuple[str, str]) -> str:
    told = counted(done, words)
    text = f"{told} cancelled." if action == "cancel" else f"Retrying {told} in this run."
    if done < asked:
        text += f" {counted(asked - done, words)} had moved on meanwhile."
    return text
