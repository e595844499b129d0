"""Cards, answers and a scripted provider for the tests of epics."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from content.epics.grouping import grouped
from content.epics.pipeline import Epics, steps
from content.epics.prompts.rendering import PROMPTS
from content.epics.values import Backlog, CardInput, Epic, EpicsInput
from content.pipeline import Draft, Job, Request
from content.project_input import ProjectInput
from providers.values import Completion, StopReason, Usage
from simulator.writing.brief import Fences, find_fences
from simulator.writing.epics import write_epics
from tests.driving import drive

#: {topic: what people want there}; topics share no word.
TOPICS = {
    "loan": ("borrow a book", "renew a loan", "return a book late", "reserve a book"),
    "fine": ("pay a fine", "dispute a penalty", "see open penalties", "waive a fine"),
    "event": ("announce a reading", "keep a seat", "cancel an evening", "invite an author"),
    "printing": ("print a page", "scan a sheet", "copy in colour", "refill the paper"),
}

_DIGEST = re.compile("-[0-9a-f]{8}")
Answer = dict[str, Any]
Script = str | Answer | Callable[[Fences], Answer]


def card(number: int, **changes: Any) -> CardInput:
    topics = list(TOPICS)
    topic = topics[number % len(topics)]
    want = TOPICS[topic][number // len(topics) % len(TOPICS[topic])]
    plain = CardInput(
        id=f"id-{number}",
        code=f"C{number}",
        title=want,
        persona="Reader",
        statement=f"As a Reader, I want to {want} at the {topic} desk.",
        problem=None,
        systems=(f"{topic} desk",),
        themes=(),
    )
    return replace(plain, **changes)


def cards(count: int) -> tuple[CardInput, ...]:
    return tuple(card(number) for number in range(1, count + 1))


def long_cards(count: int) -> tuple[CardInput, ...]:
    """About all sorts of things, and too long for one call where there are more than 60."""
    return tuple(
        card(n, title=f"visit{n % 90} place{n}", systems=(f"desk {n // 3}",), problem="x" * 500)
        for n in range(1, count + 1)
    )


def topic_of(one: CardInput) -> str:
    return one.systems[0].split()[0]


def written(title: str, members: Iterable[str], **changes: Any) -> Answer:
    """An epic of an answer about cards."""
    return {
        "title": title,
        "theme": "Library",
        "description": f"All about {title}.",
        "businessValue": "Fewer queues.",
        "acceptanceCriteria": ["It holds."],
        "dependencies": [],
        "effort": "M",
        "impact": "high",
        "priority": 1,
        "cardCodes": list(members),
        **changes,
    }


def merged(title: str, refs: Iterable[str], **changes: Any) -> Answer:
    """An epic of an answer that merges."""
    epic = written(title, (), **changes)
    del epic["cardCodes"]
    return {**epic, "mergedFrom": list(refs)}


def answer(*epics: Answer, unassigned: Sequence[Answer] = ()) -> Answer:
    return {"epics": list(epics), "unassigned": list(unassigned)}


def epic(ref: str, title: str, members: Iterable[str] = (), **changes: Any) -> Epic:
    plain = Epic(
        ref=ref,
        title=title,
        theme="",
        description=f"All about {title}.",
        business_value="",
        acceptance_criteria=(),
        dependencies=(),
        effort="M",
        impact="high",
        priority=1,
        members=tuple(members),
    )
    return replace(plain, **changes)


def epics_input(**changes: Any) -> EpicsInput:
    plain = EpicsInput(
        item_id="item-1",
        run_id="run-1",
        project_id="project-1",
        project=ProjectInput(name="Library", description="Lends books", context="Two branches."),
        model="claude-sonnet-5-5",
        max_tokens=8000,
        language="English",
        instructions="",
        prompts=PROMPTS,
        options={},
        epic_count=None,
        skip_quality_check=False,
    )
    return replace(plain, **changes)


def simulated(fences: Fences) -> Answer:
    """What the simulator says."""
    return write_epics(fences, 1, weak=False)


def weak(fences: Fences) -> Answer:
    """The same, weak until it is asked to repair it."""
    return write_epics(fences, 1, weak=not fences.has_defects)


@dataclass
class Provider:
    """Answers from a script, the last step for all that come after it."""

    script: Sequence[Script]
    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Completion:
        step = self.script[min(len(self.requests), len(self.script) - 1)]
        self.requests.append(request)
        said = step(find_fences(request.completion.user)) if callable(step) else step
        text = said if isinstance(said, str) else json.dumps(said)
        return Completion(
            text=text, stop_reason=StopReason.END, usage=Usage(), model="m", request_id=""
        )

    @property
    def keys(self) -> list[str]:
        """Of the requests, without what they are about."""
        return [_DIGEST.sub("", request.key) for request in self.requests]


def run(
    backlog: Backlog | tuple[CardInput, ...], *script: Script, **changes: Any
) -> tuple[Draft[Epics], Provider]:
    """Take a project through its steps."""
    provider = Provider(script or (simulated,))
    read = backlog if isinstance(backlog, Backlog) else Backlog(cards=backlog)

    def job(wanted: Job) -> Any:
        return read if wanted.name == "backlog_read" else grouped(**wanted.args)

    draft = drive(steps(epics_input(**changes)), answer=provider, on_stage=lambda _: None, job=job)
    return draft, provider


def placed(draft: Draft[Epics]) -> set[str]:
    """Ids of all cards in epics."""
    return {card for epic in draft.content for card in epic.cards}
