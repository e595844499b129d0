"""Answers about epics: of the cards in the prompt, each once, and weak ones where they are asked
for."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

from benchmarks.wordy_schemas import EPICS, MERGED_EPICS
from simulator.writing.answers import Answers
from simulator.writing.brief import find_fences

BACKLOGS = sorted((Path(__file__).parent.parent / "data" / "backlogs").glob("*.json"))
REPAIR = '\n<defects>[{"epic": 0, "message": "A circle."}]</defects>'


def lines(name: str, things: list[dict[str, Any]]) -> str:
    return f"<{name}>\n" + "\n".join(json.dumps(thing) for thing in things) + f"\n</{name}>"


def prompt(name: str, things: list[dict[str, Any]], *, least: int = 5, most: int = 9) -> str:
    task = json.dumps({"minEpics": least, "maxEpics": most, "language": "English"})
    return f"Write.\n<task>{task}</task>\n{lines(name, things)}"


def told(text: str, *, flavour: str = "", merging: bool = False) -> dict[str, Any]:
    """The answer, which has to fit its schema."""
    schema = MERGED_EPICS if merging else EPICS
    asked = json.dumps({"type": "json_schema", "schema": schema})
    answer: dict[str, Any] = json.loads(Answers().text(find_fences(text), schema, asked, flavour))
    jsonschema.validate(answer, schema)
    return answer


def groups(count: int) -> list[dict[str, Any]]:
    topics = ("Search", "Accounts", "Uploads", "Reports")
    return [
        {
            "ref": f"G{n}-1",
            "title": f"{topics[n % 4]} of part {n}",
            "theme": topics[n % 4],
            "description": "What people need.",
            "effort": "M",
            "impact": "high",
            "cards": n,
        }
        for n in range(1, count + 1)
    ]


@pytest.mark.parametrize("path", BACKLOGS, ids=lambda path: path.stem)
def test_each_card_is_in_one_epic(path: Path) -> None:
    cards = json.loads(path.read_text())["cards"]
    answer = told(prompt("cards", cards))
    codes = Counter(code for epic in answer["epics"] for code in epic["cardCodes"])
    assert codes == Counter(card["code"] for card in cards)
    assert answer["unassigned"] == []
    assert 5 <= len(answer["epics"]) <= 9
    titles = [epic["title"] for epic in answer["epics"]]
    assert len(set(titles)) == len(titles)
    assert all(set(epic["dependencies"]) < set(titles) for epic in answer["epics"])
    assert [epic["priority"] for epic in answer["epics"]] == list(range(1, len(titles) + 1))


@pytest.mark.parametrize(
    ("least", "most", "count"), [(1, 1, 1), (3, 3, 3), (8, 12, 10), (90, 90, 5)]
)
def test_so_many_as_are_asked_for(least: int, most: int, count: int) -> None:
    cards = json.loads(BACKLOGS[0].read_text())["cards"][: 60 if count > 5 else 5]
    answer = told(prompt("cards", cards, least=least, most=most))
    assert len(answer["epics"]) == count
    assert all(epic["cardCodes"] for epic in answer["epics"])


def test_the_same_prompt_has_the_same_answer() -> None:
    cards = json.loads(BACKLOGS[0].read_text())["cards"]
    assert told(prompt("cards", cards)) == told(prompt("cards", cards))


def test_each_epic_is_merged_once() -> None:
    answer = told(prompt("groups", groups(30), least=4, most=6), merging=True)
    refs = Counter(ref for epic in answer["epics"] for ref in epic["mergedFrom"])
    assert refs == Counter(f"G{n}-1" for n in range(1, 31))
    assert len(answer["epics"]) == 5


@pytest.mark.parametrize("merging", [False, True])
def test_a_weak_answer_leaves_out_and_has_a_circle_until_it_is_repaired(merging: bool) -> None:
    things = groups(30) if merging else json.loads(BACKLOGS[0].read_text())["cards"]
    text = prompt("groups" if merging else "cards", things)
    held = "mergedFrom" if merging else "cardCodes"
    weak = told(text, flavour="weak_stories", merging=merging)["epics"]
    assert sum(len(epic[held]) for epic in weak) < len(things)
    assert weak[0]["dependencies"] == [weak[-1]["title"]]
    assert weak[-1]["dependencies"] == [weak[0]["title"]]
    mended = told(text + REPAIR, flavour="weak_stories", merging=merging)["epics"]
    assert sum(len(epic[held]) for epic in mended) == len(things)


def test_odd_cards_are_answered_too() -> None:
    cards: list[dict[str, Any]] = [
        {"code": "C1"},
        {"code": "C2", "title": None, "systems": "many", "themes": [1, {"a": "b"}, "Rooms"]},
        {"code": "C3", "title": "\ud800 " * 50, "persona": ["x"]},
    ]
    answer = told(prompt("cards", cards))
    assert sorted(code for epic in answer["epics"] for code in epic["cardCodes"]) == [
        "C1",
        "C2",
        "C3",
    ]


def test_one_card_of_one_persona_reads_well() -> None:
    card = {"code": "C1", "title": "Book a repair", "persona": "cyclist", "themes": ["Repairs"]}
    (epic,) = told(prompt("cards", [card], least=1, most=1))["epics"]
    assert epic["description"].startswith("What the cyclist asked for around repairs: book a rep")
    assert epic["businessValue"] == "1 voiced need is answered in one place."
