"""Many cards in few characters, so that every card still counts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from content.prompts import fenced
from content.stories.values import CardInput
from content.tidy_text import shortened
from quality.text import comparable, one_line

#: What each list may take of the summary, in characters of JSON; statements get the rest.
_THEMES_MAX_CHARS = 300
_PERSONAS_MAX_CHARS = 1_000
_SYSTEMS_MAX_CHARS = 500
_PROBLEMS_MAX_CHARS = 800
_NAME_MAX_CHARS = 80
_PROBLEM_MAX_CHARS = 160
#: Below this a statement says nothing: then fewer statements, not shorter ones.
_STATEMENT_MIN_CHARS = 60
#: For the note; English prose has about as many.
_CHARACTERS_PER_TOKEN = 3.6
_ITEM_OVERHEAD_CHARS = len('"",')
_THEME_WORD_MIN_CHARS = 4
_COMMON_WORDS = (
    "able also been every from have into more must only over should some than that their them "
    "then there they this want wants what when where which will with without would your"
)
_NOT_THEMES = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, kw_only=True, slots=True)
class CardSummary:
    """`text` is one JSON object; `note` says in numbers what it holds."""

    text: str
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Statements:
    texts: tuple[str, ...]
    in_full: int


def summarise(cards: Sequence[CardInput], *, theme: str, max_chars: int) -> CardSummary:
    """At most `max_chars` of JSON about all cards; the same cards give the same text.

    Personas, systems, problems and theme words are counted over all cards, the most frequent
    first. Statements take turns by persona; all are cut to one fair length when they do not
    fit, those cut stand last, and what has no place left counts in the other lists only.
    """
    facts = _facts(cards, theme)
    room = max_chars - len(fenced({**facts, "statements": []}))
    statements = _fitting_statements(cards, room)
    text = fenced({**facts, "statements": statements.texts})
    cut = len(statements.texts) - statements.in_full
    note = (
        f"{len(cards)} cards summarised to {len(text):,} characters, some "
        f"{round(len(text) / _CHARACTERS_PER_TOKEN):,} tokens: {statements.in_full} "
        f"statements in full, {cut} shortened, {len(cards) - len(statements.texts)} only counted"
    )
    return CardSummary(text=text, note=note)


def _facts(cards: Sequence[CardInput], theme: str) -> dict[str, object]:
    personas = _by_frequency(card.persona for card in cards)
    named = _fitting((name for name, _ in personas), _PERSONAS_MAX_CHARS)
    systems = _by_frequency(
        system for card in cards for system in dict.fromkeys(map(one_line, card.systems))
    )
    problems = _by_frequency((card.problem or "" for card in cards), _PROBLEM_MAX_CHARS)
    return {
        "cardCount": len(cards),
        "themes": _themes(cards, theme),
        "personas": named,
        "cardsPerPersona": [count for _, count in personas[: len(named)]],
        "systems": _fitting((name for name, _ in systems), _SYSTEMS_MAX_CHARS),
        "keyProblems": _fitting((name for name, _ in problems), _PROBLEMS_MAX_CHARS),
    }


def _by_frequency(texts: Iterable[str], max_chars: int = _NAME_MAX_CHARS) -> list[tuple[str, int]]:
    """Each text once with its count, the most frequent first, ties in order of appearance."""
    counts = Counter(shortened(one_line(text), max_chars) for text in texts)
    counts.pop("", None)
    return counts.most_common()


def _fitting(texts: Iterable[str], max_chars: int) -> list[str]:
    """The first texts, as far as their JSON has room."""
    kept: list[str] = []
    for text in texts:
        max_chars -= len(fenced(text)) + 1
        if max_chars < 0:
            break
        kept.append(text)
    return kept


def _themes(cards: Sequence[CardInput], theme: str) -> list[str]:
    """The epic's theme, then the words that titles of several cards share."""
    words = Counter(
        word
        for card in cards
        for word in dict.fromkeys(comparable(card.title[:_PROBLEM_MAX_CHARS]).split())
        if len(word) >= _THEME_WORD_MIN_CHARS and word not in _NOT_THEMES
    )
    shared = [word for word, count in words.most_common() if count > 1]
    own = shortened(one_line(theme), _NAME_MAX_CHARS)
    return _fitting(([own] if own else []) + shared, _THEMES_MAX_CHARS)


def _fitting_statements(cards: Sequence[CardInput], room: int) -> _Statements:
    texts = [_statement(card) for card in _taking_turns(cards)]
    width = max(_fair_width([len(text) for text in texts], room), _STATEMENT_MIN_CHARS)
    in_full: list[str] = []
    cut: list[str] = []
    for text in texts:
        fitting = shortened(text, width)
        cost = len(fenced(fitting)) + 1
        if cost > room:
            continue
        room -= cost
        (in_full if fitting is text else cut).append(fitting)
    return _Statements(texts=(*in_full, *cut), in_full=len(in_full))


def _fair_width(lengths: Sequence[int], room: int) -> int:
    """The length to which texts must be cut so that all fit; short ones leave room to long ones."""
    for place, length in enumerate(sorted(lengths)):
        share = room // (len(lengths) - place) - _ITEM_OVERHEAD_CHARS
        if length > share:
            return share
        room -= length + _ITEM_OVERHEAD_CHARS
    return max(lengths)


def _taking_turns(cards: Sequence[CardInput]) -> list[CardInput]:
    """One card of each persona in turn, personas and their cards in order of appearance."""
    by_persona: dict[str, list[CardInput]] = {}
    for card in cards:
        by_persona.setdefault(comparable(card.persona), []).append(card)
    rounds = zip_longest(*by_persona.values())
    return [card for one_round in rounds for card in one_round if card is not None]


def _statement(card: CardInput) -> str:
    """The statement (or the title), in front of it the persona unless it names it itself."""
    text = one_line(card.statement) or one_line(card.title)
    persona = shortened(one_line(card.persona), _NAME_MAX_CHARS)
    if not persona or persona.casefold() in text.casefold():
        return text
    return f"{persona}: {text}"
