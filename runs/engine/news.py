"""What befalls a run, told inside the transaction in which it happens: whoever registered at start
writes it down there, or it did not happen. The engine knows nobody above itself.

Whoever moves a run holds its row meanwhile, so its moves are told in the order in which they become
true.
"""

from collections.abc import Callable
from enum import StrEnum
from uuid import UUID


class RunNews(StrEnum):
    """What others may want to know of."""

    STARTED = "run.started"  # a worker has taken its first item
    PAUSED = "run.paused"
    RESUMED = "run.resumed"
    ENDED = "run.ended"  # calls in flight included: `completed_at` is set
    BUDGET = "run.budget"  # 50, 80, 95 or 100 % of a budget that counts it are spent


#: Called with a run's id and what befell it, in the same transaction. Whatever it raises undoes it.
Listener = Callable[[UUID, RunNews], None]

_listeners: list[Listener] = []


def news_listener_register(listener: Listener) -> None:
    """Have this told."""
    if listener not in _listeners:
        _listeners.append(listener)


def news_tell(run_id: UUID, news: RunNews) -> None:
    """Tell everybody who wants to know."""
    for listener in _listeners:
        listener(run_id, news)
