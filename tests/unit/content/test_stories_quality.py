"""Stage 5: the repair of weak sets; what the rules find, `tests/unit/quality` asks."""

import json
from dataclasses import replace

import pytest

from quality.linter import DEFAULT_BAR
from tests.unit.content.story_samples import (
    GOOD,
    NOUNS,
    WEAK,
    answer,
    block,
    card,
    completion,
    generation_input,
    run,
    story,
)


def test_a_good_set_is_scored_and_not_repaired() -> None:
    output, provider = run(generation_input(), GOOD)
    assert provider.purposes == ["generate"]
    assert [one.quality_score for one in output.content] == [100, 100, 100]
    assert output.notes == ()


def test_a_weak_set_is_repaired_once_and_the_better_one_kept() -> None:
    output, provider = run(generation_input(), WEAK, GOOD)
    assert provider.purposes == ["generate", "repair"]
    assert [one.quality_score for one in output.content] == [100, 100, 100]
    (note,) = output.notes
    assert note == (
        "3 stories scored 27 of 100 with 8 defects, repaired scored 100 of 100 with 0 defects; "
        "repair kept, the call took 1 tokens in, 1 out"
    )
    repair = provider.requests[1].user
    shown = json.loads(block(repair, "previous"))["stories"]
    assert [one.pop("number") for one in shown] == [1, 2, 3]
    assert shown == json.loads(WEAK)["stories"]
    defects = json.loads(block(repair, "defects"))
    assert [(one["story"], one["criterion"]) for one in defects] == [
        (1, "well_formed"),
        (1, "well_formed"),
        *((2, name) for name in ("well_formed", "well_formed", "full_sentence")),
        *((3, name) for name in ("well_formed", "well_formed", "full_sentence")),
    ]


def test_defects_and_previous_speak_of_the_same_order() -> None:
    mixed = answer(story(0, priority="low", userStory="Books"), story(1), story(2))
    _, provider = run(generation_input(), mixed, GOOD)
    repair = provider.requests[1].user
    previous = json.loads(block(repair, "previous"))["stories"]
    defects = json.loads(block(repair, "defects"))
    assert {previous[defect["story"] - 1]["userStory"] for defect in defects} == {"Books"}


def test_a_repair_writes_again_what_a_defect_names_and_nothing_else() -> None:
    half = answer(story(0), story(1, userStory="Maps"), story(2))
    output, provider = run(generation_input(), half, answer(story(5, i=2)))
    assert [one.title for one in output.content] == [
        f"Borrow {NOUNS[n]} at night" for n in (0, 5, 2)
    ]
    assert [one.quality_score for one in output.content] == [100, 100, 100]
    assert [one.defects for one in output.content] == [(), (), ()]
    assert provider.requests[1].schema is provider.requests[0].schema, "the cache holds it"


def test_what_was_cut_stays_a_defect_when_others_are_written_again() -> None:
    half = answer(story(0, title="word " * 1000), story(1, userStory="Maps"), story(2))
    output, _ = run(generation_input(), half, answer(story(5, i=2)))
    assert [[d.criterion for d in one.defects] for one in output.content] == [["limit"], [], []]


def test_a_worse_repair_is_not_kept_and_the_defects_stay() -> None:
    half = answer(story(0), story(1), story(2, userStory="Books"))
    output, _ = run(generation_input(), half, WEAK)
    assert [one.quality_score for one in output.content] == [100, 100, 20]
    assert [defect.kind for defect in output.content[2].defects] == [
        "no_role_or_want",
        "no_benefit",
        "fragment",
    ]
    assert "repair not kept" in output.notes[0]


@pytest.mark.parametrize(
    "second",
    ["no JSON", completion("", "refusal"), completion("", "max_tokens"), completion("{}")],
)
def test_a_repair_that_brings_nothing_leaves_the_first_set(second: object) -> None:
    output, _ = run(generation_input(), WEAK, second)  # type: ignore[arg-type]  # a step
    assert [one.quality_score for one in output.content] == [40, 20, 20]
    (note,) = output.notes
    assert note.startswith("3 stories scored 27 of 100 with 8 defects; their repair was not usable")


def test_a_provider_error_in_the_repair_comes_through() -> None:
    with pytest.raises(ConnectionError):
        run(generation_input(), WEAK, ConnectionError("away"))


def test_no_repair_when_the_calls_are_used_up() -> None:
    cut = completion("", "max_tokens")
    output, provider = run(generation_input(), cut, "no JSON", WEAK)
    assert len(provider.requests) == 3
    assert output.notes == (
        "3 stories scored 27 of 100 with 8 defects; no call was left to repair them",
    )


def test_the_wrong_number_of_stories_is_repaired_or_noted() -> None:
    two = answer(story(0), story(1))
    output, provider = run(generation_input(), two, two)
    (defect,) = json.loads(block(provider.requests[1].user, "defects"))
    assert (defect["story"], defect["criterion"]) == (0, "story_count")
    assert len(output.content) == 2
    assert output.notes[-1] == "The answer has 2 stories. Write 3 to 5."


def test_of_too_many_stories_the_best_are_kept_and_a_note_says_so() -> None:
    small = [story(n, persona="Guest") if n in (1, 3) else story(n) for n in range(7)]
    output, provider = run(generation_input(), answer(*small), answer(*small))
    (defect, *_) = json.loads(block(provider.requests[1].user, "defects"))
    assert (defect["criterion"], defect["message"]) == ("story_count", "The answer has 7 stories.")
    assert [one.title for one in output.content] == [
        f"Borrow {NOUNS[n]} at night" for n in (0, 2, 4, 5, 6)
    ]
    assert [one.code for one in output.content] == [f"E3-S{n}" for n in range(1, 6)]
    assert output.notes[-1] == "2 stories were left out, beyond the 5 that are wanted"


def test_too_much_is_a_defect_that_the_repair_call_names() -> None:
    """Whatever the bar is: what is cut is not what was meant."""
    long = answer(story(0), story(1), story(2, technicalNotes="n" * 200_000))
    output, provider = run(generation_input(quality_bar=0), long, long)
    (defect,) = json.loads(block(provider.requests[1].user, "defects"))
    assert (defect["story"], defect["criterion"]) == (3, "limit")
    assert "200,000 characters" in defect["message"]
    assert "20,000" in defect["suggestion"]
    assert output.notes[-1] == "too long and cut: E3-S3: technicalNotes has 200,000 characters."
    many = answer(*[story(n % 8, userStory=f"Wish {n}") for n in range(400)])
    _, provider = run(generation_input(quality_bar=0), many, GOOD)
    (defect, *_) = json.loads(block(provider.requests[1].user, "defects"))
    assert defect["message"] == "The answer has 400 stories."


def test_a_repair_call_is_no_longer_than_an_honest_answer() -> None:
    endless = "no JSON " * 100_000
    _, provider = run(generation_input(), endless, GOOD)
    shown = json.loads(block(provider.requests[1].user, "previous"))
    assert len(shown) == 120_000
    assert endless.startswith(shown)
    large = answer(*[story(n, technicalNotes="n" * 50_000) for n in range(8)])
    _, provider = run(generation_input(), large, GOOD)
    assert len(provider.requests[1].user) < 150_000


def test_a_repair_of_unknown_cost_says_so() -> None:
    unknown = replace(completion(GOOD), usage=None)
    output, _ = run(generation_input(), WEAK, unknown)
    assert output.notes[0].endswith("repair kept, what the call took is unknown")


def test_stories_with_one_title_or_one_want_are_repetitions() -> None:
    same_want = answer(story(0), story(0, title="Other words"), story(1, title="Other words."))
    output, _ = run(generation_input(), same_want, completion("", "refusal"))
    assert [[d.criterion for d in one.defects] for one in output.content] == [[], ["unique"]]
    assert output.notes[-1] == "1 duplicate story was merged"


def test_a_persona_that_no_card_voices_is_repaired() -> None:
    inp = generation_input(persona_set="cards", cards=(card(1, persona="Reader "),))
    other = story(
        1, persona="Robot", userStory="As a Robot, I want to lend maps, so that readers can learn."
    )
    output, provider = run(inp, answer(story(0), other, story(2)), GOOD)
    assert provider.purposes == ["generate", "repair"]
    assert {one.persona for one in output.content} == {"Reader"}


def test_one_small_defect_costs_no_second_call() -> None:
    small = answer(story(0, persona="Guest"), story(1), story(2))
    output, provider = run(generation_input(), small)
    assert len(provider.requests) == 1
    scores = [one.quality_score or 0 for one in output.content]
    assert scores == [95, 100, 100]
    assert min(scores) >= DEFAULT_BAR


def test_the_bar_is_the_inputs() -> None:
    small = answer(story(0, persona="Guest"), story(1), story(2))
    _, provider = run(generation_input(quality_bar=99), small, GOOD)
    assert provider.purposes == ["generate", "repair"]
    _, provider = run(generation_input(quality_bar=98), small)
    assert provider.purposes == ["generate"]


def test_a_story_of_two_wants_is_repaired_whatever_the_mean() -> None:
    two = story(0, userStory="As a Reader, I want to lend and sell maps, so that I can learn.")
    _, provider = run(generation_input(quality_bar=0), answer(two, story(1), story(2)), GOOD)
    assert provider.purposes == ["generate", "repair"]


def test_what_is_not_surely_wrong_costs_no_second_call() -> None:
    text = "As a Reader, I want to see maps that are dry and lend one, so that I can learn."
    doubtful = story(0, userStory=text)
    output, provider = run(generation_input(), answer(doubtful, story(1), story(2)))
    (defect,) = output.content[0].defects
    assert (defect.severity, defect.confidence) == ("high", "medium")
    assert provider.purposes == ["generate"]


def test_of_two_equal_stories_the_one_that_stays_has_no_defect_left() -> None:
    twice = answer(story(0), story(0, title="Other words"), story(1), story(2))
    output, _ = run(generation_input(), twice, completion("", "refusal"))
    assert [one.defects for one in output.content] == [(), (), ()]


def test_spans_speak_of_the_text_as_it_is_stored() -> None:
    vague = story(0, userStory="As a  Reader,\tI want to find maps easily, so that I can learn.")
    output, _ = run(generation_input(), answer(vague, story(1), story(2)))
    (defect,) = output.content[0].defects
    assert defect.span is not None
    assert output.content[0].user_story[defect.span.start : defect.span.end] == "easily"


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
    output, provider = run(generation_input(language="German"), german)
    assert len(provider.requests) == 1
    assert [one.quality_score for one in output.content] == [100, 100, 100]
