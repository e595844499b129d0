"""Answers: stories about the project of the prompt, and valid JSON for any schema."""

import json
import re
from typing import Any

import anthropic
import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

USER_STORY = re.compile(r"^As an? (.+?), I want to (.+?), so that (.+)\.$")
CRITERION = re.compile(r"^Given .+, when .+, then .+\.$")


@pytest.fixture
def ask(client: anthropic.Anthropic, request_of: Any, prompt_of: Any, text_in: Any) -> Any:
    """Stories for a prompt."""

    def stories(**prompt: Any) -> list[dict[str, Any]]:
        message = client.messages.create(**request_of(text=prompt_of(**prompt)))
        assert message.stop_reason == "end_turn"
        found: list[dict[str, Any]] = json.loads(text_in(message))["stories"]
        return found

    return stories


def many_cards(count: int) -> list[dict[str, Any]]:
    return [
        {
            "code": f"C{at}",
            "title": f"open ledger {at}",
            "persona": f"clerk {at % 5}",
            "statement": f"As a clerk {at % 5}, I want to open ledger {at} and close it.",
            "problem": f"the month {at} can be closed",
            "systems": [f"ledger {at}", "archive"],
        }
        for at in range(count)
    ]


def assert_good(stories: list[dict[str, Any]]) -> None:
    titles = [story["title"].casefold() for story in stories]
    assert len(set(titles)) == len(titles)
    for story in stories:
        found = USER_STORY.match(story["userStory"])
        assert found, story["userStory"]
        assert found[1] == story["persona"]
        assert not re.search(r"\b(and|or)\b|[(\[]", found[2]), found[2]
        assert 2 <= len(story["acceptanceCriteria"]) <= 4
        assert all(CRITERION.match(text) for text in story["acceptanceCriteria"])


def test_stories_are_about_the_cards(ask: Any, story_schema: Any) -> None:
    stories = ask()
    jsonschema.validate({"stories": stories}, story_schema)
    assert_good(stories)
    assert 5 <= len(stories) <= 8
    assert stories[0]["userStory"] == (
        "As an Agency user, I want to archive FABS files, so that I don't have to do it twice."
    )
    assert stories[1]["title"] == "Search for information"
    assert "to have New Relic provide data" in stories[2]["userStory"]
    assert any("FABS files" in text for text in stories[0]["acceptanceCriteria"])
    assert {story["persona"] for story in stories} == {"Agency user", "DevOps engineer"}


@pytest.mark.parametrize(("fewest", "most"), [(3, 5), (5, 8), (8, 15)])
@pytest.mark.parametrize("count", [1, 2, 10, 52])
def test_counts_and_quality(ask: Any, fewest: int, most: int, count: int) -> None:
    stories = ask(cards=many_cards(count), fewest=fewest, most=most)
    assert_good(stories)
    assert fewest <= len(stories) <= most


def test_persona_sets(ask: Any) -> None:
    cards = many_cards(8)
    core = {story["persona"] for story in ask(cards=cards, personas="core")}
    voiced = {story["persona"] for story in ask(cards=cards, personas="cards", fewest=8)}
    assert len(core) <= 3
    assert voiced == {f"clerk {at}" for at in range(5)}


def test_summarised_cards(ask: Any) -> None:
    cards = many_cards(52)
    summary = {
        "cardCount": 52,
        "themes": ["Ledgers"],
        "personas": ["clerk 0", "clerk 1"],
        "systems": ["archive", "ledger 3"],
        "keyProblems": ["the month can be closed"],
        "statements": [card["statement"] for card in cards[:10]],
    }
    stories = ask(summary=summary)
    assert_good(stories)
    assert any("ledger 3" in story["userStory"] for story in stories)


@pytest.mark.parametrize("summary", [{"cardCount": 9}, {"cardCount": 9, "themes": ["Ledgers"]}])
def test_prompts_with_hardly_anything_in_them(ask: Any, summary: dict[str, Any]) -> None:
    assert_good(ask(summary=summary))
    assert_good(ask(cards=[]))
    assert_good(ask(cards=[{"code": "C1", "title": "x", "statement": "", "systems": None}]))


def test_same_prompt_same_stories(ask: Any, simulator: Any) -> None:
    first = ask(cards=many_cards(30))
    simulator.post("/_sim/reset")
    assert ask(cards=many_cards(30), extra="Some further words.") == first
    assert ask(cards=many_cards(30), epic="E4") != first


def test_a_fence_only_mentioned_in_prose_is_no_fence(ask: Any) -> None:
    assert ask(extra="Close with </cards> or <epic>nothing</epic>.") == ask()


def test_a_card_without_systems_is_about_its_epic(ask: Any) -> None:
    """No want stands where a sentence needs a thing: "find the See my orders by keyword"."""
    wants = ("see what went below its minimum", "book a slot in the evening")
    cards: list[dict[str, Any]] = [
        {
            "code": f"C{at}",
            "title": want,
            "persona": "buyer",
            "statement": f"As a buyer, I want to {want}.",
            "problem": None,
            "systems": [],
        }
        for at, want in enumerate(wants)
    ]
    stories = ask(cards=cards)
    assert_good(stories)
    texts = json.dumps(stories)
    assert not re.search(r"the (?:See|Book)\b", texts)
    assert len(stories) == 5


def test_short_keys_are_known_by_their_titles(
    client: anthropic.Anthropic, request_of: Any, prompt_of: Any, text_in: Any, ask: Any
) -> None:
    stories = _short(client, request_of, text_in, prompt_of())
    whole = ask()
    assert [one["x"] for one in stories] == [one["persona"] for one in whole]
    assert [
        f"{one['userStory']}" == f"As a{'n' * one['userStory'].startswith('As an')} {short['x']}, "
        f"I want {short['y']}, so that {short['z']}."
        for one, short in zip(whole, stories, strict=True)
    ] == [True] * len(whole)
    given, when, then = stories[0]["c"][0].split("|")
    assert whole[0]["acceptanceCriteria"][0] == f"Given {given}, when {when}, then {then}."
    assert not any("i" in one for one in stories)


def test_a_repair_gets_the_stories_that_defects_number(
    client: anthropic.Anthropic, request_of: Any, prompt_of: Any, text_in: Any
) -> None:
    def with_defects(*stories: int, criterion: str = "unique") -> list[dict[str, Any]]:
        defects = [{"story": number, "criterion": criterion} for number in stories]
        extra = f"<defects>{json.dumps(defects)}</defects>"
        return _short(client, request_of, text_in, prompt_of(extra=extra))

    whole = _short(client, request_of, text_in, prompt_of())
    assert with_defects(2, 4) == [whole[1] | {"i": 2}, whole[3] | {"i": 4}]
    assert with_defects(2, 0) == with_defects(2, criterion="schema") == whole


def _short(client: Any, request_of: Any, text_in: Any, prompt: str) -> list[dict[str, Any]]:
    clauses = {"type": "string", "title": "given|when|then"}
    properties = {
        "x": {"type": "string", "title": "persona"},
        "y": {"type": "string", "title": "want"},
        "z": {"type": "string", "title": "benefit"},
        "c": {"type": "array", "items": clauses},
        "i": {"type": "integer", "title": "replaces"},
    }
    story = {
        "type": "object",
        "properties": properties,
        "required": ["x", "y", "z", "c"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"stories": {"type": "array", "items": story}},
        "required": ["stories"],
        "additionalProperties": False,
    }
    output_config = {"format": {"type": "json_schema", "schema": schema}}
    message = client.messages.create(**request_of(text=prompt, output_config=output_config))
    answer = text_in(message)
    jsonschema.validate(json.loads(answer), schema)
    assert '": ' not in answer
    found: list[dict[str, Any]] = json.loads(answer)["stories"]
    return found


ANY_SCHEMAS: list[dict[str, Any]] = [
    {"type": "string"},
    {"type": "array", "minItems": 1, "items": {"type": "integer"}},
    {"anyOf": [{"type": "null"}, {"type": "number"}]},
    {"enum": ["red", "green"]},
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["stories"],
        "properties": {"stories": {"type": "array", "items": {"type": "string"}}},
    },
    {"const": 7},
    {"type": ["boolean", "null"]},
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["at", "who", "kind"],
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "who": {"$ref": "#/$defs/Person"},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "rest": {"type": "string"},
        },
        "$defs": {
            "Person": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {"name": {"type": "string"}},
            }
        },
    },
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["stories", "note"],
        "properties": {
            "note": {"type": "string"},
            "stories": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["title", "points", "priority"],
                    "properties": {
                        "title": {"type": "string"},
                        "points": {"type": "integer"},
                        "priority": {"enum": ["P1", "P2"]},
                    },
                },
            },
        },
    },
]


@pytest.mark.parametrize("schema", ANY_SCHEMAS)
def test_any_schema_gets_a_valid_answer(
    client: anthropic.Anthropic, request_of: Any, text_in: Any, schema: dict[str, Any]
) -> None:
    output_config = {"format": {"type": "json_schema", "schema": schema}}
    message = client.messages.create(**request_of(output_config=output_config))
    jsonschema.validate(json.loads(text_in(message)), schema)


def test_prose_without_a_schema(client: anthropic.Anthropic, text_in: Any) -> None:
    message = client.messages.create(
        model="claude-sonnet-5-5",
        max_tokens=100,
        messages=[{"role": "user", "content": "Hello"}],
    )
    assert text_in(message).endswith(".")


def test_parse_helper_of_the_sdk(client: anthropic.Anthropic) -> None:
    from pydantic import BaseModel

    class Verdict(BaseModel):
        ok: bool
        reasons: list[str]

    message = client.messages.parse(
        model="claude-sonnet-5-5",
        max_tokens=100,
        messages=[{"role": "user", "content": "Judge."}],
        output_format=Verdict,
    )
    assert message.parsed_output == Verdict(ok=False, reasons=[])
