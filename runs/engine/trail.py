"""What a run leaves of itself: the trail of who did what to it, and the lines of its log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.db.models.functions import Now

from batchgen.db.compiled_query import CompiledRows
from epics.access import Role, role_hold
from runs.models import Run, RunAction, RunLog

#: Who acts where no person does.
ENGINE = "batchgen"
#: In the trail's details: how many lanes a run has from there on.
LANES = "max_concurrency"
#: And of a number that the engine chose: how many calls began in the second before, and what one
#: took of late, in seconds (null where none was answered).
CALLS_PER_S, CALL_S = "callsPerSecond", "callS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """Somebody at the server's own shell, who may do all and need be no user of batchgen.

    `pk`: of the user in whose name they act, if any.
    """

    name: str
    pk: int | None = None

    def get_username(self) -> str:
        """As a user has it: what the trail and the log say."""
        return self.name


Actor = User | Operator


def actor_hold(*, run_id: UUID, user: Actor | None) -> None:
    """Hold a user's right to act, before the run that it is about: whoever starts a run has its
    user, and waits for the project's run of that type.

    Raises:
        NotFound, Forbidden: the user is no editor any more; see `epics.access.role_hold`.
    """
    if isinstance(user, User):
        project_id = CompiledRows(_project_ids, run_id=run_id).first()
        if project_id is None:
            raise Run.DoesNotExist
        role_hold(user=user, project_id=project_id, role=Role.EDITOR)


def _project_ids(*, run_id: UUID) -> "QuerySet[Run, UUID]":
    return Run.objects.filter(pk=run_id).values_list("project_id", flat=True)


def action_append(
    *,
    run_id: UUID,
    kind: RunAction.Kind,
    user: Actor | None,
    details: Mapping[str, object],
) -> None:
    """`actor_hold` and `action_write`, for callers that do not hold the user's right yet.

    Raises:
        NotFound, Forbidden: as `actor_hold`.
    """
    actor_hold(run_id=run_id, user=user)
    action_write(run_id=run_id, kind=kind, user=user, details=details)


def action_write(
    *,
    run_id: UUID,
    kind: RunAction.Kind,
    user: Actor | None,
    details: Mapping[str, object],
    at: datetime | None = None,
) -> None:
    """Add to the run's trail, inside the caller's transaction, which holds the user's right."""
    RunAction.objects.create(
        run_id=run_id,
        kind=kind,
        actor=user.get_username() if user else ENGINE,
        actor_id=user.pk if user else None,
        at=at or Now(),
        details=dict(details),
    )


def log_append(
    *, run_id: UUID, message: str, level: str = RunLog.Level.INFO, item_code: str = ""
) -> None:
    """Write a line inside the caller's transaction."""
    RunLog.objects.create(run_id=run_id, message=message, level=level, item_code=item_code)
