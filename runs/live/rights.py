"""Permission checks of open streams: one statement for all of a process."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from runs.live.changes import QUERIES
from runs.live.outage import is_outage

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Right:
    """With what a stream was opened. It ends with any of it; who may still read comes back."""

    user_id: int
    #: As the database has it, hashed: a stream ends with the password that it was opened with.
    password: str
    #: Of the token, or of the one that the ticket was got with; None: of neither.
    family: UUID | None
    #: None: not by a session.
    session_key: str | None
    run_id: UUID
    #: The user is no viewer: what may be done with the run is offered.
    may_control: bool


def ended(rights: Sequence[Right]) -> set[Right]:
    """Those that are not as they were any more; none where that cannot be found out now."""
    try:
        return set(rights) - _held([*set(rights)])
    except Exception as error:
        if is_outage(error):
            log.warning("not looked who may watch: %s: %s", type(error).__name__, error)
        else:
            log.exception("not looked who may watch")
        return set()


def _held(rights: Sequence[Right]) -> set[Right]:
    asked = {
        "places": [*range(len(rights))],
        "user_ids": [right.user_id for right in rights],
        "passwords": [right.password for right in rights],
        "families": [right.family for right in rights],
        "session_keys": [right.session_key for right in rights],
        "run_ids": [right.run_id for right in rights],
        "may_control": [right.may_control for right in rights],
    }
    return {rights[row["place"]] for row in QUERIES.fetch("live_held", asked)}
