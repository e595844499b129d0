"""Pages that the simulator writes: good enough for our own check, in four languages and more."""

import json
from typing import Any

import pytest

from content.pages.components import DEFAULTS
from content.pages.pipeline import steps
from content.pages.prompts.conversation import request_text
from content.pages.values import GenerationInput, PageDraft
from content.pipeline import Request
from providers.values import Completion
from simulator.writing.brief import epic_code, find_fences
from simulator.writing.pages import write_page
from tests.driving import drive
from tests.unit.content.page_samples import generation_input
from tests.unit.content.story_samples import completion, ignore

_LANGUAGES = {
    "English": "en",
    "German": "de",
    "French": "fr",
    "Spanish": "es",
    "Italian": "it",
    "Polish": "pl",
}


def written(user: str, *, weak: bool = False) -> dict[str, Any]:
    fences = find_fences(user)
    return write_page(fences, int.from_bytes(fences.digest, "big"), weak and not fences.has_defects)


def page_of(inp: GenerationInput, *, weak: bool = False) -> tuple[PageDraft, int]:
    """What the pipeline makes of the simulator's answers, and how many it asked for."""
    asked: list[Request] = []

    def answer(request: Request) -> Completion:
        asked.append(request)
        return completion(json.dumps(written(request.completion.user, weak=weak)))

    draft = drive(steps(inp), answer=answer, on_stage=ignore).content
    assert draft is not None
    return draft, len(asked)


@pytest.mark.parametrize("language", _LANGUAGES)
@pytest.mark.parametrize("page_type", DEFAULTS)
def test_a_page_of_any_type_and_language_has_no_defects(page_type: str, language: str) -> None:
    inp = generation_input(
        page_type=page_type,
        components=DEFAULTS[page_type],
        language=language,
        language_tag=_LANGUAGES[language],
        keywords=("desk lamp", "reading lights", "oak", "lamp for students"),
    )
    draft, calls = page_of(inp)
    assert draft.defects == ()
    assert (calls, draft.keyword_coverage) == (1, 1)


def test_no_heading_stands_twice_in_a_component_of_few_keywords() -> None:
    inp = generation_input(components=("ideas",), keywords=("lamps",), facts={})
    (component,) = written(request_text(inp, range(1), meta=True))["components"]
    assert component["markdown"].count("### ") == 1


def test_a_page_in_parts_has_none_either() -> None:
    draft, calls = page_of(generation_input(components=DEFAULTS["product"], max_tokens=1_000))
    assert draft.defects == ()
    assert calls == len(DEFAULTS["product"])


def test_a_weak_page_is_repaired() -> None:
    inp = generation_input()
    weak = written(request_text(inp, range(3), meta=True), weak=True)
    assert len(weak["metaTitle"]) > 60
    assert "cheap" in weak["components"][0]["markdown"]
    draft, calls = page_of(inp, weak=True)
    assert (draft.defects, calls) == ((), 2)


def test_the_same_page_is_written_alike_and_another_one_is_not() -> None:
    user = request_text(generation_input(), range(3), meta=True)
    other = request_text(generation_input(title="Floor lamp"), range(3), meta=True)
    assert written(user) == written(user) != written(other)
    assert epic_code(find_fences(user)) == "P1"


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"keywords": None, "facts": [1], "components": "hero"},
        {"title": ["x"], "keywords": [None, 5, {}], "facts": {"a": None, "b": [{"c": [1]}]}},
        {"title": "{t} {0} }{", "keywords": ["{k}"], "facts": {"{f}": "{v}"}},
    ],
)
def test_whatever_the_prompt_says_there_is_a_page(page: dict[str, Any]) -> None:
    task = {"components": [{"type": "faq"}, "hero", {"words": ["x"]}, 7]}
    user = f"<task>{json.dumps(task)}</task><page>{json.dumps(page)}</page>"
    assert [each["type"] for each in written(user)["components"]] == ["faq", "hero", "", "7"]
