"""One line on what a run is doing, for people."""

from collections.abc import Mapping
from typing import Any, Protocol

from content.kind import counted
from content.registry import Kind
from runs.models import Run
from runs.states import FINAL, RunStatus


class Described(Protocol):
    """What the line says of a run; `runs.reads.progress.RunProgress`."""

    @property
    def run(self) -> Run: ...
    @property
    def completed(self) -> int: ...
    @property
    def created(self) -> int: ...
    @property
    def generating(self) -> int: ...
    @property
    def batches_processing(self) -> int: ...
    @property
    def in_batch(self) -> int: ...
    @property
    def wait_reason(self) -> str: ...
    @property
    def current(self) -> Mapping[str, Any] | None: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def total(self) -> int: ...
    @property
    def over(self) -> int: ...


def detail_of(progress: Described) -> str:
    """What is going on, and how far it is."""
    place = f"({progress.over}/{progress.total})"
    if progress.run.status in FINAL or progress.run.status == RunStatus.PAUSED:
        return _standing_line(progress, place)
    if current := progress.current:
        return (
            f"Processing {current['code']}: {current['title']} "
            f"({current['order']}/{progress.total})"
        )
    if progress.wait_reason:
        return f"Waiting: {progress.wait_reason} {place}"
    if progress.in_batch:
        batches = counted(progress.batches_processing, ("batch", "batches"))
        return f"Waiting for {batches} of the provider's {place}"
    return f"Waiting for a worker {place}"


def _standing_line(progress: Described, place: str) -> str:
    word = RunStatus(progress.run.status).label.capitalize()
    item_words, made_words = progress.kind.item_words, progress.kind.made_words
    if progress.generating:
        begun = counted(progress.generating, item_words)
        return f"{word}; finishing {begun} that had begun {place}"
    if progress.run.status == RunStatus.PAUSED:
        return f"{word} {place}"
    made = counted(progress.created, made_words)
    return f"{word}: {made} from {counted(progress.completed, item_words)} {place}"
