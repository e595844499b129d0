"""Stories, answers and runs for the tests of subtasks."""

import json
from dataclasses import replace

from content.pipeline import Draft
from content.project_input import ProjectInput
from content.subtasks.pipeline import Subtasks, steps
from content.subtasks.prompts.rendering import PROMPTS
from content.subtasks.values import BreakdownInput, EpicInput, StoryInput
from tests.driving import drive
from tests.unit.content.story_samples import ScriptedProvider, Step, ignore

STORY = StoryInput(
    code="E3-S1",
    title="Borrow maps",
    user_story="As a Reader, I want to borrow maps, so that I find my way.",
    persona="Reader",
    acceptance_criteria=(
        "Given a reader with a card, when they take a map, then the loan is listed.",
        "Given a reader without a card, when they take a map, then the loan is refused.",
        "Given ten loans, when they take a map, then they are told the limit.",
    ),
    technical_notes=None,
    effort="M",
)
INPUT = BreakdownInput(
    item_id="item-1",
    project=ProjectInput(name="Library", description="Lends books", context="Two branches."),
    epic=EpicInput(
        code="E3", title="Borrowing", theme="Loans", description="Readers.", business_value=""
    ),
    story=STORY,
    model="claude-sonnet-5-5",
    max_tokens=4000,
    prompts=PROMPTS,
    language="English",
)


def breakdown_input(**changes: object) -> BreakdownInput:
    return replace(INPUT, **changes)  # type: ignore[arg-type]  # the names are BreakdownInput's


def subtask(title: str = "Build the service", **changes: object) -> dict[str, object]:
    return {
        "title": title,
        "description": "Write the endpoint.",
        "kind": "backend",
        "effortHours": 4,
        "criteria": [1, 2, 3],
    } | changes


def answer(*subtasks: dict[str, object]) -> str:
    return json.dumps({"subtasks": subtasks})


GOOD = answer(subtask(), subtask("Build the screen", kind="frontend"), subtask("Test it"))
GAP = answer(
    subtask(criteria=[1]), subtask("Build the screen", criteria=[3]), subtask("Test", criteria=[])
)


def run(inp: BreakdownInput, *script: Step) -> tuple[Draft[Subtasks], ScriptedProvider]:
    provider = ScriptedProvider(list(script))
    return drive(steps(inp), answer=provider, on_stage=ignore), provider
