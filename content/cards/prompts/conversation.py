"""The messages of a call: the system blocks, the request, and the request to repair."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from content.cards.values import AnalysisInput, CardDefect, KeptCard, Part
from content.instructions import instructed
from content.project_input import ProjectInput
from content.prompts import PromptFolder, fenced, fenced_within
from content.sentences import sentences_shown
from providers.values import TextBlock

#: What a repair call shows of the answer before it.
_MAX_PREVIOUS_CHARS = 60_000
_MAX_DEFECTS = 200
#: Of the cards that stay, all together.
_MAX_KEPT_CHARS = 20_000


@lru_cache(maxsize=64)
def system_blocks(prompts: PromptFolder, project: ProjectInput) -> tuple[TextBlock, ...]:
    """Instructions, then the project: the same for every part of every upload, so cacheable."""
    facts = {
        "name": project.name,
        "description": project.description,
        "context": project.context,
    }
    text = prompts.template("project.md").render(project=fenced(facts))
    return (
        TextBlock(text=prompts.template("instructions.md").render()),
        TextBlock(text=text, cache=True),
    )


def request_text(inp: AnalysisInput, part: Part) -> str:
    """The user message of a part's first call."""
    task = {
        "part": part.number,
        "parts": part.parts,
        "language": inp.language,
        **sentences_shown(inp.frame),
    }
    user = inp.prompts.template("user.md").render(
        task=fenced(task),
        upload=fenced({"name": inp.name, "text": part.text}),
        kept=_kept_block(inp.kept),
    )
    return instructed(user, inp.instructions)


def repair_text(
    prompts: PromptFolder, request: str, *, previous: object, defects: Iterable[CardDefect]
) -> str:
    """The user message of a repair call: the request, the earlier answer and its defects, as far
    as an honest answer would have been long."""
    named = [
        {"card": defect.card, "message": defect.message, "suggestion": defect.suggestion}
        for defect in islice(defects, _MAX_DEFECTS)
    ]
    shown = fenced_within(previous, _MAX_PREVIOUS_CHARS)
    return prompts.template("repair.md").render(
        request=request, previous=shown, defects=fenced(named)
    )


def _kept_block(kept: tuple[KeptCard, ...]) -> str:
    """As many of them as fit: none is written twice, for doubles are found afterwards, too."""
    lines: list[str] = []
    left = _MAX_KEPT_CHARS
    for card in kept:
        line = fenced({"title": card.title, "persona": card.persona, "statement": card.statement})
        left -= len(line)
        if left < 0:
            break
        lines.append(line)
    return "\n\n<kept>\n" + "\n".join(lines) + "\n</kept>" if lines else ""
