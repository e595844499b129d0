"""Stage 5: what the rules find and leave alone, and the repair of weak sets."""

import json

import pytest

from tests.unit.workers.pipeline_samples import (
    GOOD,
    NOUNS,
    PROJECT,
    WEAK,
    answer,
    block,
    card,
    completion,
    generation_input,
    run,
    story,
)
from workers.generation import StoryDraft
from workers.stages.quality_rules import is_english, parts_of, story_defects
from workers.stages.quality_validation import QUALITY_BAR


def kinds(user_story: str = "", **changes: object) -> list[str]:
    text = user_story or "As a Reader, I want to borrow maps, so that I can learn."
    draft = StoryDraft(
        position=1,
        code="E3-S1",
        title="Borrow maps",
        user_story=text,
        persona=str(changes.get("persona", "Reader")),
        acceptance_criteria=changes.get(  # type: ignore[arg-type]  # the tests pass tuples
            "criteria", ("Given a card, when it is shown, then maps are lent.", "At most 5 maps.")
        ),
        technical_notes=None,
        priority="high",
        effort="S",
    )
    allowed = frozenset({"reader"}) if changes.get("voiced_only") else None
    found = story_defects(
        draft, english=bool(changes.get("english", True)), allowed_personas=allowed
    )
    return [defect.kind for defect in found]


@pytest.mark.parametrize(
    "text",
    [
        "As a Reader, I want to borrow maps, so that I can learn.",
        "As an adult Reader I want to be able to see terms and conditions, so that I can decide.",
        "As the Reader, I need a list of maps and prints so that I save time",
        "as a reader,  I would like to sort by name or date, in order to find maps.",
        "As a Reader, I want import and export rules, so that files and scans match.",
        "As a Reader, I want to drag and drop maps, so that I can sort and keep the best ones.",
        "As a Reader, I don't want to see maps that are away, so that I save time.",
        "As a Reader, I want to search and sort results, so that I can choose.",
    ],
)
def test_good_stories_are_left_alone(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Borrow maps", "no_role_or_want"),
        ("As a Reader", "no_role_or_want"),
        ("As a Reader, I want, so that I can learn.", "no_role_or_want"),
        ("I want to borrow maps, so that I can learn.", "no_role_or_want"),
        ("As a Reader, I want to borrow maps.", "no_benefit"),
        ("As a Reader, I want to borrow maps, so that .", "no_benefit"),
        ("As a Reader, I want maps, so that I can learn.", "fragment"),
        ("As a Reader, I want to add a map and delete the old one, so that I learn.", "two_wants"),
        ("As a Reader, I want to lend maps and I want to sell maps, so that I live.", "two_wants"),
        ("As a Reader, I want to create or edit my list, so that I can learn.", "two_wants"),
        ("As a Reader, I want to borrow maps (and films), so that I can learn.", "extra_text"),
        ("As a Reader, I want to borrow maps, so that I learn. Films too.", "extra_text"),
        ("As a Clerk, I want to lend maps, so that I can help.", "role_differs"),
    ],
)
def test_form_defects_are_found(text: str, kind: str) -> None:
    assert kind in kinds(text)


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        (("Given a card, when it is shown, then maps are lent.", "The list shows the map."), []),
        (("It must ask for a card.", "The page loads quickly, within 2 s."), []),
        (("The page loads quickly.", "The list shows the map."), ["not_testable"]),
        (
            ("Given a card, when it is shown, then it is user-friendly.", "Good maps"),
            ["not_testable"],
        ),
        (("Given an easy map, when I open it, then it is shown.", "It is lent."), []),
        (("The list shows the map.",), ["too_few"]),
        ((), ["too_few"]),
        (tuple(f"Shelf {n}" for n in range(9)), ["too_many"]),
    ],
)
def test_acceptance_criteria_are_counted_and_testable(
    criteria: tuple[str, ...], found: list[str]
) -> None:
    assert kinds(criteria=criteria) == found


def test_only_voiced_personas_when_the_run_asks_for_them() -> None:
    assert kinds(voiced_only=True) == []
    assert "not_voiced" in kinds(
        "As a Robot, I want to lend maps, so that I help.", persona="Robot", voiced_only=True
    )


def test_rules_about_english_wording_leave_other_languages_alone() -> None:
    german = "Als Leserin möchte ich Karten leihen, um zu lernen."
    assert kinds(german, persona="Leserin", english=False) == []
    assert [is_english(name) for name in ("", "English", "en-GB", "German")] == [
        True,
        True,
        True,
        False,
    ]


def test_the_parts_of_a_story() -> None:
    parts = parts_of("As a Reader, I want to borrow maps, so that I can learn.")
    assert parts is not None
    assert (parts.role, parts.want, parts.benefit) == ("Reader", "borrow maps", "I can learn")


def test_a_long_hostile_story_is_read_in_time() -> None:
    """Linear, or this test runs into its timeout."""
    for piece in ("I want ", ", ", "and to also then ", "so that ", "as a "):
        kinds("As a " + piece * 20_000)


def test_a_good_set_is_scored_and_not_repaired() -> None:
    output, provider = run(generation_input(), GOOD)
    assert provider.purposes == ["generate"]
    assert [one.quality_score for one in output.stories] == [100, 100, 100]
    assert output.notes == ()


def test_a_weak_set_is_repaired_once_and_the_better_one_kept() -> None:
    output, provider = run(generation_input(), WEAK, GOOD)
    assert provider.purposes == ["generate", "repair"]
    assert [one.quality_score for one in output.stories] == [100, 100, 100]
    assert output.notes == ("3 stories scored 60 of 100, repaired 100; repair kept",)
    repair = provider.requests[1].user
    assert json.loads(block(repair, "previous")) == json.loads(WEAK)
    defects = json.loads(block(repair, "defects"))
    assert [(one["story"], one["criterion"]) for one in defects] == [
        (1, "well_formed"),
        (2, "well_formed"),
        (3, "well_formed"),
    ]


def test_defects_and_previous_speak_of_the_same_order() -> None:
    mixed = answer(story(0, priority="low", userStory="Books"), story(1), story(2))
    _, provider = run(generation_input(), mixed, GOOD)
    repair = provider.requests[1].user
    previous = json.loads(block(repair, "previous"))["stories"]
    (defect,) = json.loads(block(repair, "defects"))
    assert previous[defect["story"] - 1]["userStory"] == "Books"


def test_a_worse_repair_is_not_kept_and_the_defects_stay() -> None:
    half = answer(story(0), story(1), story(2, userStory="Books"))
    output, _ = run(generation_input(), half, WEAK)
    assert [one.quality_score for one in output.stories] == [100, 100, 60]
    assert [defect.kind for defect in output.stories[2].defects] == ["no_role_or_want"]
    assert output.notes[0].endswith("repair not kept")


@pytest.mark.parametrize(
    "second",
    ["no JSON", completion("", "refusal"), completion("", "max_tokens"), completion("{}")],
)
def test_a_repair_that_brings_nothing_leaves_the_first_set(second: object) -> None:
    output, _ = run(generation_input(), WEAK, second)  # type: ignore[arg-type]  # a step
    assert [one.quality_score for one in output.stories] == [60, 60, 60]
    assert output.notes == ("3 stories scored 60 of 100; their repair was not usable",)


def test_a_provider_error_in_the_repair_comes_through() -> None:
    with pytest.raises(ConnectionError):
        run(generation_input(), WEAK, ConnectionError("away"))


def test_no_repair_when_the_calls_are_used_up() -> None:
    cut = completion("", "max_tokens")
    output, provider = run(generation_input(), cut, "no JSON", WEAK)
    assert len(provider.requests) == 3
    assert output.notes == ("3 stories scored 60 of 100; no call was left to repair them",)


def test_the_wrong_number_of_stories_is_repaired_or_noted() -> None:
    two = answer(story(0), story(1))
    output, provider = run(generation_input(), two, two)
    (defect,) = json.loads(block(provider.requests[1].user, "defects"))
    assert (defect["story"], defect["criterion"]) == (0, "story_count")
    assert len(output.stories) == 2
    assert output.notes[-1] == "The answer has 2 stories. Write 3 to 5."
    six = answer(*[story(n) for n in range(6)])
    output, _ = run(generation_input(), six, six)
    assert len(output.stories) == 6  # never dropped


def test_stories_with_one_title_or_one_want_are_repetitions() -> None:
    same_want = answer(story(0), story(0, title="Other words"), story(1, title="Other words."))
    output, _ = run(generation_input(), same_want, completion("", "refusal"))
    assert [[d.criterion for d in one.defects] for one in output.stories] == [[], ["unique"]]
    assert output.notes[-1] == "1 duplicate story was merged"


def test_a_persona_that_no_card_voices_is_repaired() -> None:
    inp = generation_input(persona_set="cards", cards=(card(1, persona="Reader "),))
    other = story(
        1, persona="Robot", userStory="As a Robot, I want to lend maps, so that readers can learn."
    )
    output, provider = run(inp, answer(story(0), other, story(2)), GOOD)
    assert provider.purposes == ["generate", "repair"]
    assert {one.persona for one in output.stories} == {"Reader"}


def test_one_small_defect_costs_no_second_call() -> None:
    small = answer(story(0, persona="Guest"), story(1), story(2))
    output, provider = run(generation_input(), small)
    assert len(provider.requests) == 1
    scores = [one.quality_score or 0 for one in output.stories]
    assert scores == [95, 100, 100]
    assert min(scores) >= QUALITY_BAR


def test_a_set_in_another_language_passes() -> None:
    german = answer(
        *[
            story(
                n,
                persona="Leserin",
                userStory=f"Als Leserin möchte ich {NOUNS[n]} leihen, um zu lernen.",
            )
            for n in range(3)
        ]
    )
    project = PROJECT.__class__(name="B", description="", context="", language="German")
    output, provider = run(generation_input(project=project), german)
    assert len(provider.requests) == 1
    assert [one.quality_score for one in output.stories] == [100, 100, 100]
