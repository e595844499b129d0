"""Which English words are verbs, and in which forms: the SPECIALIST lexicon of lemminflect.

Only its table is read, once, when the first doubtful word is met (some 0.1 s); its code and numpy
are not imported. Words that it lacks are told by their prefix or ending.
"""

import gzip
from collections import defaultdict
from functools import cache, lru_cache
from importlib.metadata import distribution
from typing import NamedTuple

from quality.text import word_set

_TABLE = "lemminflect/resources/infl_lu.csv.gz"
_KEPT = 16_384
#: Verbs of software that the lexicon lacks or knows in another sense only.
_MORE_VERBS = word_set(
    "backup be bookmark checkout geotag google log login logout onboard opt prefill refactor "
    "repost retweet rollback signup sync text whitelist whatsapp zoom"
)
#: Adjectives that it has as verbs only.
_MORE_ADJECTIVES = word_set("best better complete lower")
#: Nouns, the lexicon says too, and in stories hardly ever.
_HARDLY_NOUNS = word_set(
    "add ask associate attach be browse build buy choose collect combine compile convert decline "
    "expose extract find gather get give hide implement insert join keep know leave let lend make "
    "meet moderate obtain overwrite pay pick preserve produce put read redesign refuse reject "
    "remove rent repeat reply reserve resolve reuse save see select sell send store take tell "
    "thank trigger weigh write"
)
_PREFIXES = (
    "auto", "co", "cross", "de", "dis", "down", "inter", "mis", "out", "over", "post", "pre", "re",
    "un", "under", "up",
)  # fmt: skip
_VERB_ENDINGS = ("ize", "ise", "ify")
_LEAST_STEM = 3


class _Lexicon(NamedTuple):
    #: Base forms of verbs, and which of these are nouns or adjectives too.
    verbs: frozenset[str]
    nouns: frozenset[str]
    adjectives: frozenset[str]
    #: Words that describe and can be nothing else.
    describing: frozenset[str]
    #: A form and its verbs' base form.
    participles: dict[str, str]
    gerunds: dict[str, str]
    finites: dict[str, str]
    known: frozenset[str]


def is_verb(word: str) -> bool:
    """Whether it is the base form of a verb, perhaps among others; lower case."""
    return word in _lexicon().verbs or _is_derived(word)


def is_hardly_else(word: str) -> bool:
    """Whether it is the base form of a verb and hardly ever a noun or an adjective."""
    return is_verb(word) and not is_noun(word) and word not in _lexicon().adjectives


def is_noun(word: str) -> bool:
    """Whether this verb is as easily a noun."""
    return (word in _lexicon().nouns or word in _MORE_VERBS) and word not in _HARDLY_NOUNS


def is_describing(word: str) -> bool:
    """Whether it is an adjective and neither a noun nor a verb."""
    return word in _lexicon().describing


def of_participle(word: str) -> str:
    """The verb of a past participle; empty where it is none."""
    return _lexicon().participles.get(word) or _derived(word, "ed")


def of_gerund(word: str) -> str:
    """The verb of a form in -ing; empty where it is none."""
    return _lexicon().gerunds.get(word) or _derived(word, "ing")


def is_finite(word: str) -> bool:
    """Whether it is a verb's third person or past."""
    return word in _lexicon().finites


@lru_cache(maxsize=_KEPT)
def base_of(word: str) -> str:
    """The verb of an inflected form; any other word as it is."""
    lexicon = _lexicon()
    return (
        lexicon.participles.get(word)
        or lexicon.finites.get(word)
        or lexicon.gerunds.get(word)
        or word
    )


@lru_cache(maxsize=_KEPT)
def _is_derived(word: str) -> bool:
    """Whether a word that the lexicon lacks is a verb by its prefix or its ending."""
    if word in _MORE_VERBS:
        return True
    lexicon = _lexicon()
    if len(word) <= _LEAST_STEM or word in lexicon.known:
        return False
    if word.endswith(_VERB_ENDINGS):
        return len(word) > 2 * _LEAST_STEM
    rests = (word[len(prefix) :] for prefix in _PREFIXES if word.startswith(prefix))
    return any(len(rest) >= _LEAST_STEM and rest.lstrip("-") in lexicon.verbs for rest in rests)


@lru_cache(maxsize=_KEPT)
def _derived(word: str, ending: str) -> str:
    """The derived verb that a form with this ending belongs to, or nothing."""
    stem = word.removesuffix(ending)
    if stem == word or word in _lexicon().known:
        return ""
    bases = (stem, f"{stem}e", stem[:-1])
    return next((base for base in bases if _is_derived(base)), "")


@cache
def _lexicon() -> _Lexicon:
    kinds: dict[str, set[str]] = defaultdict(set)
    participles: dict[str, str] = {}
    gerunds: dict[str, str] = {}
    finites: dict[str, str] = {}
    for line in _lines():
        word, kind, forms = line.split(",", 2)
        kinds[kind].add(word)
        if kind == "verb":
            past, participle, gerund, third = (forms.split(",") + [""] * 3)[:4]
            participles.update(dict.fromkeys((participle or past).split("/"), word))
            gerunds.update(dict.fromkeys(gerund.split("/"), word))
            finites.update(dict.fromkeys(f"{past}/{third}".split("/"), word))
    verbs, nouns, adjectives = kinds["verb"], kinds["noun"], kinds["adj"]
    return _Lexicon(
        verbs=frozenset(verbs),
        nouns=frozenset(verbs & nouns),
        adjectives=frozenset(verbs & adjectives | _MORE_ADJECTIVES),
        describing=frozenset(adjectives - verbs - nouns),
        participles=participles,
        gerunds=gerunds,
        finites=finites,
        known=frozenset().union(*kinds.values()),
    )


def _lines() -> list[str]:
    path = distribution("lemminflect").locate_file(_TABLE)
    with gzip.open(str(path), "rt", encoding="utf-8") as table:
        return table.read().splitlines()
