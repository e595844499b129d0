"""Stage 1: what cannot be generated, and what the person is told."""

from dataclasses import replace

import pytest

from content.errors import InvalidInput, NothingToGenerate
from content.stories.stages.validation import validate
from content.stories.values import GenerationInput
from tests.unit.content.story_samples import EPIC, card, generation_input


def test_a_sound_input_comes_back_unchanged() -> None:
    inp = generation_input()
    assert validate(inp) is inp


@pytest.mark.parametrize(
    "inp",
    [
        generation_input(cards=()),
        generation_input(epic=replace(EPIC, description=" ")),
    ],
)
def test_cards_or_a_description_are_enough(inp: GenerationInput) -> None:
    assert validate(inp) is inp


def test_neither_cards_nor_description_is_nothing_to_generate() -> None:
    with pytest.raises(NothingToGenerate, match="E3") as caught:
        validate(generation_input(cards=(), epic=replace(EPIC, description=" \n")))
    assert caught.value.code == "NOTHING_TO_GENERATE"


@pytest.mark.parametrize(
    ("inp", "said"),
    [
        (generation_input(mode="epic"), "concise, standard, comprehensive"),
        (generation_input(persona_set="all"), "core, extended, cards"),
        (generation_input(max_tokens=0), "at least 1"),
        (generation_input(epic=replace(EPIC, title=" ")), "no title"),
        (generation_input(epic=replace(EPIC, code="")), "no code"),
        (generation_input(persona_set="cards", cards=()), "persona set core"),
        (generation_input(persona_set="cards", cards=(card(1, persona=" "),)), "persona set core"),
    ],
)
def test_what_cannot_be_used_says_what_to_do(inp: GenerationInput, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        validate(inp)
    assert caught.value.code == "VALIDATION"
