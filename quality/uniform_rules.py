"""Uniform: the stories of a set have one template, one wording and one name for each role."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from rapidfuzz.distance import Levenshtein

from quality.defects import Defect, story_span
from quality.parsed_story import ParsedStory
from quality.reading import Reading
from quality.text import comparable

#: A story's place in its set, and what is wrong with it there.
Placed = tuple[int, Defect]

#: In a smaller set nothing is the rule.
LEAST_FOR_A_RULE = 3
#: Role names that somebody shortens so.
_SHORT = {
    "admin": "administrator", "dev": "developer", "exec": "executive", "mgr": "manager",
    "op": "operator", "ops": "operator", "org": "organisation", "prof": "professor",
    "rep": "representative", "sysadmin": "systemadministrator", "tech": "technician",
}  # fmt: skip
_LEAST_MISSPELT = 6
#: Of more roles in a set none is compared with each other.
_MOST_ROLES = 60


def uniform_defects(readings: Sequence[Reading]) -> Iterator[Placed]:
    """Departures from what more than half of the stories do."""
    if len(readings) < LEAST_FOR_A_RULE:
        return
    parts = [reading.parts for reading in readings]
    order = _rule([part.order for part in parts])
    opening = _rule([part.opening for part in parts])
    for place, part in enumerate(parts):
        if order and part.order and part.order != order and part.want.text:
            yield place, _template()
        elif opening and part.opening and part.opening != opening:
            yield place, _wording(part.opening, opening)
    yield from _roles(readings, parts)


def _rule(values: Sequence[str]) -> str:
    """What more than half of all stories do; empty where there is no such thing."""
    if values.count(values[0]) == len(values):
        return values[0]
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else ""


def _template() -> Defect:
    return Defect(
        criterion="uniform",
        kind="template",
        severity="minor",
        message="Its parts stand in another order than in most of the stories.",
        suggestion="Write all stories in one template.",
    )


def _wording(own: str, rule: str) -> Defect:
    return Defect(
        criterion="uniform",
        kind="wording",
        severity="minor",
        message=f'It says "{own}" where the others say "{rule}".',
        suggestion="Write all stories in one template.",
    )


def _roles(readings: Sequence[Reading], parts: Sequence[ParsedStory]) -> Iterator[Placed]:
    """One role under two names: the rarer one, of equals the later."""
    if len({part.role.text for part in parts}) == 1:
        return
    places_of: dict[str, list[int]] = defaultdict(list)
    for place, part in enumerate(parts):
        name = comparable(part.role.text)
        if name:  # not of signs alone
            places_of[name].append(place)
    known: dict[str, str] = {}
    # Of equally many the first stays first.
    for name in sorted(places_of, key=lambda name: -len(places_of[name])):
        key = _plain_role(name)
        other = known.get(key) or next(_misspelt(key, known), None)
        known.setdefault(key, name)
        if other and _singular(other) != _singular(name):
            for place in places_of[name]:
                yield place, _named_otherwise(readings[place], other)


def _misspelt(key: str, known: dict[str, str]) -> Iterator[str]:
    if len(key) < _LEAST_MISSPELT or len(known) > _MOST_ROLES:
        return
    for other, name in known.items():
        alike = other[0] == key[0] and other[-2:] == key[-2:] and abs(len(other) - len(key)) <= 1
        if alike and Levenshtein.distance(key, other, score_cutoff=1) <= 1:
            yield name


def _plain_role(name: str) -> str:
    """A role's name without spaces, plural, and abbreviations."""
    plain = "".join(_SHORT.get(word, word) for word in _singular(name).split())
    return plain.replace("our", "or").replace("isation", "ization").replace("iser", "izer")


def _singular(name: str) -> str:
    return " ".join(word.removesuffix("s") if len(word) > 3 else word for word in name.split())


def _named_otherwise(reading: Reading, other: str) -> Defect:
    role = reading.parts.role
    return Defect(
        criterion="uniform",
        kind="role_differs",
        severity="minor",
        confidence="medium",
        message=f'It names the role that other stories call "{other}".',
        suggestion="Give each role one name.",
        span=story_span(reading.text, role.start, role.end),
    )
