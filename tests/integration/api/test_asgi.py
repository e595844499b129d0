"""What uvicorn serves calls our synchronous code as directly as it can."""

import inspect

from batchgen.asgi import Handler


def test_a_request_stays_in_one_thread_from_the_first_middleware_to_the_view() -> None:
    handler = Handler()
    assert not inspect.iscoroutinefunction(vars(handler)["_middleware_chain"])
