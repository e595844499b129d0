"""The pipeline of a content kind: its stages in order, as a generator of provider calls.

Nothing here does I/O, as in httpx's auth flow: an item's steps yield each call that they want
made, and are sent its answer. Whoever drives them makes the calls, knows the time, and decides
what an error means. What reads files, tables or the clock is a job: yielded likewise, and run by
whoever drives.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from providers.values import Completion, CompletionRequest

T = TypeVar("T")


#: How calls keep what they asked: so much of the name, and behind this the part.
_ALIKE_CHARS, _PART = 90, ", part "


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A call that an item's steps want made.

    Attributes:
        key: names the call among its item's. An answer is kept under it, so the same item asked
            again, by a later attempt, is not paid for again.
        alike: names calls that take about as long as this one, of the same model.
        part: of what such a call usually asks for, where some of that is there and stays.
        stays_bytes: of the prompt, what tells of that.
    """

    key: str
    completion: CompletionRequest
    alike: str
    part: float = 1.0
    stays_bytes: int = 0

    @property
    def asked(self) -> str:
        """As its call keeps it; `asked_before` reads it."""
        whole = self.alike[:_ALIKE_CHARS]
        return whole if self.part == 1 else f"{whole}{_PART}{self.part:.2f}"


def asked_before(kept: str) -> tuple[str, float]:
    """`alike` and `part` of a request, as its call kept it."""
    alike, _, part = kept.partition(_PART)
    return alike, float(part or 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Work outside of the steps, which may do I/O; what it returns is sent back.

    It needs no permit and is no call. Nothing of it is kept: a later attempt runs it again.

    Attributes:
        key: names the job among its item's.
        name: of the function, in the kind's `jobs`.
        args: what it is called with, by name.
    """

    key: str
    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StageBegun:
    """A stage begins; with the stages that were skipped, and the notes that were made, so far."""

    name: str
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft(Generic[T]):
    """What an item's steps made, not stored yet.

    Attributes:
        content: the kind's own value.
        summary: what it is, in a few words: "5 stories".
        notes: what a reader of the run's log should know.
    """

    content: T
    summary: str
    notes: tuple[str, ...] = ()


class State(Protocol):
    """What a kind's stages have made so far: a frozen value, of which each returns a new one."""

    @property
    def notes(self) -> tuple[str, ...]:
        """For the run's log."""
        ...


S = TypeVar("S", bound=State)

#: Work that wants calls made, is sent their answers, and returns a `T`.
Calls = Generator[Request, Completion, T]
#: The same where it wants jobs run, too.
Work = Generator[Request | Job, Any, T]
#: The same for a whole item; after a `StageBegun` it goes on with `next`.
Steps = Generator[Request | Job | StageBegun, Any, T]


def _never(_state: object) -> bool:
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage(Generic[S]):
    """A part of the pipeline, by its name; `can_skip` may leave it out."""

    name: str
    run: Callable[[S], Work[S]]
    can_skip: Callable[[S], bool] = _never


def plain(work: Callable[[S], S]) -> Callable[[S], Calls[S]]:
    """Work that wants no calls, as a stage runs it."""

    def run(state: S) -> Calls[S]:
        yield from ()
        return work(state)

    return run


def run_stages(stages: Sequence[Stage[S]], state: S) -> Steps[S]:
    """The stages one after the other, but those that are skipped; returns the last one's state.

    What a stage raises comes through unchanged.
    """
    skipped: tuple[str, ...] = ()
    for stage in stages:
        if stage.can_skip(state):
            skipped = (*skipped, stage.name)
            continue
        yield StageBegun(name=stage.name, skipped=skipped, notes=state.notes)
        state = yield from stage.run(state)
    return state
