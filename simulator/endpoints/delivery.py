"""Delivery of an answer: whole, streamed, slowly, or cut off."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from simulator.answering.message_body import events
from simulator.http.connection import Exchange
from simulator.http.wire import (
    EVENT_STREAM,
    JSON,
    LAST_CHUNK,
    SPOILED_BODIES,
    event,
    head,
    new_id,
    response,
    to_json,
)
from simulator.protocol.errors import ApiError
from simulator.protocol.message_request import MessageRequest
from simulator.protocol.prompt_cache import CacheUse
from simulator.state.calls import Call
from simulator.state.fault_actions import Action
from simulator.state.provider import Provider

FIRST_EVENT_SHARE = 0.25
"""Of a streamed answer's latency, the part before its first event."""
RESET_AFTER_S = 0.02
"""Leaves the client time to read the first half before the connection breaks."""


class Delivery:
    """The last part of a granted call.

    Args:
        whole: the message as a plain answer would carry it.
        use: what the prompt cache keeps once the answer begins.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        exchange: Exchange,
        call: Call,
        request: MessageRequest,
        whole: dict[str, Any],
        use: CacheUse,
        fault: Action,
    ) -> None:
        self._provider = provider
        self._exchange = exchange
        self._call = call
        self._request = request
        self._whole = whole
        self._use = use
        self._fault = fault
        self._begun = False
        self._resets = provider.resets
        exchange.on_abandoned = self._abandoned

    def start(self, latency_s: float) -> None:
        """Send the answer so that its last byte leaves after `latency_s`."""
        if self._request.stream and self._fault.type not in SPOILED_BODIES:
            first_s = latency_s * FIRST_EVENT_SHARE
            self._exchange.after(first_s, partial(self._stream, latency_s - first_s))
        else:
            self._exchange.after(latency_s, self._send_whole)

    def _send_whole(self) -> None:
        self._begin()
        body, content_type = to_json(self._whole), JSON
        if self._fault.type in SPOILED_BODIES:
            body, content_type = SPOILED_BODIES[self._fault.type]
        answer = response(
            200,
            body,
            keep_alive=self._exchange.request.keep_alive,
            content_type=content_type,
            extra=self._limit_headers(),
        )
        self._transmit([answer], len(body), 0.0)

    def _stream(self, duration_s: float) -> None:
        self._begin()
        first = head(
            200,
            request_id=new_id("req"),
            content_type=EVENT_STREAM,
            length=None,
            keep_alive=self._exchange.request.keep_alive,
            extra=self._limit_headers() + "cache-control: no-cache\r\n",
        )
        pieces = [*self._events(), LAST_CHUNK]
        body_size = sum(map(len, pieces))
        pieces[0] = first + pieces[0]
        self._transmit(pieces, body_size, duration_s)

    def _events(self) -> list[bytes]:
        pieces = list(events(self._whole))
        if self._fault.type in ("stream_early_end", "stream_error"):
            self._whole["stop_reason"] = None
            pieces = pieces[: max(1, len(pieces) // 2)]
        if self._fault.type == "stream_error":
            pieces.append(event("error", ApiError(529).body(new_id("req"))))
        return pieces

    def _transmit(self, pieces: Sequence[bytes], body_size: int, duration_s: float) -> None:
        if self._fault.type in ("cut_body", "reset"):
            self._send_half(b"".join(pieces), body_size)
        elif self._fault.type == "drip":
            dripped = _split(b"".join(pieces), self._fault.pieces)
            self._send_paced(dripped, 0, self._fault.duration_s / len(dripped))
        elif duration_s > 0:
            self._send_paced(pieces, 0, duration_s / len(pieces))
        else:
            self._finish(b"".join(pieces))

    def _send_paced(self, pieces: Sequence[bytes], at: int, gap_s: float) -> None:
        """Send the pieces from `at` on, each followed by a gap; the end comes after the last."""
        if at == len(pieces) - 1:
            self._exchange.after(gap_s, partial(self._finish, pieces[at]))
            return
        self._exchange.send(pieces[at])
        self._exchange.after(gap_s, partial(self._send_paced, pieces, at + 1, gap_s))

    def _send_half(self, answer: bytes, body_size: int) -> None:
        self._exchange.send(answer[: len(answer) - body_size // 2])
        if self._fault.type == "reset":
            self._exchange.after(RESET_AFTER_S, self._reset)
        else:
            self._provider.calls.finish(self._call, "cut")
            self._exchange.cut()

    def _reset(self) -> None:
        self._provider.calls.finish(self._call, "reset")
        self._exchange.reset()

    def _begin(self) -> None:
        """The answer is there: it is billed, whatever becomes of its bytes."""
        self._begun = True
        if self._resets != self._provider.resets:
            return
        clock = self._provider.clock
        self._provider.cache.store(self._use, clock.monotonic_s())
        self._provider.books.book(
            at_s=clock.now_s(),
            model=self._request.model.id,
            message_id=self._whole["id"],
            marker=self._call.marker,
            tokens=self._use.billed(self._call.output_tokens),
        )

    def _abandoned(self) -> None:
        """The client left; the model has worked on the answer all the same."""
        if not self._begun and self._provider.settings.bill_abandoned:
            self._begin()
        self._provider.calls.finish(self._call, "aborted")

    def _finish(self, last_piece: bytes) -> None:
        self._provider.calls.finish(self._call, 200, self._whole["stop_reason"])
        self._exchange.send(last_piece)
        self._exchange.finish()

    def _limit_headers(self) -> str:
        limits = self._provider.limits_of(self._request.model)
        return limits.headers(self._provider.clock)


def _split(data: bytes, pieces: int) -> list[bytes]:
    size = -(-len(data) // pieces)
    return [data[at : at + size] for at in range(0, len(data), size)]
