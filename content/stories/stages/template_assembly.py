"""Stage 4, template assembly: the answer as drafts in building order, with codes."""

from collections.abc import Iterable
from dataclasses import replace

from content.stories.stages.answer import Story, StorySet
from content.stories.values import StoryDraft
from epics import bounds

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


def as_answer(drafts: Iterable[StoryDraft]) -> dict[str, object]:
    """The drafts as the answer that they came from, in their order, for a repair call."""
    return {
        "stories": [
            {
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
    return StoryDraft(
        position=position,
        code=story_code(epic_code, position),
        title=story.title,
        user_story=story.user_story,
        persona=story.persona,
        acceptance_criteria=tuple(
            [text for text in story.acceptance_criteria if not text.isspace() and text]
        ),
        technical_notes=story.technical_notes,
        priority=story.priority,
        effort=story.effort,
    )
