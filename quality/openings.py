"""How English stories open their role, want and benefit. Patterns read lower case."""

import re

from quality.text import word_set

#: A bullet, a box to tick, a number, the story's own key; not what the story says.
KEY = (
    r"[\s>|\-\u2013\u2014\u2022\[\]().\d]*(?:(?:[a-z]{1,12}[ -]?\d{1,6}|story)\s?[:.)\u2013-]\s*)?"
)
_ARTICLE = r"(?P<article>(?:an?|the|our)\b\s*)?"
ROLE_FIRST = re.compile(rf"{KEY}as\b\s*{_ARTICLE}")
#: Behind "I", a sign or, with an article, any word.
ROLE_ANYWHERE = re.compile(
    r"(?:(?P<subject>(?<![\w'])(?:i|we)\b\s*,?\s*)|(?<=[,;:.!?)\u2013\u2014-])\s*"
    rf"|(?<=\s)(?=as\s+(?:an?|the|our)\b))\bas\s+{_ARTICLE}"
)
#: Between the want's opening and the want, or behind the want.
INSERTED_ROLE = re.compile(r",\s*as\s+(?:an?|the|our)\s+(?P<role>[^,.;]{1,80})(?:,|(?=[.;]|$))")
#: "as above", "as a result": nobody's role.
NO_ROLE = re.compile(
    r"(?:above|agreed|always|before|below|described|discussed|expected|far|follows|for|he|i|if|in"
    r"|it(?= (?:happens|is|seems|stands|was))|long|many|mentioned|much|needed|of|on|part|per|"
    r"possible"
    r"|required|said|she|soon|stated|such|they|though|to|usual|we|well"
    r"|(?:(?<=as a )|(?<=as the ))(?:consequence|first step|matter|result|rule|whole)"
    r"|(?<=as an )example)(?![\w-])"
)

_ADVERBS = (
    r"(?:\s(?:also|always|do|don't|first|hereby|just|never|not|now|often|only|rather|sometimes|"
    r"still|"
    r"then|therefore|\w{3,12}ly)){0,4}"
)
_WANTING = (
    r"\s(?:wants?|needs?|wish|expect|hope|require|desire|demand|have to|aim"
    r"|(?:intend|long|plan|seek|yearn) to)"
)
_LIKING = r"\s(?:like|love|prefer|want|need|wish|appreciate|be happy)"
_MODAL = (
    r"(?:\s?'(?:d|ll)|\s(?:can|could|may|might|must|shall|should|will|would|cannot|can't|won't|"
    r"mustn't|shouldn't|ought to))"
)
_BEING = (
    r"(?:\s?'(?:m|re)|\s(?:am|are))(?:\s(?:also|not|only|really))?"
    r"\s(?:able|allowed|eager to|going to|hoping (?:for|to)|in need of|interested in|"
    r"keen (?:on|to)|looking (?:forward to|for|to)|required|"
    r"supposed)"
)
#: What is wanted begins with these: "I get a mail when".
_STATE = (
    r"(?=\s(?:get|have|hear|receive|see|(?:am|are) (?:alerted|asked|given|informed|notified|"
    r"reminded|"
    r"sent|shown|told|warned))\b)"
)
_VERB = (
    rf"(?P<verb>{_ADVERBS}(?:{_WANTING}|{_MODAL}{_ADVERBS}{_LIKING}|{_BEING}|\s(?:like|love)"
    rf"|(?P<modal>{_MODAL}{_ADVERBS}|{_STATE}))|\s(?:my|our) (?:aim|goal|wish)(?: is)?)\b"
)
WANT = {
    "usual": re.compile(
        r"(?:(?<![\w'])(?P<subject>i|we|it is(?=\s(?:my|our) wish)|(?=\s(?:my|our) (?:aim|goal|"
        r"wish) is))"
        rf"|(?<=,)|(?<=\w)(?=\s(?:would like|wants?|needs)\s)){_VERB}"
    ),
    #: Behind "I, as a nurse".
    "middle": re.compile(rf"(?<=[\w,)])(?P<subject>){_VERB}"),
}
#: Anybody who does something.
SUBJECT = re.compile(r"(?<![\w'])(?:i|we)\s")
#: Behind these, "I want" belongs to another clause.
NOT_AN_OPENING_BEHIND = word_set(
    "after as because before how if once so than that things those until unless what whatever when "
    "whenever where which while who whom whose why"
)
ABILITY = re.compile(
    r"(?:\s+(?:not|never))?(?:\s+that(?=\s))?(?P<to>(?:\s+to\b)?(?:\s+not\b)?"
    r"(?:\s+(?:(?:have |get )?(?:the|an?) (?:ability|chance|means|opportunity|option|possibility|"
    r"right|way)|be (?:able|allowed|enabled|permitted))\s+to\b"
    r"|\s+(?:can|be able|(?:have )?the ability(?!\s(?:of|for|in)\b))(?=\s))?)\s*"
)

_SOMEBODY = (
    r"(?:customers|everybody|everyone|he|i|it|it's|i'm|my|no one|no-one|nobody|others|our|"
    r"people|she|"
    r"that|the|their|there|they|this|users|we|you|your)"
)
_GAINING = (
    r"(?:allowing|avoiding|enabling|ensuring|freeing|giving|helping|keeping|leaving|letting|making|"
    r"preventing|reducing|saving|sparing)"
)
BENEFIT = re.compile(
    r"\s(?P<intro>so that|so as to|such that|in order(?: to| that| for)?|because|lest"
    rf"|(?:so|thus|therefore|hence)(?=\s{_SOMEBODY}\b)|to (?:avoid|prevent)|in such a way that|"
    rf"in the hope (?:of|that)"
    r"|with the (?:aim|goal|hope|intention|purpose) (?:of|that|to)|for the (?:purpose|sake) of"
    rf"|(?<=[,.;]\s)(?:so(?!\s(?:far|forth|many|much|on)\b)|since|as(?=\s(?:i|we|it|they|this)\b)"
    r"|for(?!\s(?:all|any|both|each|every|example|instance)\b)|otherwise|that way"
    rf"|(?<!\.\s)to(?!.{{0,200}}(?:\b(?:and|or|then) to\b|\bso that\b))"
    rf"|(?:(?:and )?(?:hence|thereby|thus) )?{_GAINING}"
    r"|which (?:allows?|enables?|gives?|helps?|lets?|makes?|means|saves?)"
    r"|(?:and )?that (?:allows?|enables?|helps?|lets?|makes?) (?:me|us)))\b"
)
#: Where none of these is, `BENEFIT` finds nothing.
BENEFIT_WORDS = word_set(
    "allowing as avoid avoiding because enabling ensuring for freeing giving helping hence hope "
    "keeping leaving lest letting making order otherwise prevent preventing reducing saving "
    "since so sparing such that thereby thus to way which with"
)
BENEFIT_FIRST = re.compile(
    rf"{KEY}(?P<intro>so that|so as to|such that|in order(?: to| that| for)?|because|since"
    rf"|so(?=\s{_SOMEBODY}\b)|to(?=\s\w)|for (?:the (?:purpose|sake) of|peace of mind))\b"
)
CONDITION = re.compile(
    r"(?:after|although|as (?:long|soon) as|assuming|at|before|by|during|each time|even if|"
    r"every time|"
    r"for|from|given|having|if|in|on|once|provided|though|unless|until|upon|when|whenever|where|"
    r"wherever|while|with|without)\b"
)
#: Between the words that open a want.
_PLAIN_OPENING = re.compile(
    r"\b(?:only|also|really|just|always|never|not|often|still|do|don't|currently|definitely|then|"
    r"usually|sometimes|additionally|strongly|kindly|to|it is|my|our)\b|\s+"
)


def opens_role(low: str) -> bool:
    """Whether a line in lower case begins with a role: "As a"."""
    found = ROLE_FIRST.match(low)
    return found is not None and NO_ROLE.match(low, found.end()) is None


def opens_benefit(low: str) -> bool:
    """Whether a line in lower case begins with a benefit: "So that", "In order to"."""
    return BENEFIT_FIRST.match(low) is not None


def opens_want(low: str) -> bool:
    """Whether a line in lower case begins with somebody who wants."""
    return SUBJECT.match(f"{low} ") is not None


def has_role(low: str) -> bool:
    """Whether a role is opened anywhere."""
    return opens_role(low) or ROLE_ANYWHERE.search(low) is not None


def has_benefit(low: str) -> bool:
    """Whether a benefit is opened anywhere."""
    return opens_benefit(low) or BENEFIT.search(low) is not None


def has_want(low: str) -> bool:
    """Whether anybody wants anywhere."""
    return SUBJECT.search(f"{low} ") is not None


def plain_opening(said: str) -> str:
    """The words that open a want, without what stands between them."""
    if said == " want":
        return "want"
    words = _PLAIN_OPENING.sub(
        " ", said.replace("'d", " would").replace("'ll", " will").replace("'m", " am")
    )
    return " ".join(words.split())
