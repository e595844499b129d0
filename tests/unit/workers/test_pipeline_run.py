"""The pipeline as a whole: order, hooks, skipping, timing, errors, and the bound on calls."""

from contextlib import suppress
from dataclasses import replace
from itertools import count, product

import pytest

from content.stories.pipeline import STAGES, Hooks, Stage, State, run_pipeline
from content.stories.stages.component_generation import MAX_CALLS
from content.stories.values import (
    GenerationError,
    GenerationInput,
    GenerationOutput,
    NothingToGenerate,
)
from providers.values import Usage
from tests.unit.workers.pipeline_samples import (
    GOOD,
    WEAK,
    ScriptedProvider,
    Step,
    completion,
    generation_input,
    ignore,
    run,
)

NAMES = [
    "validation",
    "context-building",
    "component-generation",
    "template-assembly",
    "quality-validation",
    "post-processing",
    "storage",
]


def with_on_error(name: str, seen: list[tuple[Exception, State]]) -> tuple[Stage, ...]:
    def on_error(error: Exception, state: State) -> None:
        seen.append((error, state))

    return tuple(replace(s, on_error=on_error) if s.name == name else s for s in STAGES)


def test_hooks_and_stages_come_in_order() -> None:
    seen: list[str] = []

    def before(_inp: GenerationInput) -> None:
        seen.append("before")

    def after(_inp: GenerationInput, output: GenerationOutput) -> None:
        seen.append(f"after {len(output.stories)}")

    run_pipeline(
        generation_input(),
        complete=ScriptedProvider([GOOD]),
        store=lambda stories, _ms, _notes: seen.append(f"stored {len(stories)}"),
        on_stage=lambda name, _state: seen.append(name),
        hooks=Hooks(before=before, after=after),
    )
    assert seen == ["before", *NAMES, "stored 3", "after 3"]


def test_each_stage_is_timed_by_itself_and_the_store_sees_the_times_before_it() -> None:
    ticks = count()
    stored: list[dict[str, int]] = []
    output = run_pipeline(
        generation_input(),
        complete=ScriptedProvider([GOOD]),
        store=lambda _stories, ms, _notes: stored.append(ms),
        on_stage=ignore,
        clock=lambda: next(ticks) * 0.25,
    )
    assert output.stage_ms == dict.fromkeys(NAMES, 250)
    assert stored == [dict.fromkeys(NAMES[:-1], 250)]


def test_the_quality_check_can_be_skipped_and_then_nothing_is_scored() -> None:
    begun: list[str] = []
    output = run_pipeline(
        generation_input(skip_quality_check=True),
        complete=ScriptedProvider([WEAK]),
        store=ignore,
        on_stage=lambda name, _state: begun.append(name),
    )
    assert output.skipped_stages == ("quality-validation",)
    assert begun == [name for name in NAMES if name != "quality-validation"]
    assert "quality-validation" not in output.stage_ms
    assert [(s.quality_score, s.defects) for s in output.stories] == [(None, ())] * 3


def test_who_listens_is_told_what_the_stages_before_made() -> None:
    told: dict[str, State] = {}
    run_pipeline(
        generation_input(skip_quality_check=True),
        complete=ScriptedProvider([WEAK]),
        store=ignore,
        on_stage=told.__setitem__,
    )
    assert list(told["validation"].stage_ms) == []
    assert list(told["component-generation"].stage_ms) == NAMES[:2]
    assert told["template-assembly"].skipped == ()
    assert told["storage"].skipped == ("quality-validation",)


def test_a_provider_error_is_seen_by_the_stage_and_comes_through_unchanged() -> None:
    error = ConnectionError("away")
    seen: list[tuple[Exception, State]] = []
    with pytest.raises(ConnectionError) as caught:
        run_pipeline(
            generation_input(),
            complete=ScriptedProvider([error]),
            store=ignore,
            on_stage=ignore,
            stages=with_on_error("component-generation", seen),
        )
    assert caught.value is error
    assert [e for e, _ in seen] == [error]
    assert list(seen[0][1].stage_ms) == NAMES[:2]


def test_a_store_error_comes_through_unchanged_and_skips_the_after_hook() -> None:
    error = LookupError("overtaken")
    seen: list[tuple[Exception, State]] = []
    finished: list[object] = []

    def store(*_: object) -> None:
        raise error

    with pytest.raises(LookupError) as caught:
        run_pipeline(
            generation_input(),
            complete=ScriptedProvider([GOOD]),
            store=store,
            on_stage=ignore,
            hooks=Hooks(after=lambda _inp, output: finished.append(output)),
            stages=with_on_error("storage", seen),
        )
    assert caught.value is error
    assert [e for e, _ in seen] == [error]
    assert not finished


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
def test_never_more_than_three_calls_and_one_store(script: tuple[Step, ...]) -> None:
    """The scripted provider fails the test at a fourth call."""
    provider = ScriptedProvider(list(script))
    stored: list[int] = []
    with suppress(GenerationError):
        run_pipeline(
            generation_input(),
            complete=provider,
            store=lambda stories, _ms, _notes: stored.append(len(stories)),
            on_stage=ignore,
        )
    assert stored in ([], [3])
    assert 1 <= len(provider.requests) <= MAX_CALLS == 3
    assert provider.purposes[0] == "generate"
    assert provider.purposes.count("enlarge") <= 1


def test_usage_adds_up() -> None:
    one = Usage(input_tokens=1, output_tokens=2, cache_read_tokens=3, cache_write_tokens=4)
    assert one + one == Usage(
        input_tokens=2, output_tokens=4, cache_read_tokens=6, cache_write_tokens=8
    )


def test_the_pipeline_is_deterministic() -> None:
    first, provider = run(generation_input(), WEAK, GOOD)
    second, again = run(generation_input(), WEAK, GOOD)
    assert first.stories == second.stories
    assert provider.requests == again.requests
