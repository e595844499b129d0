"""What a person chooses for a run that writes pages."""

from content.kind import Options


class PagesOptions(Options):
    """`keep_edited`, `keep_approved`: a page whose content a person edited or approved stays as it
    is. `language` is for pages that name none of their own."""

    skip_quality_check: bool = False
    keep_edited: bool = True
    keep_approved: bool = True
