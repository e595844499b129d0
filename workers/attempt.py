"""One attempt at one item: from the claim to its outcome.

The claim (runs/engine/claims.py) says what there is to do, the caller (workers/caller.py) makes the
calls that the kind's steps ask for, and `decide` (workers/decisions.py) says what an error leads
to. An attempt brings them together and writes the outcome down.
"""

import logging
from random import SystemRandom
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import InterfaceError as DjangoInterfaceError
from django.db import OperationalError as DjangoOperationalError

from batchgen.db.clock import database_now
from batchgen.db.ids import new_id
from batchgen.db.sql import run
from batchgen.logs import log_bind
from content.errors import TargetGone
from content.kind import Loaded
from content.pipeline import Draft, drive
from content.prompt_sets import prompt_texts
from content.registry import kind_named
from providers.errors import ProviderError
from providers.provider import Provider
from runs.engine import dispatch
from runs.engine.claims import Claiming, LaneClaim, lane_claim
from runs.engine.dispatch import Link
from runs.engine.lanes import (
    Fence,
    Finishing,
    GivingBack,
    Outcome,
    lane_finish,
    lane_give_back,
)
from runs.engine.transitions import run_begin, run_break_circuit, run_finalize, run_move
from runs.models import RunAction
from runs.states import CallOutcome, ItemStatus, RunStatus
from workers.caller import Caller
from workers.decisions import Finish, GiveBack, StopRun, decide
from workers.fair_semaphore import FairSemaphore
from workers.permits import FirstCall, Permit, Permits
from workers.progress import CallTimes, Progress
from workers.worker_metrics import item_ended

log = logging.getLogger(__name__)

_RANDOM = SystemRandom()
#: Work on answers needs the interpreter and nothing else, so one at a time is done soonest.
ANSWERS = FairSemaphore(1)
#: PostgreSQL is away: the engine's statements say it so, and a job's queries by Django's names.
_AWAY = (psycopg.OperationalError, DjangoOperationalError, DjangoInterfaceError)


class StaleAttempt(Exception):
    """The lane belongs to a newer attempt; this one changes nothing any more."""


class Attempt:
    """A claimed item on its way through its kind's steps."""

    def __init__(
        self,
        claim: LaneClaim,
        *,
        client: Provider | None,
        permits: Permits,
        first: FirstCall,
        permit: Permit | None,
        times: CallTimes,
    ) -> None:
        self.claim = claim
        self._kind = kind_named(claim.fence.kind)
        self.progress = Progress(times)
        self._answering = ANSWERS.holder()
        self._caller = Caller(
            claim,
            client=client,
            permits=permits,
            first=first,
            permit=permit,
            progress=self.progress,
            answering=self._answering,
        )
        #: The lane's row once the item has ended.
        self._moved: dict[str, Any] | None = None

    @property
    def fence(self) -> Fence:
        """What fences this attempt."""
        return self.claim.fence

    def run(self) -> None:
        """Take the item through its steps to an outcome, whatever happens on the way.

        Raises:
            psycopg.OperationalError, django.db.OperationalError, django.db.InterfaceError:
                PostgreSQL is away. The worker's next heartbeat finds the lane without an attempt
                and takes it back.
        """
        if self.claim.run_status is RunStatus.QUEUED:
            run_begin(run_id=self.claim.run_id, item_word=self._kind.item_words[0])
        try:
            self._generate()
        except StaleAttempt:
            log.warning("item %s: a newer attempt has it", self.claim.item_id)
            self._caller.book()
        finally:
            self._answering.release()
            self._caller.close()
        self._move_on()

    def abort(self) -> None:
        """Give the item up, from any thread: the call under way is aborted, none starts after."""
        self._caller.abort()

    def _generate(self) -> None:
        try:
            inp = self._kind.read(self._loaded())
            draft = drive(
                self._kind.steps(inp),
                answer=self._caller.answer,
                on_stage=self.progress.enter,
                job=self._caller.job,
            )
            self._complete(draft, self._kind.result(inp, draft.content))
        except (StaleAttempt, *_AWAY):
            raise
        except Exception as error:
            self._failed(error)

    def _loaded(self) -> Loaded:
        claim = self.claim
        if claim.input is None or claim.target_id is None:
            raise TargetGone(f"{claim.code} was deleted after the run had begun.")
        return Loaded(
            item_id=claim.item_id,
            run_id=claim.run_id,
            target_id=claim.target_id,
            code=claim.code,
            model=claim.model,
            max_tokens=claim.max_tokens,
            # A run that began before an option was made has its default.
            options=self._kind.options(**claim.options).model_dump(mode="json"),
            input=claim.input,
            prompts=prompt_texts(claim.prompt_set_id),
        )

    def _complete(self, draft: Draft[Any], result: Any) -> None:
        reached = self.progress.reached()
        notes = draft.notes
        if self._caller.unknown_calls:
            notes = (*notes, _usage_note(self._caller.unknown_calls))
        self._finish(
            Outcome(
                status=ItemStatus.COMPLETED,
                message="; ".join([f"[{self.claim.code}] Completed: {draft.summary}", *notes]),
                result=result,
                stage_ms=reached.stage_ms,
                skipped_stages=reached.skipped_stages,
                notes=notes,
                call_outcome=self._caller.outcome,
            )
        )
        item_ended(ItemStatus.COMPLETED, reached.stage_ms)

    def _failed(self, error: Exception) -> None:
        call_error = error if isinstance(error, ProviderError) else None
        match decide(error, self.claim, self._caller.closing):
            case Finish() as decision:
                if decision.code == "INTERNAL_ERROR":
                    log.error("item %s: a bug", self.claim.item_id, exc_info=error)
                self._fail(decision, call_error)
            case GiveBack() as decision:
                self._give_back(decision, call_error)
            case StopRun() as decision:
                self._stop_run(decision, call_error)

    def _fail(self, decision: Finish, call_error: ProviderError | None) -> None:
        reached = self.progress.failed()
        word = "Skipped" if decision.status is ItemStatus.SKIPPED else "FAILED"
        self._finish(
            Outcome(
                status=decision.status,
                message=f"[{self.claim.code}] {word}: {decision.message}",
                stage=reached.stage,
                stage_ms=reached.stage_ms,
                skipped_stages=reached.skipped_stages,
                notes=reached.notes,
                error_code=decision.code,
                error=decision.message,
                call_outcome=CallOutcome.FAILED if call_error else self._caller.outcome,
                possibly_billed=call_error.possibly_billed if call_error else False,
            )
        )
        item_ended(decision.status, {})
        if decision.status is ItemStatus.FAILED:
            run_break_circuit(run_id=self.claim.run_id, error_code=decision.code)

    def _stop_run(self, decision: StopRun, call_error: ProviderError | None) -> None:
        fails = decision.to is RunStatus.FAILED
        run_move(
            run_id=self.claim.run_id,
            to=decision.to,
            kind=RunAction.Kind.FAIL if fails else RunAction.Kind.PAUSE,
            message=decision.message,
            error_code=decision.code,
        )
        back = GiveBack(reason="stopped", code=decision.code, message=decision.message)
        self._give_back(back, call_error)

    def _give_back(self, decision: GiveBack, call_error: ProviderError | None) -> None:
        giving = GivingBack(
            fence=self.fence,
            call_id=self._caller.call_id,
            reason=decision.reason,
            message=f"[{self.claim.code}] {decision.message}",
            wait_s=decision.wait.draw(_RANDOM),
            refund=not decision.spent,
            error_code=decision.code,
            request_id=(call_error.request_id if call_error else None) or "",
            possibly_billed=call_error.possibly_billed if call_error else False,
            rate_limit_streak=decision.slower,
        )
        if run(lane_give_back(giving)):
            run_finalize(run_id=self.claim.run_id)

    def _finish(self, outcome: Outcome) -> None:
        # PostgreSQL may let one item wait, for somebody who edits its target: others need not.
        self._answering.release()
        delay_s = self.claim.delay_ms / 1000
        finishing = Finishing(
            fence=self.fence,
            call_id=self._caller.call_id,
            outcome=outcome,
            spend=self._caller.spend,
            park_s=delay_s if delay_s > settings.SLOT_WAIT_S else 0,
        )
        self._moved = run(lane_finish(finishing))
        if self._moved is None:
            raise StaleAttempt

    def _move_on(self) -> None:
        moved = self._moved
        if moved is None:
            return
        if moved["state"] == "sent":
            delay_s = self.claim.delay_ms / 1000
            due_at = database_now().timestamp() + delay_s if delay_s else None
            dispatch.send([Link.of(moved)], due_at=due_at)
        elif moved["state"] == "idle":
            run_finalize(run_id=moved["run_id"])


def attempt_begin(
    *,
    fence: Fence,
    worker_id: UUID,
    client: Provider | None,
    permits: Permits,
    first: FirstCall,
    permit: Permit | None,
    times: CallTimes,
) -> Attempt | None:
    """Claim the fence's item; None when its message is late, doubled, or the run stands still.

    Args:
        client, permit: of the first call; None where the item's kind makes no calls. The permit is
            given back where there is no attempt, or no call.
        times: of this worker's calls.
    """
    claim = None
    try:
        call_id = new_id() if permit else None
        claim = run(lane_claim(Claiming(fence=fence, call_id=call_id), worker_id=worker_id))
    finally:
        if permit and claim is None:
            permit.unused()
    if claim is None:
        return None
    log_bind(run=claim.run_id)
    return Attempt(claim, client=client, permits=permits, first=first, permit=permit, times=times)


def _usage_note(calls: int) -> str:
    whose = "a call" if calls == 1 else f"{calls} calls"
    return f"the provider did not say what {whose} took; tokens and cost are booked as unknown"
