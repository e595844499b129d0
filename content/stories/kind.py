"""The kind "stories": user stories for one epic, as the engine asks for them."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from batchgen.db.ids import new_id
from content.stories.prompts.rendering import prompt_version
from content.stories.values import (
    CardInput,
    EpicInput,
    GenerationInput,
    KeptStory,
    ProjectInput,
    StoryDraft,
)
from epics.languages import is_language


def size_key(mode: str, persona_set: str) -> str:
    """The same for calls whose sizes resemble each other, because their prompts do."""
    return prompt_version(mode, persona_set)


def read_input(row: Mapping[str, Any], *, item_id: str) -> GenerationInput:
    """The pipeline's input from a claimed row. An epic that was deleted has no texts: skipped."""
    return GenerationInput(
        run_epic_id=item_id,
        project=ProjectInput(
            name=row["project_name"],
            description=row["project_description"],
            context=row["project_context"],
            # One that was stored before languages came from a list is no text for a prompt.
            language=row["project_language"] if is_language(row["project_language"]) else "",
        ),
        epic=EpicInput(
            code=row["code"],
            title=row["title"] or row["code"],
            theme=row["theme"] or "",
            description=row["description"] or "",
            business_value=row["business_value"] or "",
            acceptance_criteria=tuple(row["acceptance_criteria"] or ()),
            dependencies=tuple(row["dependencies"] or ()),
            effort=row["effort"] or "",
            impact=row["impact"] or "",
            priority=row["epic_priority"],
        ),
        cards=tuple([_card(fields) for fields in row["cards"]]),
        mode=row["mode"],
        persona_set=row["persona_set"],
        model=row["model"],
        max_tokens=row["max_tokens"],
        skip_quality_check=row["skip_quality_check"],
        quality_bar=settings.QUALITY_BAR,
        kept=tuple(
            [KeptStory(title=title, user_story=story) for title, story in row["kept"] or ()]
        ),
    )


def _card(fields: list[Any]) -> CardInput:
    code, title, persona, statement, problem, systems = fields
    return CardInput(
        code=code,
        title=title,
        persona=persona,
        statement=statement,
        problem=problem,
        systems=tuple(systems),
    )


def stored_rows(stories: tuple[StoryDraft, ...]) -> list[dict[str, object]]:
    """JSON, as the statement that ends an item stores it."""
    return [
        {
            "id": str(new_id()),
            "order": story.position,
            "title": story.title,
            "user_story": story.user_story,
            "persona": story.persona,
            "acceptance_criteria": story.acceptance_criteria,
            "technical_notes": story.technical_notes,
            "priority": story.priority,
            "effort": story.effort,
            "quality_score": story.quality_score,
            "defects": [defect.as_json() for defect in story.defects],
        }
        for story in stories
    ]
