"""Whether a second act is joined to a want's verb.

A verb behind a conjunction is a second want when it has the form of the want's own verb and no
other clause stands open that it may belong to.
"""

from typing import NamedTuple

from quality import lexicon
from quality.clauses import (
    CONDITIONS,
    DETERMINERS,
    MODALS,
    PREPOSITIONS,
    PRONOUNS,
    RELATIVES,
    Clause,
    clause_before,
    is_adverb,
)
from quality.defects import Confidence
from quality.text import word_set
from quality.verbs import (
    ASPECT_VERBS,
    CAUSING_VERBS,
    FILLERS,
    LIGHT_VERBS,
    NEVER_ACTS,
    SEQUENCE,
    SET_PHRASES,
    is_switch,
)
from quality.wants import INDEFINITE, OWNED, STOPS, Want

_CONJUNCTIONS = frozenset({"and", "or", "and/or", "&", "+", "plus", ";", "then", "afterwards", ","})
#: What may stand between a conjunction and its verb.
_BETWEEN = FILLERS | {"to", ",", "and"}
_PARTICLES = word_set("away back down off out together up")
_POINTING_BACK = word_set("her him it one ones them")
_LIKING = frozenset({"like", "love", "prefer"})
_WANTING = frozenset({"need", "want", "wish"})
#: Words behind a conjunction that are looked at for a clause of its own.
_CLAUSE_WORDS = 12


class Joint(NamedTuple):
    """The words from which to which a second want is joined."""

    first: int
    last: int
    confidence: Confidence = "high"


class Joints(Want):
    """A want whose conjunctions are judged."""

    def joint(self) -> Joint | None:
        """What joins a second want, or None."""
        for at in range(max(1, self.main + 1), len(self.texts) - 1):
            word = self.texts[at]
            found = None
            if word == "/":
                found = self._slashed(at)
            elif word in _CONJUNCTIONS:
                found = self._joined(at, at + 1)
            elif word == "as" and self.texts[at : at + 3] == ["as", "well", "as"]:
                found = self._joined(at, at + 3)
            if found:
                return found
        return None

    def _joined(self, at: int, begin: int) -> Joint | None:
        sequence, after_to = self.texts[at] in SEQUENCE, False
        first = begin
        while (word := self.word(begin)) in _BETWEEN or is_adverb(word):
            sequence = sequence or word in SEQUENCE
            after_to = after_to or word == "to"
            begin += 1
        if begin >= len(self.texts) or (
            is_adverb(self.word(at - 1)) and is_adverb(self.word(first))
        ):
            return None
        found = None
        if self.kind in {"base", "agent", "passive"}:
            sure = sequence and self.word(begin + 1) not in STOPS | {"of"}
            found = self._joins_act(at, begin, sure=sure, after_to=after_to)
        if found or self.texts[at] == ",":
            return found
        return (
            self._joins_passive(at, begin)
            or self._joins_gerund(at, begin)
            or self._joins_clause(at, begin)
        )

    def _joins_act(self, at: int, begin: int, *, sure: bool, after_to: bool) -> Joint | None:
        """A verb at `begin` that the role's want is about as well."""
        word, after = self.word(begin), self.word(begin + 1)
        if word == "would" and after in _LIKING:
            return Joint(at, begin + 1) if self._clause(at) is None else None
        if word in NEVER_ACTS or not lexicon.is_verb(word) or self._is_one_act(at, begin):
            return None
        pointed = lexicon.is_hardly_else(word) and after in DETERMINERS
        if self.texts[at] == "," and not after_to and not pointed:
            return None
        listed = after_to or self._is_list(at)
        known = listed or self._is_sure(begin)
        if not (known or sure) or (not listed and self._names_a_thing(at, after)):
            return None
        clause = self._clause(at)
        resumed = after_to and self.word(at - 1) == ","  # "to see what is there, and to"
        if clause and not (
            (resumed and clause.kind != "purpose") or self._is_outside(at, after, clause)
        ):
            return None
        return Joint(at, begin, "high" if known and clause is None else "medium")

    def _clause(self, at: int) -> Clause | None:
        return clause_before(self.texts, self.main, at, agent=self.kind == "agent")

    def _is_sure(self, at: int) -> bool:
        """Whether a word that may be a noun as well is followed as a verb is."""
        word, after = self.word(at), self.word(at + 1)
        if after == "of":
            return False
        return (
            lexicon.is_hardly_else(word)
            or after in DETERMINERS
            or (word in _WANTING and after == "to")
            or (after in _PARTICLES and self.word(at + 2) not in STOPS)
            or (after in {"in", "on", "out"} and self.word(at + 2) in STOPS)
            or (lexicon.is_describing(after) and not is_adverb(after))
        )

    def _names_a_thing(self, at: int, after: str) -> bool:
        """Whether verbs are parts of a name: "read and write access", "the edit and view pages"."""
        before = self.word(at - 1)
        return lexicon.is_hardly_else(before) and after not in DETERMINERS and at - 1 > self.main

    def _is_outside(self, at: int, after: str, clause: Clause) -> bool:
        """Whether an act belongs to the want although another clause stands open before it."""
        if clause.kind == "purpose" or clause.form == "helped":
            return False
        if clause.form == "finite":
            return after in DETERMINERS or not lexicon.of_participle(self.word(at - 1))
        # "the boats that lie here and hire one": what is hired are the boats.
        opened = self.texts[clause.start] in {"that", "which", "who"}
        subject = self.word(clause.start + 1) in PRONOUNS
        return opened and not subject and after in _POINTING_BACK

    def _is_list(self, at: int) -> bool:
        """Whether nothing but verbs stands between the want's verb and the conjunction."""
        expects_verb = False
        for word in self.texts[self.main + 1 : at]:
            if word in _CONJUNCTIONS or word == "/":
                expects_verb = True
            elif expects_verb and lexicon.is_verb(word):
                expects_verb = False
            elif (
                word != "to"
                and not is_adverb(word)
                and not (word in PREPOSITIONS and self.texts[at - 1] == word)
            ):
                return False
        return lexicon.is_verb(self.word(self.main))

    def _is_one_act(self, at: int, begin: int) -> bool:
        """Whether both verbs are one phrase, or the sides of one switch."""
        word = self.word(begin)
        before = self.word(at - 1)
        if before in LIGHT_VERBS or frozenset({before, word}) in SET_PHRASES:
            return True
        if is_switch(before, word):
            return True
        same_object = self.word(begin + 1) in _POINTING_BACK
        return same_object and is_switch(self.word(self.main), word)

    def _slashed(self, at: int) -> Joint | None:
        """Verbs on both sides of a slash, as "import/export"."""
        word, before = self.word(at + 1), self.word(at - 1)
        if self.kind != "base" or not lexicon.is_verb(word) or self._is_one_act(at, at + 1):
            return None
        listed = lexicon.is_verb(before) and self._is_list(at)
        apart = lexicon.is_hardly_else(word) and not lexicon.is_verb(before) and at > self.main + 1
        if not listed and not (apart and self._clause(at) is None):
            return None
        return Joint(at - 1 if listed else at, at + 1)

    def _joins_passive(self, at: int, begin: int) -> Joint | None:
        """Two things that are to be done: "be printed and sent", "have it checked and mended"."""
        verb = lexicon.of_participle(self.word(begin))
        main = self.word(self.main)
        if not verb or (main not in {"be"} | CAUSING_VERBS) or self.kind not in {"base", "passive"}:
            return None
        after = self.word(begin + 1)
        if not (after in STOPS or after in PREPOSITIONS or after in DETERMINERS):
            return None
        place = next(
            (p for p in range(self.main + 1, at) if lexicon.of_participle(self.texts[p])), None
        )
        if place is None or (place < at - 1 and self.word(at - 2) in {"as", "being", "with"}):
            return None
        before = lexicon.of_participle(self.word(at - 1))
        if is_switch(before, verb) or (main == "see" and place == at - 1) or self._clause(at):
            return None
        return Joint(at, begin)

    def _joins_gerund(self, at: int, begin: int) -> Joint | None:
        """Two gerunds that are what is wanted: "interested in lending and in selling"."""
        if self.word(begin) == "in" and self.interested:
            begin += 1
        if not lexicon.of_gerund(self.word(begin)):
            return None
        wanted = self.kind == "gerund" or (
            self.kind == "base"
            and self.word(self.main) in ASPECT_VERBS
            and bool(lexicon.of_gerund(self.word(self.main + 1)))
        )
        after = self.word(begin + 1)
        named = after not in DETERMINERS and after not in PREPOSITIONS and after not in STOPS
        if not wanted or (named and not self.interested and at == self.main + 1):
            return None
        if self._clause(at):
            return None
        return Joint(at, begin, "high" if self.interested or after == "of" else "medium")

    def _joins_clause(self, at: int, begin: int) -> Joint | None:
        """Another thing with an act of its own: "and a room to be booked", "and it must be"."""
        words = self._clause_behind(begin)
        if len(words) < 2 or lexicon.is_describing(words[0]) or self._clause(at):
            return None
        for place, word in enumerate(words[1:], start=1):
            if word == "to" and place + 1 < len(words) and lexicon.is_verb(words[place + 1]):
                wanted = self.kind in {"agent", "passive"}
                return Joint(at, begin + place + 1) if wanted else None
            if word in MODALS and place <= 3 and not lexicon.is_noun(word):
                pointed = words[0] in PRONOUNS or words[0] in OWNED
                return Joint(at, begin + place, "medium") if pointed else None
            if lexicon.of_participle(word) and self._ends_behind(begin + place):
                return self._joins_done(at, begin + place)
        return None

    def _clause_behind(self, begin: int) -> list[str]:
        words = list(self.texts[begin : begin + _CLAUSE_WORDS])
        ends = [
            place
            for place, word in enumerate(words)
            if word in STOPS or word in RELATIVES or word in CONDITIONS
        ]
        return words[: ends[0]] if ends else words

    def _ends_behind(self, at: int) -> bool:
        after = self.word(at + 1)
        return after in STOPS or after in PREPOSITIONS or is_adverb(after)

    def _joins_done(self, at: int, last: int) -> Joint | None:
        """ "have a drip checked and its bag replaced", "orders kept here and bills sent there"."""
        begin = self.main + 1 if self.kind == "base" else self.main
        caused = self.kind == "base" and self.word(self.main) in CAUSING_VERBS - {"see"}
        if not (caused or self.kind == "thing"):
            return None
        done = next(
            (
                place
                for place in range(begin + 1, at)
                if lexicon.of_participle(self.texts[place]) and self._ends_behind(place)
            ),
            None,
        )
        if done is None or "of" in self.texts[begin:done]:
            return None
        if not caused and (done - begin > 3 or self.texts[begin] in INDEFINITE):
            return None
        return Joint(at, last, "high" if caused else "medium")
