"""Routes: which path answers what."""

from collections.abc import Callable
from functools import partial
from typing import Any

from simulator.batches.batches import Batches
from simulator.endpoints import catalogue, control, money
from simulator.endpoints.create_message import create_message
from simulator.endpoints.message_batches import MessageBatches
from simulator.endpoints.replies import guarded, send_json
from simulator.endpoints.usage_report import usage_report
from simulator.http.connection import BATCHES, Exchange
from simulator.protocol.errors import ApiError
from simulator.state.provider import Provider

Endpoint = Callable[[Exchange], dict[str, Any] | None]
"""Gives its answer, or None and answers by itself."""

ONE_BATCH = f"{BATCHES}/"


class App:
    """Answers every exchange; an error of our own becomes a 500 and a line in the log."""

    def __init__(self, provider: Provider, batches: Batches) -> None:
        self._provider = provider
        self._batches = MessageBatches(provider, batches)
        self._routes: dict[str, dict[str, Endpoint]] = {
            "/v1/messages/count_tokens": {"POST": partial(catalogue.count_tokens, provider)},
            BATCHES: {"POST": self._batches.create, "GET": self._batches.list},
            "/v1/models": {"GET": catalogue.list_models},
            "/v1/organizations/usage_report/messages": {"GET": partial(usage_report, provider)},
            "/_sim/bill": {"GET": partial(money.show_bill, provider)},
            "/_sim/clock": {
                "GET": partial(control.show_clock, provider),
                "POST": partial(control.advance_clock, provider, batches),
            },
            "/_sim/config": {
                "GET": partial(control.show_config, provider),
                "POST": partial(control.change_config, provider),
            },
            "/_sim/faults": {
                "GET": partial(control.show_faults, provider),
                "POST": partial(control.change_faults, provider),
            },
            "/_sim/reset": {"POST": partial(control.reset, provider, batches)},
            "/_sim/stats": {"GET": partial(control.show_stats, provider, batches)},
            "/_sim/usage": {"GET": partial(money.show_usage, provider)},
        }

    def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.target.startswith(b"/v1/messages") and request.path == "/v1/messages":
            guarded(exchange, partial(self._message, exchange))
        else:
            guarded(exchange, partial(self._other, exchange))

    def _message(self, exchange: Exchange) -> None:
        _check_method(exchange.request.method, {"POST"})
        create_message(self._provider, exchange)

    def _other(self, exchange: Exchange) -> None:
        methods = self._methods(exchange.request.path)
        _check_method(exchange.request.method, set(methods))
        answer = methods[exchange.request.method](exchange)
        if answer is not None:
            send_json(exchange, answer)

    def _methods(self, path: str) -> dict[str, Endpoint]:
        if path in self._routes:
            return self._routes[path]
        if path.startswith("/v1/models/"):
            return {"GET": catalogue.show_model}
        if path.startswith(ONE_BATCH):
            return self._batch_methods(*path.removeprefix(ONE_BATCH).split("/"))
        raise ApiError(404, f"Not found: {path}")

    def _batch_methods(self, id_: str, *below: str) -> dict[str, Endpoint]:
        batches = self._batches
        if below == ("cancel",):
            return {"POST": partial(batches.cancel, id_=id_)}
        if below == ("results",):
            return {"GET": partial(batches.results, id_=id_)}
        if below:
            raise ApiError(404, f"Not found: {ONE_BATCH}{id_}/{'/'.join(below)}")
        return {"GET": partial(batches.get, id_=id_), "DELETE": partial(batches.delete, id_=id_)}


def _check_method(method: str, allowed: set[str]) -> None:
    if method not in allowed:
        raise ApiError(405, "Method Not Allowed", headers={"allow": ", ".join(sorted(allowed))})
