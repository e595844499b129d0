"""`/v1/messages/batches` and what is below it."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from simulator.batches.batch import Batch
from simulator.batches.batches import Batches
from simulator.endpoints.access import check_access, version_of
from simulator.endpoints.paging import page_of
from simulator.endpoints.replies import guarded, in_turns, send_json
from simulator.http.connection import MAX_BATCH_BYTES, Exchange
from simulator.http.wire import (
    JSON_LINES,
    LAST_CHUNK,
    SPOILED_BODIES,
    chunk,
    head,
    new_id,
    response,
)
from simulator.protocol.errors import ApiError
from simulator.state.fault_actions import Action
from simulator.state.faults import Occasion
from simulator.state.provider import Provider

ASK_AGAIN_AFTER_S = 10
PIECE_BYTES = 64 * 1024
_NO_JSON = b'{"custom_id":"spoiled","result":{"type":"succ\n'

Step = Callable[[Exchange, Action], None]


class MessageBatches:
    """The endpoints. Each call is counted, may meet a fault, and costs one of their requests."""

    def __init__(self, provider: Provider, batches: Batches) -> None:
        self._provider = provider
        self._batches = batches

    def create(self, exchange: Exchange) -> None:
        """Make a batch."""
        self._call(exchange, "create", self._create)

    def list(self, exchange: Exchange) -> None:
        """One page of the batches, newest first."""
        self._call(exchange, "list", self._list)

    def get(self, exchange: Exchange, id_: str) -> None:
        """One batch."""
        self._call(exchange, "get", partial(self._get, id_=id_), id_)

    def cancel(self, exchange: Exchange, id_: str) -> None:
        """Begin to cancel one."""
        self._call(exchange, "cancel", partial(self._cancel, id_=id_), id_)

    def delete(self, exchange: Exchange, id_: str) -> None:
        """Forget one that has ended."""
        self._call(exchange, "delete", partial(self._delete, id_=id_), id_)

    def results(self, exchange: Exchange, id_: str) -> None:
        """The results of one, a line for each request, in the order in which they were done."""
        self._call(exchange, "results", partial(self._results, id_=id_), id_)

    def _call(self, exchange: Exchange, name: str, step: Step, id_: str | None = None) -> None:
        check_access(exchange.request)
        self._batches.asked[name] += 1
        occasion = Occasion(endpoint=f"batches.{name}", marker=id_)
        fault = self._provider.fault_for(occasion)
        if fault.type == "stall":
            return
        exchange.after(fault.delay_s, partial(self._answer, exchange, fault, step))

    def _answer(self, exchange: Exchange, fault: Action, step: Step) -> None:
        if fault.type == "reset":
            exchange.reset()
        elif fault.type in SPOILED_BODIES:
            body, content_type = SPOILED_BODIES[fault.type]
            keep_alive = exchange.request.keep_alive
            exchange.send(response(200, body, keep_alive=keep_alive, content_type=content_type))
            exchange.finish()
        else:
            guarded(exchange, partial(self._admitted, exchange, fault, step), extra=self._limits())

    def _admitted(self, exchange: Exchange, fault: Action, step: Step) -> None:
        if fault.type == "error":
            raise fault.error()
        now_s = self._provider.clock.monotonic_s()
        refusal = self._provider.batch_limits.admit(input_tokens=0, output_tokens=0, now_s=now_s)
        if refusal:
            raise refusal.error("Message Batches requests")
        step(exchange, fault)

    def _create(self, exchange: Exchange, fault: Action) -> None:
        request = exchange.request
        if request.too_large:
            raise ApiError(413, f"Request exceeds the maximum size of {MAX_BATCH_BYTES} bytes")
        created = partial(self._done, exchange, fault)
        body, request.body = request.body, b""
        in_turns(exchange, self._batches.create(body, version_of(request), fault, created))

    def _list(self, exchange: Exchange, _: Action) -> None:
        page = page_of(
            self._batches.ids(),
            exchange.request.query,
            lambda id_: self._shown(exchange, self._batches.get(id_)),
        )
        send_json(exchange, page, extra=self._limits())

    def _get(self, exchange: Exchange, _: Action, id_: str) -> None:
        batch = self._batches.get(id_)
        extra = f"retry-after: {ASK_AGAIN_AFTER_S}\r\n" if batch.ended_s is None else ""
        send_json(exchange, self._shown(exchange, batch), extra=self._limits() + extra)

    def _cancel(self, exchange: Exchange, fault: Action, id_: str) -> None:
        batch = self._batches.get(id_)
        self._batches.cancel(batch)
        self._done(exchange, fault, batch)

    def _delete(self, exchange: Exchange, fault: Action, id_: str) -> None:
        self._batches.delete(self._batches.get(id_))
        self._send_done(exchange, fault, {"id": id_, "type": "message_batch_deleted"})

    def _done(self, exchange: Exchange, fault: Action, batch: Batch) -> None:
        self._send_done(exchange, fault, self._shown(exchange, batch))

    def _send_done(self, exchange: Exchange, fault: Action, answer: dict[str, Any]) -> None:
        if fault.type == "lost_answer" and not exchange.gone:
            exchange.cut()
        else:
            send_json(exchange, answer, extra=self._limits())

    def _results(self, exchange: Exchange, fault: Action, id_: str) -> None:
        batch = self._batches.get(id_)
        lines = self._batches.results(batch)
        middle = batch.size // 2 + 1
        if fault.type in ("wrong_line", "double_line"):
            lines = _spoiled(lines, fault.type, fault.line or middle)
        pieces = _pieces(lines)
        end: Callable[[], None] = partial(_end, exchange)
        if fault.type == "cut_body":
            half = self._batches.results_size(batch) // 2
            pieces, end = _first_bytes(pieces, fault.after_bytes or half), exchange.cut
        first = head(
            200,
            request_id=new_id("req"),
            content_type=JSON_LINES,
            length=None,
            keep_alive=exchange.request.keep_alive,
            extra=self._limits(),
        )
        exchange.send_all(chain((first,), map(chunk, pieces)), end)

    def _shown(self, exchange: Exchange, batch: Batch) -> dict[str, Any]:
        settings, request = self._provider.settings, exchange.request
        host = "" if settings.batch_results_url_relative else f"http://{request.header(b'host')}"
        url = f"{host}/v1/messages/batches/{batch.id}/results"
        return batch.shown(now_s=self._provider.clock.now_s(), results_url=url)

    def _limits(self) -> str:
        return self._provider.batch_limits.request_headers(self._provider.clock)


def _end(exchange: Exchange) -> None:
    exchange.send(LAST_CHUNK)
    exchange.finish()


def _spoiled(lines: Iterator[bytes], how: str, at: int) -> Iterator[bytes]:
    for number, line in enumerate(lines, start=1):
        wrong = number == at and how == "wrong_line"
        yield _NO_JSON if wrong else line
        if number == at and how == "double_line":
            yield line


def _pieces(lines: Iterator[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _first_bytes(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[:most]
        most -= len(piece)
        if most <= 0:
            return
