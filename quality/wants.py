"""The structure of a want: its words, and the verb that it is about."""

import re
from collections.abc import Sequence

from quality import lexicon
from quality.clauses import CONDITIONS, DETERMINERS, RELATIVES, is_adverb, leads_a_verb
from quality.parsed_story import ParsedStory
from quality.text import word_set
from quality.verbs import FILLERS

STOPS = frozenset({"", ",", ".", ";", ":", "and", "or", "&", "+", "/", "and/or"})
INDEFINITE = word_set("a an another more one some")
OWNED = word_set("all each every my our that the their these this those your")
_AGENTS = re.compile(
    r".*(?:ers?|ors?|ists?|ants|ents)$|(?:app|application|bot|everybody|everyone|it|nobody|others|"
    r"people|program|programme|server|service|software|staff|system|team|them|tool|us|website)s?$"
)
_INTEREST = ("interested in", "keen on", "looking forward to", "looking for")


class Want:
    """The words of a want, and the verb that it is about.

    `kind` is base ("to see"), agent ("the system to send"), passive ("maps to be lent"), gerund
    ("lending of") or thing; `main` is the verb's place, or the thing's.
    """

    def __init__(self, texts: Sequence[str], parts: ParsedStory) -> None:
        self.texts = texts
        self.interested = parts.opening.endswith(_INTEREST)
        self.kind, self.main = self._kind(is_infinitive=parts.is_infinitive)

    def word(self, at: int) -> str:
        """The word at a place; empty beyond the ends."""
        return self.texts[at] if 0 <= at < len(self.texts) else ""

    def _kind(self, *, is_infinitive: bool) -> tuple[str, int]:
        first = 0
        while is_adverb(self.word(first)) or self.word(first) in FILLERS:
            first += 1
        word = self.word(first)
        if is_infinitive or self._begins_an_act(first):
            return ("base", first)
        if lexicon.of_gerund(word) and self.word(first + 1) not in STOPS - {"and", "or", "&"}:
            return ("gerund", first)
        return self._kind_of_thing(first)

    def _begins_an_act(self, at: int) -> bool:
        """Whether somebody left out "to": "I want choose my doctor"."""
        word, after = self.word(at), self.word(at + 1)
        return lexicon.is_verb(word) and (lexicon.is_hardly_else(word) or after in DETERMINERS)

    def _kind_of_thing(self, first: int) -> tuple[str, int]:
        for at in range(first + 1, len(self.texts) - 1):
            word = self.texts[at]
            if word in CONDITIONS or (word in RELATIVES and at > first + 1):
                break
            if word == "to" and leads_a_verb(self.texts, at):
                verb = at + 1 + is_adverb(self.texts[at + 1])
                if self.texts[verb] == "be":
                    return ("passive", verb)
                if self._is_agent(first, at):
                    return ("agent", verb)
                break
        return ("thing", first)

    def _is_agent(self, first: int, at: int) -> bool:
        """Whether what stands before "to" does what follows, rather than serves it."""
        if self.texts[first] in INDEFINITE:
            return False
        return self.texts[first] in OWNED or _AGENTS.match(self.texts[at - 1]) is not None
