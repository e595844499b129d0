"""The messages of a call: the system blocks, the request, and the request to repair."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from content.instructions import instructed
from content.project_input import ProjectInput
from content.prompts import PromptFolder, fenced, fenced_lines, fenced_within
from content.subtasks.values import (
    FEWEST,
    MOST,
    BreakdownInput,
    EpicInput,
    KeptSubtask,
    StoryInput,
    SubtaskDefect,
)
from providers.values import TextBlock

#: What a repair call shows of the answer before it.
_MAX_PREVIOUS_CHARS = 60_000
_MAX_DEFECTS = 100


@lru_cache(maxsize=64)
def system_blocks(prompts: PromptFolder, project: ProjectInput) -> tuple[TextBlock, ...]:
    """Instructions, then the project: the same for every story of the project, so cacheable."""
    rules = prompts.template("instructions.md").render(
        min_subtasks=str(FEWEST), max_subtasks=str(MOST)
    )
    facts = {
        "name": project.name,
        "description": project.description,
        "context": project.context,
    }
    text = prompts.template("project.md").render(project=fenced(facts))
    return (TextBlock(text=rules), TextBlock(text=text, cache=True))


def request_text(inp: BreakdownInput, *, epic: EpicInput, story: StoryInput) -> str:
    """The user message of the first call, with as much of epic and story as fits."""
    low, high = inp.subtask_range
    task = {
        "minSubtasks": low,
        "maxSubtasks": high,
        "criteria": inp.open_criteria,
        "language": inp.language,
    }
    user = inp.prompts.template("user.md").render(
        task=fenced(task),
        epic=fenced(_epic_json(epic)),
        story=fenced(_story_json(story)),
        kept=kept_block(inp.kept),
    )
    return instructed(user, inp.instructions)


def repair_text(
    prompts: PromptFolder, request: str, *, previous: object, defects: Iterable[SubtaskDefect]
) -> str:
    """The user message of a repair call: the request, the earlier answer and its defects, as far
    as an honest answer would have been long."""
    named = [
        {
            "subtask": defect.subtask,
            "message": defect.message,
            "suggestion": defect.suggestion,
        }
        for defect in islice(defects, _MAX_DEFECTS)
    ]
    shown = fenced_within(previous, _MAX_PREVIOUS_CHARS)
    return prompts.template("repair.md").render(
        request=request, previous=shown, defects=fenced(named)
    )


def kept_block(kept: tuple[KeptSubtask, ...]) -> str:
    """What tells of the subtasks that stay."""
    if not kept:
        return ""
    lines = fenced_lines(
        {"title": subtask.title, "kind": subtask.kind, "criteria": subtask.criteria}
        for subtask in kept
    )
    return f"\n\n<kept>\n{lines}\n</kept>"


def _epic_json(epic: EpicInput) -> dict[str, object]:
    return {
        "code": epic.code,
        "title": epic.title,
        "theme": epic.theme,
        "description": epic.description,
        "businessValue": epic.business_value,
    }


def _story_json(story: StoryInput) -> dict[str, object]:
    criteria = enumerate(story.acceptance_criteria, start=1)
    return {
        "code": story.code,
        "title": story.title,
        "userStory": story.user_story,
        "persona": story.persona,
        "acceptanceCriteria": [{"number": number, "text": text} for number, text in criteria],
        "technicalNotes": story.technical_notes,
        "effort": story.effort,
    }
