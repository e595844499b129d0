"""Spans, for all who have something to tell of.

They are made where OTEL_EXPORTER_OTLP_ENDPOINT says to whom they go, and the process began with
`start`. Else each function here returns at once: nothing of OpenTelemetry's SDK is imported, no
span is made, and nothing waits.

A span is the current one of its thread or task (contextvars) as long as its block lasts; what
begins inside is its child. Across processes the tie is a `Place`: which trace, and which span of
it.
"""

import re
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from django.conf import settings

from batchgen.tracing.values import SAMPLED, Attributes, Kind, Place, Span, Tracer

#: https://www.w3.org/TR/trace-context/: version, trace, span, flags; what is behind is of versions
#: to come.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
#: How long a process that ends waits for what is not sent yet, in seconds.
FLUSH_S = 3.0


class _NoSpan:
    """What `span` gives where there are none."""

    def set(self, attributes: Attributes) -> None:
        """Nothing."""

    def rename(self, name: str) -> None:
        """Nothing."""

    def fail(self, error_type: str) -> None:
        """Nothing."""


NO_SPAN: AbstractContextManager[Span] = nullcontext(_NoSpan())
_NONE: Attributes = {}
_tracer: Tracer | None = None


def start(role: str) -> None:
    """Have spans from here on, where the settings want them.

    Args:
        role: what this process is: web, worker.
    """
    global _tracer  # noqa: PLW0603  # one a process is the point
    if not settings.OTLP_ENDPOINT or _tracer is not None:
        return
    # Importing the SDK takes 0.2 s and 20 MB: only of who wants it.
    from batchgen.tracing.exporting import make_tracer  # noqa: PLC0415  # see above

    _tracer = make_tracer(role)


def stop(within_s: float = FLUSH_S) -> None:
    """Send what is not sent yet, for so long at most; there are no spans after this."""
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer is not None:
        tracer.stop(within_s)


def are_made() -> bool:
    """Whether there are any: what only they need is not looked for else."""
    return _tracer is not None


def span(
    name: str,
    *,
    kind: Kind = "internal",
    parent: Place | None = None,
    attributes: Attributes = _NONE,
) -> AbstractContextManager[Span]:
    """A block that is a span; an exception that leaves it is its error.

    Args:
        parent: None: the current span's child, or the first of a trace of its own.
    """
    if _tracer is None:
        return NO_SPAN
    return _tracer.span(name, kind=kind, parent=parent, attributes=attributes)


def record(
    name: str,
    *,
    place: Place,
    parent: Place | None,
    began: datetime,
    ended: datetime,
    attributes: Attributes,
    error_type: str = "",
) -> None:
    """A span that is over, and whose place was known before: others are below it already.

    Args:
        error_type: a code, where it went wrong.
    """
    if _tracer is not None:
        _tracer.record(
            name,
            place=place,
            parent=parent,
            began=began,
            ended=ended,
            attributes=attributes,
            error_type=error_type,
        )


def current() -> Place | None:
    """The span that is under way here."""
    return None if _tracer is None else _tracer.current()


def for_logs() -> dict[str, str]:
    """What log lines say of it."""
    place = current()
    return {"trace": f"{place.trace_id:032x}"} if place else {}


def place_of(traceparent: str) -> Place | None:
    """What the header says, or a row; None of nothing, and of what makes no sense."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or (found[1] == "00" and found[5]):
        return None
    trace_id, span_id, flags = int(found[2], 16), int(found[3], 16), int(found[4], 16)
    if not trace_id or not span_id:
        return None
    return Place(trace_id, span_id, sampled=bool(flags & SAMPLED))


def root(trace_id: int, span_id: int) -> Place:
    """The first span of a trace, sampled as OTEL_TRACES_SAMPLER says: by each process alike."""
    return Place(trace_id, span_id, sampled=_tracer is not None and _tracer.samples(trace_id))
