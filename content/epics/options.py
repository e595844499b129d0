"""What a person chooses for a run that writes epics."""

from typing import Annotated

from pydantic import Field

from content.epics.values import MOST_EPICS
from content.kind import Options


class EpicsOptions(Options):
    """`keep_edited`, `keep_approved`: epics that a run made and a person edited or approved, or
    one of their stories or subtasks, are not replaced. What no run made never is."""

    epic_count: Annotated[
        Annotated[int, Field(ge=1, le=MOST_EPICS)] | None,
        Field(
            description=(
                "How many epics the project is to have then, those that stay included; null: what "
                "suits its number of cards, 5 to 15."
            )
        ),
    ] = None
    skip_quality_check: bool = False
    keep_edited: bool = True
    keep_approved: bool = True
