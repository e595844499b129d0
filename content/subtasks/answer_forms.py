"""Forms of a subtask's fields that mean the same as the agreed one; pure.

Each function returns what it cannot read as it came, for the schema to refuse.
"""

import re
from collections.abc import Mapping

from content.answer_fields import named_fields
from content.answer_texts import meant, words

_FIELDS = ("title", "description", "kind", "effortHours", "criteria", "replaces")
#: Keys that mean a field and no other.
_OTHER_NAMES = {
    # Those of the schema.
    "t": "title",
    "d": "description",
    "k": "kind",
    "h": "effortHours",
    "c": "criteria",
    "i": "replaces",
    # Others'.
    "name": "title",
    "task": "title",
    "details": "description",
    "type": "kind",
    "category": "kind",
    "hours": "effortHours",
    "effort": "effortHours",
    "estimate": "effortHours",
    "estimatehours": "effortHours",
    "estimatedhours": "effortHours",
    "acceptancecriteria": "criteria",
    "criterianumbers": "criteria",
    "covers": "criteria",
}
_KINDS = words(
    design="design, ux, ui design, ux design, ui ux, ux ui, research, concept, architecture",
    backend="backend, back end, server, server side, api, service",
    frontend="frontend, front end, client, client side, ui, web, mobile",
    data="data, database, db, schema, migration, data model, analytics",
    test="test, tests, testing, qa, quality assurance, e2e, test automation",
    docs="docs, doc, documentation, documents",
    ops="ops, operations, devops, dev ops, infrastructure, infra, deployment, release, monitoring",
)
#: Hours in a unit, as a team counts them.
_UNITS = {"h": 1.0, "hr": 1.0, "hour": 1.0, "d": 8.0, "day": 8.0, "pd": 8.0, "w": 40.0, "wk": 40.0}
_UNITS |= {"week": 40.0, "m": 1 / 60, "min": 1 / 60, "minute": 1 / 60}
_AMOUNT = re.compile(r"(\d{1,6}(?:[.,]\d{1,6})?) ?([a-z]{0,7})(?:$| and |, ?| )", re.ASCII)
_NUMBER = re.compile(
    r"(?:acceptance )?(?:criterion |criteria |ac[ -]?|c ?|# ?)?(\d{1,4})", re.ASCII
)
_DIVIDERS = re.compile(r"[,;/&+\n]| and ")


def subtask_fields(given: Mapping[str, object]) -> dict[str, object]:
    """A subtask's fields under their own names.

    Raises:
        ValueError: a field is there twice, and they differ.
    """
    return named_fields(given, _FIELDS, _OTHER_NAMES)


def subtask_kind(value: object) -> object:
    """One of the kinds, for words that mean it."""
    return meant(value, _KINDS, names=("task", "subtask", "work", "development"))


def hours(value: object) -> object:
    """Hours as a number: 4, "4h", "1 day" (8 of them), "1 d 4 h", "90 min"."""
    if isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return value
    said = " ".join(value.casefold().strip(" ~.").split())
    total = 0.0
    at = 0
    while at < len(said):
        found = _AMOUNT.match(said, at)
        unit = _unit(found[2]) if found else None
        # A bare number says hours only where it stands alone.
        if found is None or unit is None or (not found[2] and found[0] != said):
            return value
        total += float(found[1].replace(",", ".")) * unit
        at = found.end()
    return total if said else value


def _unit(word: str) -> float | None:
    return 1.0 if not word else _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))


def criteria_numbers(value: object) -> object:
    """Numbers, for "1, 2", "AC1", "criterion 2" or one number alone."""
    if value is None:
        return []
    if isinstance(value, str):
        value = [part for part in _DIVIDERS.split(value) if part.strip()]
    elif isinstance(value, int | float):
        value = [value]
    return [_number(one) for one in value] if isinstance(value, list) else value


def _number(value: object) -> object:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    said = value.casefold().strip().strip("[]().: ")
    found = _NUMBER.fullmatch(said)
    return int(found[1]) if found else value
