"""The pipeline of any kind: stages of a toy, whose one call asks for a number."""

from dataclasses import dataclass, replace

import pytest

from content.pipeline import (
    Calls,
    Job,
    Request,
    Stage,
    StageBegun,
    Work,
    plain,
    run_stages,
)
from providers.values import Completion, CompletionRequest, StopReason
from tests.driving import drive


@dataclass(frozen=True, kw_only=True)
class Sum:
    """What the toy's stages add up."""

    total: int = 0
    notes: tuple[str, ...] = ()


def _request(key: str) -> Request:
    completion = CompletionRequest(
        model="m", max_tokens=1, system=(), user=key, schema={}, marker="1", purpose="generate"
    )
    return Request(key=key, completion=completion, alike="")


def _answer(request: Request) -> Completion:
    return Completion(
        text=str(len(request.key)),
        stop_reason=StopReason.END,
        usage=None,
        model="m",
        request_id="",
    )


def _asked(state: Sum) -> Calls[Sum]:
    for key in ("a", "bb"):
        answer = yield _request(key)
        state = replace(state, total=state.total + int(answer.text))
    return state


def _doubled(state: Sum) -> Sum:
    return replace(state, total=2 * state.total, notes=("doubled",))


STAGES: tuple[Stage[Sum], ...] = (
    Stage(name="ask", run=_asked),
    Stage(name="double", run=plain(_doubled), can_skip=lambda state: state.total > 10),
    Stage(name="end", run=plain(lambda state: state)),
)


def test_answers_come_back_to_the_stage_that_asked() -> None:
    begun: list[StageBegun] = []
    assert drive(run_stages(STAGES, Sum()), answer=_answer, on_stage=begun.append).total == 6
    assert begun == [
        StageBegun(name="ask"),
        StageBegun(name="double"),
        StageBegun(name="end", notes=("doubled",)),
    ]


def test_a_rule_skips_a_stage_by_what_those_before_it_made() -> None:
    begun: list[StageBegun] = []
    end = drive(run_stages(STAGES, Sum(total=8)), answer=_answer, on_stage=begun.append)
    assert end.total == 11
    assert begun == [StageBegun(name="ask"), StageBegun(name="end", skipped=("double",))]


def _looked_up(state: Sum) -> Work[Sum]:
    answer = yield _request("bb")
    found = yield Job(key="look", name="look_up", args={"number": int(answer.text)})
    return replace(state, total=state.total + found)


def test_what_a_job_returns_comes_back_to_the_stage_that_wants_it_run() -> None:
    jobs: list[Job] = []

    def run(job: Job) -> int:
        jobs.append(job)
        return 10 * int(job.args["number"])

    steps = run_stages((Stage(name="look", run=_looked_up),), Sum(total=1))
    end = drive(steps, answer=_answer, on_stage=lambda _begun: None, job=run)
    assert end.total == 21
    assert jobs == [Job(key="look", name="look_up", args={"number": 2})]


def test_a_job_is_never_taken_for_a_call() -> None:
    steps = run_stages((Stage(name="look", run=_looked_up),), Sum())
    with pytest.raises(TypeError, match="look_up"):
        drive(steps, answer=_answer, on_stage=lambda _begun: None)


def test_steps_that_get_no_answer_are_closed() -> None:
    closed: list[str] = []

    def stage(state: Sum) -> Calls[Sum]:
        try:
            yield _request("a")
        finally:
            closed.append("closed")
        return state

    def fail(_request: Request) -> Completion:
        raise ConnectionError

    steps = run_stages((Stage(name="ask", run=stage),), Sum())
    with pytest.raises(ConnectionError):
        drive(steps, answer=fail, on_stage=lambda _begun: None)
    assert closed == ["closed"]
