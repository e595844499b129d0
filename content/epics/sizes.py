"""How many epics are wanted, and what one call takes of cards and gives of epics. Pure.

Tokens are guesses, on the safe side: an answer that is larger is cut, and asked for again.
"""

import math
from collections.abc import Sequence

from content.asking import ENLARGED_MAX_TOKENS
from content.epics.grouping import Bounds
from content.epics.values import CardInput, Range

#: Characters of cards, or of epics to merge, in one prompt: 13,000 tokens. Beyond some 150 cards
#: an answer names every one of them no longer reliably.
CALL_CHARS = 48_000
#: One epic of an answer, without the codes.
_EPIC_TOKENS = 260
#: A code in an answer: its quotes, its comma, and at worst a token for each two characters.
_CODE_SIGNS = 4
_CHARACTERS_PER_TOKEN = 2
#: Part of a cap that an answer is to need.
_SHARE = 0.9
#: By default, whatever the number of cards.
_FEWEST, _MOST = 5, 15
#: The model may choose so many fewer or more.
_LEEWAY = 2
#: Of one group: more of them are merged anyway.
_MOST_OF_GROUP = 8
_CARDS_OF_EPIC = 12
#: Groups write more than is wanted, since some of their epics are one.
_BEFORE_MERGING = 1.25
#: A merging call that is not the last makes so few of many.
_MERGED_PART = 3


def wanted(*, epic_count: int | None, cards: int, kept: int, to_place: int) -> Range:
    """How many new epics are wanted.

    Args:
        epic_count: what a person asked for, kept ones included.
        cards: of the whole project; `to_place`: those that are in no kept epic, at least one.
        kept: epics that stay.
    """
    middle = min(max(round(math.sqrt(cards)), _FEWEST), _MOST)
    least, most = max(middle - _LEEWAY, _FEWEST), min(middle + _LEEWAY, _MOST)
    if epic_count is not None:
        least = most = epic_count
    return Range(least=min(max(least - kept, 1), to_place), most=min(max(most - kept, 1), to_place))


def answer_tokens(codes: Sequence[str], epics: int) -> int:
    """About how long an answer is that has so many epics and names these."""
    named = sum([_code_tokens(code) for code in codes])
    return epics * _EPIC_TOKENS + named


def _code_tokens(code: str) -> int:
    return -(-(len(code) + _CODE_SIGNS) // _CHARACTERS_PER_TOKEN)


def cap_for(tokens: int, *, max_tokens: int) -> int:
    """The cap of a call whose answer is about so long: the run's, or what is needed."""
    return min(max(max_tokens, math.ceil(tokens / _SHARE)), max(ENLARGED_MAX_TOKENS, max_tokens))


def one_call_range(
    codes: Sequence[str], characters: int, epics: Range, *, max_tokens: int
) -> Range | None:
    """How many epics one call about all these cards may write; None where they do not fit.

    Args:
        characters: of the cards in the prompt.
    """
    room = _room(max_tokens) - answer_tokens(codes, 0)
    fitting = room // _EPIC_TOKENS
    if characters > CALL_CHARS or fitting < epics.least:
        return None
    return Range(least=epics.least, most=min(epics.most, fitting))


def _room(max_tokens: int) -> int:
    """What an answer may need: as if it had been enlarged once."""
    return round(_SHARE * min(2 * max_tokens, max(ENLARGED_MAX_TOKENS, max_tokens)))


def group_bounds(codes: Sequence[str], epics: Range, *, max_tokens: int) -> Bounds:
    """What of these cards goes into one group."""
    room, of_group = _room(max_tokens), _epics_of_group(max_tokens)
    longest = max(_code_tokens(code) for code in codes)
    by_answer = (room - of_group * _EPIC_TOKENS) // longest
    groups = math.ceil(_BEFORE_MERGING * epics.least / of_group)
    return Bounds(
        cards=max(1, min(by_answer, math.ceil(len(codes) / groups))), characters=CALL_CHARS
    )


def _epics_of_group(max_tokens: int) -> int:
    """Half of an answer may go into its epics, the rest names cards."""
    return min(max(_room(max_tokens) // 2 // _EPIC_TOKENS, 1), _MOST_OF_GROUP)


def group_range(cards: int, of_all: int, epics: Range, *, max_tokens: int) -> Range:
    """How many epics one of several groups is to have, by its part of all cards."""
    share = math.ceil(_BEFORE_MERGING * epics.most * cards / of_all)
    most = min(max(share, cards // _CARDS_OF_EPIC, 2), _epics_of_group(max_tokens), cards)
    least = min(math.ceil(epics.least * cards / of_all), most)
    return Range(least=max(least, most // 2, 1), most=most)


def merged_range(found: int) -> Range:
    """How many epics a merging call makes of so many, where another one follows."""
    most = max(1, found // _MERGED_PART)
    return Range(least=max(1, most // 2), most=most)


def last_range(found: int, epics: Range) -> Range:
    """How many the last merging call makes of so many."""
    return Range(least=min(epics.least, found), most=min(epics.most, found))


def estimated_tokens(cards: int, characters: int) -> int:
    """Input of a project's first call, about, by its cards' number and texts."""
    return round((_PROMPT_CHARS + min(characters + cards * _CARD_CHARS, CALL_CHARS)) / 3.6)


#: The instructions, and what a card's line has beside its texts.
_PROMPT_CHARS = 6_500
_CARD_CHARS = 90


def codes_of(cards: Sequence[CardInput]) -> list[str]:
    """In their order."""
    return [card.code for card in cards]
