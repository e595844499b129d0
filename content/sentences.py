"""Sentences that an answer gives in parts, each word once, and that are put together here; pure.

A story is asked for as role, want and benefit, a criterion as three clauses. The words between are
the language's. In a language whose sentences cannot be put together without bending the parts,
whole sentences are asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from quality.text import word_set

#: Between the clauses of a criterion.
CLAUSE_SIGN = "|"
#: Signs that the sentence brings itself.
_AROUND = " .,;:"
_ARTICLES = word_set("a an the my our your their his her each every any one some")
_SOUNDS_LIKE_A_CONSONANT = re.compile(r"uni|us[ae]|user|eu|one\b|ubi|uti|ur[il]", re.IGNORECASE)
_LETTERS_SAID_WITH_A_VOWEL = frozenset("AEFHILMNORSX")
#: Before these French drops a vowel; most h are silent.
_ELIDING = re.compile(
    r"[aeiouyàâäéèêëîïôöùûüœæ]|h(?!aut|and|ack|ock|éros|arp|ors|uit)", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """How a language puts the parts into sentences.

    Attributes:
        role: up to the want; `alone` where nobody is named.
        benefit: between the want and the benefit.
        criterion: before each of the three clauses.
        article: whether the role has one.
        clause: a word that a comma stands before, where a want begins with it.
        elides: whether "que" loses its vowel before another.
    """

    role: str
    alone: str
    benefit: str
    criterion: tuple[str, str, str]
    article: bool = False
    clause: str = ""
    elides: bool = False

    def story(self, role: str, want: str, benefit: str) -> str:
        """The story's sentence; a part that is empty is left out with the words around it."""
        role, want, benefit = (part.strip(_AROUND) for part in (role, want, benefit))
        said = self._behind(self._opening(role), self._without(want, self.alone))
        if benefit:
            said = self._behind(f"{said}, {self.benefit}", self._without(benefit, self.benefit))
        return f"{said}."

    def criterion_of(self, text: str) -> str:
        """The criterion's sentence, of three clauses; any other text as it is."""
        clauses = [clause.strip(_AROUND) for clause in text.split(CLAUSE_SIGN)]
        if len(clauses) != len(self.criterion) or not all(clauses):
            return text
        parts = zip(self.criterion, clauses, strict=True)
        said = [self._behind(words, self._without(clause, words)) for words, clause in parts]
        return f"{', '.join(said)}."

    @property
    def shown(self) -> dict[str, str]:
        """Both sentences, as a model is told them."""
        first, second, third = self.criterion
        return {
            "sentence": f"{self.role.format('ROLE')} WANT, {self.benefit} BENEFIT.",
            "criterion": f"{first} STARTING POINT, {second} EVENT, {third} RESULT.",
        }

    def _opening(self, role: str) -> str:
        if not role:
            return self.alone
        words = self.role
        if self.elides and _ELIDING.match(role):
            words = words.replace("que {}", "qu'{}")
        return words.format(with_article(role) if self.article else role)

    def _behind(self, words: str, text: str) -> str:
        if self.elides and words.endswith("que") and _ELIDING.match(text):
            return f"{words[:-1]}'{text}"
        comma = "," if self.clause and text.startswith(f"{self.clause} ") else ""
        return f"{words}{comma} {text}"

    @staticmethod
    def _without(text: str, words: str) -> str:
        """The text without words that stand before it anyway."""
        if text.casefold().startswith(f"{words} ".casefold()):
            return text[len(words) + 1 :].lstrip()
        return text


ENGLISH = Frame(
    role="As {}, I want",
    alone="I want",
    benefit="so that",
    criterion=("Given", "when", "then"),
    article=True,
)
#: By the tag of the language alone; the others have none.
FRAMES: Mapping[str, Frame] = {
    "en": ENGLISH,
    "de": Frame(
        role="Als {} möchte ich",
        alone="Ich möchte",
        benefit="damit",
        criterion=("Angenommen,", "wenn", "dann"),
        clause="dass",
    ),
    "fr": Frame(
        role="En tant que {}, je veux",
        alone="Je veux",
        benefit="afin",
        criterion=("Étant donné que", "quand", "alors"),
        elides=True,
    ),
    "es": Frame(
        role="Como {}, quiero",
        alone="Quiero",
        benefit="para",
        criterion=("Dado que", "cuando", "entonces"),
    ),
    "pt": Frame(
        role="Como {}, quero",
        alone="Quero",
        benefit="para",
        criterion=("Dado que", "quando", "então"),
    ),
    "nl": Frame(
        role="Als {} wil ik",
        alone="Ik wil",
        benefit="zodat",
        criterion=("Gegeven", "wanneer", "dan"),
    ),
    "it": Frame(
        role="Come {}, voglio",
        alone="Voglio",
        benefit="in modo",
        criterion=("Dato che", "quando", "allora"),
    ),
}


def sentences_shown(frame: Frame | None) -> dict[str, object]:
    """What a task says of the sentences of a language; of English its instructions speak."""
    if frame is ENGLISH:
        return {}
    return dict(frame.shown) if frame else {"wholeSentences": True}


def with_article(noun: str) -> str:
    """A noun behind its indefinite article, by its sound, where it has none: an NSF employee."""
    first = noun.split(" ", 1)[0]
    if first.casefold() in _ARTICLES and first != noun:
        return noun
    if len(first) > 1 and first.isupper():
        vowel = first[0] in _LETTERS_SAID_WITH_A_VOWEL
    else:
        vowel = noun[:1].casefold() in set("aeiou") and not _SOUNDS_LIKE_A_CONSONANT.match(noun)
    return f"{'an' if vowel else 'a'} {noun}"


def title_of(want: str) -> str:
    """What somebody wants, as a title."""
    title = want.strip(_AROUND).removeprefix("to ")
    return title[:1].upper() + title[1:]
