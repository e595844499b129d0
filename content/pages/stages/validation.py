"""Stage 1, validation: is there something to write of?"""

from content.errors import InvalidInput, NothingToGenerate
from content.pages.values import GenerationInput
from epics import bounds


def validate(inp: GenerationInput) -> GenerationInput:
    """The input, unchanged.

    Raises:
        NothingToGenerate: an address alone.
        InvalidInput: what a page cannot have.
    """
    page = inp.page
    if not page.title.strip() and not page.keywords and not page.facts:
        raise NothingToGenerate(
            f"Page {page.code} has neither a title, keywords nor facts. Add one of them, then run "
            "it again."
        )
    if not 1 <= len(page.components) <= bounds.PAGE_COMPONENTS:
        raise InvalidInput(
            f"Page {page.code} has {len(page.components)} components. Give it 1 to "
            f"{bounds.PAGE_COMPONENTS}, then run it again."
        )
    if inp.max_tokens < 1:
        raise InvalidInput(f"max_tokens is {inp.max_tokens}. Set it to at least 1.")
    return inp
