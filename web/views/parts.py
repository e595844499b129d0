"""What is written, one by one and many at once: to read with its defects where they stand, to
change, and to review."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.api.operations import valid
from batchgen.errors import ValidationFailed, VersionConflict
from content.kind import counted
from epics import bounds, selectors
from epics.access import Role, project_for, project_role, role_held
from epics.api.review_serializers import ReviewInput
from epics.models import Project, ReviewStatus
from epics.registry import content_named
from epics.review import review_set
from web.forms import REFUSALS, form_refused, typed
from web.page import View, page, show, told, user_of
from web.parts import PARTS, Part
from web.shapes import body_of, conflict_of, rows_to_type, typed_in, values_of, whole

_TEMPLATE = "part.html"
_CHANGES_SHOWN = 20


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
        "review": reverse(f"web:{part.kind}-review", kwargs={f"{part.kind}_id": found.pk}),
        "list": f"{reverse('web:project', args=[found.project_id])}?tab={part.tab}",
        "reading": list(part.reading(found)),
        "above": part.above(found),
        "links": part.links(found),
        "facts": part.facts(found),
        "reviewable": part.reviewable(found),
        "changes": selectors.history_list(found).queryset()[:_CHANGES_SHOWN],
    }


# Reviews --------------------------------------------------------------------------------------


def review_of(part: Part) -> View:
    """Approve one, reject it, or take that back: of the version that was seen."""

    @page("POST")
    def review(request: HttpRequest, **ids: UUID) -> HttpResponse:
        (part_id,) = ids.values()
        found = part.read(user_of(request), part_id, Role.EDITOR)
        version = whole(request.POST.get("version", ""))
        try:
            wanted = _wanted(request, part, [{"id": str(part_id), "version": version}])
            with role_held(user=request.user, project_id=found.project_id, role=Role.EDITOR):
                reviewed = review_set(project_id=found.project_id, user=user_of(request), **wanted)
            if reviewed.conflicts:
                raise VersionConflict
        except (VersionConflict, ValidationFailed) as error:
            return told(request, error, part.address(found))
        messages.success(request, f"{found.code} is {_word(wanted['status'])}.")
        return redirect(part.address(found))

    return review


@page("POST")
def review_many(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Review those that were ticked, or all that the list's filters find: these after a page that
    says how many."""
    project = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
    part = PARTS.get(request.POST.get("tab", ""))
    if part is None:
        raise ValidationFailed("Choose what is reviewed.")
    query = QueryDict(request.POST.get("query", "")).dict()
    back = f"{reverse('web:project', args=[project_id])}?{_encoded(part, query)}"
    everything = request.POST.get("everything") == "1"
    if everything and "sure" not in request.POST:
        return _asked(request, project, part, query, back)
    try:
        changed, late = _review(request, project, part, _seen(request, project, part, query))
    except ValidationFailed as error:
        return told(request, error, back)
    text = f"{counted(changed, part.words)} {_word(request.POST['status'])}."
    if late:
        text += f" {counted(late, part.words)} changed in the meantime, and stay as they were."
    messages.success(request, text)
    return redirect(back)


def _asked(
    request: HttpRequest, project: Project, part: Part, query: Mapping[str, Any], back: str
) -> HttpResponse:
    rows = _reviewable(project, part, query)
    form = {name: request.POST.get(name, "") for name in ("tab", "query", "status", "note")}
    _wanted(request, part, [{"id": str(project.pk), "version": 1}])
    context = {
        "project": project,
        "part": part,
        "count": rows.count(),
        "form": form,
        "word": _word(form["status"]),
        "back": back,
    }
    return show(request, "review_many.html", context)


def _reviewable(project: Project, part: Part, query: Mapping[str, Any]) -> Any:
    return part.listed(project, query).filter(content_named(part.kind).written).order_by()


def _seen(
    request: HttpRequest, project: Project, part: Part, query: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """(id, version) of what is to be reviewed."""
    if request.POST.get("everything") == "1":
        rows = _reviewable(project, part, query).order_by("pk").values_list("pk", "version")
        return ((str(pk), version) for pk, version in list(rows))
    ticked = [each.partition(":") for each in request.POST.getlist("item")]
    return ((pk, whole(version)) for pk, _, version in ticked)


def _review(
    request: HttpRequest, project: Project, part: Part, seen: Iterator[tuple[str, Any]]
) -> tuple[int, int]:
    """How many were changed, and how many had another version by now."""
    changed = late = 0
    some = False
    while chunk := list(islice(seen, bounds.REVIEW_ITEMS)):
        some = True
        items = [{"id": pk, "version": version} for pk, version in chunk]
        wanted = _wanted(request, part, items)
        with role_held(user=request.user, project_id=project.pk, role=Role.EDITOR):
            reviewed = review_set(project_id=project.pk, user=user_of(request), **wanted)
        changed += reviewed.changed
        late += len(reviewed.conflicts)
    if not some:
        raise ValidationFailed(f"Tick {part.words[1]} first.")
    return changed, late


def _wanted(request: HttpRequest, part: Part, items: list[dict[str, Any]]) -> dict[str, Any]:
    """A review as the service takes it."""
    form = typed(request.POST, ("status", "note"))
    asked = valid(ReviewInput, {"kind": part.kind, "items": items, **form})
    return {
        "kind": part.kind,
        "versions": asked["items"],
        "status": asked["status"],
        "note": asked["note"],
    }


def _word(status: str) -> str:
    word = ReviewStatus(status).label.lower()
    return "a draft again" if word == "draft" else word


def _encoded(part: Part, query: Mapping[str, Any]) -> str:
    asked = QueryDict(mutable=True)
    for name in ("tab", "q", "cursor", *part.filters):
        value = part.tab if name == "tab" else query.get(name, "")
        if value:
            asked[name] = value
    return asked.urlencode()
