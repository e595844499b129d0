"""The calls of one attempt: a permit for each, the call itself, and what is booked of it; and its
jobs, which need none of that."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from batchgen.db.ids import new_id
from batchgen.db.pools import connection_give_back
from batchgen.db.sql import run
from content.pipeline import Job, Request
from content.registry import kind_named
from providers.errors import CallAborted, ProviderError
from providers.provider import Call, Provider
from providers.values import Answer, Completion, StopReason, Usage
from runs.engine.claims import LaneClaim
from runs.engine.lanes import call_book, call_next
from runs.states import CallOutcome
from workers.decisions import Closing, RunNotActive
from workers.fair_semaphore import Holder
from workers.permits import FirstCall, Permit, Permits
from workers.progress import Progress
from workers.spend import NO_SPEND, spend_of
from workers.worker_metrics import call_answered, call_failed


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
        client: Provider | None,
        permits: Permits,
        first: FirstCall,
        permit: Permit | None,
        progress: Progress,
        answering: Holder,
    ) -> None:
        self.call_id = claim.call_id
        self.spend = NO_SPEND
        self.closing: Closing | None = None
        self.unknown_calls = 0
        self._claim = claim
        self._client = client
        self._permits = permits
        self._first = first
        self._permit: Permit | None = permit
        self._progress = progress
        self._answering = answering
        #: The last call's request and answer, until the next one begins.
        self._answered: tuple[Request, Completion] | None = None
        self._call: Call | None = None
        self._aborted = False

    @property
    def outcome(self) -> CallOutcome:
        """Of the call that is booked next, unless it failed."""
        return CallOutcome.NOT_MADE if self._answered is None else CallOutcome.ANSWERED

    def answer(self, request: Request) -> Completion:
        """Call the provider once, or answer with what an earlier attempt was already told.

        Raises:
            ProviderError, CallAborted: there is no answer.
            RunNotActive: a second call may not start; the answer to the first one is kept.
        """
        self._answering.release()
        kept = self._claim.answers.get(request.key)
        if kept is not None:
            return Completion(
                text=kept["text"],
                stop_reason=StopReason(kept["stopReason"]),
                usage=Usage(),
                model=request.completion.model,
                request_id="",
            )
        if self._client is None:
            raise TypeError(f"{self._claim.fence.kind} makes no calls, and its steps want one.")
        permit = self._permitted(request)
        if self._answered is not None:
            self._begin_next_call(request, *self._answered)
        self._permit = None
        completion = self._ask(request, self._client, permit)
        self._answered, self.spend = (request, completion), spend_of(completion)
        self.unknown_calls += self.spend.unknown_calls
        return completion

    def job(self, job: Job) -> Any:
        """Run a job in this thread, while others have the permit and their turn at answers.

        Raises:
            CallAborted: the attempt was given up, before the job or while it ran.
        """
        self._answering.release()
        self.close()
        self._go_on()
        kind = kind_named(self._claim.fence.kind)
        try:
            with self._progress.call((kind.name, job.name)):
                made = kind.jobs[job.name](**job.args)
        finally:
            connection_give_back()
        self._go_on()
        self._answering.acquire()
        return made

    def _go_on(self) -> None:
        if not self._aborted:
            return
        if self._answered is not None:
            self._book(response=_kept(*self._answered))
        raise CallAborted

    def abort(self) -> None:
        """From any thread: the call under way is aborted, and none starts after it."""
        self._aborted = True
        if self._call is not None:
            self._call.abort()

    def book(self) -> None:
        """Book what was spent, where nothing else of the attempt counts."""
        self._book(response=None)

    def close(self) -> None:
        """No call is made for now: a permit that is left over goes back."""
        if self._permit is not None:
            self._permit.unused()
            self._permit = None

    def _permitted(self, request: Request) -> Permit:
        if self._permit is None:
            self._permit = self._permits.next(
                request.completion, self._first, given_up=lambda: self._aborted
            )
        if self._permit is None:
            raise CallAborted
        return self._permit

    def _begin_next_call(self, request: Request, before: Request, answer: Completion) -> None:
        next_call_id = new_id()
        ending = call_next(
            fence=self._claim.fence,
            call_id=self.call_id,
            next_call_id=next_call_id,
            spend=self.spend,
            response=_kept(before, answer),
            purpose=request.completion.purpose,
            model=request.completion.model,
        )
        may_begin = run(ending)
        self._answered, self.spend = None, NO_SPEND
        if not may_begin:
            raise RunNotActive
        self.call_id = next_call_id

    def _book(self, *, response: Mapping[str, str] | None) -> None:
        booking = call_book(
            lane_id=self._claim.fence.lane_id,
            call_id=self.call_id,
            spend=self.spend,
            response=response,
        )
        run(booking)

    def _ask(self, request: Request, client: Provider, permit: Permit) -> Completion:
        """Make the one call that is permitted, and tell the limiter how it ended."""
        try:
            answer = self._send(request, client)
        except ProviderError as failed:
            raise self._failed(failed, permit) from failed.__cause__
        except CallAborted:
            permit.aborted()
            raise
        call_answered(request.completion.model, answer.latency_s)
        permit.answered(answer.completion.usage, answer.limits)
        self._answering.acquire()
        return answer.completion

    def _send(self, request: Request, client: Provider) -> Answer:
        self._call = client.start(request.completion)
        if self._aborted:
            # Asked for before there was a call to abort.
            self._call.abort()
        with self._progress.call((request.completion.model, request.alike)):
            return self._call.result()

    def _failed(self, failed: ProviderError, permit: Permit) -> ProviderError:
        """What is to be decided on: a wait that is too long is an error of its own."""
        call_failed(failed.code, failed.http_status)
        error = failed.within(settings.LONGEST_WAIT_S)
        seconds = permit.failed(error)
        if seconds is not None:
            self.closing = Closing(seconds=seconds, in_a_row=permit.refusals)
        return error


def _kept(request: Request, answer: Completion) -> dict[str, str]:
    """An answer as a later attempt has it."""
    return {"key": request.key, "text": answer.text, "stopReason": answer.stop_reason}
