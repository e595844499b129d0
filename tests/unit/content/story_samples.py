"""Epics, answers and a scripted provider for the pipeline's tests."""

import json
from dataclasses import dataclass, field, replace

from content.language import frame_of
from content.pipeline import Draft, Request
from content.project_input import ProjectInput
from content.stories.pipeline import steps
from content.stories.prompts.rendering import PROMPTS
from content.stories.values import CardInput, EpicInput, GenerationInput, StoryDraft
from providers.values import Completion, CompletionRequest, StopReason, Usage
from tests.driving import drive

Step = str | Completion | Exception

PROJECT = ProjectInput(name="Library", description="Lends books", context="Two branches.")
EPIC = EpicInput(
    code="E3",
    title="Borrowing",
    theme="Loans",
    description="Readers borrow books.",
    business_value="Fewer queues",
    acceptance_criteria=("Loans are kept",),
    dependencies=("E1",),
    effort="M",
    impact="high",
    priority=1,
)
NOUNS = ("books", "maps", "films", "games", "scores", "prints", "lamps", "seats")


def card(number: int, *, persona: str = "Reader", **changes: object) -> CardInput:
    noun = NOUNS[number % len(NOUNS)]
    plain = CardInput(
        code=f"C{number}",
        title=f"borrow {noun} for {number} days",
        persona=persona,
        statement=(
            f"As a {persona}, I want to borrow {noun} for {number} days, so that I can learn."
        ),
        problem=f"{noun} are away",
        systems=("Catalogue", f"System {number % 3}"),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the names are CardInput's


def generation_input(
    *, cards: tuple[CardInput, ...] | None = None, **changes: object
) -> GenerationInput:
    plain = GenerationInput(
        run_epic_id="run-epic-1",
        project=PROJECT,
        epic=EPIC,
        cards=tuple(card(n) for n in range(1, 4)) if cards is None else cards,
        mode="concise",
        persona_set="core",
        model="claude-sonnet-5-5",
        max_tokens=4000,
        skip_quality_check=False,
        prompts=PROMPTS,
        language="English",
    )
    if "language" in changes:
        changes.setdefault("frame", frame_of(str(changes["language"])))
    return replace(plain, **changes)  # type: ignore[arg-type]  # the names are GenerationInput's


def story(number: int = 1, **changes: object) -> dict[str, object]:
    """A story without defects, as the model writes it."""
    noun = NOUNS[number % len(NOUNS)]
    return {
        "title": f"Borrow {noun} at night",
        "persona": "Reader",
        "userStory": f"As a Reader, I want to borrow {noun}, so that I can learn at home.",
        "acceptanceCriteria": [
            f"Given a reader with a card, when they take {noun}, then the loan is listed.",
            f"Given a reader without a card, when they take {noun}, then the loan is refused.",
        ],
        "technicalNotes": None,
        "priority": "high",
        "effort": "S",
    } | changes


def answer(*stories: dict[str, object]) -> str:
    return json.dumps({"stories": stories})


GOOD = answer(story(0), story(1), story(2))
WEAK = answer(
    story(0, userStory="Borrow books."), story(1, userStory="Maps"), story(2, userStory="Films")
)


def completion(text: str, stop_reason: str = "end_turn") -> Completion:
    return Completion(
        text=text,
        stop_reason=StopReason(stop_reason),
        usage=Usage(input_tokens=1, output_tokens=1),
        model="claude-sonnet-5-5",
        request_id="req_1",
    )


@dataclass
class ScriptedProvider:
    """Answers call after call from its script; a call beyond the script fails the test."""

    script: list[Step]
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Completion:
        self.asked.append(request)
        assert self.script, "a call more than the script has"
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return completion(step) if isinstance(step, str) else step

    @property
    def requests(self) -> list[CompletionRequest]:
        return [request.completion for request in self.asked]

    @property
    def purposes(self) -> list[str]:
        return [request.purpose for request in self.requests]


def ignore(*_: object) -> None:
    """A listener that keeps nothing."""


def run(
    inp: GenerationInput, *script: Step
) -> tuple[Draft[tuple[StoryDraft, ...]], ScriptedProvider]:
    provider = ScriptedProvider(list(script))
    return drive(steps(inp), answer=provider, on_stage=ignore), provider


def block(text: str, tag: str) -> str:
    """What stands between the tag's first opening and its closing, attributes allowed."""
    body = text.split(f"<{tag}", 1)[1].split(">", 1)[1]
    return body.split(f"</{tag}>", 1)[0].strip()
