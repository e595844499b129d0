"""What is written, one by one: to read with its defects where they stand, to change, and to
review."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import Truncator

from batchgen.api.operations import valid
from batchgen.errors import ValidationFailed, VersionConflict
from epics import bounds, selectors
from epics.access import Role, project_role, role_held
from epics.api.review_serializers import ReviewInput
from epics.models import ContentChange, ReviewStatus
from epics.review import review_set
from web.forms import REFUSALS, form_refused, typed
from web.page import View, page, show, told, user_of
from web.parts import Part
from web.shapes import body_of, conflict_of, rows_to_type, typed_in, values_of, whole
from web.words import as_lines

_TEMPLATE = "part.html"
_CHANGES_SHOWN = 20
#: Of a text before and after a change.
_CHANGE_CHARS = 400


def editor_of(part: Part) -> View:
    """The page of one of this kind."""

    @page("GET", "POST")
    def editor(request: HttpRequest, **ids: UUID) -> HttpResponse:
        (part_id,) = ids.values()
        role = Role.EDITOR if request.method == "POST" else Role.VIEWER
        found = part.read(user_of(request), part_id, role)
        if request.method != "POST":
            return show(request, _TEMPLATE, _context(request, part, found))
        return _save(request, part, found)

    return editor


def _save(request: HttpRequest, part: Part, found: Any) -> HttpResponse:
    values = typed_in(part.fields, request.POST)
    body = body_of(part.fields, found, values)
    if not body:
        messages.success(request, "Nothing is different, so nothing is saved.")
        return redirect(part.address(found))
    user = user_of(request)
    try:
        changes = valid(part.patch, {**body, "version": whole(request.POST.get("version", ""))})
        version = changes.pop("version")
        with role_held(user=user, project_id=found.project_id, role=Role.EDITOR):
            part.update(found.pk, changes, version, user)
    except VersionConflict as error:
        now = part.read(user, found.pk, Role.VIEWER)
        conflict = {"conflict": conflict_of(part.fields, now, values)}
        context = _context(request, part, now, values)
        return form_refused(request, error, _TEMPLATE, {**context, **conflict})
    except REFUSALS as error:
        return form_refused(request, error, _TEMPLATE, _context(request, part, found, values))
    messages.success(request, f"{found.code} is saved.")
    return redirect(part.address(found))


def _context(
    request: HttpRequest, part: Part, found: Any, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    values = values_of(part.fields, found) if values is None else values
    return {
        "part": part,
        "row": found,
        "project": found.project,
        "role": project_role(user=request.user, project=found.project),
        "values": values,
        "fields": [(field, rows_to_type(field, values[field.name])) for field in part.fields],
        "bounds": bounds,
        "name": part.name(found),
        "address": part.address(found),
        "review": part.reviews
        and reverse(f"web:{part.kind}-review", kwargs={f"{part.kind}_id": found.pk}),
        "list": f"{reverse('web:project', args=[found.project_id])}?tab={part.tab}",
        "reading": list(part.reading(found)),
        "above": part.above(found),
        "links": part.links(found),
        "facts": part.facts(found),
        "reviewable": part.reviews and part.reviewable(found),
        "changes": [
            _change(change) for change in selectors.history_list(found).queryset()[:_CHANGES_SHOWN]
        ],
    }


def _change(change: ContentChange) -> dict[str, Any]:
    """What the history tells of a change: who did what when, and the texts before and after."""
    who = "nobody who is still here"
    if change.user:
        who = change.user.get_username()
    elif change.run_id:
        who = "a run"
    texts = [
        {
            "label": name,
            "theirs": _shortened(sides.get("before")),
            "mine": _shortened(sides.get("after")),
        }
        for name, sides in change.fields.items()
    ]
    told = f"{change.change} by {who}: {', '.join(change.fields)}"
    return {"at": change.at, "told": told, "texts": texts}


def _shortened(value: Any) -> str:
    return Truncator(as_lines(value)).chars(_CHANGE_CHARS)


# Reviews --------------------------------------------------------------------------------------


def review_of(part: Part) -> View:
    """Approve one, reject it, or take that back: of the version that was seen."""

    @page("POST")
    def review(request: HttpRequest, **ids: UUID) -> HttpResponse:
        (part_id,) = ids.values()
        found = part.read(user_of(request), part_id, Role.EDITOR)
        version = whole(request.POST.get("version", ""))
        try:
            wanted = review_wanted(request, part, [(part_id, version)])
            with role_held(user=request.user, project_id=found.project_id, role=Role.EDITOR):
                reviewed = review_set(project_id=found.project_id, user=user_of(request), **wanted)
            if reviewed.conflicts:
                raise VersionConflict
        except (VersionConflict, ValidationFailed) as error:
            return told(request, error, part.address(found))
        messages.success(request, f"{found.code} is {review_word(wanted['status'])}.")
        return redirect(part.address(found))

    return review


def review_wanted(
    request: HttpRequest, part: Part, seen: Iterable[tuple[UUID, Any]]
) -> dict[str, Any]:
    """A review as the service takes it.

    Args:
        seen: ids, and the versions that the review is of.

    Raises:
        ValidationFailed: the form does not say one.
    """
    items = [{"id": str(pk), "version": version} for pk, version in seen]
    form = typed(request.POST, ("status", "note"))
    asked = valid(ReviewInput, {"kind": part.kind, "items": items, **form})
    return {
        "kind": part.kind,
        "versions": asked["items"],
        "status": asked["status"],
        "note": asked["note"],
    }


def review_word(status: str) -> str:
    """What is told of rows that have this status now."""
    word = ReviewStatus(status).label.lower()
    return "a draft again" if word == "draft" else word
