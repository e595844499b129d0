"""Answers that are right but not pure, told by a provider to a real worker: one epic each."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from epics import bounds
from epics.files.backlog_export import FORMATS
from epics.files.backlog_import import backlog_import
from epics.models import Project
from runs.engine.start import RunOptions, run_start
from runs.models import ProviderCall, RunItem, RunLog
from tests.acceptance.fleet import Fleet, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted, project_make
from tests.unit.content.story_samples import answer, story

pytestmark = pytest.mark.django_db(transaction=True)

SET = [story(number) for number in range(5)]
GOOD = answer(*SET)
#: What nobody can store, and nobody can read as stories.
POISON = "\x00 \ud800 no \udfff stories \x00"
LARGE = [story(0, technicalNotes="n" * 200_000), *SET[1:]]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _body(**changes: object) -> dict[str, Any]:
    whole = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [{"type": "text", "text": GOOD}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 100, "output_tokens": 40},
    }
    return {"type": "error", "status": 200, "body": json.dumps(whole | changes)}


#: What is answered to the epic's first calls (then the truth), and how many calls are paid for.
ANSWERS: dict[str, tuple[list[dict[str, Any]], int]] = {
    "a fence": ([_text(f"```json\n{GOOD}\n```")], 1),
    "a sentence": ([_text(f"Here are the stories:\n{GOOD}\nShall I go on?")], 1),
    "a format that a gateway dropped": ([{"type": "no_format"}], 1),
    "other words": (
        [_text(answer(*[one | {"priority": "critical", "effort": "XL"} for one in SET]))], 1,
    ),
    "a missing field": ([_text(GOOD.replace('"technicalNotes": null, ', ""))], 1),
    "a list": ([_text(json.dumps(SET))], 1),
    "a thought first": ([{"type": "thinking"}], 1),
    "no usage": ([_body(usage=None)], 1),
    "no id": ([_body(id="", stop_reason=None, model=None)], 1),
    "a number of 5,000 digits": (
        [_body(usage=7) | {"body": _body(usage=7)["body"].replace("7}", "9" * 5_000 + "}")}], 1,
    ),
    "half a character in a story": ([_text(GOOD.replace("learn at home", "learn \ud800at home"))],
                                    1),
    "what cannot be stored": ([_text(POISON)], 2),
    "what cannot be stored, unpaid": ([_body(content=POISON, usage=None)], 2),
    "two sets": ([_text(f"{GOOD} {answer(*SET[:4])}")], 2),
    "a note of 200,000 characters": ([_text(answer(*LARGE))] * 2, 2),
    "400 stories": ([_text(answer(*[story(n % 8, userStory=f"As a Reader, I want wish {n}.")
                                    for n in range(400)]))] * 2, 2),
    "too many": ([_text(answer(*[story(n) for n in range(8)],
                               *[story(n, userStory=f"As a Reader, I want to sell {n} sheep, so "
                                       "that I can eat.") for n in range(2)]))] * 2, 2),
}  # fmt: skip


def test_every_epic_gets_its_stories_and_pays_for_no_call_more(
    fleet: Fleet, provider: Simulator
) -> None:
    fleet.start("w1")
    project = project_make(epics=len(ANSWERS))
    codes = {name: f"E{place}" for place, name in enumerate(ANSWERS, start=1)}
    provider.faults(
        [
            {"match": {"epic": codes[name]}, "times": 1, "action": action}
            for name, (actions, _) in ANSWERS.items()
            for action in actions
        ]
    )
    options = RunOptions(pacing_profile="adaptive", max_concurrency=4)
    run = run_start(project=project, user=project.created_by, options=options)
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    calls = [call["epic"] for call in provider.stats()["calls"]]
    assert {name: calls.count(code) for name, code in codes.items()} == {
        name: paid for name, (_, paid) in ANSWERS.items()
    }
    assert ProviderCall.objects.count() == len(calls)
    assert_counted(run)
    epics = {name: RunItem.objects.get(run=run, code=code) for name, code in codes.items()}
    assert {epic.created for epic in epics.values()} <= {5, 6, 7, 8}
    _assert_unknown_is_booked_as_unknown(epics["no usage"])
    assert epics["what cannot be stored, unpaid"].unknown_calls == 1
    assert "200,000 characters" in epics["a note of 200,000 characters"].notes[-1]
    for name in ("400 stories", "too many"):
        assert "beyond the 8 that are wanted" in epics[name].notes[-1]
    _assert_comes_in_again(project)


def _assert_unknown_is_booked_as_unknown(epic: RunItem) -> None:
    call = epic.calls.get()
    assert (call.input_tokens, call.output_tokens, call.cost_usd) == (None, None, None)
    assert (call.outcome, epic.unknown_calls, epic.input_tokens) == ("ANSWERED", 1, 0)
    assert "did not say what a call took" in epic.notes[-1]
    lines = RunLog.objects.filter(run=epic.run, item_code=epic.code).order_by("id")
    assert epic.notes[-1] in [line.message for line in lines][-1]


def _assert_comes_in_again(project: Project) -> None:
    exported = {name: b"".join(written.parts(project)) for name, written in FORMATS.items()}
    assert all(exported.values())
    user = User.objects.get(username="ada")
    copy = backlog_import(user=user, document=json.loads(exported["json"]))
    assert b"".join(FORMATS["json"].parts(copy)) == exported["json"]
    assert copy.stories.count() <= bounds.MAX_STORIES_OF_EPIC * len(ANSWERS)
