"""Any exception of the SDK and its transports -> one ProviderError.

The only place that knows their classes. The order is the rule: the most specific comes first.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import anthropic
import httpx2

from workers.provider import errors
from workers.provider.errors import ProviderError
from workers.provider.headers import rate_limit_headers, retry_after_s

#: What the provider's own codes mean, whatever the status.
CLASS_OF_CODE: dict[str, type[ProviderError]] = {
    "enforced_spend_limit_reached": errors.SpendLimitReached,
    "contract_spend_limit_reached": errors.SpendLimitReached,
    "ramp_limit_exceeded": errors.RampLimited,
    "organization_on_hold": errors.AccountUnusable,
    "organization_type_not_supported": errors.AccountUnusable,
    "parent_organization_required": errors.AccountUnusable,
    "cmek_key_disabled": errors.AccountUnusable,
    "cmek_key_network_blocked": errors.AccountUnusable,
}
#: What the statuses mean that mean one thing; 5xx and 400 are told apart below.
CLASS_OF_STATUS: dict[int, type[ProviderError]] = {
    401: errors.KeyRejected,
    402: errors.CreditExhausted,
    403: errors.KeyRejected,
    404: errors.ModelUnknown,
    408: errors.ServerFailed,
    409: errors.ServerFailed,
    413: errors.RequestTooLarge,
    429: errors.RateLimited,
    499: errors.ServerFailed,
    529: errors.Overloaded,
}
#: A 400 without a code of its own: only its wording tells an account's limit from a bad request.
CLASS_OF_MESSAGE: tuple[tuple[re.Pattern[str], type[ProviderError]], ...] = (
    (
        re.compile(r"^You have reached your specified (workspace )?(API )?usage limits"),
        errors.SpendLimitReached,
    ),
    (re.compile(r"^Your credit balance is too low"), errors.CreditExhausted),
    (re.compile(r"prompt is too long|exceed context limit"), errors.ContextTooLong),
)
#: What an error inside a response that began with 200 would have been as a status.
STATUS_OF_TYPE = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
}
#: The request cannot have left: no connection came about.
NEVER_SENT = (
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.ProxyError,
    aiohttp.ClientConnectorError,
)
#: How much of the provider's own words a person gets to read.
MAX_DETAIL_CHARS = 300
_SECRET = re.compile(r"(sk-|Bearer\s+)\S+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def translate(exc: Exception) -> ProviderError:
    """The error that stands for `exc`; the caller raises it `from` it.

    What is none of the SDK's, the transports' or JSON's exceptions is our own bug.
    """
    for classes, rule in _RULES:
        if isinstance(exc, classes):
            return rule(exc)
    return errors.ClientBug()


def _of_transport(exc: Exception) -> ProviderError:
    causes = list(_chain(exc))
    if any(isinstance(cause, httpx2.PoolTimeout) for cause in causes):
        return errors.QueueFull()
    if any(isinstance(cause, httpx2.UnsupportedProtocol) for cause in causes):
        return errors.AddressWrong()
    sent = not any(isinstance(cause, NEVER_SENT) for cause in causes)
    timed_out = isinstance(exc, anthropic.APITimeoutError | httpx2.TimeoutException)
    if timed_out and sent:
        return errors.CallTimedOut(possibly_billed=True)
    return errors.ConnectionFailed(possibly_billed=sent)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__


def _of_status(exc: anthropic.APIStatusError) -> ProviderError:
    cls = _class_of_status(exc)
    headers = exc.response.headers
    # What is said of a rejected key may quote the key.
    said = "" if cls is errors.KeyRejected else exc.api_message
    return cls(
        detail=_for_people(said),
        retry_after_s=retry_after_s(
            milliseconds=headers.get("retry-after-ms"),
            header=headers.get("retry-after"),
            now=datetime.now(tz=UTC),
        ),
        possibly_billed=_may_have_worked(exc),
        http_status=exc.status_code,
        request_id=exc.request_id,
        limits=rate_limit_headers(headers.raw),
    )


def _class_of_status(exc: anthropic.APIStatusError) -> type[ProviderError]:
    status = _status(exc)
    cls = CLASS_OF_CODE.get(exc.error_code or "") or CLASS_OF_STATUS.get(status)
    if cls is not None:
        return cls
    if status == 400 and isinstance(exc.api_message, str):
        for pattern, meant in CLASS_OF_MESSAGE:
            if pattern.search(exc.api_message):
                return meant
    if status >= 500:
        return errors.ServerFailed
    return errors.RequestRejected if status >= 400 else errors.AddressWrong


def _status(exc: anthropic.APIStatusError) -> int:
    """The response's status, or what an error inside a 200 stands for."""
    error_type = exc.type if isinstance(exc.type, str) else ""
    if error_type == "overloaded_error":
        return 529
    if 200 <= exc.status_code < 300:
        return STATUS_OF_TYPE.get(error_type, 500)
    return exc.status_code


def _may_have_worked(exc: anthropic.APIStatusError) -> bool:
    """An error in the provider's own words is not billed; a gateway's page says nothing of it."""
    if 200 <= exc.status_code < 300:
        return True
    return exc.status_code >= 500 and exc.type is None


def _for_people(said: object) -> str:
    """The provider's message without secrets and control characters, and not too long."""
    if not isinstance(said, str):
        return ""
    text = _CONTROL.sub(" ", _SECRET.sub("[hidden]", said)).strip()
    return text if len(text) <= MAX_DETAIL_CHARS else text[: MAX_DETAIL_CHARS - 1] + "…"


def _unreadable(_exc: Exception) -> ProviderError:
    return errors.UnreadableAnswer(possibly_billed=True)


#: Exception classes and what to make of them; the first that matches counts.
_RULES: tuple[tuple[tuple[type[Exception], ...], Callable[[Any], ProviderError]], ...] = (
    ((ProviderError,), lambda exc: exc),
    ((anthropic.APIStatusError,), _of_status),
    ((anthropic.APIConnectionError, httpx2.TransportError, aiohttp.ClientError), _of_transport),
    ((TimeoutError,), lambda _: errors.CallTimedOut(possibly_billed=True)),
    ((anthropic.APIResponseValidationError, json.JSONDecodeError), _unreadable),
    ((httpx2.HTTPError,), _unreadable),  # a body in a coding that cannot be undone
    ((httpx2.InvalidURL,), lambda _: errors.AddressWrong()),
    # Half of a surrogate pair in one epic's text is that epic's trouble, not the run's.
    ((UnicodeEncodeError,), lambda _: errors.RequestRejected(detail="a text is not Unicode")),
)
