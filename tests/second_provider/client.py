"""The provider itself: what a folder in providers/ would hold."""

import asyncio
import os
import time
from datetime import date
from typing import Any, ClassVar

import httpx2

from providers import errors
from providers.errors import CallAborted, ProviderError
from providers.values import (
    Answer,
    Completion,
    CompletionRequest,
    RateLimits,
    RateLimitWindow,
    StopReason,
    Usage,
)

#: Where its servers are, for whoever makes its account.
URL_VARIABLE = "SECOND_PROVIDER_URL"

_ERRORS: dict[int, type[ProviderError]] = {
    400: errors.RequestRejected,
    401: errors.KeyRejected,
    404: errors.ModelUnknown,
    429: errors.RateLimited,
}
_STOP_REASONS = {
    "stop": StopReason.END,
    "length": StopReason.MAX_TOKENS,
    "content_filter": StopReason.REFUSAL,
}


class SecondAccount:
    """A key; all of its models share their limits."""

    settings: ClassVar[tuple[str, ...]] = (URL_VARIABLE,)
    id = "second"
    lacks = ""

    def pool_of(self, model: str) -> str:
        return model.partition("-")[0]

    def connect(self, *, max_connections: int) -> "SecondProvider":
        return SecondProvider(os.environ[URL_VARIABLE], max_connections=max_connections)

    def find_model(self, model: str) -> str:
        return model

    def usage_by_day(
        self, first: date, last: date, *, admin_key: str, api_key_id: str = ""
    ) -> None:
        return None


class SecondProvider:
    """A client whose connections are all that it has."""

    batches = None

    def __init__(self, url: str, *, max_connections: int) -> None:
        self._url = url
        self._limits = httpx2.Limits(max_connections=max_connections)

    async def open(self) -> None:
        self._closing = asyncio.Event()
        self._http = httpx2.AsyncClient(
            base_url=self._url, limits=self._limits, timeout=10, trust_env=False
        )

    async def ask(self, request: CompletionRequest) -> Answer:
        call = asyncio.create_task(self._call(request))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait((call, closing), return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                raise CallAborted
            return call.result()
        finally:
            call.cancel()
            closing.cancel()

    async def close(self) -> None:
        self._closing.set()
        await self._http.aclose()

    async def _call(self, request: CompletionRequest) -> Answer:
        begun = time.perf_counter()
        try:
            response = await self._http.post("/v1/chat/completions", json=_body(request))
        except httpx2.TransportError as error:
            raise errors.ConnectionFailed(possibly_billed=True) from error
        limits = _limits(response.headers)
        if response.status_code != 200:
            raise _refused(response, limits)
        return Answer(
            completion=_completion(response.json()),
            limits=limits,
            latency_s=time.perf_counter() - begun,
        )


def _body(request: CompletionRequest) -> dict[str, object]:
    system = [{"role": "system", "content": block.text} for block in request.system]
    return {
        "model": request.model,
        "max_completion_tokens": request.max_tokens,
        "messages": [*system, {"role": "user", "content": request.user}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": _strict(request.schema)},
        },
        "safety_identifier": request.marker,
    }


def _strict(schema: Any) -> Any:
    """The same with null for what may be left out: here every property is required."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: _strict(value) for key, value in schema.items()}
    if "properties" not in schema:
        return inside
    required = schema["required"]
    properties = {
        key: value if key in required else {"anyOf": [value, {"type": "null"}]}
        for key, value in inside["properties"].items()
    }
    return inside | {"properties": properties, "required": list(properties)}


def _completion(body: dict[str, Any]) -> Completion:
    (choice,) = body["choices"]
    cached = body["usage"]["prompt_tokens_details"]["cached_tokens"]
    return Completion(
        text=choice["message"]["content"],
        stop_reason=_STOP_REASONS.get(choice["finish_reason"], StopReason.OTHER),
        usage=Usage(
            input_tokens=body["usage"]["prompt_tokens"] - cached,
            output_tokens=body["usage"]["completion_tokens"],
            cache_read_tokens=cached,
        ),
        model=body["model"],
        request_id=body["id"],
    )


def _limits(headers: httpx2.Headers) -> RateLimits:
    requests = RateLimitWindow(
        limit=int(headers["x-ratelimit-limit-requests"]),
        remaining=int(headers["x-ratelimit-remaining-requests"]),
    )
    return RateLimits(requests=requests)


def _refused(response: httpx2.Response, limits: RateLimits) -> ProviderError:
    kind = _ERRORS.get(response.status_code, errors.ServerFailed)
    asked_s = response.headers.get("retry-after")
    return kind(
        detail=response.json()["error"]["message"],
        retry_after_s=float(asked_s) if asked_s else None,
        http_status=response.status_code,
        request_id=response.headers.get("x-request-id"),
        limits=limits,
    )
