"""What a person chooses for a run that analyzes uploads."""

from content.kind import Options


class CardsOptions(Options):
    """`only_new`: uploads whose cards were found before are left out. `keep_edited`,
    `keep_approved`: such cards, and those that stand in an epic which is kept so, are not
    replaced, and those that are found beside them take other codes."""

    only_new: bool = False
    skip_quality_check: bool = False
    keep_edited: bool = True
    keep_approved: bool = True
