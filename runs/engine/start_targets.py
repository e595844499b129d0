"""The targets that a start, or an addition to a run, is over."""

from collections.abc import Sequence
from uuid import UUID

from batchgen.errors import MAX_PROBLEMS, ValidationFailed
from content.kind import Options, Target
from content.registry import Kind
from epics.models import Project


def targets_wanted(
    kind: Kind, run_type: str, project: Project, ids: Sequence[UUID] | None, chosen: Options
) -> list[Target]:
    """As `targets_found`, at least one; of a type that takes one, no more.

    Raises:
        ValidationFailed: there are none, or too many; or as `targets_found`.
    """
    one, many = kind.item_words
    field_name = "epicIds" if kind.item_kind == "epic" else "targetIds"
    found = targets_found(kind, project, ids, chosen, field_name=field_name)
    if not found:
        raise ValidationFailed(f"There are no {many} to process.", **{field_name: [f"No {many}."]})
    if run_type in kind.one_item and len(found) != 1:
        raise ValidationFailed(
            f"{run_type} takes exactly one {one}.", **{field_name: [f"Name exactly one {one}."]}
        )
    return found


def targets_found(
    kind: Kind,
    project: Project,
    ids: Sequence[UUID] | None,
    chosen: Options,
    *,
    field_name: str = "targetIds",
) -> list[Target]:
    """All targets of the project, or those of these ids, in order.

    Args:
        field_name: what a person calls the ids.

    Raises:
        ValidationFailed: an id is none of them.
    """
    found = kind.targets(project, ids, chosen)
    many = kind.item_words[1]
    unknown = set(ids or ()) - {target.id for target in found}
    if unknown:
        problems = [
            f"{target_id} is none of the {many} of this project that can be taken."
            for target_id in sorted(unknown)[:MAX_PROBLEMS]
        ]
        message = f"Some {many} are not in this project, or cannot be taken."
        raise ValidationFailed(message, **{field_name: problems})
    return found
