"""The summary of many cards: it fits, every card counts, and the numbers are right."""

import json
import random
import re
from typing import Any

import pytest

from content.stories.card_summary import CardSummary, summarise
from content.stories.values import CardInput
from tests.unit.content.story_samples import card

MAX_CHARS = 8_000
PERSONAS = ["Archivist"] * 6 + ["Researcher"] * 3 + ["Donor"]


def epic_of(count: int) -> tuple[CardInput, ...]:
    """Cards with real proportions: few personas, statements of many lengths."""
    rng = random.Random(1)
    cards = []
    for number in range(count):
        persona = PERSONAS[number % len(PERSONAS)]
        want = " ".join(rng.choice(["list", "scans", "of", "rights"]) for _ in range(10))
        extra = " and more" * rng.randrange(12)
        cards.append(
            card(
                number,
                persona=persona,
                title=f"restrict files {number}",
                statement=f"As a {persona}, I want to {want}{extra}, so that I know case {number}.",
                problem=f"I lose case {number % 20}",
                systems=("Vault",) if number % 2 else ("Vault", f"Store {number}"),
            )
        )
    return tuple(cards)


def summary_of(cards: tuple[CardInput, ...]) -> tuple[CardSummary, dict[str, Any]]:
    summary = summarise(cards, theme="Access", max_chars=MAX_CHARS)
    return summary, json.loads(summary.text)


@pytest.mark.parametrize("count", [11, 60, 200, 2_000])
def test_it_fits_and_its_note_counts_right(count: int) -> None:
    summary, facts = summary_of(epic_of(count))
    assert len(summary.text) <= MAX_CHARS
    numbers = [int(text.replace(",", "")) for text in re.findall(r"[\d,]*\d", summary.note)]
    cards, chars, tokens, in_full, cut, only_counted = numbers
    assert (cards, chars) == (count, len(summary.text))
    assert chars / 4 <= tokens <= chars / 3
    assert in_full + cut == len(facts["statements"])
    assert in_full + cut + only_counted == count
    assert facts["cardCount"] == count
    assert sum(facts["cardsPerPersona"]) == count


def test_sixty_cards_all_have_their_statement_cut_ones_last() -> None:
    cards = epic_of(60)
    _, facts = summary_of(cards)
    statements = facts["statements"]
    assert len(statements) == 60
    is_cut = [text.endswith("…") for text in statements]
    assert is_cut == sorted(is_cut)
    assert any(is_cut)
    assert not all(is_cut)
    for one in cards:
        assert any(one.statement.startswith(text.removesuffix("…")) for text in statements)


def test_what_most_cards_speak_of_comes_first() -> None:
    _, facts = summary_of(epic_of(60))
    assert facts["personas"] == ["Archivist", "Researcher", "Donor"]
    assert facts["cardsPerPersona"] == [36, 18, 6]
    assert facts["systems"][0] == "Vault"
    assert facts["themes"][:3] == ["Access", "restrict", "files"]
    assert facts["keyProblems"][0] == "I lose case 0"
    assert len(set(facts["keyProblems"])) == len(facts["keyProblems"])


def test_personas_take_turns_so_that_rare_ones_are_heard() -> None:
    cards = epic_of(2_000)
    _, facts = summary_of(cards)
    heard = [text.split(",")[0] for text in facts["statements"][:3]]
    assert sorted(heard) == ["As a Archivist", "As a Donor", "As a Researcher"]


def test_the_same_cards_give_the_same_text() -> None:
    assert summary_of(epic_of(60))[0] == summary_of(epic_of(60))[0]


def test_nothing_is_lost_when_everything_fits() -> None:
    cards = tuple(card(n) for n in range(20))
    summary, facts = summary_of(cards)
    assert sorted(facts["statements"]) == sorted(one.statement for one in cards)
    assert "20 statements in full, 0 shortened, 0 only counted" in summary.note


@pytest.mark.parametrize("text", ["<" * 100_000, "\x00" * 100_000, "é" * 100_000, "a b " * 30_000])
def test_huge_texts_of_any_kind_fit(text: str) -> None:
    cards = tuple(
        card(n, persona=text, title=text, statement=text, problem=text, systems=(text,))
        for n in range(12)
    )
    assert len(summarise(cards, theme=text, max_chars=MAX_CHARS).text) <= MAX_CHARS


def test_a_statement_that_does_not_name_its_persona_is_given_it() -> None:
    cards = tuple(card(n, statement=f"Lend {n}", persona="Clerk") for n in range(12))
    assert summary_of(cards)[1]["statements"][0] == "Clerk: Lend 0"


def test_a_card_without_a_statement_is_heard_by_its_title() -> None:
    cards = tuple(card(n, statement="", title=f"lend {n}", persona="") for n in range(12))
    _, facts = summary_of(cards)
    assert facts["statements"][0] == "lend 0"
    assert facts["personas"] == []
