"""Answers in JSON, and steps whose errors are answers."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from simulator.http.connection import Exchange
from simulator.http.wire import error_response, response, to_json
from simulator.protocol.errors import ApiError

logger = logging.getLogger(__name__)

STEPS_PER_TURN = 64


def send_json(exchange: Exchange, value: Any, *, extra: str = "") -> None:
    """Answer with a value, unless the client has left."""
    if not exchange.gone:
        keep_alive = exchange.request.keep_alive
        exchange.send(response(200, to_json(value), keep_alive=keep_alive, extra=extra))
        exchange.finish()


def guarded(exchange: Exchange, step: Callable[[], None], *, extra: str = "") -> None:
    """Run a step; an error of the API is the answer, one of our own a 500 and a line in the log."""
    try:
        step()
    except ApiError as error:
        _send_error(exchange, error, extra)
    except Exception:
        logger.exception("%s %s failed", exchange.request.method, exchange.request.path)
        _send_error(exchange, ApiError(500), "")


def in_turns(exchange: Exchange, steps: Iterator[None]) -> None:
    """Run all steps, and others' calls between some of them, also when the client has left."""

    def turn() -> None:
        for number, _ in enumerate(steps, start=1):
            if number == STEPS_PER_TURN:
                exchange.next_turn(partial(guarded, exchange, turn))
                return

    guarded(exchange, turn)


def _send_error(exchange: Exchange, error: ApiError, extra: str) -> None:
    if not exchange.gone:
        keep_alive = exchange.request.keep_alive
        extra = extra if error.by_provider else ""
        exchange.send(error_response(error, keep_alive=keep_alive, extra=extra))
        exchange.finish()
