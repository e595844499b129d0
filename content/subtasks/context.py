"""The messages of the call, with as much of epic and story as fits."""

from dataclasses import replace

from content.subtasks.prompts.conversation import request_text, system_blocks
from content.subtasks.values import BreakdownInput, EpicInput, PromptContext, StoryInput
from content.tidy_text import shortened

#: No single text may crowd out the others.
_TEXT_CHARS = 4_000
#: All acceptance criteria together; each is shown, if need be the beginning of it.
_CRITERIA_CHARS = 24_000


def build_context(inp: BreakdownInput) -> PromptContext:
    """Turn project, epic and story into messages; `notes` says what had to be shortened."""
    epic, epic_notes = _fitting_epic(inp.epic)
    story, story_notes = _fitting_story(inp.story)
    return PromptContext(
        system=system_blocks(inp.prompts, inp.project),
        user=request_text(inp, epic=epic, story=story),
        notes=epic_notes + story_notes,
    )


def _fitting_epic(epic: EpicInput) -> tuple[EpicInput, tuple[str, ...]]:
    texts = {"epic's description": epic.description, "epic's business value": epic.business_value}
    fitting = replace(
        epic,
        description=shortened(epic.description, _TEXT_CHARS),
        business_value=shortened(epic.business_value, _TEXT_CHARS),
    )
    return fitting, _notes(texts)


def _fitting_story(story: StoryInput) -> tuple[StoryInput, tuple[str, ...]]:
    notes = story.technical_notes or ""
    texts = {"story's text": story.user_story, "story's technical notes": notes}
    criteria, criteria_notes = _fitting_criteria(story.acceptance_criteria)
    fitting = replace(
        story,
        user_story=shortened(story.user_story, _TEXT_CHARS),
        technical_notes=shortened(notes, _TEXT_CHARS) or None,
        acceptance_criteria=criteria,
    )
    return fitting, _notes(texts) + criteria_notes


def _fitting_criteria(criteria: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    characters = sum(map(len, criteria))
    if characters <= _CRITERIA_CHARS:
        return criteria, ()
    width = _CRITERIA_CHARS // len(criteria)
    note = f"acceptance criteria of {characters:,} characters shortened to {width:,} each"
    return tuple(shortened(text, width) for text in criteria), (f"{note} for the prompt",)


def _notes(texts: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        f"the {name} of {len(text):,} characters shortened to {_TEXT_CHARS:,} for the prompt"
        for name, text in texts.items()
        if len(text) > _TEXT_CHARS
    )
