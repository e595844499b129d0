"""The parts of a user story's sentence: role, want and benefit, and where they stand."""

import re
from dataclasses import dataclass

_ROLE = re.compile(r"\s*as\b\s*(?P<article>(?:an?|the)\b)?\s*", re.IGNORECASE)
_WANT = re.compile(
    r"(?:,|\b)\s*\bI(?P<verb> (?:(?:only|also|really|do not|don't) ){0,2}"
    r"(?:want|need|wish|expect|would (?:also )?(?:like|love)|can|must|should|am able)|'d like)\b",
    re.IGNORECASE,
)
#: The same where the I is missing.
_WANT_OF_NOBODY = re.compile(r",\s*(?P<verb>would like|wants?|needs?)\b", re.IGNORECASE)
_ABILITY = re.compile(
    r"\s*(?:to )?(?:(?:be able|have the (?:ability|possibility|option)|the ability|be allowed)\b)?"
    r"\s*(?:to\b\s*)?",
    re.IGNORECASE,
)
_LEADS_AN_ACT = re.compile(r"\b(?:to|able|ability)\b", re.IGNORECASE)
_BENEFIT = re.compile(
    r"(?:[,.;]\s*+|(?<!\s)\s++)?\b(?P<intro>so that|so (?=(?:I|we|they|he|she|it|you|my|our)\b)|"
    r"in order (?:to|that)\b|because\b)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of a text, without the words that introduce it."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends in the text that it was taken from."""
        return self.start + len(self.text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Anatomy:
    """An English story in parts; a part that is not there is empty.

    `want_verb` is how the want is introduced (want, would like), `benefit_intro` how the
    benefit is; `has_article` and `has_subject` are false where the "a" of "As a" or the "I" is
    missing; `is_infinitive` says that "to" or an ability leads the want.
    """

    role: Part
    want: Part
    benefit: Part
    want_verb: str
    benefit_intro: str
    has_article: bool
    has_subject: bool
    is_infinitive: bool


_NOTHING = Part(text="", start=0)


def anatomy(text: str) -> Anatomy:
    """The parts of a story on one line; linear in its length."""
    role = _ROLE.match(text)
    begin = role.end() if role else 0
    wanting = _WANT.search(text, max(begin - 1, 0))
    subject = wanting is not None
    if wanting is None and role:
        wanting = _WANT_OF_NOBODY.search(text, begin)
    if wanting is None:
        whole = _part(text, begin, len(text)) if role else _NOTHING
        return _shape(role, whole, _NOTHING, _NOTHING)
    benefit = _BENEFIT.search(text, wanting.end())
    want_end = benefit.start() if benefit else len(text)
    lead = _ABILITY.match(text, wanting.end(), want_end)
    want_start = lead.end() if lead else wanting.end()
    return _shape(
        role,
        _part(text, begin, wanting.start()) if role else _NOTHING,
        _part(text, want_start, want_end),
        _part(text, benefit.end(), len(text)) if benefit else _NOTHING,
        want_verb=" ".join(wanting["verb"].casefold().split()),
        benefit_intro=benefit["intro"].casefold().strip() if benefit else "",
        has_subject=subject,
        is_infinitive=bool(lead and _LEADS_AN_ACT.search(lead[0])),
    )


def _shape(
    role: re.Match[str] | None,
    who: Part,
    want: Part,
    benefit: Part,
    *,
    want_verb: str = "",
    benefit_intro: str = "",
    has_subject: bool = False,
    is_infinitive: bool = False,
) -> Anatomy:
    return Anatomy(
        role=who,
        want=want,
        benefit=benefit,
        want_verb=want_verb,
        benefit_intro=benefit_intro,
        has_article=bool(role and role["article"]),
        has_subject=has_subject,
        is_infinitive=is_infinitive,
    )


def _part(text: str, start: int, end: int) -> Part:
    found = text[start:end]
    start += len(found) - len(found.lstrip(" ,."))
    return Part(text=found.strip(" ,."), start=start)
