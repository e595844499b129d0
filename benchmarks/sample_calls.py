"""First calls of each kind over the real backlogs of the test data, without a database.

Each comes with the schema that asks for the same content in whole sentences and words.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.bench import ROOT
from benchmarks.wordy_schemas import CARDS, EPICS, PAGES, STORIES, SUBTASKS
from content.cards.answer import parse_card_set
from content.cards.drafts import checked
from content.cards.parts import cut
from content.cards.prompts.conversation import system_blocks as cards_blocks
from content.cards.prompts.rendering import PROMPTS as CARDS_PROMPTS
from content.cards.quotes import Levelled
from content.cards.requests import first_request as cards_request
from content.cards.values import AnalysisInput
from content.cards.values import PromptContext as CardsContext
from content.epics.answer import parse_epic_set
from content.epics.checking import check
from content.epics.prompts.rendering import PROMPTS as EPICS_PROMPTS
from content.epics.requests import Kept, about_cards
from content.epics.sizes import wanted
from content.epics.values import CardInput as EpicsCard
from content.epics.values import EpicsInput
from content.pages.answer import parse_page
from content.pages.components import DEFAULTS
from content.pages.prompts.rendering import PROMPTS as PAGES_PROMPTS
from content.pages.requests import page_request
from content.pages.stages.context_building import build_context as pages_context
from content.pages.values import BrandVoice, PageInput
from content.pages.values import GenerationInput as PageInputs
from content.pages.values import ProjectInput as PagesProject
from content.pipeline import Request
from content.project_input import ProjectInput
from content.stories.answer import parse_story_set
from content.stories.drafts import assemble as stories_assembled
from content.stories.prompts.rendering import PROMPTS as STORIES_PROMPTS
from content.stories.requests import first_request
from content.stories.stages.context_building import build_context
from content.stories.values import CardInput, EpicInput, GenerationInput
from content.subtasks.answer import parse_subtask_set
from content.subtasks.context import build_context as subtasks_context
from content.subtasks.prompts.rendering import PROMPTS as SUBTASKS_PROMPTS
from content.subtasks.requests import first_request as subtasks_request
from content.subtasks.values import BreakdownInput, StoryInput
from content.subtasks.values import EpicInput as SubtasksEpic
from simulator.writing.answers import Answers
from simulator.writing.brief import find_fences

Json = dict[str, Any]

_MODEL = "claude-sonnet-5-5"
_MAX_TOKENS = 16_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleCall:
    """A call, how its answer was asked for in words, and what is stored of an answer."""

    kind: str
    request: Request
    wordy: Mapping[str, Any]
    stored: Callable[[str], Any]

    def answers(self) -> tuple[str, str]:
        """What the simulator writes for it: in words, and as it is asked for now."""
        return self._answer(self.wordy), self._answer(self.request.completion.schema)

    def _answer(self, schema: Mapping[str, Any]) -> str:
        fences = find_fences(self.request.completion.user)
        key = json.dumps({"type": "json_schema", "schema": schema})
        return Answers().text(fences, schema, key, "")


def sample_calls() -> Iterator[SampleCall]:
    """All of them, kind by kind."""
    for kind in (_cards, _epics, _stories, _subtasks, _pages):
        for backlog in backlogs():
            yield from kind(backlog)


def backlogs() -> Iterator[Json]:
    """The documents of the test data, as `manage.py import_backlog` reads them."""
    for path in sorted((ROOT / "tests" / "data" / "backlogs").glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def _project(backlog: Json) -> ProjectInput:
    project = backlog["project"]
    return ProjectInput(name=project["name"], description=project["description"], context="")


def _cards(backlog: Json) -> Iterator[SampleCall]:
    """Of an upload in which people say what the backlog's cards say."""
    text = "\n\n".join(card["statement"] for card in backlog["cards"])
    inp = AnalysisInput(
        item_id="",
        upload_id="",
        name="Interviews",
        project=_project(backlog),
        model=_MODEL,
        max_tokens=_MAX_TOKENS,
        prompts=CARDS_PROMPTS,
        language="English",
        room=1_000,
    )
    context = CardsContext(system=cards_blocks(inp.prompts, inp.project), parts=cut(text))
    for part in context.parts:
        yield SampleCall(
            kind="cards",
            request=cards_request(inp, context, part),
            wordy=CARDS,
            stored=partial(_cards_of, Levelled(part.text)),
        )


def _cards_of(text: Levelled, answer: str) -> Any:
    found = checked(text, parse_card_set(answer))
    return found.drafts, found.defects


def _stories(backlog: Json) -> Iterator[SampleCall]:
    cards = {card["code"]: card for card in backlog["cards"]}
    for epic in backlog["epics"]:
        inp = GenerationInput(
            run_epic_id="",
            project=_project(backlog),
            prompts=STORIES_PROMPTS,
            language="English",
            epic=_epic(epic),
            cards=tuple(_card(cards[code]) for code in epic["cards"] if code in cards),
            mode="standard",
            persona_set="core",
            model=_MODEL,
            max_tokens=_MAX_TOKENS,
            skip_quality_check=False,
        )
        request = first_request(inp, build_context(inp))
        yield SampleCall(
            kind="stories",
            request=request,
            wordy=STORIES,
            stored=partial(_stories_of, epic["code"]),
        )


def _stories_of(code: str, text: str) -> Any:
    return stories_assembled(code, parse_story_set(text))


def _epics(backlog: Json) -> Iterator[SampleCall]:
    cards = [_card_of_epics(card) for card in backlog["cards"]]
    inp = EpicsInput(
        item_id="",
        run_id="",
        project_id="",
        project=_project(backlog),
        model=_MODEL,
        max_tokens=_MAX_TOKENS,
        language="English",
        instructions="",
        prompts=EPICS_PROMPTS,
        options={},
        epic_count=None,
        skip_quality_check=False,
    )
    epics = wanted(epic_count=None, cards=len(cards), kept=0, to_place=len(cards))
    question = about_cards(inp, cards, Kept(), epics, group=1, groups=1)
    yield SampleCall(
        kind="epics",
        request=question.first,
        wordy=EPICS,
        stored=lambda text: check(parse_epic_set(text), question.wanted),
    )


def _card_of_epics(card: Json) -> EpicsCard:
    told = _card(card)
    return EpicsCard(
        id=told.code,
        code=told.code,
        title=told.title,
        persona=told.persona,
        statement=told.statement,
        problem=told.problem,
        systems=told.systems,
        themes=(),
    )


def _subtasks(backlog: Json) -> Iterator[SampleCall]:
    """Of the first stories that an epic is given."""
    for call, epic in zip(_stories(backlog), backlog["epics"], strict=True):
        (first, *_) = call.stored(call.answers()[0])
        inp = BreakdownInput(
            item_id="",
            project=_project(backlog),
            epic=SubtasksEpic(
                code=epic["code"],
                title=epic["title"],
                theme=epic["theme"],
                description=epic["description"],
                business_value="",
            ),
            story=StoryInput(
                code=first.code,
                title=first.title,
                user_story=first.user_story,
                persona=first.persona,
                acceptance_criteria=first.acceptance_criteria,
                technical_notes=first.technical_notes,
                effort=first.effort,
            ),
            model=_MODEL,
            max_tokens=_MAX_TOKENS,
            prompts=SUBTASKS_PROMPTS,
            language="English",
        )
        yield SampleCall(
            kind="subtasks",
            request=subtasks_request(inp, subtasks_context(inp)),
            wordy=SUBTASKS,
            stored=parse_subtask_set,
        )


def _pages(backlog: Json) -> Iterator[SampleCall]:
    """Of a page about each epic, as if it were something to buy."""
    name = backlog["project"]["name"]
    for epic in backlog["epics"]:
        page = PageInput(
            code=epic["code"],
            page_type="product",
            url=f"https://example.org/{epic['code']}",
            title=epic["title"],
            keywords=(epic["theme"], f"{epic['theme']} {name}"),
            components=DEFAULTS["product"],
            facts={"needs": len(epic["cards"]), "product": name},
        )
        project = backlog["project"]
        inp = PageInputs(
            item_id="",
            project=PagesProject(
                name=name, description=project["description"], context="", voice=BrandVoice()
            ),
            page=page,
            language="English",
            language_tag="en",
            model=_MODEL,
            max_tokens=_MAX_TOKENS,
            prompts=PAGES_PROMPTS,
        )
        yield SampleCall(
            kind="pages",
            request=page_request(inp, pages_context(inp)),
            wordy=PAGES,
            stored=parse_page,
        )


def _epic(epic: Json) -> EpicInput:
    return EpicInput(
        code=epic["code"],
        title=epic["title"],
        theme=epic["theme"],
        description=epic["description"],
        business_value="",
        acceptance_criteria=(),
        dependencies=(),
        effort="",
        impact="",
        priority=epic["priority"],
    )


def _card(card: Json) -> CardInput:
    return CardInput(
        code=card["code"],
        title=card["title"],
        persona=card["persona"],
        statement=card["statement"],
        problem=card["problem"],
        systems=tuple(card["systems"]),
    )
