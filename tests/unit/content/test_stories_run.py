"""The stories' pipeline as a whole: order, skipping, errors, keys, and the bound on calls."""

from contextlib import suppress
from dataclasses import replace
from itertools import product

import pytest

from content.errors import GenerationError, NothingToGenerate
from content.pipeline import StageBegun
from content.stories.pipeline import steps
from content.stories.requests import MAX_CALLS
from runs.states import ItemStage
from tests.driving import drive
from tests.unit.content.story_samples import (
    GOOD,
    WEAK,
    ScriptedProvider,
    Step,
    completion,
    generation_input,
    ignore,
    run,
)

NAMES = [stage.value for stage in ItemStage]


def test_stages_come_in_order() -> None:
    seen: list[str] = []
    drive(
        steps(generation_input()),
        answer=ScriptedProvider([GOOD]),
        on_stage=lambda begun: seen.append(begun.name),
    )
    assert seen == NAMES


def test_the_quality_check_can_be_skipped_and_then_nothing_is_scored() -> None:
    begun: list[StageBegun] = []
    output = drive(
        steps(generation_input(skip_quality_check=True)),
        answer=ScriptedProvider([WEAK]),
        on_stage=begun.append,
    )
    assert [stage.name for stage in begun] == [n for n in NAMES if n != "quality-validation"]
    assert begun[3].skipped == ()
    assert begun[-1].skipped == ("quality-validation",)
    assert [(s.quality_score, s.defects) for s in output.content] == [(None, ())] * 3


def test_who_listens_is_told_the_notes_of_the_stages_before() -> None:
    begun: list[StageBegun] = []
    long = replace(generation_input().epic, description="d" * 9_000)
    drive(
        steps(generation_input(epic=long)),
        answer=ScriptedProvider([GOOD]),
        on_stage=begun.append,
    )
    assert begun[1].notes == ()
    assert [len(stage.notes) for stage in begun[2:]] == [1] * 5


def test_a_provider_error_comes_through_unchanged_and_ends_the_steps() -> None:
    error = ConnectionError("away")
    begun: list[StageBegun] = []
    with pytest.raises(ConnectionError) as caught:
        drive(steps(generation_input()), answer=ScriptedProvider([error]), on_stage=begun.append)
    assert caught.value is error
    assert [stage.name for stage in begun] == NAMES[:3]


def test_a_stage_that_failed_ends_the_run_before_any_call() -> None:
    with pytest.raises(NothingToGenerate):
        run(
            replace(
                generation_input(cards=()), epic=replace(generation_input().epic, description="")
            )
        )


STEPS: tuple[Step, ...] = (
    GOOD,
    WEAK,
    "not JSON",
    completion(GOOD, "max_tokens"),
    completion("", "refusal"),
)


@pytest.mark.parametrize("script", list(product(STEPS, repeat=3)))
def test_never_more_than_three_calls_each_with_a_key_of_its_own(script: tuple[Step, ...]) -> None:
    """The scripted provider fails the test at a fourth call."""
    provider = ScriptedProvider(list(script))
    with suppress(GenerationError):
        output = drive(steps(generation_input()), answer=provider, on_stage=ignore)
        assert len(output.content) == 3
    keys = [request.key for request in provider.asked]
    assert 1 <= len(keys) == len(set(keys)) <= MAX_CALLS == 3
    assert keys[0] == "generate"
    assert provider.purposes.count("enlarge") <= 1


def test_a_repair_of_form_and_one_of_quality_are_two_requests() -> None:
    _, provider = run(generation_input(), "not JSON", WEAK, GOOD)
    assert [request.key for request in provider.asked] == ["generate", "repair", "repair-quality"]
    assert provider.purposes == ["generate", "repair", "repair"]


def test_the_pipeline_is_deterministic() -> None:
    first, provider = run(generation_input(), WEAK, GOOD)
    second, again = run(generation_input(), WEAK, GOOD)
    assert first == second
    assert provider.asked == again.asked
