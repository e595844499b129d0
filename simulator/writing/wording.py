"""English helpers for stories: clauses, articles, personas. Pure."""

import re

WANT_WORDS_MAX = 22
TITLE_CHARACTERS_MAX = 80
TITLE_WORDS_MAX = 8
#: Of a text; no sentence of a story is longer, and not every pattern here is linear.
MOST_CHARS = 600

_ASIDE = re.compile(r"\s*[\(\[{<].*?[\)\]}>]\s*|[\"“”«»*_`]")
_CLAUSE_END = re.compile(
    r"[;:()\[\]]|\.(?:\s|$)|\s[-\u2013\u2014]+\s|,\s|\be\.g\.|\bi\.e\.|\bso that\b", re.IGNORECASE
)
_JOINED_VERBS = re.compile(
    r"^to (?:[\w-]+, )*[\w-]+,? (?:and/or|and|or|&) ([\w-]+ .+)$", re.IGNORECASE
)
#: Words that a good story replaces by figures; here they are left out.
_VAGUE_WORDS = re.compile(
    r"\b(?:in (?:seconds|minutes)|a variety of|accurate(?:ly)?|adequate(?:ly)?|appropriate(?:ly)?|"
    r"better|clearly|correctly|easily|easy|efficient(?:ly)?|fast(?:er)?|flexible|good|great|helpful|"
    r"nice|proper(?:ly)?|quick(?:ly|er)?|relevant|robust|simple|simply|timely|useful|various)\b",
    re.IGNORECASE,
)
_SLASHED_VERBS = re.compile(r"^to [\w-]+\s*/\s*([a-z-]+ .+)$", re.IGNORECASE)
_SECOND_WANT = re.compile(r"\s+(?:and/or|and|or|but|then|&|while also)\s+|\s*/\s+", re.IGNORECASE)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DANGLING = _words(
    "a an the of to for with in on at by from and or my our their its his her that which when "
    "where as into new other each every any all some this these optionally also is are be "
    "if than about who whose so via per not no more less such will can could should would"
)
_STATEMENT = re.compile(
    r"^\s*as an? (?P<persona>.+?)\s*,?\s+I(?:'d)?\s+(?:only\s+)?(?:would like|want|need|wish|like|"
    r"would love|can|must be able|should be able|am able)\s+(?P<want>.+?)"
    r"(?:\s*,?\s*\bso\s+that\b\s*,?\s*(?P<benefit>.+?))?\s*\.*\s*$",
    re.IGNORECASE | re.DOTALL,
)
_ABILITY = re.compile(
    r"^(?:to )?(?:be able to|have the ability to|be allowed to)\s+", re.IGNORECASE
)
_NOUN_TO = re.compile(r"^(.+?) to (\w.*)$")
_ANY_FIRST_PERSON = re.compile(r"\b(?:I|my|mine|me|myself)\b", re.IGNORECASE)
_FIRST_PERSON = [
    (re.compile(r"\bI'm\b|\bI am\b"), "they are"),
    (re.compile(r"\bI've\b"), "they have"),
    (re.compile(r"\bI\b"), "they"),
    (re.compile(r"\bmy\b", re.IGNORECASE), "their"),
    (re.compile(r"\bmine\b", re.IGNORECASE), "theirs"),
    (re.compile(r"\bme\b"), "them"),
    (re.compile(r"\bmyself\b", re.IGNORECASE), "themselves"),
]
_DETERMINED = _words(
    "the a an all any each every other another my our your their his her its some many more most "
    "no one two three both different various multiple certain"
)
_VAGUE = _words(
    "what which who it them they ability access thing things way information data user users "
    "system time as etc such same"
)
_SOUNDS_LIKE_A_CONSONANT = re.compile(
    r"^(?:uni|us[ae]|user|eu|one\b|ubi|uti|ur[il])", re.IGNORECASE
)
_LETTERS_SAID_WITH_A_VOWEL = "AEFHILMNORSX"


def one_line(text: object) -> str:
    """`text` with white space collapsed; anything but text is empty."""
    return " ".join(text.split()) if isinstance(text, str) else ""


def parse_statement(statement: str) -> tuple[str, str, str] | None:
    """(persona, want, benefit) of an "As a …, I want …, so that …" sentence; benefit may be ""."""
    found = _STATEMENT.match(one_line(statement[:MOST_CHARS]))
    if found is None:
        return None
    return found["persona"].strip(" ,"), found["want"].strip(" ,"), (found["benefit"] or "").strip()


def a_or_an(noun: str) -> str:
    """The indefinite article by sound: a user, an administrator, an NSF employee."""
    first = noun.split(" ", 1)[0]
    if len(first) > 1 and first.isupper():
        return "an" if first[0] in _LETTERS_SAID_WITH_A_VOWEL else "a"
    if _SOUNDS_LIKE_A_CONSONANT.match(noun):
        return "a"
    return "an" if noun[:1].lower() in "aeiou" else "a"


def single_want(text: str) -> str:
    """One want as "to do something", without asides, second wants or loose ends; "" if none."""
    want = one_line(_VAGUE_WORDS.sub(" ", _ASIDE.sub(" ", text[:MOST_CHARS])))
    want = _first_clause(_ABILITY.sub("to ", want))
    want = _as_infinitive(want)
    if joined := _JOINED_VERBS.match(want) or _SLASHED_VERBS.match(want):
        want = f"to {joined[1]}"
    want = _SECOND_WANT.split(want, maxsplit=1)[0]
    words = want.split()[:WANT_WORDS_MAX]
    while words and words[-1].lower() in _DANGLING:
        words.pop()
    return " ".join(words) if len(words) >= 3 else ""


def benefit_clause(text: str) -> str:
    """The first clause of a benefit, without full stop, in lower case where English wants it."""
    clause = _first_clause(one_line(_ASIDE.sub(" ", text[:MOST_CHARS])).removeprefix("that "))
    clause = clause.strip(" .,")
    return lowered(clause) if len(clause.split()) >= 3 and "I want" not in clause else ""


def title_of(want: str) -> str:
    """A want as a title: without "to", with a capital, at most 80 characters of whole words."""
    title = want.removeprefix("to ")
    while len(title) > TITLE_CHARACTERS_MAX:
        title = title.rsplit(" ", 1)[0] if " " in title else title[:TITLE_CHARACTERS_MAX]
    words = title.split()
    while len(words) > 1 and words[-1].lower() in _DANGLING:
        words.pop()
    title = " ".join(words)
    return title[:1].upper() + title[1:]


def shorter_title(want: str, title: str) -> str | None:
    """The title, or None where the want would do as its own."""
    words = want.removeprefix("to ")
    is_title = words.casefold() == title.casefold() and len(words.split()) <= TITLE_WORDS_MAX
    return None if is_title else title


def in_third_person(want: str) -> str:
    """A want's action as somebody else tells it: "to change my card" → "change their card"."""
    action = want.removeprefix("to ")
    if not _ANY_FIRST_PERSON.search(action):
        return action
    for pattern, word in _FIRST_PERSON:
        action = pattern.sub(word, action)
    return action


def named(system: str) -> str:
    """A system with its article, where it has none of its own."""
    first = system.split(" ", 1)[0].lower()
    return system if first in _DETERMINED or not first[:1].isalnum() else f"the {system}"


def is_telling(system: str) -> bool:
    """Whether a system's name says enough to build a sentence on."""
    first = system.split(" ", 1)[0].lower()
    return len(system) > 2 and first not in _VAGUE and len(system.split()) <= 6


def _first_clause(text: str) -> str:
    return _CLAUSE_END.split(text, maxsplit=1)[0].strip(" ,.-")


def _as_infinitive(want: str) -> str:
    if want.lower().startswith("to "):
        verb, _, rest = want[3:].strip().partition(" ")
        return f"to {lowered(verb)} {rest}".strip()
    if noun_to := _NOUN_TO.match(want):
        return f"to have {lowered(noun_to[1])} {noun_to[2]}"
    return f"to have {lowered(want)}" if want else ""


def lowered(text: str) -> str:
    """Lower-case the first letter, but not of "I", an acronym or a name of several words."""
    first, _, rest = text.partition(" ")
    if first == "I" or first.startswith("I'") or rest[:1].isupper():
        return text
    is_plain_word = len(first) == 1 or first[1:].islower()
    return text[:1].lower() + text[1:] if is_plain_word else text
