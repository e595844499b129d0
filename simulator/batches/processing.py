"""The end of a batch: every request is answered, refused, canceled or expired, and billed."""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

from simulator.answering.composing import compose
from simulator.answering.message_body import message
from simulator.batches.batch import Batch
from simulator.batches.store import Store
from simulator.http.wire import to_json
from simulator.protocol.errors import ApiError
from simulator.protocol.message_request import (
    MessageRequest,
    marker_of,
    prompt_text_of,
    read_request,
    user_text_of,
)
from simulator.protocol.prompt_cache import CacheUse
from simulator.state.faults import Occasion, chance
from simulator.state.provider import Provider
from simulator.writing.brief import epic_code, find_fences

logger = logging.getLogger(__name__)


def process(batch: Batch, provider: Provider, store: Store) -> Iterator[None]:
    """End a batch; a turn for each request. Results come in the order in which they were done."""
    order = list(range(batch.size))
    Random(f"{provider.settings.seed}/{batch.number}").shuffle(order)  # noqa: S311  # repeatable on purpose
    done, otherwise = batch.split(provider.settings.batch_in_flight)
    counts: Counter[str] = Counter()
    for rank, at in enumerate(order):
        line = json.loads(store.request(batch.number, at))
        if rank < done:
            result = _Line(batch, provider, line, batch.done_s(rank)).result()
        else:
            result = {"type": otherwise}
        counts[result["type"]] += 1
        whole = {"custom_id": line["custom_id"], "result": result}
        store.add_result(batch, rank, to_json(whole) + b"\n")
        yield
    store.drop_requests(batch.number)
    batch.counts = counts
    batch.ended_s = batch.due_s


class _Line:
    """One request of a batch at the moment at which it is done."""

    def __init__(
        self, batch: Batch, provider: Provider, line: dict[str, Any], done_s: float
    ) -> None:
        self._batch = batch
        self._provider = provider
        self._custom_id: str = line["custom_id"]
        self._params: dict[str, Any] = line["params"]
        self._done_s = done_s

    def result(self) -> dict[str, Any]:
        """The `result` of the request: succeeded, or errored and unbilled."""
        try:
            _check_batch_rules(self._params)
            request = read_request(
                self._params,
                version=self._batch.version,
                tells_format=bool(self._provider.settings.format_is_input),
            )
            return {"type": "succeeded", "message": self._message(request)}
        except ApiError as error:
            return {"type": "errored", "error": _error(error)}
        except Exception:
            logger.exception("%s of %s failed", self._custom_id, self._batch.id)
            return {"type": "errored", "error": _error(ApiError(500))}

    def _message(self, request: MessageRequest) -> dict[str, Any]:
        provider = self._provider
        fences = find_fences(user_text_of(self._params))
        occasion = Occasion(
            endpoint="batches.line",
            epic=epic_code(fences),
            marker=marker_of(self._params),
            model=request.model.id,
        )
        fault = provider.fault_for(occasion)
        if fault.type == "error":
            raise fault.error()
        answer = compose(
            provider.answers, fences, request, fault, lambda: prompt_text_of(self._params)
        )
        use = self._cache_use(request)
        whole = message(
            request.model.id,
            answer,
            use,
            service_tier="batch",
            zero_total=bool(provider.settings.cache_write_total_zero),
        )
        provider.books.book(
            at_s=self._done_s,
            model=request.model.id,
            message_id=whole["id"],
            marker=occasion.marker,
            tokens=use.billed(answer.output_tokens),
            batch=self._batch.id,
            custom_id=self._custom_id,
        )
        return whole

    def _cache_use(self, request: MessageRequest) -> CacheUse:
        """What batches cached is read at best effort, and hardly while it is being written."""
        settings = self._provider.settings
        drawn = chance(f"{settings.seed}/{self._custom_id}/cache")

        def readable(writer: str) -> bool:
            own = writer == self._batch.id
            return drawn < (
                settings.batch_cache_hits_cold if own else settings.batch_cache_hits_warm
            )

        cache = self._provider.batch_cache
        use = cache.split(
            request.blocks,
            scope=request.cache_scope,
            minimum=request.model.cache_minimum,
            now_s=self._done_s,
            readable=readable,
        )
        cache.store(use, self._done_s, writer=self._batch.id)
        return use


def _check_batch_rules(params: dict[str, Any]) -> None:
    if params.get("stream"):
        raise ApiError(400, '"stream=True" is not supported in the Message Batches API')
    if "speed" in params:
        raise ApiError(400, "speed: not supported in the Message Batches API")
    if params.get("max_tokens") == 0:
        raise ApiError(400, "max_tokens: must be greater than or equal to 1")


def _error(error: ApiError) -> dict[str, Any]:
    envelope = error.body("")
    inner = dict(envelope["error"])  # type: ignore[call-overload]  # an object, by its maker
    inner["details"] = {"error_visibility": "user_facing", **inner.get("details", {})}
    return {"type": "error", "error": inner, "request_id": None}
