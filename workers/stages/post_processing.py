"""Stage 6, post-processing: clean text, and each story once."""

from dataclasses import replace

from quality.duplicates import alike_pairs, want_of
from quality.text import comparable, has_words, one_line
from workers.generation import KeptStory, StoryDraft
from workers.stages.template_assembly import renumber
from workers.stages.text import paragraphs, shortened

TITLE_MAX_CHARS = 200
PERSONA_MAX_CHARS = 100


def post_process(
    epic_code: str, stories: tuple[StoryDraft, ...], *, kept: tuple[KeptStory, ...] = ()
) -> tuple[tuple[StoryDraft, ...], tuple[str, ...]]:
    """Cleaned stories without exact duplicates and without those that a kept one makes needless,
    renumbered if any went; and notes on that."""
    distinct: dict[str, StoryDraft] = {}
    for story in map(cleaned, stories):
        key = comparable(story.user_story)
        distinct[key] = _merged(distinct[key], story) if key in distinct else story
    standing = [want_of(story.user_story) for story in kept]
    needed = [story for story in distinct.values() if not _stands(story, standing)]
    counts = {
        "merged": len(stories) - len(distinct),
        "left out for an edited one": len(distinct) - len(needed),
    }
    notes = tuple(
        f"{count} duplicate {'story was' if count == 1 else 'stories were'} {what}"
        for what, count in counts.items()
        if count
    )
    if not notes:
        return tuple(needed), ()
    return renumber(epic_code, needed), notes


def _stands(story: StoryDraft, standing: list[str]) -> bool:
    """Whether a kept story wants what this one wants."""
    if not standing:
        return False
    last = len(standing)
    pairs = alike_pairs([*standing, want_of(story.user_story)])
    return any(pair.second == last for pair in pairs)


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
