"""Having an item's steps go on, where the end is one of the things that may come."""

from dataclasses import dataclass
from typing import Any

from content.pipeline import Draft, Job, Request, StageBegun, Steps


@dataclass(frozen=True, slots=True)
class Ended:
    """Steps that came to their end."""

    draft: Draft[Any]


def go_on(steps: Steps[Draft[Any]], sent: object) -> Request | Job | StageBegun | Ended:
    """Send them what they wait for; what they want next."""
    try:
        return steps.send(sent)
    except StopIteration as end:
        return Ended(end.value)
