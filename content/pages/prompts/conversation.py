"""The messages of a call: the system blocks, the request, and the request to repair."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

from content.instructions import instructed
from content.pages.answer import Component
from content.pages.components import COMPONENTS
from content.pages.sizing import words_of
from content.pages.values import (
    META_DESCRIPTION_CHARS,
    META_TITLE_CHARS,
    BrandVoice,
    GenerationInput,
    PageDefect,
    PageInput,
    ProjectInput,
)
from content.prompts import PromptFolder, fenced, fenced_within
from content.tidy_text import shortened
from providers.values import TextBlock

#: What a repair call shows of the answer before it: 30,000 tokens, as many as the largest cap.
_MAX_PREVIOUS_CHARS = 120_000
_MAX_DEFECTS = 200
#: What a call for one component is shown of each that is finished.
_SHOWN_CHARS = 600


@lru_cache(maxsize=64)
def _instructions(prompts: PromptFolder) -> TextBlock:
    listed = "\n".join([f"- `{name}`: {what}." for name, what in COMPONENTS.items()])
    return TextBlock(text=prompts.template("instructions.md").render(components=listed))


@lru_cache(maxsize=64)
def system_blocks(prompts: PromptFolder, project: ProjectInput) -> tuple[TextBlock, ...]:
    """Instructions, then the project and its voice: the same for every page, so cacheable."""
    facts = {
        "name": project.name,
        "description": project.description,
        "context": project.context,
    }
    text = prompts.template("project.md").render(
        project=fenced(facts), voice=fenced(_voice_json(project.voice))
    )
    return (_instructions(prompts), TextBlock(text=text, cache=True))


def request_text(inp: GenerationInput, places: Sequence[int], *, meta: bool) -> str:
    """The user message that asks for components.

    Args:
        places: of the components in the page, from 0.
        meta: the meta texts are asked for, too.
    """
    task: dict[str, object] = {
        "language": inp.language,
        "pageType": inp.page.page_type,
        "components": [
            {"type": name, "words": words_of(name)}
            for name in (inp.page.components[place] for place in places)
        ],
        "bannedWords": inp.banned_words,
    }
    if meta:
        task |= {"metaTitle": META_TITLE_CHARS, "metaDescription": META_DESCRIPTION_CHARS}
    return inp.prompts.template("user.md").render(
        task=fenced(task), page=fenced(_page_json(inp.page))
    )


def part_text(inp: GenerationInput, place: int, written: Iterable[Component]) -> str:
    """The user message that asks for one component of several, with those that are finished."""
    request = request_text(inp, (place,), meta=place == 0)
    lines = [
        fenced(
            {
                "type": each.type,
                "heading": each.heading,
                "markdown": shortened(each.markdown, _SHOWN_CHARS),
                "shortened": len(each.markdown) > _SHOWN_CHARS,
            }
        )
        for each in written
    ]
    if not lines:
        return request
    return inp.prompts.template("part.md").render(request=request, written="\n".join(lines))


def repair_text(
    inp: GenerationInput, request: str, *, previous: object, defects: Iterable[PageDefect]
) -> str:
    """The user message of a repair call: the request, the earlier answer and its defects, as far
    as an honest answer would have been long."""
    named = [
        {
            "component": defect.component,
            "criterion": defect.criterion,
            "message": defect.message,
            "suggestion": defect.suggestion,
            "text": defect.span.text if defect.span else None,
        }
        for defect in islice(defects, _MAX_DEFECTS)
    ]
    shown = fenced_within(previous, _MAX_PREVIOUS_CHARS)
    return inp.prompts.template("repair.md").render(
        request=request, previous=shown, defects=fenced(named)
    )


def asked(inp: GenerationInput, request: str) -> str:
    """A request with what the run's starter asks for beside, which comes last."""
    return instructed(request, inp.instructions)


def _page_json(page: PageInput) -> dict[str, object]:
    described: dict[str, object] = {
        "code": page.code,
        "pageType": page.page_type,
        "url": page.url,
        "title": page.title,
        "keywords": page.keywords,
        "components": page.components,
        "facts": page.facts,
    }
    return described if page.voice == BrandVoice() else described | _own_voice(page.voice)


def _own_voice(voice: BrandVoice) -> dict[str, object]:
    """Without what it does not say: there the project's stands."""
    said = {name: value for name, value in _voice_json(voice).items() if value}
    return {"brandVoice": said}


def _voice_json(voice: BrandVoice) -> dict[str, object]:
    return {
        "tone": voice.tone,
        "do": voice.do,
        "dont": voice.dont,
        "bannedWords": voice.banned_words,
        "sample": voice.sample,
    }
