"""The simulator's cards: what a text wants, in sentences that read well."""

import json
from pathlib import Path
from typing import Any

import pytest

import epics
from simulator.writing.brief import find_fences
from simulator.writing.cards import write_cards

NOTES = (Path(epics.__file__).parent / "sample_notes.md").read_text()


def cards_of(text: str) -> list[dict[str, Any]]:
    upload = json.dumps({"name": "notes.md", "text": text})
    found: list[dict[str, Any]] = write_cards(
        find_fences(f"<upload>{upload}</upload>"), seed=1, weak=False
    )["cards"]
    return found


@pytest.mark.parametrize(
    ("said", "statement"),
    [
        (
            "As a cyclist, I want to book a repair online, so that I need not phone.",
            "As a cyclist, I want to book a repair online, so that I need not phone.",
        ),
        (
            "The owner wants each mechanic to start a job with one tap.",
            "As an owner, I want to have each mechanic start a job with one tap.",
        ),
        (
            "The owner wants a list, because promises were broken.",
            "As an owner, I want to have a list.",
        ),
    ],
)
def test_what_is_said_becomes_a_statement(said: str, statement: str) -> None:
    assert [card["statement"] for card in cards_of(said)] == [statement]


def test_a_wish_is_no_problem() -> None:
    (card,) = cards_of("The buyer wants to book what came, and see what is still missing.")
    assert card["problem"] is None


def test_the_notes_say_what_is_wanted_for_what() -> None:
    cards = cards_of(NOTES)
    assert len(cards) >= 15
    assert sum(", so that " in card["statement"] for card in cards) >= 3
    assert all(card["quote"] in NOTES.replace("\n", " ") for card in cards)
