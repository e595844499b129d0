"""Stage 6, post-processing: clean text, and each story once."""

from dataclasses import replace

from quality.text import comparable, has_words, one_line
from workers.generation import StoryDraft
from workers.stages.template_assembly import renumber
from workers.stages.text import paragraphs, shortened

TITLE_MAX_CHARS = 200
PERSONA_MAX_CHARS = 100


def post_process(
    epic_code: str, stories: tuple[StoryDraft, ...]
) -> tuple[tuple[StoryDraft, ...], tuple[str, ...]]:
    """Cleaned stories without exact duplicates, renumbered if any went; and notes on that."""
    kept: dict[str, StoryDraft] = {}
    for story in map(cleaned, stories):
        key = comparable(story.user_story)
        kept[key] = _merged(kept[key], story) if key in kept else story
    merged = len(stories) - len(kept)
    if not merged:
        return tuple(kept.values()), ()
    noun = "duplicate story was" if merged == 1 else "duplicate stories were"
    return renumber(epic_code, kept.values()), (f"{merged} {noun} merged",)


def cleaned(story: StoryDraft) -> StoryDraft:
    """The story as it is stored: each text on one line, criteria that say something once."""
    notes = paragraphs(story.technical_notes) if story.technical_notes else ""
    criteria = map(one_line, story.acceptance_criteria)
    return replace(
        story,
        title=shortened(one_line(story.title).rstrip("."), TITLE_MAX_CHARS),
        user_story=one_line(story.user_story),
        persona=shortened(one_line(story.persona), PERSONA_MAX_CHARS),
        acceptance_criteria=tuple(dict.fromkeys(text for text in criteria if has_words(text))),
        technical_notes=notes or None,
    )


def _merged(first: StoryDraft, later: StoryDraft) -> StoryDraft:
    """The first one, with the acceptance criteria that only the later one has."""
    known = {comparable(text) for text in first.acceptance_criteria}
    added = [text for text in later.acceptance_criteria if comparable(text) not in known]
    return replace(first, acceptance_criteria=(*first.acceptance_criteria, *added))
