"""Answers with subtasks in other forms than the schema's: what has one meaning is read so."""

import json
from typing import Any

import pytest

from content.subtasks.answer import NotASubtaskSet, Subtask, parse_subtask_set
from simulator.writing.brief import find_fences
from simulator.writing.subtasks import write_subtasks
from tests.unit.content.subtask_samples import GOOD, INPUT, answer, breakdown_input, run, subtask


def read(**changes: Any) -> Subtask:
    return parse_subtask_set(answer(subtask(**changes))).subtasks[0]


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        (4, 4),
        (2.5, 2.5),
        ("4", 4),
        ("4h", 4),
        ("4 hrs", 4),
        ("~6 hours", 6),
        ("1,5 h", 1.5),
        ("90 min", 1.5),
        ("1 day", 8),
        ("2d", 16),
        ("0.5 days", 4),
        ("1 day 4 hours", 12),
        ("1d, 4h", 12),
        ("1 day and 2 h", 10),
        ("1 week", 40),
        ("1h 30m", 1.5),
    ],
)
def test_hours_are_read_in_any_unit(said: object, hours: float) -> None:
    assert read(effortHours=said).effort_hours == hours


@pytest.mark.parametrize(
    "said",
    [0, -4, "", "2-4 h", "some", "M", "4 apples", "1 2", None, True, [4], "NaN", "1e9 h", 10**30],
)
def test_hours_that_mean_nothing_or_two_things_are_refused(said: object) -> None:
    with pytest.raises(NotASubtaskSet):
        read(effortHours=said)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(NotASubtaskSet):
        parse_subtask_set(answer(subtask(effortHours=77)).replace("77", text))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Backend", "backend"),
        ("back-end", "backend"),
        ("API", "backend"),
        ("front end", "frontend"),
        ("QA", "test"),
        ("testing task", "test"),
        ("Documentation", "docs"),
        ("DevOps", "ops"),
        ("database", "data"),
        ("UX/UI", "design"),
    ],
)
def test_words_for_a_kind_are_understood(said: str, kind: str) -> None:
    assert read(kind=said).kind == kind


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ([1, 2], (1, 2)),
        (["1", "AC2", "criterion 3", "#1", "AC-2", "Acceptance criterion 3."], (1, 2, 3, 1, 2, 3)),
        ("1, 3", (1, 3)),
        ("AC1 and AC2", (1, 2)),
        (2, (2,)),
        ([2.0], (2,)),
        (None, ()),
        ("", ()),
        ([], ()),
    ],
)
def test_criteria_are_numbers_however_they_are_named(
    said: object, numbers: tuple[int, ...]
) -> None:
    assert read(criteria=said).criteria == numbers


@pytest.mark.parametrize("said", [["the first"], [1.5], [True], [{"n": 1}], {"1": 2}, "all"])
def test_criteria_that_are_no_numbers_are_refused(said: object) -> None:
    with pytest.raises(NotASubtaskSet):
        read(criteria=said)


PLAIN = parse_subtask_set(GOOD)
LIST = json.loads(GOOD)["subtasks"]


@pytest.mark.parametrize(
    "text",
    [
        f"Here they are:\n```json\n{GOOD}\n```\nShall I go on?",
        json.dumps(LIST),
        json.dumps({"answer": {"Subtasks": LIST}}),
        json.dumps({"tasks": LIST}),
        json.dumps({"subtasks": [{**one, "more": 1} for one in LIST]}),
        GOOD.replace("effortHours", "effort_hours"),
        GOOD.replace("effortHours", "hours").replace('"kind"', '"type"'),
    ],
)
def test_a_set_is_found_wherever_it_stands(text: str) -> None:
    assert parse_subtask_set(text) == PLAIN


def test_a_description_may_be_missing() -> None:
    assert read(description=None).description == ""


@pytest.mark.parametrize("seed", range(12))
def test_the_simulators_subtasks_pass_and_its_weak_ones_are_caught(seed: int) -> None:
    _, provider = run(INPUT, GOOD)
    fences = find_fences(provider.requests[0].user)
    good = json.dumps(write_subtasks(fences, seed, False))
    draft, told = run(INPUT, good)
    assert (len(told.requests), draft.notes) == (1, ())
    assert 3 <= len(draft.content) <= 8
    _, told = run(breakdown_input(), json.dumps(write_subtasks(fences, seed, True)), good)
    assert told.purposes == ["generate", "repair"]
