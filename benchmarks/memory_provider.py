"""A provider that answers from memory: 8 stories, always the same."""

import json
from datetime import date
from typing import ClassVar

from providers.values import Answer, Completion, CompletionRequest, StopReason, Usage


def _story(number: int) -> dict[str, object]:
    return {
        "title": f"See report {number}",
        "persona": "Analyst",
        "userStory": f"As an analyst, I want to see report number {number}, "
        f"so that I can decide what to do in area {number}.",
        "acceptanceCriteria": [
            f"Given report {number}, when it opens, then {number + 3} rows are shown.",
            f"Given no data, when report {number} opens, then a hint is shown.",
        ],
        "technicalNotes": None,
        "priority": "high",
        "effort": "S",
    }


ANSWER = json.dumps({"stories": [_story(number) for number in range(1, 9)]})


class MemoryProvider:
    """A provider behind the same seam as any other."""

    batches = None

    async def open(self) -> None:
        """Nothing to open."""

    async def ask(self, request: CompletionRequest) -> Answer:
        """Answer at once."""
        completion = Completion(
            text=ANSWER,
            stop_reason=StopReason.END,
            usage=Usage(input_tokens=900, output_tokens=1200),
            model=request.model,
            request_id="req_memory",
        )
        return Answer(completion=completion, limits=None, latency_s=0.0)

    async def close(self) -> None:
        """Nothing is open."""


class MemoryAccount:
    """Needs no key."""

    settings: ClassVar[tuple[str, ...]] = ()
    id = "memory"
    lacks = ""

    def pool_of(self, model: str) -> str:
        """Each model has limits of its own."""
        return model

    def connect(self, *, max_connections: int) -> MemoryProvider:  # the seam's
        """Nothing to connect to."""
        return MemoryProvider()

    def find_model(self, model: str) -> str:
        """It takes any."""
        return model

    def usage_by_day(  # the seam's
        self, first: date, last: date, *, admin_key: str, api_key_id: str = ""
    ) -> None:
        """It keeps no books."""
