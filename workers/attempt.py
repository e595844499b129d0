"""One attempt at one epic: from the claimed lane to its outcome.

The pipeline knows nothing of lanes, runs or money. An Attempt is its two ways out: `complete`
leads to the provider and keeps the books, `store` ends the epic and moves its lane on.
"""

import logging
from collections.abc import Mapping
from decimal import Decimal
from random import SystemRandom
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from django.conf import settings

from batchgen.db.clock import database_now
from batchgen.db.ids import new_id
from batchgen.logs import log_bind
from content.errors import GenerationError, NothingToGenerate
from content.pipeline import Draft, Request, drive
from content.stories.pipeline import steps
from content.stories.values import (
    CardInput,
    EpicInput,
    GenerationInput,
    KeptStory,
    ProjectInput,
    StoryDraft,
)
from epics.languages import is_language
from limiter.desk import MOST_PARKED_S
from providers.errors import CallAborted, Effect, ProviderError
from providers.prices import cost_usd
from providers.values import Completion, StopReason, Usage
from runs.engine import dispatch
from runs.engine.dispatch import Link
from runs.engine.lanes import (
    Hold,
    Outcome,
    Spend,
    call_book,
    call_next,
    lane_claim,
    lane_finish,
    lane_give_back,
)
from runs.engine.transitions import run_begin, run_break, run_finalize, run_move
from runs.models import RunAction
from runs.pacing import delay_after_rate_limit_ms
from runs.states import CallOutcome, RunEpicStatus, RunStatus
from workers.permits import FirstCall, Leave, Permits
from workers.progress import CallTimes, Progress
from workers.retry import UNSTATED_ERRORS_IN_A_ROW, RetryPolicy
from workers.turns import Turns
from workers.worker_metrics import epic_ended

if TYPE_CHECKING:
    from providers.anthropic.client import Call, ProviderClient

log = logging.getLogger(__name__)

_RANDOM = SystemRandom()
_NO_SPEND = Spend()
#: Work on answers needs the interpreter and nothing else, so one at a time is done soonest.
TURNS = Turns(1)


class Overtaken(Exception):
    """The lane belongs to a newer attempt; this one changes nothing any more."""


class StandsStill(Exception):
    """The run was paused or ended between two calls of this attempt."""


class Attempt:
    """A claimed lane, its epic, and the call that is under way."""

    def __init__(
        self,
        *,
        hold: Hold,
        call_id: UUID,
        claimed: dict[str, Any],
        client: "ProviderClient",
        permits: Permits,
        first: FirstCall,
        leave: Leave,
        times: CallTimes,
    ) -> None:
        self.hold = hold
        self.progress = Progress(times)
        self._claimed = claimed
        self._client = client
        self._permits = permits
        self._first = first
        self._leave: Leave | None = leave
        #: Answers to earlier attempts, by the key of their request.
        self._kept: Mapping[str, dict[str, str]] = {
            kept["key"]: kept for kept in claimed["responses"] or ()
        }
        self._call_id = call_id
        self._spend = _NO_SPEND
        self._unknown_calls = 0
        #: What the last call was told, and the key of the request that asked for it.
        self._answer: Completion | None = None
        self._asked = ""
        self._moved: dict[str, Any] | None = None
        self._call: Call | None = None
        self._turn = TURNS.turn()
        self._aborted = False
        #: For how long the last call's refusal closed the gate, and the refusals in a row.
        self._closed_s: float | None = None
        self._closings = 0

    def run(self) -> None:
        """Take the epic through the pipeline to an outcome, whatever happens on the way."""
        if self._claimed["run_status"] == RunStatus.QUEUED:
            run_begin(run_id=self._claimed["run_id"])
        try:
            draft = drive(
                steps(generation_input(self.hold, self._claimed)),
                answer=self.complete,
                on_stage=self.progress.enter,
            )
            self.store(draft)
        except ProviderError as error:
            self._provider_failed(error)
        except GenerationError as error:
            self._generation_failed(error)
        except CallAborted:
            self._give_back("The call was given up.", "stopped")
        except StandsStill:
            self._give_back("The run stands still; the answer so far is kept.", "stopped")
        except Overtaken:
            log.warning("epic %s: overtaken by a newer attempt", self.hold.run_epic_id)
            call_book(lane_id=self.hold.lane_id, call_id=self._call_id, spend=self._spend)
        except psycopg.OperationalError:
            # The worker's next heartbeat finds the lane without an attempt and takes it back.
            raise
        except Exception:
            self._bug()
        finally:
            self._turn.leave()
            if self._leave is not None:
                self._leave.unused()
        self._move_on()

    def abort(self) -> None:
        """Give the epic up, from any thread: the call under way is aborted, none starts after."""
        self._aborted = True
        if self._call is not None:
            self._call.abort()

    def complete(self, wanted: Request) -> Completion:
        """Call the provider once, or answer with what an earlier attempt was already told.

        Raises:
            ProviderError, CallAborted: there is no answer.
            StandsStill, Overtaken: a second call may not start.
        """
        self._turn.leave()
        request = wanted.completion
        kept = self._kept.get(wanted.key)
        if kept is not None:
            return Completion(
                text=kept["text"],
                stop_reason=StopReason(kept["stopReason"]),
                usage=Usage(),
                model=request.model,
                request_id="",
            )
        if self._leave is None:
            self._leave = self._permits.next(request, self._first, given_up=lambda: self._aborted)
            if self._leave is None:
                raise CallAborted
        if self._answer is not None:
            self._begin_next_call(wanted, self._answer)
        leave, self._leave = self._leave, None
        answer = self._ask(wanted, leave)
        self._answer, self._asked, self._spend = answer, wanted.key, spend_of(answer)
        self._unknown_calls += self._spend.unknown_calls
        return answer

    def store(self, draft: Draft[tuple[StoryDraft, ...]]) -> None:
        """End the epic with its stories.

        Raises:
            Overtaken: nothing was stored.
        """
        code = self._claimed["epic_code"]
        reached = self.progress.reached()
        notes = draft.notes
        if self._unknown_calls:
            notes = (*notes, _usage_note(self._unknown_calls))
        self._finish(
            Outcome(
                status=RunEpicStatus.COMPLETED,
                message="; ".join([f"[{code}] Completed: {draft.summary}", *notes]),
                stories=[_story_row(story) for story in draft.content],
                stage_ms=reached.stage_ms,
                skipped_stages=reached.skipped_stages,
                notes=notes,
                call_outcome=self._call_outcome(),
                prompt_revision=self._claimed["prompt_revision"],
            )
        )

    def _ask(self, wanted: Request, leave: Leave) -> Completion:
        """Make the one call that is given leave, and tell the limiter how it ended."""
        self._call = self._client.start(wanted.completion)
        if self._aborted:
            # Asked for before there was a call to abort.
            self._call.abort()
        try:
            with self.progress.call((wanted.completion.model, wanted.alike)):
                answer = self._call.result()
        except ProviderError as failed:
            error = failed.within(settings.LONGEST_WAIT_S)
            self._closed_s = leave.failed(error)
            self._closings = leave.closings
            raise error from failed.__cause__
        except CallAborted:
            leave.aborted()
            raise
        leave.answered(answer.completion.usage, answer.limits)
        self._turn.take()
        return answer.completion

    def _begin_next_call(self, wanted: Request, answer: Completion) -> None:
        next_call_id = call_next(
            hold=self.hold,
            call_id=self._call_id,
            spend=self._spend,
            response={
                "key": self._asked,
                "text": answer.text,
                "stopReason": answer.stop_reason,
            },
            purpose=wanted.completion.purpose,
            model=wanted.completion.model,
        )
        self._answer, self._spend = None, _NO_SPEND
        if next_call_id is None:
            raise StandsStill
        self._call_id = next_call_id

    def _call_outcome(self) -> CallOutcome:
        return CallOutcome.ANSWERED if self._answer is not None else CallOutcome.NOT_MADE

    def _finish(self, outcome: Outcome) -> None:
        # PostgreSQL may let one epic wait, for somebody who edits it: others need not.
        self._turn.leave()
        delay_s = self._claimed["delay_ms"] / 1000
        self._moved = lane_finish(
            hold=self.hold,
            call_id=self._call_id,
            outcome=outcome,
            spend=self._spend,
            park_s=delay_s if delay_s > settings.SLOT_WAIT_S else 0,
        )
        if self._moved is None:
            raise Overtaken
        completed = outcome.status == RunEpicStatus.COMPLETED
        epic_ended(outcome.status, outcome.stage_ms if completed else {})

    def _provider_failed(self, error: ProviderError) -> None:
        match error.effect:
            case Effect.WAIT:
                self._wait(error)
            case Effect.RETRY:
                self._retry(error)
            case Effect.FAIL_ITEM:
                self._fail(error.code, error.message, error=error)
            case Effect.PAUSE_RUN | Effect.FAIL_RUN:
                self._stop_run(error)

    def _stop_run(self, error: ProviderError) -> None:
        fail = error.effect is Effect.FAIL_RUN
        run_move(
            run_id=self._claimed["run_id"],
            to=RunStatus.FAILED if fail else RunStatus.PAUSED,
            kind=RunAction.Kind.FAIL if fail else RunAction.Kind.PAUSE,
            message=error.message,
            error_code=error.code,
        )
        self._give_back(error.message, "stopped", error=error)

    def _wait(self, error: ProviderError) -> None:
        if error.retry_after_s is None and self._closings >= UNSTATED_ERRORS_IN_A_ROW:
            self._stop_run(error)
            return
        paced_ms = delay_after_rate_limit_ms(
            self._claimed["delay_ms"], errors=self._claimed["strain"] + 1
        )
        self._give_back(
            error.message,
            "rate-limit",
            wait_s=min(max(self._closed_s or 0, paced_ms / 1000), MOST_PARKED_S)
            + _RANDOM.uniform(0, 0.5),
            error=error,
            strain=True,
        )

    def _retry(self, error: ProviderError) -> None:
        policy = RetryPolicy(
            max_attempts=self._claimed["max_retries"] + 1,
            first_wait_s=self._claimed["retry_wait_ms"] / 1000,
        )
        wait_s = policy.wait_s(
            attempt=self._claimed["attempt"],
            retry_after_s=error.retry_after_s,
            random=_RANDOM,
        )
        if wait_s is None:
            self._fail(error.code, error.message, error=error)
        else:
            self._give_back(error.message, "backoff", wait_s=wait_s, error=error, refund=False)

    def _give_back(
        self,
        message: str,
        reason: str,
        *,
        wait_s: float = 0,
        error: ProviderError | None = None,
        refund: bool = True,
        strain: bool = False,
    ) -> None:
        given = lane_give_back(
            hold=self.hold,
            call_id=self._call_id,
            reason=reason,
            message=f"[{self._claimed['epic_code']}] {message}",
            wait_s=wait_s,
            refund=refund,
            error_code=error.code if error else "STOPPED",
            request_id=(error.request_id if error else None) or "",
            possibly_billed=error.possibly_billed if error else False,
            strain=strain,
        )
        if given:
            run_finalize(run_id=self._claimed["run_id"])

    def _generation_failed(self, error: GenerationError) -> None:
        if isinstance(error, NothingToGenerate):
            self._fail(error.code, error.message, status=RunEpicStatus.SKIPPED)
        else:
            self._fail(error.code, error.message)

    def _bug(self) -> None:
        log.exception("epic %s: a bug", self.hold.run_epic_id)
        self._fail(
            "INTERNAL_ERROR",
            f"batchgen made a mistake here; the worker's log has it under {self.hold.run_epic_id}.",
        )

    def _fail(
        self,
        code: str,
        message: str,
        *,
        error: ProviderError | None = None,
        status: RunEpicStatus = RunEpicStatus.FAILED,
    ) -> None:
        reached = self.progress.failed()
        word = "Skipped" if status == RunEpicStatus.SKIPPED else "FAILED"
        outcome = Outcome(
            status=status,
            message=f"[{self._claimed['epic_code']}] {word}: {message}",
            stage=reached.stage,
            stage_ms=reached.stage_ms,
            skipped_stages=reached.skipped_stages,
            notes=reached.notes,
            error_code=code,
            error=message,
            call_outcome=CallOutcome.FAILED if error else self._call_outcome(),
            possibly_billed=error.possibly_billed if error else False,
        )
        try:
            self._finish(outcome)
        except Overtaken:
            call_book(lane_id=self.hold.lane_id, call_id=self._call_id, spend=self._spend)
            return
        if status == RunEpicStatus.FAILED:
            run_break(run_id=self._claimed["run_id"], error_code=code)

    def _move_on(self) -> None:
        moved = self._moved
        if moved is None:
            return
        if moved["state"] == "sent":
            delay_s = self._claimed["delay_ms"] / 1000
            due_at = database_now().timestamp() + delay_s if delay_s else None
            dispatch.send([Link.of(moved)], due_at=due_at)
        elif moved["state"] == "idle":
            run_finalize(run_id=moved["run_id"])


def attempt_begin(
    *,
    hold: Hold,
    worker_id: UUID,
    client: "ProviderClient",
    permits: Permits,
    first: FirstCall,
    leave: Leave,
    times: CallTimes,
) -> Attempt | None:
    """Claim the hold's epic; None when its message is late, doubled, or the run stands still.

    Args:
        leave: for the first call; given back where there is no attempt, or no call.
        times: of this worker's calls.
    """
    call_id = new_id()
    try:
        claimed = lane_claim(hold=hold, worker_id=worker_id, call_id=call_id)
    except psycopg.Error:
        leave.unused()
        raise
    if claimed is None:
        leave.unused()
        return None
    log_bind(run=claimed["run_id"])
    return Attempt(
        hold=hold,
        call_id=call_id,
        claimed=claimed,
        client=client,
        permits=permits,
        first=first,
        leave=leave,
        times=times,
    )


def generation_input(hold: Hold, row: dict[str, Any]) -> GenerationInput:
    """The pipeline's input from a claimed row. An epic that was deleted has no texts: skipped."""
    return GenerationInput(
        run_epic_id=str(hold.run_epic_id),
        project=ProjectInput(
            name=row["project_name"],
            description=row["project_description"],
            context=row["project_context"],
            # One that was stored before languages came from a list is no text for a prompt.
            language=row["project_language"] if is_language(row["project_language"]) else "",
        ),
        epic=EpicInput(
            code=row["epic_code"],
            title=row["title"] or row["epic_code"],
            theme=row["theme"] or "",
            description=row["description"] or "",
            business_value=row["business_value"] or "",
            acceptance_criteria=tuple(row["acceptance_criteria"] or ()),
            dependencies=tuple(row["dependencies"] or ()),
            effort=row["effort"] or "",
            impact=row["impact"] or "",
            priority=row["epic_priority"],
        ),
        cards=tuple(
            CardInput(
                code=code,
                title=title,
                persona=persona,
                statement=statement,
                problem=problem,
                systems=tuple(systems),
            )
            for code, title, persona, statement, problem, systems in row["cards"]
        ),
        mode=row["mode"],
        persona_set=row["persona_set"],
        model=row["model"],
        max_tokens=row["max_tokens"],
        skip_quality_check=row["skip_quality_check"],
        quality_bar=settings.QUALITY_BAR,
        kept=tuple(
            KeptStory(title=title, user_story=user_story) for title, user_story in row["kept"] or ()
        ),
    )


def spend_of(answer: Completion) -> Spend:
    """What an answer used and cost, as far as it is known; the log says what is not.

    An unpriced model costs 0.
    """
    if answer.usage is None:
        log.warning("request %s: answered without a usage; booked as unknown", answer.request_id)
        return Spend.unknown(request_id=answer.request_id)
    cost = cost_usd(answer.model, answer.usage, at=database_now().date())
    if cost is None:
        log.warning("no price for model %s: its calls are booked as free", answer.model)
    return Spend(
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        cache_read_tokens=answer.usage.cache_read_tokens,
        cache_write_tokens=answer.usage.cache_write_tokens,
        cost_usd=cost or Decimal(0),
        request_id=answer.request_id,
    )


def _usage_note(calls: int) -> str:
    whose = "a call" if calls == 1 else f"{calls} calls"
    return f"the provider did not say what {whose} took; tokens and cost are booked as unknown"


def _story_row(story: StoryDraft) -> dict[str, object]:
    return {
        "id": str(new_id()),
        "order": story.position,
        "title": story.title,
        "user_story": story.user_story,
        "persona": story.persona,
        "acceptance_criteria": story.acceptance_criteria,
        "technical_notes": story.technical_notes,
        "priority": story.priority,
        "effort": story.effort,
        "quality_score": story.quality_score,
        "defects": [defect.as_json() for defect in story.defects],
    }
