"""Errors of the provider's that stop a run."""

from uuid import UUID

from batchgen.db.in_thread import in_thread
from providers.errors import Effect, ProviderError
from runs.engine.transitions import run_move
from runs.models import RunAction
from runs.states import RunStatus


async def run_stop(run_id: UUID, error: ProviderError) -> None:
    """Pause or fail a run, as the error wants it; nothing where it stands still already."""
    fails = error.effect is Effect.FAIL_RUN
    await in_thread(
        run_move,
        run_id=run_id,
        to=RunStatus.FAILED if fails else RunStatus.PAUSED,
        kind=RunAction.Kind.FAIL if fails else RunAction.Kind.PAUSE,
        message=error.message,
        error_code=error.code,
    )
