"""Routes: which path answers what."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from simulator.endpoints import catalogue, control
from simulator.endpoints.create_message import create_message
from simulator.http.connection import Exchange
from simulator.http.wire import error_response, response, to_json
from simulator.protocol.errors import ApiError
from simulator.state.provider import Provider

logger = logging.getLogger(__name__)

Endpoint = Callable[[Exchange], dict[str, Any]]


class App:
    """Answers every exchange; an error of our own becomes a 500 and a line in the log."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._routes: dict[str, dict[str, Endpoint]] = {
            "/v1/messages/count_tokens": {"POST": partial(catalogue.count_tokens, provider)},
            "/v1/models": {"GET": catalogue.list_models},
            "/_sim/config": {
                "GET": partial(control.show_config, provider),
                "POST": partial(control.change_config, provider),
            },
            "/_sim/faults": {
                "GET": partial(control.show_faults, provider),
                "POST": partial(control.change_faults, provider),
            },
            "/_sim/reset": {"POST": partial(control.reset, provider)},
            "/_sim/stats": {"GET": partial(control.show_stats, provider)},
        }

    def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        try:
            if request.target.startswith(b"/v1/messages") and request.path == "/v1/messages":
                _check_method(request.method, {"POST"})
                create_message(self._provider, exchange)
                return
            answer = response(
                200, to_json(self._endpoint(exchange)(exchange)), keep_alive=request.keep_alive
            )
        except ApiError as error:
            answer = error_response(error, keep_alive=request.keep_alive)
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            answer = error_response(ApiError(500), keep_alive=request.keep_alive)
        exchange.send(answer)
        exchange.finish()

    def _endpoint(self, exchange: Exchange) -> Endpoint:
        path = exchange.request.path
        if path.startswith("/v1/models/"):
            methods: dict[str, Endpoint] = {"GET": catalogue.show_model}
        elif path in self._routes:
            methods = self._routes[path]
        else:
            raise ApiError(404, f"Not found: {path}")
        _check_method(exchange.request.method, set(methods))
        return methods[exchange.request.method]


def _check_method(method: str, allowed: set[str]) -> None:
    if method not in allowed:
        raise ApiError(405, "Method Not Allowed", headers={"allow": ", ".join(sorted(allowed))})
