"""The messages of a call: the system blocks, the request, and the request to repair."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from content.instructions import instructed
from content.project_input import ProjectInput
from content.prompts import PromptFolder, fenced, fenced_lines, fenced_within
from content.sentences import sentences_shown
from content.stories.values import STORY_RANGES, EpicInput, GenerationInput, KeptStory, StoryDefect
from providers.values import TextBlock

#: What a repair call shows of the answer before it: 30,000 tokens, as many as the largest cap.
_MAX_PREVIOUS_CHARS = 120_000
_MAX_DEFECTS = 200


@lru_cache(maxsize=64)
def _instructions(prompts: PromptFolder, mode: str, persona_set: str) -> TextBlock:
    low, high = STORY_RANGES[mode]
    mode_rules = prompts.template(f"modes/{mode}.md")
    persona_rules = prompts.template(f"personas/{persona_set}.md")
    text = prompts.template("instructions.md").render(
        mode_rules=mode_rules.render(min_stories=str(low), max_stories=str(high)),
        persona_rules=persona_rules.render(),
    )
    return TextBlock(text=text)


@lru_cache(maxsize=64)
def system_blocks(
    prompts: PromptFolder, mode: str, persona_set: str, project: ProjectInput
) -> tuple[TextBlock, ...]:
    """Instructions, then the project: the same for every epic of a run, so cacheable. Its language
    and its instructions are not in here, so that runs with others share the cache."""
    facts = {
        "name": project.name,
        "description": project.description,
        "context": project.context,
    }
    text = prompts.template("project.md").render(project=fenced(facts))
    return (_instructions(prompts, mode, persona_set), TextBlock(text=text, cache=True))


def request_text(inp: GenerationInput, *, cards: str, epic: EpicInput) -> str:
    """The user message of the first call; `cards` is the ready `<cards>` block."""
    low, high = inp.story_range
    task = {
        "mode": inp.mode,
        "personaSet": inp.persona_set,
        "minStories": low,
        "maxStories": high,
        "language": inp.language,
        **sentences_shown(inp.frame),
    }
    user = inp.prompts.template("user.md").render(
        task=fenced(task), epic=fenced(_epic_json(epic)), cards=cards + kept_block(inp.kept)
    )
    return instructed(user, inp.instructions)


def kept_block(kept: tuple[KeptStory, ...]) -> str:
    """What tells of the stories that stay."""
    if not kept:
        return ""
    lines = fenced_lines({"title": story.title, "userStory": story.user_story} for story in kept)
    return f"\n\n<kept>\n{lines}\n</kept>"


def repair_text(
    prompts: PromptFolder, request: str, *, previous: object, defects: Iterable[StoryDefect]
) -> str:
    """The user message of a repair call: the request, the earlier answer and its defects, as far
    as an honest answer would have been long."""
    named = [
        {
            "story": defect.story,
            "criterion": defect.criterion,
            "message": defect.message,
            "suggestion": defect.suggestion,
        }
        for defect in islice(defects, _MAX_DEFECTS)
    ]
    shown = fenced_within(previous, _MAX_PREVIOUS_CHARS)
    return prompts.template("repair.md").render(
        request=request, previous=shown, defects=fenced(named)
    )


def _epic_json(epic: EpicInput) -> dict[str, object]:
    return {
        "code": epic.code,
        "title": epic.title,
        "theme": epic.theme,
        "description": epic.description,
        "businessValue": epic.business_value,
        "acceptanceCriteria": epic.acceptance_criteria,
        "dependencies": epic.dependencies,
        "effort": epic.effort,
        "impact": epic.impact,
        "priority": epic.priority,
    }
