"""Drafts: an answer as clean stories in building order, with codes (stage 4)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from content.rewriting import rewritten
from content.stories.answer import Story, StorySet
from content.stories.values import StoryDefect, StoryDraft
from content.tidy_text import paragraphs, shortened
from epics import bounds
from quality.text import has_words, one_line

#: The criterion of defects that say what was too much and is cut.
LIMIT = "limit"
_PRIORITY_ORDER = {"high": 0, "medium": 1, "low": 2}


def assemble(epic_code: str, answer: StorySet) -> tuple[StoryDraft, ...]:
    """Drafts ordered by priority, within a priority as the model ordered them; no more of them
    than an epic may have."""
    ordered = sorted(answer.stories, key=lambda story: _PRIORITY_ORDER[story.priority])
    del ordered[bounds.MAX_STORIES_OF_EPIC :]
    return tuple([_draft(epic_code, place, story) for place, story in enumerate(ordered, start=1)])


def renumber(epic_code: str, drafts: Iterable[StoryDraft]) -> tuple[StoryDraft, ...]:
    """The same drafts with positions from 1, and codes and defects to match."""
    return tuple(
        [
            replace(
                draft,
                position=place,
                code=story_code(epic_code, place),
                defects=tuple([replace(defect, story=place) for defect in draft.defects]),
            )
            for place, draft in enumerate(drafts, start=1)
        ]
    )


def story_code(epic_code: str, position: int) -> str:
    """Such as E3-S1."""
    return f"{epic_code}-S{position}"


def with_repair(
    epic_code: str, drafts: tuple[StoryDraft, ...], answer: StorySet
) -> tuple[tuple[StoryDraft, ...], int]:
    """The drafts with what a repair wrote in their places, in order, and how many that are."""
    found = rewritten(
        [_unscored(draft) for draft in drafts],
        [(story.replaces, _draft(epic_code, 0, story)) for story in answer.stories],
    )
    found.sort(key=lambda draft: _PRIORITY_ORDER[draft.priority])
    return renumber(epic_code, found[: bounds.MAX_STORIES_OF_EPIC]), len(found)


def _unscored(draft: StoryDraft) -> StoryDraft:
    """Without what a check found; what was cut stays so."""
    defects = tuple([defect for defect in draft.defects if defect.criterion == LIMIT])
    return replace(draft, quality_score=None, defects=defects)


def numbered(drafts: Iterable[StoryDraft]) -> dict[str, object]:
    """The drafts as people read them, for a repair call, each by its number."""
    return {
        "stories": [
            {
                "number": draft.position,
                "title": draft.title,
                "persona": draft.persona,
                "userStory": draft.user_story,
                "acceptanceCriteria": draft.acceptance_criteria,
                "technicalNotes": draft.technical_notes,
                "priority": draft.priority,
                "effort": draft.effort,
            }
            for draft in drafts
        ]
    }


def _draft(epic_code: str, position: int, story: Story) -> StoryDraft:
    """The story as it is stored: each text on one line, criteria that say something once, nothing
    larger than the limits of a backlog. What had to be cut stands among its defects."""
    criteria = map(one_line, story.acceptance_criteria)
    notes = paragraphs(story.technical_notes) if story.technical_notes else ""
    whole = StoryDraft(
        position=position,
        code=story_code(epic_code, position),
        title=one_line(story.title).rstrip("."),
        user_story=one_line(story.user_story),
        persona=one_line(story.persona),
        acceptance_criteria=tuple(dict.fromkeys(filter(has_words, criteria))),
        technical_notes=notes or None,
        priority=story.priority,
        effort=story.effort,
    )
    excess = tuple(_excess(whole))
    return _shortened(whole, excess) if excess else whole


def _shortened(story: StoryDraft, excess: tuple[StoryDefect, ...]) -> StoryDraft:
    criteria = story.acceptance_criteria[: bounds.LIST_ENTRIES]
    return replace(
        story,
        title=shortened(story.title, bounds.TITLE_CHARS),
        user_story=shortened(story.user_story, bounds.TEXT_CHARS),
        persona=shortened(story.persona, bounds.NAME_CHARS),
        acceptance_criteria=tuple([shortened(text, bounds.CRITERION_CHARS) for text in criteria]),
        technical_notes=shortened(story.technical_notes or "", bounds.TEXT_CHARS) or None,
        defects=story.defects + excess,
    )


def _excess(story: StoryDraft) -> Iterator[StoryDefect]:
    """What is larger than anybody may store."""
    texts = (
        ("title", story.title, bounds.TITLE_CHARS),
        ("userStory", story.user_story, bounds.TEXT_CHARS),
        ("persona", story.persona, bounds.NAME_CHARS),
        ("technicalNotes", story.technical_notes or "", bounds.TEXT_CHARS),
        ("An acceptance criterion", max(story.acceptance_criteria, key=len, default=""),
         bounds.CRITERION_CHARS),
    )  # fmt: skip
    for name, text, most in texts:
        if len(text) > most:
            yield _too_much(story.position, f"{name} has {len(text):,} characters.", most)
    count = len(story.acceptance_criteria)
    if count > bounds.LIST_ENTRIES:
        found = f"There are {count:,} acceptance criteria."
        yield _too_much(story.position, found, bounds.LIST_ENTRIES)


def _too_much(position: int, found: str, most: int) -> StoryDefect:
    """The defect of what is larger than batchgen keeps."""
    return StoryDefect(
        story=position,
        criterion=LIMIT,
        kind="too_much",
        severity="high",
        message=found,
        suggestion=f"At most {most:,} are kept.",
    )
