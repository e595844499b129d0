"""The messages of the calls: the system blocks, the requests, and the request to repair."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from content.epics.values import EpicDefect
from content.project_input import ProjectInput
from content.prompts import PromptFolder, fenced, fenced_within
from providers.values import TextBlock

#: What a repair call shows of the answer before it: 30,000 tokens, as many as the largest cap.
_MAX_PREVIOUS_CHARS = 120_000
_MAX_DEFECTS = 200


@lru_cache(maxsize=64)
def system_blocks(
    prompts: PromptFolder, project: ProjectInput, *, merging: bool
) -> tuple[TextBlock, ...]:
    """Instructions, then the project: the same for every call of a run, so cacheable."""
    instructions = prompts.template("merging.md" if merging else "instructions.md").render()
    facts = {
        "name": project.name,
        "description": project.description,
        "context": project.context,
    }
    text = prompts.template("project.md").render(project=fenced(facts))
    return (TextBlock(text=instructions), TextBlock(text=text, cache=True))


def cards_text(
    prompts: PromptFolder, task: Mapping[str, object], cards: Iterable[str], kept: Sequence[str]
) -> str:
    """The request for epics of cards; each line is ready, as `lines` makes them."""
    text = prompts.template("user.md").render(task=fenced(task), cards="\n".join(cards))
    return text + _kept_block(kept)


def merge_text(
    prompts: PromptFolder, task: Mapping[str, object], epics: Iterable[str], kept: Sequence[str]
) -> str:
    """The request to merge epics."""
    text = prompts.template("merge.md").render(task=fenced(task), groups="\n".join(epics))
    return text + _kept_block(kept)


def _kept_block(lines: Sequence[str]) -> str:
    return "\n\n<kept>\n" + "\n".join(lines) + "\n</kept>" if lines else ""


def repair_text(
    prompts: PromptFolder, request: str, *, previous: object, defects: Iterable[EpicDefect]
) -> str:
    """A request once more, with the earlier answer and its defects, as far as an honest answer
    would have been long."""
    named = [
        {"epic": defect.epic, "message": defect.message, "suggestion": defect.suggestion}
        for defect in islice(defects, _MAX_DEFECTS)
    ]
    shown = fenced_within(previous, _MAX_PREVIOUS_CHARS)
    return prompts.template("repair.md").render(
        request=request, previous=shown, defects=fenced(named)
    )
