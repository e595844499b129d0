"""Texts of an answer that mean the same as an agreed one; pure.

Each function returns what it cannot read as it came, for the schema to refuse.
"""

from collections.abc import Mapping

from content.answer_fields import plain_key
from quality.text import comparable

#: A line that goes on with the scenario of the one before.
_FURTHER = ("when ", "then ", "and ", "but ")
_BULLETS = "-*\u2022\u2013\u2014 \t"
_SCENARIO = ("given", "when", "then")


def words(**meanings: str) -> dict[str, str]:
    """{word: what it means}, from words that are divided by commas; what is meant means itself."""
    listed = {word.strip(): meant for meant, said in meanings.items() for word in said.split(",")}
    return listed | {meant: meant for meant in meanings}


_LEVELS = words(
    high="high, highest, very high, critical, urgent, essential, must, must have, h",
    medium="medium, med, moderate, normal, should, should have, m",
    low="low, lowest, very low, minor, optional, could, could have, nice to have, l",
)
_EFFORTS = words(
    S="s, small, xs, xxs, x small, extra small, very small, tiny",
    M="m, medium, med",
    L="l, large, xl, xxl, x large, extra large, very large, huge",
)


def priority(value: object) -> object:
    """high, medium or low, for words that mean it."""
    return meant(value, _LEVELS, names=("priority",))


def impact(value: object) -> object:
    """high, medium or low, for words that mean it."""
    return meant(value, _LEVELS, names=("impact",))


def effort(value: object) -> object:
    """S, M or L, for words that mean it; what is larger than L is L."""
    return meant(value, _EFFORTS, names=("effort", "size"))


def meant(value: object, words: Mapping[str, str], *, names: tuple[str, ...]) -> object:
    """Without the field's own name and what stands in brackets."""
    if not isinstance(value, str):
        return value
    if value in words:
        return words[value]
    said = comparable(value.split("(")[0])
    for name in names:
        said = said.removeprefix(f"{name} ").removesuffix(f" {name}")
    return words.get(said, value)


def criteria(value: object) -> object:
    """A list of texts, for one text with one criterion a line and for criteria in parts."""
    if value is None:
        return []
    if isinstance(value, str):
        return _lines(value)
    return [_criterion(one) for one in value] if isinstance(value, list) else value


def _lines(text: str) -> list[str]:
    found: list[str] = []
    for line in filter(None, (line.strip(_BULLETS) for line in text.splitlines())):
        if found and line.casefold().startswith(_FURTHER):
            found[-1] = f"{found[-1]} {line}"
        else:
            found.append(line)
    return found


def _criterion(value: object) -> object:
    """The text of {"given", "when", "then"}, or of an object that is nothing but one text."""
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        return value
    parts = {plain_key(key): part for key, part in value.items()}
    if set(parts) == set(_SCENARIO):
        told = ", ".join(_clause(word, parts[word]) for word in _SCENARIO)
        return f"{told[0].upper()}{told[1:]}."
    return next(iter(parts.values())) if len(parts) == 1 else value


def _clause(word: str, said: str) -> str:
    """`when they take books`, also where the word is said already."""
    said = said.strip().rstrip(".,")
    return f"{word} {said[len(word) :].strip() if said.casefold().startswith(f'{word} ') else said}"
