"""Defects of a page as a whole, of a component, and of characters of a text."""

from content.pages.values import PageDefect, Passage
from quality.defects import Confidence, Severity, Span


def of_page(
    *,
    criterion: str,
    kind: str,
    severity: Severity,
    message: str,
    suggestion: str,
    field: str = "",
    text: str = "",
    confidence: Confidence = "high",
) -> PageDefect:
    """A defect of the whole page, or of all of a field."""
    return PageDefect(
        criterion=criterion,
        kind=kind,
        severity=severity,
        message=message,
        suggestion=suggestion,
        span=Span(field=field, start=0, end=len(text), text=text) if field else None,
        confidence=confidence,
    )


def of_component(
    place: int, *, criterion: str, kind: str, severity: Severity, message: str, suggestion: str
) -> PageDefect:
    """A defect of a component, by its place from 1."""
    return PageDefect(
        component=place,
        criterion=criterion,
        kind=kind,
        severity=severity,
        message=message,
        suggestion=suggestion,
        span=Span(field=f"components[{place - 1}]", start=0, end=0, text=""),
    )


def at_place(
    passage: Passage,
    start: int,
    end: int,
    *,
    criterion: str,
    kind: str,
    severity: Severity,
    message: str,
    suggestion: str,
    confidence: Confidence = "high",
) -> PageDefect:
    """A defect of characters of a passage; its span is where its field has them first."""
    text = passage.text[start:end]
    begin = max(0, passage.source.find(text))
    return PageDefect(
        component=passage.component,
        criterion=criterion,
        kind=kind,
        severity=severity,
        message=message,
        suggestion=suggestion,
        span=Span(field=passage.field, start=begin, end=begin + len(text), text=text),
        confidence=confidence,
    )
