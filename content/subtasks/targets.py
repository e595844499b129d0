"""The stories that can be broken down, in the order in which a run takes them; what speaks for
a run over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, Func, IntegerField, OuterRef, QuerySet, Value
from django.db.models.functions import Coalesce, Length

from batchgen.errors import MAX_PROBLEMS, ValidationFailed
from content.kind import Reason, Target
from epics.models import Epic, Project, ReviewStatus, Story, Subtask

#: Rough size of a prompt's fixed part, and characters to a token, for the estimate of a story.
_PROMPT_CHARACTERS = 6_000
_CHARACTERS_PER_TOKEN = 3.6
#: (more stories than, points) of a run.
_SIZES = ((200, 30), (50, 20), (-1, 10))
_URGENT = 30
_MISSING = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryFacts:
    """What a run's priority is made of."""

    priority: str
    has_subtasks: bool


def stories_to_break_down(
    project: Project, ids: Sequence[UUID] | None, *, only_approved: bool
) -> list[Target]:
    """The project's stories, or those of these ids, epic by epic, with `StoryFacts`.

    Raises:
        ValidationFailed: stories that are named, or all there are, lack the approval asked for.
    """
    stories = Story.objects.filter(project=project)
    if ids is not None:
        stories = stories.filter(id__in=ids)
    if only_approved:
        stories = _approved(stories, named=ids is not None)
    rows, epics = _rows(stories), _epics(project)
    here = [row for row in rows if row["epic_id"] in epics]
    here.sort(key=lambda row: (epics[row["epic_id"]][0], row["place"]))
    return [_target(row, epics[row["epic_id"]][1]) for row in here]


def stories_reasons(stories: Sequence[StoryFacts]) -> tuple[Reason, ...]:
    """What speaks for a run over these stories: how many, how urgent, with subtasks or not."""
    count = len(stories)
    urgent = sum(story.priority == "high" for story in stories)
    missing = sum(not story.has_subtasks for story in stories)
    size = next(points for least, points in _SIZES if count > least)
    reasons = (
        Reason(factor="size", points=size, message=f"{count} stories."),
        Reason(
            factor="impact",
            points=_URGENT * urgent // count,
            message=f"{urgent} of {count} stories have a high priority.",
        ),
        Reason(
            factor="subtasks",
            points=_MISSING if missing else 0,
            message=f"{missing} of {count} stories have no subtasks yet.",
        ),
    )
    return tuple(reason for reason in reasons if reason.points)


def _approved(stories: QuerySet[Story], *, named: bool) -> QuerySet[Story]:
    approved = stories.filter(review_status=ReviewStatus.APPROVED)
    lacking = stories.exclude(review_status=ReviewStatus.APPROVED)
    if named:
        codes = list(lacking.order_by("code").values_list("code", flat=True)[:MAX_PROBLEMS])
        if codes:
            raise ValidationFailed(
                "The run takes approved stories alone, and some that it names are not. Approve "
                "them, or start it without onlyApproved.",
                targetIds=[f"{code} is not approved." for code in codes],
            )
    elif not approved.exists() and lacking.exists():
        raise ValidationFailed(
            "No story of this project is approved. Approve some, or start the run without "
            "onlyApproved.",
            options={"onlyApproved": ["No story is approved."]},
        )
    return approved


def _epics(project: Project) -> dict[UUID, tuple[tuple[int, UUID], int]]:
    """{epic: (its place, the characters that a prompt shows of it)}."""
    rows = Epic.objects.filter(project=project).values_list(
        "id", "order", Length("description") + Length("business_value")
    )
    return {epic_id: ((order, epic_id), characters) for epic_id, order, characters in rows}


def _rows(stories: QuerySet[Story]) -> list[dict[str, Any]]:
    joined = Func(
        F("acceptance_criteria"), Value(" "), function="array_to_string", output_field=None
    )
    criteria = Func(joined, function="length", output_field=IntegerField())
    found = stories.order_by().values(
        "id",
        "code",
        "title",
        "epic_id",
        "order",
        "priority",
        characters=Length("user_story") + Coalesce(criteria, 0),
        has_subtasks=Exists(Subtask.objects.filter(story=OuterRef("pk"))),
    )
    return [{**row, "place": (row["order"], row["id"])} for row in found]


def _target(row: dict[str, Any], epic_characters: int) -> Target:
    characters = _PROMPT_CHARACTERS + len(row["title"]) + row["characters"] + epic_characters
    return Target(
        id=row["id"],
        code=row["code"],
        title=row["title"],
        input_tokens=round(characters / _CHARACTERS_PER_TOKEN),
        facts=StoryFacts(priority=row["priority"], has_subtasks=row["has_subtasks"]),
    )
