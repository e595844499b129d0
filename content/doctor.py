"""Doctor checks of content: prompts that staff edited, and that an upgrade left behind."""

from collections.abc import Iterator

from django.db import Error as DjangoDatabaseError

from batchgen.doctor.registry import Finding, check, error, ok
from content.prompt_sets import prompt_misfits, prompt_set_current
from content.registry import kinds_with_prompts


@check("database")
def edited_prompts() -> Iterator[Finding]:
    """The prompts that runs would go by fit this release."""
    try:
        current = [(kind, prompt_set_current(kind.name)) for kind in kinds_with_prompts()]
    except DjangoDatabaseError:
        return  # no tables, or no database: others say so
    left = False
    for kind, one in current:
        misfits = prompt_misfits(kind.prompts, one.texts) if one and kind.prompts else {}
        if misfits:
            left = True
            yield error(
                "PROMPTS_DO_NOT_FIT",
                f"The prompts of {one} do not fit this release: {', '.join(sorted(misfits))}. No "
                "run of that kind starts.",
                "Edit them in the admin, or go back to the files there.",
            )
    if not left:
        yield ok("PROMPTS", "Edited prompts fit this release.")
