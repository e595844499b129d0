"""Pages, answers and a run of the pages' pipeline for its tests."""

import json
from dataclasses import replace

from content.pages.components import DEFAULTS
from content.pages.pipeline import Content, steps
from content.pages.prompts.rendering import PROMPTS
from content.pages.values import BrandVoice, GenerationInput, PageInput, ProjectInput
from content.pipeline import Draft
from tests.driving import drive
from tests.unit.content.story_samples import ScriptedProvider, Step, ignore

VOICE = BrandVoice(
    tone="calm and plain",
    do=("Address the reader.",),
    dont=("No puns.",),
    banned_words=("cheap", "game changer", "100%"),
    sample="We make 25 lamps a year.",
)
PROJECT = ProjectInput(
    name="Lamp shop", description="Sells lamps", context="Delivers within 3 days.", voice=VOICE
)
PAGE = PageInput(
    code="P1",
    page_type="product",
    url="https://example.org/lamps/dora",
    title="Desk lamp Dora",
    keywords=("desk lamp", "reading lights"),
    components=("hero", "highlights", "faq"),
    facts={"price": "49.90 EUR", "height": "45 cm", "material": "oak", "power": {"max": "7 W"}},
)


def generation_input(**changes: object) -> GenerationInput:
    """An input; what is a field of the page changes that."""
    page_fields = {name: changes.pop(name) for name in list(changes) if hasattr(PAGE, name)}
    plain = GenerationInput(
        item_id="item-1",
        project=PROJECT,
        page=replace(PAGE, **page_fields),  # type: ignore[arg-type]  # the names are PageInput's
        language="English",
        language_tag="en",
        model="claude-sonnet-5-5",
        max_tokens=4000,
        prompts=PROMPTS,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the names are GenerationInput's


def component(name: str, **changes: object) -> dict[str, object]:
    """One without defects, as the model writes it."""
    texts = {
        "hero": "A desk lamp of oak for long evenings. It stands 45 cm high, gives its light where "
        "you read, and takes little room on the table beside you.",
        "highlights": "- Oak that feels warm to the hand\n- 45 cm high, so the light falls on the "
        "page\n- At most 7 W, for evenings that grow long\n- A foot that stays where it stands",
        "faq": "### Is it a reading light?\n\nYes. The arm turns, so the light falls on the page "
        "and not into your eyes while you read in bed or at the desk.\n\n### What does it cost?"
        "\n\n49.90 EUR, as the list of facts says, with all that belongs to it in the box.",
    }
    plain = {
        "type": name,
        "heading": f"Desk lamp Dora: {name}",
        "markdown": texts.get(name, "It is made of oak. " * 20),
    }
    return plain | changes


def answer(*components: dict[str, object], **changes: object) -> str:
    """A whole page as the model writes it; without arguments one without defects."""
    plain = {
        "metaTitle": "Desk lamp Dora of oak",
        "metaDescription": "A desk lamp of oak, 45 cm high, for reading and for long evenings.",
        "components": list(components) or [component(name) for name in PAGE.components],
    }
    return json.dumps(plain | changes)


GOOD = answer()
WEAK = answer(
    component("hero", markdown="The best lamp, for only 39.00 EUR. " * 4),
    component("highlights"),
    component("faq"),
    metaTitle="Desk lamp Dora " * 5,
)


def run(inp: GenerationInput, *script: Step) -> tuple[Draft[Content], ScriptedProvider]:
    provider = ScriptedProvider(list(script))
    return drive(steps(inp), answer=provider, on_stage=ignore), provider


def all_of(page_type: str) -> tuple[str, ...]:
    return DEFAULTS[page_type]
