"""`POST /v1/messages`: one call from its arrival to its end, faults included."""

import json
import logging
from functools import partial
from typing import Any

from simulator.answering.composing import compose
from simulator.answering.message_body import Answer, message
from simulator.endpoints.access import check_access, version_of
from simulator.endpoints.delivery import Delivery
from simulator.http.connection import MAX_BODY_BYTES, Exchange, Request
from simulator.http.wire import error_response
from simulator.protocol.errors import ApiError
from simulator.protocol.message_request import (
    MessageRequest,
    marker_of,
    prompt_text_of,
    read_request,
    user_text_of,
)
from simulator.protocol.prompt_cache import CacheUse
from simulator.state.fault_actions import NO_FAULT, Action
from simulator.state.faults import Occasion
from simulator.state.provider import Provider
from simulator.writing.brief import epic_code, find_fences

logger = logging.getLogger(__name__)

CONCURRENCY_RETRY_AFTER_S = 1


def decode_body(request: Request) -> Any:
    """The JSON of a request's body.

    Raises:
        ApiError: 413 for more than 32 MB, 400 for what is no JSON.
    """
    if request.too_large:
        raise ApiError(413, f"Request exceeds the maximum size of {MAX_BODY_BYTES} bytes")
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise ApiError(400, "The request body is not valid JSON.") from None


def create_message(provider: Provider, exchange: Exchange) -> None:
    """Answer one call: now, later, wrongly or never, as settings and fault rules say."""
    MessageCall(provider, exchange).run()


class MessageCall:
    """One call. It is logged from the first moment, also when it is refused."""

    def __init__(self, provider: Provider, exchange: Exchange) -> None:
        self._provider = provider
        self._exchange = exchange
        self._body: Any = None
        self._unreadable: ApiError | None = None
        try:
            self._body = decode_body(exchange.request)
        except ApiError as error:
            self._unreadable = error
        model = self._body.get("model") if isinstance(self._body, dict) else None
        self._fences = find_fences(user_text_of(self._body))
        self._call = provider.calls.begin(
            marker=marker_of(self._body),
            epic=epic_code(self._fences),
            model=model if isinstance(model, str) else None,
            retry_count=_retry_count(exchange.request),
            arrived_s=exchange.request.arrived_s,
        )
        self._request: MessageRequest | None = None
        exchange.on_abandoned = partial(provider.calls.finish, self._call, "aborted")

    def run(self) -> None:
        """Check the call, look for a fault, and set the answer going."""
        try:
            check_access(self._exchange.request)
            if self._unreadable:
                raise self._unreadable
            self._request = read_request(
                self._body,
                version=version_of(self._exchange.request),
                tells_format=bool(self._provider.settings.format_is_input),
            )
            self._body = None
            fault = self._find_fault(self._request)
            if not self._broken_off(fault):
                self._answer(self._request, fault)
        except ApiError as error:
            self._refuse(error)
        except Exception:
            logger.exception("call %d failed", self._call.index)
            self._refuse(ApiError(500))

    def _find_fault(self, request: MessageRequest) -> Action:
        self._call.stream = request.stream
        provider = self._provider
        call = self._call
        occasion = Occasion(
            epic=call.epic, marker=call.marker, model=call.model, stream=call.stream
        )
        fault = provider.fault_for(occasion)
        if fault is NO_FAULT or (fault.type == "weak_stories" and self._fences.has_defects):
            return NO_FAULT
        self._call.fault = fault.name
        return fault

    def _broken_off(self, fault: Action) -> bool:
        """Play a fault that needs no answer; False when the call goes on."""
        if fault.type == "error":
            self._exchange.after(fault.delay_s, partial(self._refuse, fault.error()))
        elif fault.type == "reset" and fault.at == "before":
            self._exchange.after(fault.delay_s, self._reset)
        else:
            return fault.type == "stall"
        return True

    def _answer(self, request: MessageRequest, fault: Action) -> None:
        now_s = self._provider.clock.monotonic_s()
        use = self._provider.cache.split(
            request.blocks,
            scope=request.cache_scope,
            minimum=request.model.cache_minimum,
            now_s=now_s,
        )
        answer = compose(self._provider.answers, self._fences, request, fault, self._prompt)
        self._admit(request, use, answer, now_s)
        call = self._call
        call.input_tokens = use.uncached
        call.cache_write_tokens = use.written
        call.cache_read_tokens = use.read
        call.output_tokens = answer.output_tokens
        delivery = Delivery(
            provider=self._provider,
            exchange=self._exchange,
            call=call,
            request=request,
            whole=message(
                request.model.id,
                answer,
                use,
                zero_total=bool(self._provider.settings.cache_write_total_zero),
            ),
            use=use,
            fault=fault,
        )
        delivery.start(self._provider.latency_s() + fault.delay_s)

    def _admit(self, request: MessageRequest, use: CacheUse, answer: Answer, now_s: float) -> None:
        provider = self._provider
        most = provider.settings.max_concurrency
        if most and provider.calls.in_flight > most:
            raise ApiError(
                429,
                "Number of concurrent connections has exceeded your rate limit.",
                headers={"retry-after": str(CONCURRENCY_RETRY_AFTER_S)},
            )
        refusal = provider.limits_of(request.model).admit(
            input_tokens=use.uncached + use.written,
            output_tokens=answer.output_tokens,
            now_s=now_s,
        )
        if refusal:
            raise refusal.error(refusal.dimension, f" (model: {request.model.id})")

    def _prompt(self) -> str:
        return prompt_text_of(decode_body(self._exchange.request))

    def _refuse(self, error: ApiError) -> None:
        extra = ""
        if self._request and error.by_provider:
            limits = self._provider.limits_of(self._request.model)
            extra = limits.headers(self._provider.clock)
        self._provider.calls.finish(self._call, error.status)
        keep_alive = self._exchange.request.keep_alive
        self._exchange.send(error_response(error, keep_alive=keep_alive, extra=extra))
        self._exchange.finish()

    def _reset(self) -> None:
        self._provider.calls.finish(self._call, "reset")
        self._exchange.reset()


def _retry_count(request: Request) -> int:
    text = request.header(b"x-stainless-retry-count") or "0"
    return int(text) if text.isdecimal() else 0
