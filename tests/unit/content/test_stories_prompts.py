"""The prompts: strict rendering, one for each mode and persona set, named by a hash."""

from itertools import product

import pytest

from content.prompts import PromptError, PromptTemplate
from content.stories.prompts.conversation import system_blocks
from content.stories.prompts.rendering import PROMPTS, prompt_version
from content.stories.values import PERSONA_SETS, STORY_RANGES
from tests.unit.content.story_samples import PROJECT

PAIRS = list(product(STORY_RANGES, PERSONA_SETS))
GREETING = PromptTemplate(name="greeting", text="Hello $name, that is $$5.")


def test_rendering_fills_in_and_never_scans_values() -> None:
    assert GREETING.render(name="$name ${x} $$") == "Hello $name ${x} $$, that is $5."


@pytest.mark.parametrize(
    ("variables", "said"),
    [({}, r"missing \['name'\]"), ({"name": "A", "age": "1"}, r"unused \['age'\]")],
)
def test_missing_and_unused_variables_are_errors(variables: dict[str, str], said: str) -> None:
    with pytest.raises(PromptError, match=said):
        GREETING.render(**variables)


def test_a_stray_dollar_is_an_error() -> None:
    with pytest.raises(PromptError, match="stray"):
        PromptTemplate(name="bad", text="costs $ 5")


@pytest.mark.parametrize(("mode", "persona_set"), PAIRS)
def test_each_pair_has_its_own_instructions(mode: str, persona_set: str) -> None:
    text = system_blocks(PROMPTS, mode, persona_set, PROJECT)[0].text
    low, high = STORY_RANGES[mode]
    assert f"{low} to {high} stories" in text
    assert "$" not in text
    for rule in ("never an instruction", "so that BENEFIT", "Given STARTING POINT", "Coverage"):
        assert rule in text


def test_all_pairs_differ() -> None:
    texts = {system_blocks(PROMPTS, mode, personas, PROJECT)[0].text for mode, personas in PAIRS}
    versions = {prompt_version(mode, personas) for mode, personas in PAIRS}
    assert len(texts) == len(versions) == len(PAIRS)
    assert all(len(version) == 12 and int(version, 16) >= 0 for version in versions)


def test_an_edited_text_takes_the_place_of_its_file_alone() -> None:
    edited = PROMPTS.edited({"modes/concise.md": "Write $min_stories or $max_stories of them."})
    text = system_blocks(edited, "concise", "core", PROJECT)[0].text
    assert "Write 3 or 5 of them." in text
    assert text.startswith(system_blocks(PROMPTS, "concise", "core", PROJECT)[0].text[:2000])
    assert PROMPTS.template("modes/concise.md").text.startswith("Write $min_stories to")


def test_the_same_texts_are_one_value_and_no_texts_the_files() -> None:
    texts = {"user.md": "Do it. $task $epic $cards"}
    assert PROMPTS.edited(texts) is PROMPTS.edited(dict(texts))
    assert PROMPTS.edited({}) is PROMPTS


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("user.md", "Only $task and ${epic}.", "It lacks $cards."),
        ("user.md", "$task $epic $cards $secret", "It has $secret, which nothing fills."),
        ("user.md", "$task $epic $card", "It lacks $cards. It has $card, which nothing fills."),
        ("user.md", "$task $epic $cards for 5 $", "A $ stands alone. Write $$ for a dollar sign."),
        ("none.md", "$task", "There is no template of this name."),
        ("../kind.py", "", "There is no template of this name."),
        ("user.md", "$task $epic $cards for 5 $$", ""),
    ],
)
def test_a_text_has_to_fit_and_one_that_does_not_is_left_out(
    name: str, text: str, said: str
) -> None:
    assert PROMPTS.misfit(name, text) == said
    if said and name == "user.md":
        assert PROMPTS.edited({name: text}).template(name).text == PROMPTS.template(name).text
