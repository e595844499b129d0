"""Stage 2, context building: the messages of the call, with cards that fit into them."""

from dataclasses import replace

from content.prompts import fenced_lines
from content.stories.card_summary import summarise
from content.stories.prompts.conversation import request_text, system_blocks
from content.stories.values import CardInput, EpicInput, GenerationInput, PromptContext
from content.tidy_text import shortened
from quality.text import comparable

#: From the product's design: more cards than this, or more characters of their JSON, are
#: summarised, and a summary has at most that many characters.
MAX_CARDS_IN_FULL = 10
MAX_CARDS_CHARS = 8_000
#: No single text of an epic may crowd out its cards.
MAX_EPIC_TEXT_CHARS = 8_000


def build_context(inp: GenerationInput) -> PromptContext:
    """Turn project, epic and cards into messages; `notes` says what had to be shortened."""
    cards, card_notes = _cards_block(inp.cards, theme=inp.epic.theme)
    epic, epic_notes = _fitting_epic(inp.epic)
    voiced = (comparable(card.persona) for card in inp.cards)
    return PromptContext(
        system=system_blocks(inp.prompts, inp.mode, inp.persona_set, inp.project),
        user=request_text(inp, cards=cards, epic=epic),
        personas=frozenset(persona for persona in voiced if persona),
        notes=epic_notes + card_notes,
    )


def _cards_block(cards: tuple[CardInput, ...], *, theme: str) -> tuple[str, tuple[str, ...]]:
    if len(cards) <= MAX_CARDS_IN_FULL:
        body = fenced_lines(map(_card_json, cards))
        if len(body) <= MAX_CARDS_CHARS:
            return f"<cards>\n{body}\n</cards>", ()
    summary = summarise(cards, theme=theme, max_chars=MAX_CARDS_CHARS)
    return f'<cards summarised="true">\n{summary.text}\n</cards>', (summary.note,)


def _card_json(card: CardInput) -> dict[str, object]:
    return {
        "code": card.code,
        "title": card.title,
        "persona": card.persona,
        "statement": card.statement,
        "problem": card.problem,
        "systems": card.systems,
    }


def _fitting_epic(epic: EpicInput) -> tuple[EpicInput, tuple[str, ...]]:
    texts = {"description": epic.description, "business value": epic.business_value}
    notes = tuple(
        f"{name} of {len(text):,} characters shortened to {MAX_EPIC_TEXT_CHARS:,} for the prompt"
        for name, text in texts.items()
        if len(text) > MAX_EPIC_TEXT_CHARS
    )
    if not notes:
        return epic, ()
    fitting = replace(
        epic,
        description=shortened(epic.description, MAX_EPIC_TEXT_CHARS),
        business_value=shortened(epic.business_value, MAX_EPIC_TEXT_CHARS),
    )
    return fitting, notes
