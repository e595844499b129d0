"""Numbers of a text that its input does not have: prices, percentages, measures, others; pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

#: Digits with separators: 1,299.00, 1.299,00, 1'299, 10 000.
_NUMBER = re.compile(r"(?<![\w.])\d{1,15}(?:[.,'\u2019\u00a0\u202f]\d{1,15}|\x20\d{3}(?!\d)){0,5}")
_SEPARATORS = re.compile(r"[.,'\u2019\u00a0\u202f\x20]")
_CURRENCY = r"(?:[$\u20ac\u00a3\u00a5\u20b9\u20bd]|USD|EUR|GBP|CHF|JPY|SEK|NOK|DKK|PLN|Euro?s?)"
_BEFORE = re.compile(rf"{_CURRENCY}[\s\u00a0\u202f]?$", re.IGNORECASE)
_BEHIND = re.compile(
    rf"[\s\u00a0\u202f-]?(?:(?P<price>{_CURRENCY})(?!\w)"
    r"|(?P<percentage>%|\u2030|per\s?cent\b|prozent\b|pour\s?cent\b|por\s?c?iento\b|procent\b)"
    r"|(?P<measure>"
    r"(?:mm|cm|dm|m|km|\u00b5m|nm|inch(?:es)?|ft|feet|foot|yd|miles?"
    r"|mg|g|kg|lbs?|oz|ml|cl|dl|l|lit(?:er|re)s?|mm\u00b2|cm\u00b2|m\u00b2|m\u00b3"
    r"|w|kw|kwh|wh|v|ma|mah|hz|khz|mhz|ghz|db|lm|lux|kb|mb|gb|tb|px|dpi|bar|pa|nm|kcal"
    r"|\u00b0\s?[cf]?|rpm|mph|kmh|km/h"
    r"|seconds?|sekunden?|secondes?|segundos?|min(?:utes?|uten?|utos)?|h|hours?|stunden?|heures?"
    r"|horas?|days?|tagen?|tage?|jours?|d\u00edas?|weeks?|wochen?|semaines?|semanas?|months?"
    r"|monaten?|monate?|mois|mes(?:es)?|years?|jahren?|jahre?|ans|ann\u00e9es?|a\u00f1os?)(?!\w)"
    r"))",
    re.IGNORECASE,
)
#: Characters around a number that its unit may stand in.
_AROUND = 12
#: Counts of steps and points, which a text makes up as it goes.
_SMALL = Decimal(12)
_YEARS = (Decimal(1900), Decimal(2100))


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A number in a text, with its unit; `kind` is price, percentage, measure, year or number."""

    start: int
    end: int
    kind: str
    values: frozenset[Decimal]


def numbers_in(text: str) -> Iterator[Number]:
    """The numbers of a text, in order."""
    for found in _NUMBER.finditer(text):
        start, end, kind = found.start(), found.end(), ""
        before = _BEFORE.search(text[max(0, start - _AROUND) : start])
        behind = _BEHIND.match(text[end : end + _AROUND])
        if before:
            start, kind = start - len(before[0]), "price"
        elif behind:
            end, kind = end + behind.end(), str(behind.lastgroup)
        values = _values(found[0])
        yield Number(start=start, end=end, kind=kind or _plain(values), values=values)


def known_values(texts: Iterable[str]) -> frozenset[Decimal]:
    """All that the numbers of these texts may mean."""
    return frozenset().union(*(each.values for text in texts for each in numbers_in(text)))


def unknown_numbers(text: str, known: frozenset[Decimal]) -> Iterator[Number]:
    """Those that the input has not; small counts and what is one of several meanings are let be."""
    for number in numbers_in(text):
        if number.values & known:
            continue
        if number.kind == "number" and min(number.values) <= _SMALL:
            continue
        yield number


def _plain(values: frozenset[Decimal]) -> str:
    low, high = _YEARS
    return "year" if all(low <= value <= high for value in values) else "number"


def _values(text: str) -> frozenset[Decimal]:
    """What a number may mean: 1.299 is 1299 here and 1.299 there."""
    parts = _SEPARATORS.split(text)
    signs = _SEPARATORS.findall(text)
    whole = Decimal("".join(parts))
    if not signs:
        return frozenset([whole])
    decimal = Decimal(f"{''.join(parts[:-1])}.{parts[-1]}")
    if signs[-1] not in ".,":
        return frozenset([whole])
    if len(signs) > 1 and signs[-1] == signs[-2]:  # 1.299.000
        return frozenset([whole])
    if len(signs) > 1 or len(parts[-1]) != 3:  # 1,299.00 and 1.5
        return frozenset([decimal])
    return frozenset([whole, decimal])
