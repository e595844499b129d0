"""Blocking work, the ORM's above all, for coroutines of an event loop."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from batchgen.db.pools import connection_give_back

Params = ParamSpec("Params")
Result = TypeVar("Result")


async def in_thread(
    function: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs
) -> Result:
    """Call the function in the loop's executor, whose threads keep no database connection.

    Who is cancelled meanwhile waits no longer; the function goes on to its end.

    Raises: what the function raises.
    """
    return await asyncio.to_thread(_call, partial(function, *args, **kwargs))


def _call(work: Callable[[], Result]) -> Result:
    try:
        return work()
    finally:
        connection_give_back()
