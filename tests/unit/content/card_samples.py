"""Uploads, answers and runs for the tests of cards."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from content.cards.jobs import cards_merge
from content.cards.parts import cut
from content.cards.pipeline import Cards, steps
from content.cards.prompts.rendering import PROMPTS
from content.cards.values import AnalysisInput, Part
from content.pipeline import Draft, Job
from content.project_input import ProjectInput
from tests.driving import drive
from tests.unit.content.story_samples import ScriptedProvider, Step, ignore

TEXT = (
    "Ann (skipper): I want to see the tide of today before I leave the harbour.\n\n"
    "Bob: The charts are too slow on my phone, I have to wait a minute each time.\n\n"
    "Thanks to both of you."
)
TIDE = "I want to see the tide of today before I leave the harbour."
SLOW = "The charts are too slow on my phone, I have to wait a minute each time."
INPUT = AnalysisInput(
    item_id="item-1",
    upload_id="upload-1",
    name="Call with Ann.txt",
    project=ProjectInput(name="Tides", description="Tide tables", context="For skippers."),
    model="claude-sonnet-5-5",
    max_tokens=4000,
    prompts=PROMPTS,
    language="English",
    room=1_000,
)


def analysis_input(**changes: object) -> AnalysisInput:
    return replace(INPUT, **changes)  # type: ignore[arg-type]  # the names are AnalysisInput's


def card(quote: str = TIDE, **changes: object) -> dict[str, object]:
    return {
        "title": "See the tide",
        "persona": "skipper",
        "statement": "As a skipper, I want to see the tide of today, so that I leave in time.",
        "problem": None,
        "systems": [],
        "themes": ["tides"],
        "quote": quote,
    } | changes


def slow(quote: str = SLOW, **changes: object) -> dict[str, object]:
    return card(
        quote,
        title="Read charts at once",
        statement="As a skipper, I want to read charts on my phone without waiting.",
        **changes,
    )


def answer(*cards: Mapping[str, object]) -> str:
    return json.dumps({"cards": cards})


def run(
    inp: AnalysisInput, *script: Step, text: str = TEXT, parts: tuple[Part, ...] | None = None
) -> tuple[Draft[Cards], ScriptedProvider]:
    """Args:
    parts: of the text; () as if it were gone.
    """
    provider = ScriptedProvider(list(script))

    def job(wanted: Job) -> Any:
        if wanted.name == "upload_read":
            return cut(text) if parts is None else parts
        return cards_merge(**wanted.args)

    return drive(steps(inp), answer=provider, on_stage=ignore, job=job), provider
