"""The calls of one attempt: a permit for each, the call itself, and what is booked of it; and its
jobs, which need none of that."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from batchgen.db.in_thread import in_thread
from batchgen.tracing.values import Span
from content.pipeline import Job, Request
from content.registry import kind_named
from providers.errors import CallAborted, ProviderError
from providers.provider import Provider
from providers.values import Answer, Completion, StopReason, Usage
from runs.engine.claims import LaneClaim
from runs.engine.refusals import BudgetRefused, PriceMissing
from runs.states import CallOutcome
from workers.answer_turns import AnswerTurns
from workers.decisions import Closing, RunNotActive
from workers.holds import Hold, Holds, hold_of
from workers.lane_store import LaneStore
from workers.permits import FirstCall, Permit, Permits
from workers.progress import CallTimes, Progress
from workers.request_digest import request_digest
from workers.run_ends import RunEnds
from workers.sender import Sender
from workers.spans import RunPlaces, call_refused, call_span, call_told
from workers.spend import NO_SPEND, spend_of
from workers.worker_metrics import call_answered, call_failed


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptTools:
    """What all attempts of a process share."""

    store: LaneStore
    sender: Sender
    permits: Permits
    answers: AnswerTurns
    times: CallTimes
    holds: Holds
    ends: RunEnds
    places: RunPlaces


class Caller:
    """Answers an item's requests: from what was kept, or by a call to the provider. Where its kind
    makes no calls there is neither a client nor a permit.

    Attributes:
        call_id: of the call that is booked next; the claim, or the call before, wrote its intent.
        spend: of that call, as far as it was answered.
        closing: what the last call did to the gate, where it closed it.
        unknown_calls: answers that did not say what they took.
    """

    def __init__(
        self,
        claim: LaneClaim,
        *,
        tools: AttemptTools,
        client: Provider | ProviderError | None,
        first: FirstCall,
        permit: Permit | None,
        hold: Hold | None,
        progress: Progress,
    ) -> None:
        self.call_id = claim.call_id
        self.spend = NO_SPEND
        self.closing: Closing | None = None
        self.unknown_calls = 0
        self._claim = claim
        self._tools = tools
        self._client = client
        self._first = first
        self._permit: Permit | None = permit
        #: What is held for the call that is booked next.
        self._held = hold
        #: That call was sent.
        self._sent = False
        self._progress = progress
        #: The last call's request and answer, until the next one begins.
        self._answered: tuple[Request, Completion] | None = None
        self._call: asyncio.Task[Answer] | None = None
        self._aborted = False

    @property
    def outcome(self) -> CallOutcome:
        """Of the call that is booked next, unless it failed."""
        return CallOutcome.NOT_MADE if self._answered is None else CallOutcome.ANSWERED

    @property
    def in_doubt(self) -> bool:
        """That call was sent, and nobody knows what came of it, unless an error says so."""
        return self._sent and self._answered is None

    async def answer(self, request: Request) -> Completion:
        """Call the provider once, or answer with what an earlier attempt was already told.

        Raises:
            ProviderError, CallAborted: there is no answer.
            RunNotActive: a second call may not start; the answer to the first one is kept.
            BudgetRefused, PriceMissing: it may cost more than may be spent; likewise.
        """
        kept = self._claim.answers.get(request.key)
        if kept is not None and _is_answer_to(request, kept):
            return Completion(
                text=kept["text"],
                stop_reason=StopReason(kept["stopReason"]),
                usage=Usage(),
                model=request.completion.model,
                request_id="",
            )
        if self._client is None:
            raise TypeError(f"{self._claim.fence.kind} makes no calls, and its steps want one.")
        if isinstance(self._client, ProviderError):
            raise self._client
        permit = await self._permitted(request)
        needed = hold_of(request.completion)
        if self._answered is not None or self.call_id is None:
            await self._begin_next_call(request, needed)
        else:
            await self._hold(needed)
        self._permit = None
        completion = await self._ask(request, self._client, permit)
        self._answered, self.spend = (request, completion), spend_of(completion, request)
        self.unknown_calls += self.spend.unknown_calls
        return completion

    async def job(self, job: Job) -> Any:
        """Run a job in a thread, while others have the permit.

        Raises:
            CallAborted: the attempt was given up, before the job or while it ran.
        """
        self.close()
        await self._go_on()
        kind = kind_named(self._claim.fence.kind)
        with self._progress.call((kind.name, job.name)):
            made = await in_thread(kind.jobs[job.name], **job.args)
        await self._go_on()
        return made

    async def _go_on(self) -> None:
        if not self._aborted:
            return
        if self._answered is not None:
            await self._book(response=_kept(*self._answered))
        raise CallAborted

    def abort(self) -> None:
        """The call under way is given up, and none starts after it. In the loop."""
        self._aborted = True
        if self._call is not None:
            self._call.cancel()

    async def book(self) -> None:
        """Book what was spent, where nothing else of the attempt counts."""
        if self._answered is not None:
            await self._book(response=None)

    def close(self) -> None:
        """No call is made for now: a permit that is left over goes back."""
        if self._permit is not None:
            self._permit.unused()
            self._permit = None

    async def _permitted(self, request: Request) -> Permit:
        if self._permit is None:
            self._permit = await self._tools.permits.next(
                request.completion, self._first, given_up=lambda: self._aborted
            )
        if self._permit is None:
            raise CallAborted
        return self._permit

    async def _hold(self, needed: Hold) -> None:
        """Hold what the first call needs where its prompt is longer than was thought."""
        if not self._claim.answers:
            self._tools.holds.learn(self._first, needed)
        held, micro_usd = self._held, needed.micro_usd
        if held is None or self.call_id is None or micro_usd is None or held.covers(needed):
            return
        try:
            await self._tools.store.hold(self.call_id, micro_usd)
        except BudgetRefused as refused:
            # What is held already goes back: the call needs all of it.
            raise BudgetRefused(refused.budget_id, micro_usd) from refused
        self._held = needed

    async def _begin_next_call(self, request: Request, needed: Hold) -> None:
        """After the call before was answered; or where the claim wrote none, as a slice had the
        answer to the first request."""
        kept = _kept(*self._answered) if self._answered else {}
        try:
            next_call_id = await self._tools.store.next_call(
                self._claim.fence,
                call_id=self.call_id,
                spend=self.spend,
                response=kept,
                purpose=request.completion.purpose,
                model=request.completion.model,
                held_micro_usd=needed.micro_usd,
            )
        except (BudgetRefused, PriceMissing):
            if self._answered:
                await self._book(response=kept)
            raise
        self._answered, self.spend, self._sent = None, NO_SPEND, False
        if next_call_id is None:
            raise RunNotActive
        self.call_id, self._held = next_call_id, needed

    async def _book(self, *, response: Mapping[str, str] | None) -> None:
        await self._tools.store.book(
            lane_id=self._claim.fence.lane_id,
            call_id=self.call_id,
            spend=self.spend,
            response=response,
        )

    async def _ask(self, request: Request, client: Provider, permit: Permit) -> Completion:
        """Make the one call that is permitted, and tell the limiter how it ended."""
        try:
            with call_span(request.completion, self._first.provider) as span:
                answer = await self._send(request, client, span)
        except ProviderError as failed:
            raise await self._failed(failed, permit) from failed.__cause__
        except CallAborted:  # the client was closed
            permit.aborted()
            raise
        except asyncio.CancelledError:
            permit.aborted()
            if not self._aborted:
                raise  # the loop ends
            raise CallAborted from None
        call_answered(request.completion.model, answer.latency_s)
        permit.answered(answer.completion.usage, answer.limits)
        return answer.completion

    async def _send(self, request: Request, client: Provider, span: Span) -> Answer:
        with self._progress.call((request.completion.model, request.alike)):
            self._call = asyncio.create_task(client.ask(request.completion))
            self._sent = not self._aborted
            if self._aborted:
                # Asked for before there was a call to give up.
                self._call.cancel()
            try:
                answer = await self._call
            except ProviderError as failed:
                call_refused(span, failed)
                raise
            finally:
                self._call = None
        call_told(span, answer.completion)
        return answer

    async def _failed(self, failed: ProviderError, permit: Permit) -> ProviderError:
        """What is to be decided on: a wait that is too long is an error of its own."""
        call_failed(failed.code, failed.http_status)
        error = failed.within(settings.LONGEST_WAIT_S)
        seconds = await permit.failed(error)
        if seconds is not None:
            self.closing = Closing(seconds=seconds, in_a_row=permit.refusals)
        return error


def _is_answer_to(request: Request, kept: Mapping[str, str]) -> bool:
    """Not where its target was edited while it was out in a slice. An attempt's own answers have
    no digest: they are of another attempt at the same thing."""
    asked = kept.get("digest")
    return not asked or asked == request_digest(request.completion)


def _kept(request: Request, answer: Completion) -> dict[str, str]:
    """An answer as a later attempt has it."""
    return {"key": request.key, "text": answer.text, "stopReason": answer.stop_reason}
