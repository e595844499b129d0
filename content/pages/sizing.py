"""How long a page's components are, and how many of them fit into one answer. Pure."""

from collections.abc import Sequence

from content.pages.values import GenerationInput, PageInput
from content.prompts import fenced

#: {component: (fewest, most words)}
_WORDS = {
    "hero": (25, 70),
    "introduction": (60, 160),
    "highlights": (30, 110),
    "description": (100, 280),
    "specifications": (10, 120),
    "usage": (60, 200),
    "selection": (60, 200),
    "buying-guide": (120, 350),
    "brand-story": (100, 280),
    "values": (60, 200),
    "range": (60, 220),
    "ideas": (150, 450),
    "tips": (60, 200),
    "benefits": (40, 130),
    "how-it-works": (50, 180),
    "conditions": (30, 150),
    "faq": (80, 300),
    "call-to-action": (15, 60),
}
_OTHER_WORDS = (40, 250)
#: Of the words in an answer: in English, in other languages, and of what is around a component.
_TOKENS_PER_WORD, _TOKENS_PER_FOREIGN_WORD, _TOKENS_AROUND = 1.5, 2.2, 60
_META_TOKENS = 150
#: A table of all facts says each again.
_CHARACTERS_PER_TOKEN = 3.0
#: Models write longer than they are asked to.
_MARGIN = 1.2


def words_of(component: str) -> tuple[int, int]:
    """How many words a component has: fewest, most."""
    return _WORDS.get(component, _OTHER_WORDS)


def parts_of(inp: GenerationInput) -> tuple[tuple[int, ...], ...]:
    """Places of components, from 0, that one call each asks for: all of them, or one by one where
    they do not fit into one answer."""
    places = tuple(range(len(inp.page.components)))
    if _tokens(inp, places) <= inp.max_tokens:
        return (places,)
    return tuple((place,) for place in places)


def fitting(inp: GenerationInput, places: Sequence[int]) -> tuple[int, ...]:
    """The first of these places that fit into one answer together; one at least."""
    count = 1
    while count < len(places) and _tokens(inp, places[: count + 1]) <= inp.max_tokens:
        count += 1
    return tuple(places[:count])


def _tokens(inp: GenerationInput, places: Sequence[int]) -> float:
    """Of an answer with these components, at most as a rule."""
    english = inp.language_tag == "en"
    a_word = _TOKENS_PER_WORD if english else _TOKENS_PER_FOREIGN_WORD
    components = [inp.page.components[place] for place in places]
    words = sum(words_of(component)[1] for component in components)
    tables = _facts_tokens(inp.page) if "specifications" in components else 0
    return (words * a_word + _TOKENS_AROUND * len(places) + _META_TOKENS + tables) * _MARGIN


def _facts_tokens(page: PageInput) -> float:
    return len(fenced(page.facts)) / _CHARACTERS_PER_TOKEN
