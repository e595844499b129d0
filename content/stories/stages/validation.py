"""Stage 1, validation: is there something to generate from, and do the options make sense?"""

from content.errors import InvalidInput, NothingToGenerate
from content.stories.values import PERSONA_SETS, STORY_RANGES, GenerationInput
from epics import bounds


def validate(inp: GenerationInput) -> GenerationInput:
    """The input, unchanged.

    Raises:
        NothingToGenerate: neither cards nor a description.
        InvalidInput: an option that does not exist, or an epic that it cannot be used for.
    """
    _check_options(inp)
    if not inp.cards and not inp.epic.description.strip():
        raise NothingToGenerate(
            f"Epic {inp.epic.code} has neither cards nor a description. Add one of them, "
            "then run it again."
        )
    if not inp.epic.code.strip() or not inp.epic.title.strip():
        raise InvalidInput("The epic has no code or no title. Give it both, then run it again.")
    if len(inp.kept) >= bounds.MAX_STORIES_OF_EPIC:
        raise InvalidInput(
            f"Epic {inp.epic.code} has {len(inp.kept)} edited stories, and no room for another. "
            "Delete some, or run it without keepEdited."
        )
    if inp.persona_set == "cards" and not any(card.persona.strip() for card in inp.cards):
        raise InvalidInput(
            f"The run asks for personas from the cards only, but no card of epic {inp.epic.code} "
            "names one. Add personas to its cards, or run it with the persona set core."
        )
    return inp


def _check_options(inp: GenerationInput) -> None:
    if inp.mode not in STORY_RANGES:
        raise InvalidInput(f"Unknown mode {inp.mode!r}. Choose one of {', '.join(STORY_RANGES)}.")
    if inp.persona_set not in PERSONA_SETS:
        raise InvalidInput(
            f"Unknown persona set {inp.persona_set!r}. Choose one of {', '.join(PERSONA_SETS)}."
        )
    if inp.max_tokens < 1:
        raise InvalidInput(f"max_tokens is {inp.max_tokens}. Set it to at least 1.")
