"""Gherkin's keywords in the language of a project, by the official parser's own table."""

from dataclasses import dataclass
from enum import Enum
from functools import cache

from gherkin.dialect import DIALECTS, DialectSpec

from epics.languages import language_tags

_ANY = "* "
#: Languages whose dialects go by another tag than theirs.
_OTHERWISE = {
    "am": "amh", "bm": "", "cy": "cy-GB", "gu": "gj", "hy": "am", "lb": "lu", "lu": "", "mk":
    "mk-Cyrl", "ms": "bm", "nb": "no", "nn": "no", "sr": "sr-Cyrl", "zh": "zh-CN", "zh-Hans":
    "zh-CN", "zh-Hant": "zh-TW", "zh-HK": "zh-TW", "zh-MO": "zh-TW",
}  # fmt: skip
#: Of these every English speaker would be surprised: Australian, pirates' …
_IN_JEST = ("em", "en-")


class Step(Enum):
    """What a step is; its value is the dialect's key."""

    GIVEN = "given"
    WHEN = "when"
    THEN = "then"
    AND = "and"
    BUT = "but"

    @property
    def joins(self) -> bool:
        """Whether it only goes on with what the step before it is."""
        return self in {Step.AND, Step.BUT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """What is written, and what opens a step in a text, the longest first."""

    name: str
    feature: str
    rule: str
    scenario: str
    steps: dict[Step, str]
    openers: tuple[tuple[str, Step], ...]
    #: What would be more than text at the beginning of a line.
    titles: tuple[str, ...]

    def opener(self, text: str, at: int) -> tuple[Step, int] | None:
        """The step that a keyword opens at this place, and where its text begins."""
        for keyword, step in self.openers:
            end = at + len(keyword)
            if text[at:end].casefold() == keyword.casefold():
                return step, end
        return None


@cache
def dialect_for(language: str) -> Dialect:
    """The dialect of a language as a project names it; English where Gherkin has none."""
    for tag in language_tags(language):
        name = _OTHERWISE.get(tag, tag)
        if name in DIALECTS and not name.startswith(_IN_JEST):
            return _dialect(name, DIALECTS[name])
    return _dialect("en", DIALECTS["en"])


def _dialect(name: str, spec: DialectSpec) -> Dialect:
    words = {step: _words(spec, step) for step in Step}
    found = {
        (word, step) for step in Step for word in (*words[step], *_words(DIALECTS["en"], step))
    }
    titles = ("feature", "background", "rule", "scenario", "scenarioOutline", "examples")
    return Dialect(
        name=name,
        feature=spec["feature"][0],
        rule=spec["rule"][0],
        # The second is "Scenario" in most, and the first "Example".
        scenario=spec["scenario"][:2][-1],
        steps={step: words[step][0] for step in Step},
        openers=tuple(sorted(found, key=lambda each: (-len(each[0]), each[0], each[1].value))),
        titles=tuple([f"{word}:" for key in titles for word in spec[key]]),  # type: ignore[literal-required]  # its keys
    )


def _words(spec: DialectSpec, step: Step) -> list[str]:
    words: list[str] = spec[step.value]
    return [word for word in words if word != _ANY]
