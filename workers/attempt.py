"""One attempt at one item: from the claim to its outcome.

The claim (runs/engine/claims.py) says what there is to do, the caller (workers/caller.py) makes the
calls that the kind's steps ask for, and `decide` (workers/decisions.py) says what an error leads
to. An attempt brings them together and writes the outcome down.
"""

import logging
from collections.abc import Mapping
from contextlib import closing
from random import SystemRandom
from typing import Any

import psycopg
from django.conf import settings
from django.db import InterfaceError as DjangoInterfaceError
from django.db import OperationalError as DjangoOperationalError

from batchgen.db.clock import DATABASE
from batchgen.db.in_thread import in_thread
from batchgen.db.sql import Row
from content.errors import TargetGone
from content.kind import Loaded
from content.pipeline import Draft, Job, Request, StageBegun, Steps
from content.prompt_sets import prompt_texts
from content.registry import kind_named
from providers.errors import ProviderError
from providers.provider import Provider
from runs.engine.budget_waits import budget_wait
from runs.engine.claims import LaneClaim
from runs.engine.dispatch import Link
from runs.engine.lanes import Fence, Finishing, GivingBack
from runs.engine.outcomes import Outcome
from runs.engine.refusals import BudgetRefused
from runs.engine.transitions import run_break_circuit, run_move
from runs.models import RunAction
from runs.states import CallOutcome, ItemStatus, RunStatus
from workers.caller import AttemptTools, Caller
from workers.decisions import Finish, GiveBack, StopRun, decide
from workers.holds import Hold
from workers.onward import Onward
from workers.permits import FirstCall, Permit
from workers.progress import Progress
from workers.spans import ItemSpan
from workers.spend import usage_note
from workers.steps import Ended, go_on
from workers.worker_metrics import item_ended

log = logging.getLogger(__name__)

_RANDOM = SystemRandom()
#: PostgreSQL is away: the engine's statements say it so, and a job's queries by Django's names.
_AWAY = (psycopg.OperationalError, DjangoOperationalError, DjangoInterfaceError)
#: Work on so much text takes 10 ms, which is too long for all that wait for the loop.
_LARGE_CHARS, _LARGE_TOKENS = 50_000, 15_000


class StaleAttempt(Exception):
    """The lane belongs to a newer attempt; this one changes nothing any more."""


class Attempt:
    """A claimed item on its way through its kind's steps."""

    def __init__(
        self,
        claim: LaneClaim,
        *,
        tools: AttemptTools,
        client: Provider | ProviderError | None,
        first: FirstCall,
        permit: Permit | None,
        onward: Onward,
        hold: Hold | None = None,
    ) -> None:
        """`client` answers, or says why nobody can; None where the item's kind makes no calls.
        `permit` and `hold` are the first call's."""
        self.claim = claim
        self._kind = kind_named(claim.fence.kind)
        self._tools = tools
        self.onward = onward
        self.progress = Progress(tools.times)
        self.span = ItemSpan()
        self._caller = Caller(
            claim,
            tools=tools,
            client=client,
            first=first,
            permit=permit,
            hold=hold,
            progress=self.progress,
        )
        self._is_large = first.input_tokens > _LARGE_TOKENS
        #: The lane's row once the item has ended.
        self._moved: Row | None = None

    @property
    def fence(self) -> Fence:
        """What fences this attempt."""
        return self.claim.fence

    async def run(self) -> None:
        """Take the item through its steps to an outcome, whatever happens on the way.

        Raises:
            psycopg.OperationalError, django.db.OperationalError, django.db.InterfaceError:
                PostgreSQL is away. The next heartbeat finds the lane alone and takes it back.
        """
        try:
            if self.claim.run_status is RunStatus.QUEUED:
                word = self._kind.item_words[0]
                await self._tools.store.begin_run(self.claim.run_id, item_word=word)
            await self._generate()
        except StaleAttempt:
            log.warning("item %s: a newer attempt has it", self.claim.item_id)
            await self._caller.book()
        finally:
            self._caller.close()
            self.onward.drop()
        await self._move_on()

    def abort(self) -> None:
        """Give the item up: the call under way is aborted, none starts after. In the loop."""
        self._caller.abort()

    async def _generate(self) -> None:
        try:
            inp = self._kind.read(await self._loaded())
            draft = await self._drive(self._kind.steps(inp))
            await self._complete(draft, self._kind.result(inp, draft.content))
        except (StaleAttempt, *_AWAY):
            raise
        except Exception as error:
            await self._failed(error)

    async def _drive(self, steps: Steps[Draft[Any]]) -> Draft[Any]:
        """Take the item through its steps; what they return or raise."""
        large = self._is_large
        sent: Any = None
        with closing(steps):
            while True:
                step = await self._advance(steps, sent, large=large)
                match step:
                    case Ended():
                        return step.draft
                    case StageBegun():
                        self.progress.enter(step)
                        self.span.stage(step.name)
                        sent = None
                    case Job():
                        sent, large = await self._caller.job(step), True
                    case Request():
                        self.onward.drop()
                        sent = answer = await self._caller.answer(step)
                        large = self._is_large or len(answer.text) > _LARGE_CHARS
                        self.onward.ask()
                        await self._tools.answers.turn()

    async def _advance(
        self, steps: Steps[Draft[Any]], sent: object, *, large: bool
    ) -> Request | Job | StageBegun | Ended:
        """Have the steps go on; where that takes long, in a thread, so that others go on, too."""
        return await in_thread(go_on, steps, sent) if large else go_on(steps, sent)

    async def _loaded(self) -> Loaded:
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
            options=self._kind.all_options(claim.options),
            input=claim.input,
            prompts=await self._prompts(),
        )

    async def _prompts(self) -> Mapping[str, str]:
        known = self.claim.prompt_set_id
        return await in_thread(prompt_texts, known) if known else {}

    async def _complete(self, draft: Draft[Any], result: Any) -> None:
        reached = self.progress.reached()
        notes = draft.notes
        if self._caller.unknown_calls:
            notes = (*notes, usage_note(self._caller.unknown_calls))
        await self._finish(
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

    async def _failed(self, error: Exception) -> None:
        call_error = error if isinstance(error, ProviderError) else None
        match decide(error, self.claim, self._caller.closing):
            case Finish() as decision:
                if decision.code == "INTERNAL_ERROR":
                    log.error("item %s: a bug", self.claim.item_id, exc_info=error)
                await self._fail(decision, call_error)
            case GiveBack() as decision:
                await self._give_back(decision, call_error)
                if isinstance(error, BudgetRefused):
                    await in_thread(budget_wait, run_id=self.claim.run_id, refused=error)
            case StopRun() as decision:
                await self._stop_run(decision, call_error)

    async def _fail(self, decision: Finish, call_error: ProviderError | None) -> None:
        reached = self.progress.failed()
        word = "Skipped" if decision.status is ItemStatus.SKIPPED else "FAILED"
        await self._finish(
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
            await in_thread(run_break_circuit, run_id=self.claim.run_id, error_code=decision.code)

    async def _stop_run(self, decision: StopRun, call_error: ProviderError | None) -> None:
        fails = decision.to is RunStatus.FAILED
        await in_thread(
            run_move,
            run_id=self.claim.run_id,
            to=decision.to,
            kind=RunAction.Kind.FAIL if fails else RunAction.Kind.PAUSE,
            message=decision.message,
            error_code=decision.code,
        )
        back = GiveBack(reason="stopped", code=decision.code, message=decision.message)
        await self._give_back(back, call_error)

    async def _give_back(self, decision: GiveBack, call_error: ProviderError | None) -> None:
        self.span.ended("GIVEN_BACK", decision.code)
        doubt = self._caller.in_doubt
        given = await self._tools.store.give_back(
            GivingBack(
                fence=self.fence,
                call_id=self._caller.call_id,
                reason=decision.reason,
                message=f"[{self.claim.code}] {decision.message}",
                wait_s=decision.wait.draw(_RANDOM),
                refund=not decision.spent,
                error_code=decision.code,
                request_id=(call_error.request_id if call_error else None) or "",
                possibly_billed=call_error.possibly_billed if call_error else doubt,
                rate_limit_streak=decision.slower,
                call_outcome=CallOutcome.FAILED if call_error or doubt else CallOutcome.NOT_MADE,
            )
        )
        if given:
            await self._tools.ends.look(self.claim.run_id)

    async def _finish(self, outcome: Outcome) -> None:
        self.span.ended(outcome.status, outcome.error_code)
        delay_s = self.claim.delay_ms / 1000
        self._moved = await self.onward.finish(
            Finishing(
                fence=self.fence,
                call_id=self._caller.call_id,
                outcome=outcome,
                spend=self._caller.spend,
                park_s=delay_s if delay_s > settings.SLOT_WAIT_S else 0,
            )
        )
        if self._moved is None:
            raise StaleAttempt

    async def _move_on(self) -> None:
        moved = self._moved
        if moved is None:
            return
        if moved["state"] == "sent":
            delay_s = self.claim.delay_ms / 1000
            due_at = DATABASE.as_known().timestamp() + delay_s if delay_s else None
            self._tools.sender.send(Link.of(moved), due_at=due_at)
        elif moved["state"] == "idle":
            await self._tools.ends.look(moved["run_id"])
