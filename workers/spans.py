"""Spans of attempts, their stages and their calls; nothing where there are none."""

import json
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import Error as DjangoDatabaseError

from batchgen.db.in_thread import in_thread
from batchgen.logs import log_bind
from batchgen.tracing import names, spans
from batchgen.tracing.values import Place, Span, Value
from providers.errors import ProviderError
from providers.values import Completion, CompletionRequest
from runs.engine.claims import LaneClaim
from runs.models import Run
from runs.run_spans import run_place

log = logging.getLogger(__name__)

#: Runs whose place is remembered: those that are at work.
_MOST_RUNS = 1_000


class RunPlaces:
    """Where the spans of runs' items belong. Of the loop."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Place] = OrderedDict()

    async def learn(self, run_id: str) -> None:
        """Look it up, once a run: before an item is claimed, as then its call begins at once."""
        if not spans.are_made() or run_id in self._known:
            return
        try:
            self._known[run_id] = await in_thread(_place, UUID(run_id))
        except (psycopg.Error, DjangoDatabaseError, ValueError) as error:
            log.warning("the trace of run %s is not known: %s", run_id, error)
            return
        if len(self._known) > _MOST_RUNS:
            self._known.popitem(last=False)

    def of(self, run_id: UUID) -> Place | None:
        """As `learn` found it."""
        return self._known.get(str(run_id))


def _place(run_id: UUID) -> Place:
    row = Run.objects.filter(pk=run_id).values_list("traceparent", flat=True).first()
    return run_place(run_id, row or "")


class ItemSpan:
    """The span of one attempt at an item, and those of its stages below it."""

    def __init__(self) -> None:
        self._outcome = self._error_code = ""
        self._stage = ExitStack()
        self._stage_span: Span | None = None

    @contextmanager
    def of(self, claim: LaneClaim, run: Place | None) -> Iterator[None]:
        """All that the attempt does is in the block."""
        if not spans.are_made():
            yield
            return
        with spans.span(
            f"item {claim.fence.kind}", parent=run, attributes=_attempt(claim)
        ) as span, self._stages():  # fmt: skip
            log_bind(**spans.for_logs())
            try:
                yield
            finally:
                if self._outcome:
                    span.set({names.ITEM_OUTCOME: self._outcome})
                if self._error_code:
                    span.fail(self._error_code)

    def stage(self, name: str) -> None:
        """A stage begins, and so the one before it has ended."""
        if not spans.are_made():
            return
        self._stage.close()
        self._stage_span = self._stage.enter_context(
            spans.span(f"stage {name}", attributes={names.STAGE: name})
        )

    def ended(self, outcome: str, error_code: str | None) -> None:
        """How the attempt ended: an item's status, or GIVEN_BACK; and why, where it went wrong."""
        self._outcome, self._error_code = outcome, error_code or ""

    @contextmanager
    def _stages(self) -> Iterator[None]:
        """The last one ends with the attempt, and goes wrong with it."""
        try:
            yield
        finally:
            if self._stage_span and self._error_code:
                self._stage_span.fail(self._error_code)
            self._stage.close()


def _attempt(claim: LaneClaim) -> dict[str, Value]:
    return {
        names.RUN_ID: str(claim.run_id),
        names.ITEM_ID: str(claim.item_id),
        names.ITEM_CODE: claim.code,
        names.ITEM_KIND: claim.fence.kind,
        names.ITEM_ATTEMPT: claim.attempt,
    }


def call_span(request: CompletionRequest, provider: str) -> AbstractContextManager[Span]:
    """The block is one call of a provider."""
    if not spans.are_made():
        return spans.NO_SPAN
    attributes: dict[str, Value] = {
        names.GEN_AI_OPERATION: "chat",
        names.GEN_AI_PROVIDER: provider,
        names.GEN_AI_REQUEST_MODEL: request.model,
        names.GEN_AI_REQUEST_MAX_TOKENS: request.max_tokens,
        names.GEN_AI_OUTPUT_TYPE: "json",
        names.CALL_PURPOSE: request.purpose,
    }
    if settings.TRACE_CONTENTS:
        system = [{"type": "text", "content": block.text} for block in request.system]
        attributes[names.GEN_AI_SYSTEM] = json.dumps(system)
        attributes[names.GEN_AI_INPUT] = _message("user", request.user)
    return spans.span(f"chat {request.model}", kind="client", attributes=attributes)


def call_told(span: Span, answer: Completion) -> None:
    """What the answer says of itself."""
    if not spans.are_made():
        return
    said: dict[str, Value] = {
        names.GEN_AI_RESPONSE_MODEL: answer.model,
        names.CALL_REQUEST_ID: answer.request_id,
        names.GEN_AI_FINISH_REASONS: (answer.stop_reason.value,),
    }
    if usage := answer.usage:
        said |= {
            names.GEN_AI_INPUT_TOKENS: usage.prompt_tokens,
            names.GEN_AI_OUTPUT_TOKENS: usage.output_tokens,
            names.GEN_AI_CACHE_READ_TOKENS: usage.cache_read_tokens,
            names.GEN_AI_CACHE_WRITE_TOKENS: usage.cache_write_tokens,
        }
    if settings.TRACE_CONTENTS:
        said[names.GEN_AI_OUTPUT] = _message("assistant", answer.text)
    span.set(said)


def call_refused(span: Span, error: ProviderError) -> None:
    """There is no answer; the error itself leaves the block."""
    said = {names.HTTP_STATUS: error.http_status, names.CALL_REQUEST_ID: error.request_id}
    span.set({name: value for name, value in said.items() if value is not None})


def _message(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
