"""The uploads that cards can be found in, in the order in which they were handed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Window
from django.db.models.functions import RowNumber

from content.cards.parts import PART_CHARS
from content.kind import Reason, Target
from epics.models import Project, Upload

#: Rough size of a prompt's fixed part, and characters to a token, for the estimate of a call.
_PROMPT_CHARACTERS = 6_000
_CHARACTERS_PER_TOKEN = 3.6
#: (more characters than, points): of a whole run.
_SIZES = ((1_000_000, 30), (100_000, 20), (0, 10))
_NEW = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadFacts:
    """What a run's computed priority looks at."""

    characters: int
    new: bool


def uploads_to_analyze(
    project: Project, ids: Sequence[UUID] | None, *, only_new: bool
) -> list[Target]:
    """The project's uploads, or those of these ids; their codes count them from U1."""
    counted = Window(RowNumber(), order_by=["created_at", "id"])
    uploads = Upload.objects.filter(project=project).annotate(number=counted)
    return [
        _target(upload)
        for upload in uploads.order_by("created_at", "id")
        if (ids is None or upload.pk in ids)
        and not (only_new and upload.status == Upload.Status.ANALYZED)
    ]


def uploads_reasons(uploads: Sequence[UploadFacts]) -> tuple[Reason, ...]:
    """What speaks for a run over these uploads: how much there is to read, and what is new."""
    characters = sum([upload.characters for upload in uploads])
    new = sum([upload.new for upload in uploads])
    points = next((points for least, points in _SIZES if characters > least), 0)
    told = f"{new} of {len(uploads)} uploads were not analyzed yet."
    reasons = (
        Reason(factor="size", points=points, message=f"{characters:,} characters."),
        Reason(factor="cards", points=_NEW if new else 0, message=told),
    )
    return tuple(reason for reason in reasons if reason.points)


def _target(upload: Upload) -> Target:
    characters = _PROMPT_CHARACTERS + min(upload.characters, PART_CHARS)
    return Target(
        id=upload.pk,
        code=f"U{vars(upload)['number']}",
        title=upload.name,
        input_tokens=round(characters / _CHARACTERS_PER_TOKEN),
        facts=UploadFacts(
            characters=upload.characters, new=upload.status != Upload.Status.ANALYZED
        ),
    )
