"""One story: as it is, with its defects where they stand, and to change and to review."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from batchgen.api.operations import valid
from batchgen.errors import ValidationFailed, VersionConflict
from epics import bounds, selectors, story_services
from epics.access import Role, project_role, role_held
from epics.api.review_serializers import ReviewInput
from epics.api.serializers import StoryPatch
from epics.models import ReviewStatus, Story
from epics.review import review_set
from web.forms import REFUSALS, form_refused, typed
from web.highlight import marked
from web.page import page, show, told, user_of

_TEMPLATE = "story.html"
#: {field of the form and the API: (the model's, what it is called)}.
_FIELDS = {
    "title": ("title", "Title"),
    "userStory": ("user_story", "Story"),
    "persona": ("persona", "Persona"),
    "acceptanceCriteria": ("acceptance_criteria", "Acceptance criteria"),
    "technicalNotes": ("technical_notes", "Technical notes"),
    "priority": ("priority", "Priority"),
    "effort": ("effort", "Effort"),
}
#: Empty criteria that the form has for new ones.
_MORE = 2
_CHANGES_SHOWN = 20


@page("GET", "POST")
def story(request: HttpRequest, story_id: UUID) -> HttpResponse:
    """Read it, or change it where nobody else has in the meantime."""
    role = Role.EDITOR if request.method == "POST" else Role.VIEWER
    found = selectors.part_for(Story, part_id=story_id, user=request.user, role=role)
    if request.method != "POST":
        return show(request, _TEMPLATE, _context(request, found, _values(found)))
    values = _typed(request)
    # A field that is as it was is not sent: null notes stay null.
    body = {name: text for name, text in values.items() if text != _values(found)[name]}
    if not body:
        messages.success(request, "Nothing is different, so nothing is saved.")
        return redirect("web:story", story_id=story_id)
    try:
        changes = valid(StoryPatch, {**body, "version": _version(request)})
        version = changes.pop("version")
        with role_held(user=request.user, project_id=found.project_id, role=Role.EDITOR):
            story_services.story_update(
                story_id=story_id, changes=changes, version=version, user=user_of(request)
            )
    except VersionConflict as error:
        found = selectors.part_for(Story, part_id=story_id, user=request.user)
        context = {**_context(request, found, values), "conflict": _conflict(found, values)}
        return form_refused(request, error, _TEMPLATE, context)
    except REFUSALS as error:
        return form_refused(request, error, _TEMPLATE, _context(request, found, values))
    messages.success(request, f"{found.code} is saved.")
    return redirect("web:story", story_id=story_id)


@page("POST")
def story_review(request: HttpRequest, story_id: UUID) -> HttpResponse:
    """Approve it, reject it, or take that back: of the version that was seen."""
    found = selectors.part_for(Story, part_id=story_id, user=request.user, role=Role.EDITOR)
    form = typed(request.POST, ("status", "note"))
    try:
        wanted = valid(
            ReviewInput,
            {
                "kind": "story",
                "items": [{"id": str(story_id), "version": _version(request)}],
                **form,
            },
        )
        with role_held(user=request.user, project_id=found.project_id, role=Role.EDITOR):
            reviewed = review_set(
                project_id=found.project_id,
                kind="story",
                versions=wanted["items"],
                status=wanted["status"],
                note=wanted["note"],
                user=user_of(request),
            )
        if reviewed.conflicts:
            raise VersionConflict
    except (VersionConflict, ValidationFailed) as error:
        return told(request, error, "web:story", story_id=story_id)
    word = ReviewStatus(wanted["status"]).label.lower()
    messages.success(request, f"{found.code} is {'a draft again' if word == 'draft' else word}.")
    return redirect("web:story", story_id=story_id)


def _context(request: HttpRequest, found: Story, values: dict[str, Any]) -> dict[str, Any]:
    criteria = found.acceptance_criteria
    return {
        "story": found,
        "epic": found.epic,
        "project": found.project,
        "role": project_role(user=request.user, project=found.project),
        "values": values,
        "version": found.version,
        "more": [*values["acceptanceCriteria"], *[""] * _MORE],
        "bounds": bounds,
        "title": marked(found.title, "title", found.defects),
        "text": marked(found.user_story, "userStory", found.defects),
        "persona": marked(found.persona, "persona", found.defects),
        "criteria": [
            marked(each, f"acceptanceCriteria[{place}]", found.defects)
            for place, each in enumerate(criteria)
        ],
        "changes": selectors.history_list(found).queryset()[:_CHANGES_SHOWN],
        "priorities": [("", "none"), ("high", "high"), ("medium", "medium"), ("low", "low")],
        "efforts": [("", "none"), ("S", "S"), ("M", "M"), ("L", "L")],
    }


def _values(found: Story) -> dict[str, Any]:
    """The story as its form has it."""
    return {name: getattr(found, column) or _nothing(name) for name, (column, _) in _FIELDS.items()}


def _nothing(name: str) -> Any:
    return [] if name == "acceptanceCriteria" else ""


def _typed(request: HttpRequest) -> dict[str, Any]:
    """The form as the API's body has it."""
    texts = {name: request.POST.get(name, "").replace("\r\n", "\n") for name in _FIELDS}
    criteria = [each.replace("\r\n", "\n") for each in request.POST.getlist("acceptanceCriteria")]
    return {**texts, "acceptanceCriteria": [each for each in criteria if each.strip()]}


def _version(request: HttpRequest) -> int | str:
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _conflict(found: Story, mine: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs between the story as it is now and what was typed, field by field."""
    theirs = _values(found)
    return [
        {"label": label, "theirs": _lines(theirs[name]), "mine": _lines(mine[name])}
        for name, (_, label) in _FIELDS.items()
        if theirs[name] != mine[name]
    ]


def _lines(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else value
