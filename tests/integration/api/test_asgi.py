"""What uvicorn serves calls our synchronous code as directly as it can."""

import asyncio
import inspect
import threading
import time
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework_simplejwt.tokens import AccessToken

from batchgen.asgi import Handler
from batchgen.web.turns import Clients, Turns
from tests.factories import user_make
from tests.loops import until


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


async def _request(
    handler: Handler, *headers: tuple[bytes, bytes], gone: asyncio.Event | None = None
) -> None:
    asked, gone = {"type": "http.request", "body": b""}, gone or asyncio.Event()
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
        "path": "/api/v1/runs",
        "headers": headers,
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


class _Held(Handler):
    """Answers who has a token when it is told to, and others at once."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = Turns(most=4, most_of_one=2)
        self.at_work = 0
        self.end = threading.Event()

    def get_response(self, request: HttpRequest) -> HttpResponse:
        if "Authorization" in request.headers:
            self.at_work += 1
            self.end.wait(60)
            self.at_work -= 1
        return HttpResponse()


@pytest.mark.django_db
def test_requests_of_one_user_leave_places_for_others_also_when_their_clients_hang_up() -> None:
    handler, user = _Held(), user_make()
    tokens = [f"Bearer {AccessToken.for_user(user)}".encode() for _ in range(6)]

    async def requests() -> None:
        gone = [asyncio.Event() for _ in tokens]
        many = [
            asyncio.ensure_future(_request(handler, (b"authorization", token), gone=each))
            for token, each in zip(tokens, gone, strict=True)
        ]
        await until(lambda: handler.at_work == 2)
        await _request(handler)
        assert handler.at_work == 2, "the others' turns come later"
        for each in gone[:4]:
            each.set()
        await _request(handler)
        assert handler.at_work == 2, "no client's hanging up ends the work of a thread"
        handler.end.set()
        await asyncio.gather(*many)

    asyncio.run(requests())


def _asking(**headers: str) -> HttpRequest:
    return RequestFactory(headers=headers).get("/")


@pytest.mark.django_db
def test_whose_request_it_is() -> None:
    clients, mary = Clients(), user_make("mary")
    tokens = [str(AccessToken.for_user(mary)) for _ in range(2)]
    assert {clients.of(_asking(authorization=f"bearer {each}")) for each in tokens} == {
        f"user {mary.pk}"
    }
    for wrong in (f"Bearer {tokens[0]}x", "Bearer", "Basic x", "Bearer a b", ""):
        assert clients.of(_asking(authorization=wrong)) == "127.0.0.1"


@pytest.mark.django_db
def test_a_session_is_known_after_its_first_answer() -> None:
    clients, mary = Clients(), user_make("mary")
    request = _asking(cookie="sessionid=abc")
    assert clients.of(request) == "127.0.0.1"
    clients.remember(request)
    assert clients.of(request) == "127.0.0.1", "nobody looked whose it is"
    request._cached_user = mary  # type: ignore[attr-defined]  # where Django keeps what it found
    clients.remember(request)
    assert clients.of(_asking(cookie="sessionid=abc")) == f"user {mary.pk}"
    assert clients.of(_asking(cookie="sessionid=abd")) == "127.0.0.1"
