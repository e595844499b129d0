"""Forms of an answer that mean the same, and those that mean two things or nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.answer_json import json_found
from content.stories.answer import NotAStorySet, StorySet, parse_story_set
from quality.text import has_words
from tests.unit.content.story_samples import GOOD, answer, story

SET = json.loads(GOOD)["stories"]
STORY = json.dumps(SET[0])


def _named(**names: str) -> str:
    """A set whose stories have other keys."""
    return answer(*[{names.get(key, key): value for key, value in one.items()} for one in SET])


def _criteria(one: dict[str, Any]) -> list[str]:
    return list(one["acceptanceCriteria"])


def _without(*keys: str) -> str:
    return answer(*[{k: v for k, v in one.items() if k not in keys} for one in SET])


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```\nShall I go on?",
        f"Here are the stories for {{epic}} [E3]:\n\n{GOOD}\n\nThey cover all cards.",
        f"The shape is {{\"stories\"}}, see [1]: {GOOD}",
        f"<thinking>{{\"plan\": 1}}</thinking>{GOOD}",
        f"{GOOD}\n\nOnce more:\n{json.dumps(json.loads(GOOD), indent=2)}",
        f"\ufeff  {GOOD}",
        json.dumps(GOOD),
        json.dumps(SET),
        f"```json\n{json.dumps(SET)}\n```",
        json.dumps({"answer": {"stories": SET}}),
        json.dumps({"Stories": SET}),
        json.dumps({"user_stories": SET, "count": 3}),
        json.dumps({"count": 10**400, "stories": SET}),
        GOOD[:-2] + ",]}",
        GOOD.replace("\"S\"}", "\"S\" , }"),
        _named(userStory="user_story", acceptanceCriteria="acceptance_criteria"),
        _named(userStory="UserStory", technicalNotes="technical-notes", title="Title"),
        _named(userStory="User Story", persona="role", effort="size"),
        _without("technicalNotes"),
        answer(*[one | {"technicalNotes": "N/A"} for one in SET]),
        answer(*[one | {"technicalNotes": []} for one in SET]),
        answer(*[one | {"priority": "HIGH", "effort": " s "} for one in SET]),
        answer(*[one | {"priority": "High priority", "effort": "Small (1-2 days)"} for one in SET]),
        answer(*[one | {"priority": "critical", "effort": "XS"} for one in SET]),
        answer(*[one | {"priority": "Must-have", "effort": "size: S"} for one in SET]),
        answer(*[one | {"acceptanceCriteria": "\n".join(_criteria(one))} for one in SET]),
        answer(*[one | {"acceptanceCriteria": "- " + "\n- ".join(_criteria(one))} for one in SET]),
        answer(
            *[one | {"acceptanceCriteria": [{"text": c} for c in _criteria(one)]} for one in SET]
        ),
        answer(*[one | {"id": 7, "tags": [{}]} for one in SET]),
        answer(*[one | {"persona": "Rea\ud800der"} for one in SET]),
    ],
)  # fmt: skip
def test_what_has_one_meaning_is_read(text: str) -> None:
    assert parse_story_set(text) == parse_story_set(GOOD)


@pytest.mark.parametrize(
    ("changes", "field", "meant"),
    [
        ({"effort": "XL"}, "effort", "L"),
        ({"effort": "Extra large"}, "effort", "L"),
        ({"effort": "Medium"}, "effort", "M"),
        ({"priority": "should have"}, "priority", "medium"),
        ({"priority": "Nice-to-have"}, "priority", "low"),
        ({"technicalNotes": ["One.", "Two."]}, "technical_notes", "One.\nTwo."),
        ({"acceptanceCriteria": None}, "acceptance_criteria", ()),
        (
            {"acceptanceCriteria": "Given a\nWhen b\nThen c\nGiven d"},
            "acceptance_criteria",
            ("Given a When b Then c", "Given d"),
        ),
        (
            {"acceptanceCriteria": [{"Given": "a card", "When": "When I pay,", "Then": "I go."}]},
            "acceptance_criteria",
            ("Given a card, when I pay, then I go.",),
        ),
        ({"notes": "Mine", "technicalNotes": "Own"}, "technical_notes", "Own"),
        ({"title": "Line\none"}, "title", "Line\none"),
    ],
)
def test_a_field_in_another_form(changes: dict[str, Any], field: str, meant: object) -> None:
    read = parse_story_set(answer(story(0, **changes))).stories[0]
    assert getattr(read, field) == meant


def test_a_single_story_is_a_set_of_one() -> None:
    assert len(parse_story_set(f"Here it is: {STORY}").stories) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no complete JSON object"),
        ("I am sorry.", "no complete JSON object"),
        (GOOD[:-5], "no complete JSON object"),
        # What broke off is not its first story.
        (f'{{"stories": [{STORY}, {{"title": "Bor', "no complete JSON object"),
        (f"[{STORY}, {STORY[:-9]}", "no complete JSON object"),
        (f"{GOOD} or {answer(story(5))}", "2 different sets"),
        (f"{STORY} {json.dumps(story(5))}", "2 different sets"),
        (GOOD.replace('"title":', '"title": "Other words", "title":'), '"title" stands twice'),
        (answer(story(0, user_story="Another one")), "userStory stands here twice"),
        (answer(story(0, priority="medium-high")), "priority"),
        (answer(story(0, priority=1)), "priority"),
        (answer(story(0, effort="5")), "effort"),
        (answer(story(0, effort="S or M")), "effort"),
        (_without("priority"), "priority: Field required"),
        (_without("title"), "title: Field required"),
        (answer(story(0, acceptanceCriteria=[1, 2])), "acceptanceCriteria"),
        (answer(story(0, acceptanceCriteria=[{"given": "a", "then": "b"}])), "acceptanceCriteria"),
        (GOOD.replace('"', "\u201c"), "no complete JSON object"),
        (GOOD.replace('"', "'"), "no complete JSON object"),
        ('{"stories": []}', "stories"),
        ('{"stories": ["a", "b"]}', "stories"),
        ('{"items": [{"name": "A story"}]}', "stories: Field required"),
        ("[" * 100_000, "no complete JSON object"),
        ('{"a":' * 100_000, "no complete JSON object"),
        ('{"a": {"b": {"c": {"d": ' + GOOD + "}}}}", "stories: Field required"),
    ],
)
def test_what_has_two_meanings_or_none_is_a_defect(text: str, said: str) -> None:
    with pytest.raises(NotAStorySet) as caught:
        parse_story_set(text)
    assert any(said in defect.message for defect in caught.value.defects)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**15), 10**15) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.fixed_dictionaries(
    {}, optional={key: _JSON | st.just(value) for key, value in SET[0].items()}
)
_ANSWERS = st.builds(
    lambda before, stories, after: f"{before}{json.dumps({'stories': stories})}{after}",
    st.text(max_size=20),
    st.lists(_FIELDS, max_size=3),
    st.text(max_size=20),
)


@given(text=st.text() | _JSON.map(json.dumps) | _ANSWERS)
def test_any_text_is_a_story_set_or_is_not_one(text: str) -> None:
    try:
        read: StorySet | None = parse_story_set(text)
        said = ""
    except NotAStorySet as miss:
        read, said = None, str(miss)
    assert bool(read) != bool(said)
    said.encode()
    assert read is None or all(has_words(one.title) for one in read.stories)


@given(value=_JSON)
def test_json_is_found_behind_a_sentence(value: Any) -> None:
    told = json.dumps({"stories": value})
    (found,) = json_found(f"Here it is:\n```json\n{told}\n```")
    assert json.dumps(found.value) == told
