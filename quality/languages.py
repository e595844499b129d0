"""German, French, Spanish, Portuguese, Dutch and Italian stories in parts, by their openings."""

import re
from typing import NamedTuple

from quality.openings import KEY
from quality.parsed_story import NOTHING, ParsedStory, Part, part_of
from quality.parsing import parse_english

#: What is read; nobody's story is longer.
_MOST_CHARS = 4_000
_MOST_ROLE_CHARS = 80
_TO_A_THING = (
    r"(?!\s(?:chaque|cada|des?|deux|dos|el|gli|il|i|la|las?|le|les|lo|los|m[ae]|mes|meus?|mi|"
    r"minhas?|mio|"
    r"mia|mis|mon|notre|o|a|os|as|ogni|sa|sua?|suo|tous|toutes|um|uma|un|una|une)\b|\s?l')"
)


class _Grammar(NamedTuple):
    """Patterns in lower case: what opens each part, what negates, and a role within the want."""

    role: str
    want: str
    benefit: str
    negation: str
    role_within: str = r"(?P<within>(?:[\w'-]+ ){0,2}[\w'-]+(?=,)|[\w'-]+),?"


_GERMAN = (
    r"möchten?|will|wollen|wünschen?|brauchen?|benötigen?|würden?|kann|können|muss|müssen|"
    r"sollt?en?|"
    r"soll|darf|dürfen|hätten?"
)
_DUTCH = r"wil|willen|zou|zouden|moet|moeten|kan|kunnen|mag|mogen|wens|wensen|heb|hebben"
_GRAMMARS = {
    "de": _Grammar(
        role=r"als(?: eine?| der| die)?",
        want=rf"(?:{_GERMAN}) (?:ich|wir)(?: gerne?)?|(?:ich|wir) (?:{_GERMAN})(?: gerne?)?"
        rf"|(?:{_GERMAN})(?= (?:eine?[nmrs]?|die|der|das|den|alle|keine?n?)\b)",
        benefit=r"damit|um(?=\s(?:.{1,80}\s)?zu\b)"
        r"|um(?=\s.{1,80}\w+zu\w+en\b)|so ?dass|weil|denn|(?<=, )da",
        negation=r"nicht|nie|niemals|keine?[nmrs]?|ohne",
        role_within=r"(?P<within>(?:[a-zäöüß]+ ){0,2}[A-ZÄÖÜ][\w-]*(?: [A-ZÄÖÜ][\w-]*(?=,))?),?",
    ),
    "fr": _Grammar(
        role=r"(?:en tant qu(?:e |')|en qualité d(?:e |')|comme )(?:une? |la |le |l')?",
        want=r"(?:je |j'|nous |on )(?:ne |n')?(?:veux|voudrais|souhaite(?:rais)?|aimerais|"
        r"peux|pourrais|dois|"
        r"désire|préfère(?:rais)?|ai besoin d(?:e |')|voulons|voudrions|souhaitons|aimerions|"
        r"pouvons|devons"
        r"|avons besoin d(?:e |'))",
        benefit=rf"afin (?:que |qu'|de |d')|pour{_TO_A_THING}|car|parce qu(?:e |')|puisque|ce qui"
        r"|de (?:sorte|façon|manière) (?:que |qu'|à )",
        negation=r"pas|jamais|sans|aucune?|ne|n'",
    ),
    "es": _Grammar(
        role=r"(?:yo,? )?(?:como|en calidad de)(?: una?| el| la)?",
        want=r"(?:no |nunca )?(?:quiero|queremos|quisiera|quisiéramos|querría|necesito|"
        r"necesitamos|puedo|podemos|"
        r"debo|debemos|deseo|deseamos|(?:me|nos) gustaría|prefiero|tengo que)",
        benefit=rf"para{_TO_A_THING}|con el (?:fin|objetivo) de|a fin de|porque|ya que|puesto que"
        r"|de (?:modo|manera|forma) que|así",
        negation=r"no|nunca|jamás|sin|ning[uú]n[oa]?",
    ),
    "pt": _Grammar(
        role=r"(?:eu,? )?(?:como|enquanto|na qualidade de)(?: uma?| o| a)?",
        want=r"(?:eu )?(?:não |nunca )?(?:quero|queremos|queria|gostar(?:ia|íamos) de|"
        r"precis(?:o|amos)(?: de)?|"
        r"posso|podemos|devo|devemos|desejo|desejamos|prefiro|tenho (?:de|que))",
        benefit=rf"para{_TO_A_THING}|a fim de|porque|pois|já que|de (?:modo|maneira|"
        r"forma) (?:que|a)|assim",
        negation=r"não|nunca|jamais|sem|nenhuma?",
    ),
    "nl": _Grammar(
        role=r"als(?: een| de)?",
        want=rf"(?:{_DUTCH}) (?:ik|wij|we)(?: graag)?|(?:ik|wij|we) (?:{_DUTCH})(?: graag)?"
        rf"|(?:{_DUTCH})(?= (?:een|de|het|alle|geen|mijn)\b)",
        benefit=r"zodat|zo dat|om(?=\s(?:.{1,120}\s)?te\b)|omdat|opdat|want",
        negation=r"niet|nooit|geen|zonder",
        role_within=r"(?P<within>[\w-]+),?",
    ),
    "it": _Grammar(
        role=r"(?:io,? )?(?:come|in qualità di|in quanto)(?: una?| il| la| un'| l')?",
        want=r"(?:io )?(?:non )?(?:voglio|vogliamo|vorrei|vorremmo|desider(?:o|iamo)|posso|"
        r"possiamo|devo|dobbiamo|"
        r"(?:ho|abbiamo) bisogno(?: di)?|(?:mi|ci) piacerebbe|preferi(?:sco|rei))",
        benefit=rf"per{_TO_A_THING}|perché|affinch[ée]|così (?:da|che)|in modo (?:da|che)|"
        r"poiché|al fine di"
        r"|cosicché",
        negation=r"non|mai|senza|nessun[oa]?",
    ),
}
_WANT = {
    name: re.compile(rf"(?<!\w)(?:{one.want})(?:(?<=[ '])|(?!\w))")
    for name, one in _GRAMMARS.items()
}
_ROLE = {
    name: re.compile(rf"(?:^{KEY}|[,;:.]\s*|\s)(?:{one.role})(?:(?<=[ '])|\s)")
    for name, one in _GRAMMARS.items()
}
_ROLE_WITHIN = {
    name: re.compile(rf"[\s,]{{0,3}}(?i:{one.role})(?:(?<=[ '])|\s){one.role_within}\s?")
    for name, one in _GRAMMARS.items()
}
_BENEFIT = {
    name: re.compile(rf"(?<!\w)(?P<intro>{one.benefit})(?:(?<=[ '])|(?!\w))")
    for name, one in _GRAMMARS.items()
}
_BULLET = re.compile(KEY)
_NEGATION = {
    name: re.compile(rf"(?<!\w)(?:{one.negation})(?!\w)") for name, one in _GRAMMARS.items()
}


def parse_story(text: str, low: str) -> ParsedStory:
    """The parts of a story in any of the seven languages; `text` as `plain` makes it."""
    found = parse_english(text, low)
    if found.role.text and found.want.text:
        return found
    return parse_foreign(text, low) or found


def parse_foreign(text: str, low: str) -> ParsedStory | None:
    """The parts of a story in one of the six languages; None where no want of theirs is opened.

    Some words open a want in two languages; the one that has a role and a benefit is meant.
    """
    low = low[:_MOST_CHARS]
    read = [
        _in_language(text, low, name, opening)
        for name, pattern in _WANT.items()
        if (opening := pattern.search(low))
    ]
    return max(read, key=_completeness, default=None)


def _completeness(parts: ParsedStory) -> int:
    return bool(parts.role.text) + bool(parts.benefit.text)


def _in_language(text: str, low: str, name: str, opening: re.Match[str]) -> ParsedStory:
    bullet = _BULLET.match(low)
    lead = _BENEFIT[name].match(low, bullet.end() if bullet else 0)
    if lead:  # the benefit may hold a verb that opens a want elsewhere
        comma = low.find(",", lead.end())
        opening = _WANT[name].search(low, max(comma, 0)) or opening
    role, role_start = _role_before(text, low, name, opening.start())
    begin = opening.end()
    within = None if role.text else _ROLE_WITHIN[name].match(text, begin)
    if within:
        role = part_of(text, within.start("within"), within.end("within"))
        begin = within.end()
    behind = _BENEFIT[name].search(low, begin)
    end = behind.start() if behind else len(text)
    if lead:
        lead_end = role_start if role_start > lead.end() else opening.start()
        benefit = part_of(text, lead.end(), lead_end)
    else:
        benefit = part_of(text, behind.end(), len(text)) if behind else NOTHING
    intro = lead or behind
    return ParsedStory(
        role=role,
        want=part_of(text, begin, end),
        benefit=benefit,
        opening=" ".join(opening[0].split()),
        benefit_intro=intro["intro"].strip() if intro else "",
        order="benefit first" if lead else "role first",
        has_subject=True,
        is_negated=_NEGATION[name].search(low, max(0, opening.start() - 4), end) is not None,
        language=name,
    )


def _role_before(text: str, low: str, name: str, end: int) -> tuple[Part, int]:
    """The role that ends there, and where its opening begins."""
    for found in reversed(list(_ROLE[name].finditer(low, 0, end))):
        if end - found.end() <= _MOST_ROLE_CHARS:
            return part_of(text, found.end(), end), found.start()
    return NOTHING, 0
