"""Stage 2, context building: what every call of the page begins with, and how many there are."""

from content.pages.prompts.conversation import system_blocks
from content.pages.sizing import parts_of
from content.pages.values import GenerationInput, PromptContext


def build_context(inp: GenerationInput) -> PromptContext:
    """The system blocks, the parts that are asked for one by one, and a note on that."""
    parts = parts_of(inp)
    notes = (f"{len(parts)} calls, one a component",) if len(parts) > 1 else ()
    return PromptContext(system=system_blocks(inp.prompts, inp.project), parts=parts, notes=notes)
