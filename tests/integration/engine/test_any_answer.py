"""Whatever a provider answers: what is stored can be exported, and comes in again unchanged."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from epics.files.backlog_export import FORMATS
from epics.files.backlog_import import backlog_import
from epics.models import Project
from runs.models import Run, RunItem
from tests.conftest import Simulator
from tests.integration.engine.bench import Bench
from tests.integration.engine.world import World, assert_counted, attempt_make
from tests.unit.content.story_samples import answer, story

pytestmark = pytest.mark.django_db(transaction=True)


#: Halves of characters, controls and invisible ones too.
_ANY = st.text(st.characters(exclude_categories=()), max_size=40)
_TEXT = st.one_of(
    _ANY,
    _ANY.map(lambda text: f"a{text}"),
    st.integers(1, 3_000).map(lambda count: "a word " * count),
)
_STORY = st.fixed_dictionaries(
    {
        "title": _TEXT,
        "persona": _TEXT,
        "userStory": _TEXT,
        "acceptanceCriteria": st.lists(_TEXT, max_size=6),
        "technicalNotes": _TEXT | st.none(),
        "priority": st.sampled_from(["high", "Critical", "medium", "low"]),
        "effort": st.sampled_from(["S", "M", "L", "XL"]),
    }
)
_ANSWER = st.lists(st.builds(lambda changes: story(0, **changes), _STORY), max_size=12).map(
    lambda stories: answer(*stories)
)


@given(text=_ANSWER | _ANY.filter(bool), unchecked=st.booleans())
@example(text=answer(*[story(n % 8, userStory=f"Wish {n}") for n in range(400)]), unchecked=True)
@example(text=answer(story(0, technicalNotes="n" * 200_000)), unchecked=False)
@example(text=answer(story(0, acceptanceCriteria=["easily, etc. " * 9] * 300)), unchecked=False)
@example(
    text=answer(story(0, acceptanceCriteria=[f"{n} easily, etc. and so on" for n in range(300)])),
    unchecked=False,
)
@example(text=answer(story(0, persona="0", userStory="a word " * 2_800)), unchecked=False)
@example(text=answer(story(0, persona="0", userStory="a word " * 2_857)), unchecked=False)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_stored_comes_in_again(
    bench: Bench, simulator: Simulator, text: str, *, unchecked: bool
) -> None:
    world = World.make(epics=1, lanes=1)
    options = {**world.run.options, "skip_quality_check": unchecked}
    Run.objects.filter(pk=world.run.pk).update(options=options)
    simulator.faults([{"action": {"type": "text", "text": text}}])
    attempt = attempt_make(world, bench)
    assert attempt
    attempt.run()
    epic = RunItem.objects.get(run=world.run)
    assert epic.status == "COMPLETED" or epic.error_code == "UNUSABLE_ANSWER"
    assert epic.created <= 8
    assert_counted(world.run)
    _assert_comes_in_again(Project.objects.get(pk=world.run.project_id))


def _assert_comes_in_again(project: Project) -> None:
    exported = {name: b"".join(written.parts(project)) for name, written in FORMATS.items()}
    copy = backlog_import(user=project.created_by, document=json.loads(exported["json"]))
    assert b"".join(FORMATS["json"].parts(copy)) == exported["json"]
