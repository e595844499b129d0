"""What a person chooses for a run that breaks stories down."""

from content.kind import Options


class SubtasksOptions(Options):
    """`only_approved`: stories without an approval are left out. `keep_edited`, `keep_approved`:
    such subtasks are not replaced, and those written around them take other codes."""

    only_approved: bool = False
    skip_quality_check: bool = False
    keep_edited: bool = True
    keep_approved: bool = True
