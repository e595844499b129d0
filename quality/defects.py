"""What the linter takes and gives: stories, defects, scores."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Severity = Literal["high", "medium", "minor"]
#: How sure the linter is of a finding; not how bad it is.
Confidence = Literal["high", "medium", "low"]

#: Points that a defect takes from a story's 100.
_POINTS: dict[Severity, int] = {"high": 40, "medium": 20, "minor": 5}


class AnyStory(Protocol):
    """What the linter reads of a story, each text on one line.

    `persona` may be empty and `acceptance_criteria` None where they are not known: then nothing
    is said of them.
    """

    @property
    def user_story(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def persona(self) -> str: ...
    @property
    def acceptance_criteria(self) -> tuple[str, ...] | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryText:
    """A story that is nothing but that."""

    user_story: str
    title: str = ""
    persona: str = ""
    acceptance_criteria: tuple[str, ...] | None = None


class Span(NamedTuple):
    """Where a defect stands: characters `start` to `end` of a field, and what they read.

    `field` is userStory, title, persona or acceptanceCriteria[N], N from 0.
    """

    field: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Defect:
    """`message` says what is wrong, `suggestion` what to do; no span: the story as a whole.

    A pair of stories is named on both and costs the later one: where `counts` is false, the other
    one pays.
    """

    criterion: str
    kind: str
    severity: Severity
    message: str
    suggestion: str
    span: Span | None = None
    confidence: Confidence = "high"
    counts: bool = True

    @property
    def is_grave(self) -> bool:
        """Whether it alone fails a story: bad, and surely there."""
        return self.severity == "high" and self.confidence == "high"

    def as_json(self) -> dict[str, object]:
        """As the API and the rows have it."""
        span = self.span
        return {
            "criterion": self.criterion,
            "kind": self.kind,
            "severity": self.severity,
            "confidence": self.confidence,
            "message": self.message,
            "suggestion": self.suggestion,
            "field": span.field if span else None,
            "start": span.start if span else None,
            "end": span.end if span else None,
            "text": span.text if span else None,
        }


def story_span(text: str, start: int, end: int) -> Span:
    """A span of the story's sentence, without white space and commas at its ends."""
    found = text[start:end]
    start += len(found) - len(found.lstrip(" ,"))
    found = found.strip(" ,")
    return Span(field="userStory", start=start, end=start + len(found), text=found)


def score(defects: Iterable[Defect]) -> int:
    """100 for a story without defects, 0 for a hopeless one."""
    return max(0, 100 - sum([_POINTS[defect.severity] for defect in defects if defect.counts]))
