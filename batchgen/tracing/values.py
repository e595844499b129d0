"""What spans are told with."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Value = str | bool | int | float | Sequence[str]
Kind = Literal["internal", "server", "client"]
Attributes = Mapping[str, Value]

#: Of the flags of a traceparent.
SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A span, for those that belong below it, wherever they are made."""

    trace_id: int
    span_id: int
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """As the header of that name, and a run's row, have it."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{SAMPLED if self.sampled else 0:02x}"


class Span(Protocol):
    """A span that is under way."""

    def set(self, attributes: Attributes) -> None:
        """Add what became known."""

    def rename(self, name: str) -> None:
        """Call it something else."""

    def fail(self, error_type: str) -> None:
        """It is one that went wrong; a code, never a text, which may be a content."""


class Tracer(Protocol):
    """Makes spans; `batchgen.tracing.exporting` has the one that there is."""

    def span(
        self, name: str, *, kind: Kind, parent: Place | None, attributes: Attributes
    ) -> AbstractContextManager[Span]: ...

    def record(
        self,
        name: str,
        *,
        place: Place,
        parent: Place | None,
        began: datetime,
        ended: datetime,
        attributes: Attributes,
        error_type: str,
    ) -> None: ...

    def current(self) -> Place | None: ...

    def samples(self, trace_id: int) -> bool: ...

    def stop(self, within_s: float) -> None: ...
