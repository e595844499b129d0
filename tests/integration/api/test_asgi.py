"""What uvicorn serves calls our synchronous code as directly as it can."""

import asyncio
import inspect
import threading
import time
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from batchgen.asgi import Handler


def test_a_request_stays_in_one_thread_from_the_first_middleware_to_the_view() -> None:
    handler = Handler()
    assert not inspect.iscoroutinefunction(vars(handler)["_middleware_chain"])


class _Noting(Handler):
    """Notes the thread of each request, and answers after a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def get_response(self, request: HttpRequest) -> HttpResponse:
        self.threads.append(threading.get_ident())
        time.sleep(0.05)
        return HttpResponse()


async def _request(handler: Handler) -> None:
    asked, gone = {"type": "http.request", "body": b""}, asyncio.Event()
    messages: list[Any] = [asked]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        assert message["type"].startswith("http.response")

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/healthz",
        "headers": [],
        "query_string": b"",
    }
    await handler(scope, receive, send)


@pytest.mark.django_db
def test_threads_are_kept_and_none_has_two_requests_at_the_same_time() -> None:
    handler = _Noting()

    async def requests() -> None:
        await _request(handler)
        await _request(handler)
        await asyncio.gather(*(_request(handler) for _ in range(3)))

    asyncio.run(requests())
    one_by_one, at_once = handler.threads[:2], handler.threads[2:]
    assert len(set(one_by_one)) == 1
    assert len(set(at_once)) == 3
    assert set(one_by_one) <= set(at_once)
