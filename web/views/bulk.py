"""Many at once: those that were ticked in a list, or all that its filters find.

What is done to all, and whatever cannot be taken back, is asked for once more by a page that says
how many they are. Its form names exactly these, in the versions that were counted: where they are
others by then, it asks again, so that nothing is done to what nobody was told of.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.errors import ValidationFailed, VersionConflict
from content.kind import counted
from epics import bounds
from epics.access import Role, project_for, role_held
from epics.models import Project, ReviewStatus
from epics.registry import content_named
from epics.review import review_set
from web.page import page, show, told, user_of
from web.parts import PARTS, Part
from web.views.parts import review_wanted, review_word

#: Deletions of one transaction: as long as nobody else may change the project.
_AT_ONCE = 50

#: An id, and the version that was seen.
Seen = tuple[UUID, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What an action is for.

    Attributes:
        items: in the list's order.
        everything: all that the filters find, and not what was ticked.
        left: how many more were meant, and have nothing that could be reviewed.
    """

    project: Project
    part: Part
    query: Mapping[str, Any]
    items: Sequence[Seen]
    everything: bool
    left: int = 0

    @property
    def mark(self) -> str:
        """As `mark_of`."""
        return mark_of(self.items)

    @property
    def back(self) -> str:
        """The list, as it was asked for."""
        asked = QueryDict(mutable=True)
        for name in ("tab", "q", "cursor", *self.part.filters):
            value = self.part.tab if name == "tab" else self.query.get(name, "")
            if value:
                asked[name] = value
        return f"{reverse('web:project', args=[self.project.pk])}?{asked.urlencode()}"


def mark_of(items: Iterable[Seen]) -> str:
    """What stands for exactly these, in these versions."""
    text = "\n".join(sorted(f"{pk}:{version}" for pk, version in items))
    return sha256(text.encode()).hexdigest()


@page("POST")
def review_many(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Approve them, reject them, or take that back."""
    chosen = _chosen(request, project_id, written=True)
    if not chosen.items and not chosen.everything and not chosen.left:
        return _nothing(request, chosen)
    word = review_word(review_wanted(request, chosen.part, [(project_id, 1)])["status"])
    if chosen.everything and request.POST.get("sure") != chosen.mark:
        what = f"is {word} afterwards"
        return _ask(request, chosen, verb="Review", what=what, fields=("status", "note"))
    changed, late = _review(request, chosen)
    return _done(request, chosen, f"{counted(changed, chosen.part.words)} {word}.", late)


@page("POST")
def remove_many(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Delete them, with what belongs to them."""
    chosen = _chosen(request, project_id, written=False)
    if not chosen.items and not chosen.everything:
        return _nothing(request, chosen)
    if request.POST.get("sure") != chosen.mark:
        return _ask(request, chosen, verb="Delete", what="is gone afterwards, which stays so")
    removed, late = _remove(request, chosen)
    return _done(request, chosen, f"{counted(removed, chosen.part.words)} deleted.", late)


def _chosen(request: HttpRequest, project_id: UUID, *, written: bool) -> Chosen:
    """Raises:
    NotFound, Forbidden: the user may not change this project.
    ValidationFailed: nobody says of what kind they are.
    """
    project = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
    part = PARTS.get(request.POST.get("tab", ""))
    if part is None:
        raise ValidationFailed("Choose of what.")
    query = QueryDict(request.POST.get("query", "")).dict()
    everything = request.POST.get("everything") == "1"
    rows = part.listed(project, query if everything else {}).order_by("pk")
    items = list(rows.values_list("pk", "version")) if everything else _ticked(request)
    bare = _without_content(part, rows, items) if written else set()
    return Chosen(
        project=project,
        part=part,
        query=query,
        items=[each for each in items if each[0] not in bare],
        everything=everything,
        left=len(bare),
    )


def _without_content(part: Part, rows: "QuerySet[Any]", items: Sequence[Seen]) -> set[UUID]:
    """Which of them nobody has written yet, so that there is nothing to review."""
    found = rows.filter(pk__in=[pk for pk, _ in items]).values_list("pk", flat=True)
    return set(found) - set(found.filter(content_named(part.kind).written))


def _ticked(request: HttpRequest) -> list[Seen]:
    ticked = [each.partition(":") for each in request.POST.getlist("item")]
    try:
        return [(UUID(pk), int(version)) for pk, _, version in ticked]
    except ValueError:  # no browser sent it
        return []


def _nothing(request: HttpRequest, chosen: Chosen) -> HttpResponse:
    refusal = ValidationFailed(f"Tick {chosen.part.words[1]} first.")
    return told(request, refusal, chosen.back)


def _ask(
    request: HttpRequest, chosen: Chosen, *, verb: str, what: str, fields: tuple[str, ...] = ()
) -> HttpResponse:
    """The page that says how many, and of what else."""
    ids = [pk for pk, _ in chosen.items]
    deletes = verb == "Delete"
    form = [(name, request.POST.get(name, "")) for name in ("tab", "query", *fields)]
    if chosen.everything:
        form.append(("everything", "1"))
    else:
        form += [("item", f"{pk}:{version}") for pk, version in chosen.items]
    rows = chosen.part.listed(chosen.project, {}).filter(pk__in=ids).order_by()
    context = {
        "chosen": chosen,
        "verb": verb,
        "what": what,
        "deletes": deletes,
        "count": len(ids),
        "form": [*form, ("sure", chosen.mark)],
        "again": "sure" in request.POST,
        "below": chosen.part.below(ids) if deletes else [],
        "approved": rows.filter(review_status=ReviewStatus.APPROVED).count() if deletes else 0,
        "edited": rows.filter(edited_at__isnull=False).count() if deletes else 0,
        "action": request.path,
    }
    return show(request, "bulk_ask.html", context)


def _done(request: HttpRequest, chosen: Chosen, text: str, late: int) -> HttpResponse:
    words = chosen.part.words
    if chosen.left:
        text += f" {counted(chosen.left, words)} without content left out."
    if late:
        text += f" {counted(late, words)} changed in the meantime, and stay as they were."
    messages.success(request, text)
    return redirect(chosen.back)


def _chunks(items: Sequence[Seen], size: int) -> Iterator[list[Seen]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _review(request: HttpRequest, chosen: Chosen) -> tuple[int, int]:
    """How many were changed, and how many had another version by now."""
    changed = late = 0
    project_id, user = chosen.project.pk, user_of(request)
    for chunk in _chunks(chosen.items, bounds.REVIEW_ITEMS):
        wanted = review_wanted(request, chosen.part, chunk)
        with role_held(user=user, project_id=project_id, role=Role.EDITOR):
            reviewed = review_set(project_id=project_id, user=user, **wanted)
        changed += reviewed.changed
        late += len(reviewed.conflicts)
    return changed, late


def _remove(request: HttpRequest, chosen: Chosen) -> tuple[int, int]:
    """How many were deleted, and how many were not, since they were changed or gone."""
    part, project, user = chosen.part, chosen.project, user_of(request)
    versions = dict(chosen.items)
    of_project = part.listed(project, {}).filter(pk__in=versions).order_by()
    order = part.removal(list(of_project.values_list("pk", flat=True)))
    removed = 0
    for chunk in _chunks([(pk, versions[pk]) for pk in order], _AT_ONCE):
        with role_held(user=user, project_id=project.pk, role=Role.EDITOR):
            removed += sum(_deleted(part, pk, version, user) for pk, version in chunk)
    return removed, len(versions) - removed


def _deleted(part: Part, pk: UUID, version: int, user: Any) -> bool:
    try:
        return part.delete(pk, version, user)
    except VersionConflict:
        return False
