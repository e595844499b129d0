"""Any exception of the SDK and its transports, and any refusal -> one ProviderError.

The only place that knows their classes. The order is the rule: the most specific comes first.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import anthropic
import httpx2

from providers import errors
from providers.anthropic.rate_limit_headers import rate_limit_headers, retry_after_s
from providers.anthropic.refusals import Form, Refusal, for_people, read_refusal, refusal_in_success
from providers.cleaning import label
from providers.errors import ProviderError

#: What codes mean, whatever the status: the provider's own, and those that gateways have in common.
CLASS_OF_CODE: dict[str, type[ProviderError]] = {
    "enforced_spend_limit_reached": errors.SpendLimitReached,
    "contract_spend_limit_reached": errors.SpendLimitReached,
    "budget_exceeded": errors.SpendLimitReached,
    "insufficient_quota": errors.CreditExhausted,
    "ramp_limit_exceeded": errors.RampLimited,
    "organization_on_hold": errors.AccountUnusable,
    "organization_type_not_supported": errors.AccountUnusable,
    "parent_organization_required": errors.AccountUnusable,
    "cmek_key_disabled": errors.AccountUnusable,
    "cmek_key_network_blocked": errors.AccountUnusable,
    "context_length_exceeded": errors.ContextTooLong,
    "model_not_found": errors.ModelUnknown,
}
#: What the type in an envelope of the API's means, whatever the status.
CLASS_OF_TYPE: dict[str, type[ProviderError]] = {
    "invalid_request_error": errors.RequestRejected,
    "authentication_error": errors.KeyRejected,
    "billing_error": errors.CreditExhausted,
    "permission_error": errors.KeyRejected,
    "not_found_error": errors.ModelUnknown,
    "conflict_error": errors.ServerFailed,
    "request_too_large": errors.RequestTooLarge,
    "rate_limit_error": errors.RateLimited,
    "api_error": errors.ServerFailed,
    "timeout_error": errors.ServerFailed,
    "overloaded_error": errors.Overloaded,
}
#: What statuses mean, whoever answers.
CLASS_OF_STATUS: dict[int, type[ProviderError]] = {
    402: errors.CreditExhausted,
    408: errors.ServerFailed,
    409: errors.ServerFailed,
    413: errors.RequestTooLarge,
    425: errors.ServerFailed,
    429: errors.RateLimited,
    499: errors.ServerFailed,
    529: errors.Overloaded,
}
#: What further ones mean where the API itself answers. (Only it knows the key and the model.)
CLASS_OF_API_STATUS: dict[int, type[ProviderError]] = {
    401: errors.KeyRejected,
    403: errors.KeyRejected,
    404: errors.ModelUnknown,
}
#: Statuses with which a gateway that answers in JSON passes on what is wrong with a request.
PASSED_ON = frozenset({400, 422})
#: One request that is too long, at whatever status: others fit.
_TOO_LONG = re.compile(
    r"\b(prompt|input|context)\b[^.]{0,40}\btoo long\b"
    r"|\bexceeds?\b[^.]{0,80}\bcontext (limit|length|window|size)\b"
    r"|\bcontext (limit|length|window|size)\b[^.]{0,40}\bexceeded\b"
    r"|\bmaximum context length\b"
    r"|\bextra usage\b[^.]{0,60}\blong[- ]context\b"
    r"|\blong[- ]context\b[^.]{0,60}\b(not (yet )?(available|enabled|included|supported)|require)"
    r"|\brequest too large for\b",
    re.IGNORECASE,
)
#: Where only the wording tells an account's trouble from a bad request.
CLASS_OF_WORDS: tuple[tuple[re.Pattern[str], type[ProviderError]], ...] = (
    (
        re.compile(
            r"\breached your (specified )?(workspace )?(API )?(usage|spend\w*) limits?\b"
            r"|\b(spend(ing)?|budget|monthly usage) (limit|cap|quota)\b[^.]{0,60}"
            r"\b(reached|exceeded|hit)\b"
            r"|\b(reached|exceeded|hit)\b[^.]{0,60}\b(spend(ing)?|monthly|budget)\b[^.]{0,20}"
            r"\b(limit|cap|quota|budget)\b"
            r"|\bbudget has been exceeded\b",
            re.IGNORECASE,
        ),
        errors.SpendLimitReached,
    ),
    (
        re.compile(
            r"\bcredit balance\b[^.]{0,40}\b(too low|insufficient|exhausted|empty|negative|zero)\b"
            r"|\binsufficient (credit|fund|balance)"
            r"|\b(out of|no|not enough|insufficient) (API )?credits?\b"
            r"|\bcredits? (are |is |have been |has been )?(exhausted|used up|depleted)\b"
            r"|\bexceeded your current quota\b",
            re.IGNORECASE,
        ),
        errors.CreditExhausted,
    ),
    (
        re.compile(
            r"\b(organi[sz]ation|account|workspace|team|tenant|API access)\b[^.]{0,60}\b(disabled"
            r"|suspended|deactivated|on hold|banned|blocked|terminated|closed|archived|locked)\b"
            r"|\b(disabled|suspended|deactivated) (organi[sz]ation|account|workspace)\b",
            re.IGNORECASE,
        ),
        errors.AccountUnusable,
    ),
    (
        re.compile(r"\b(invalid|unknown|unsupported) model( name)?\b", re.IGNORECASE),
        errors.ModelUnknown,
    ),
)
#: What begins so names a part of our request, and may quote somebody's texts.
_ABOUT_A_FIELD = re.compile(r"(system|messages|max_tokens|metadata|output_config)\b[\w.\[\]]*:")
#: The request cannot have left: no connection came about.
NEVER_SENT = (
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.ProxyError,
    aiohttp.ClientConnectorError,
)


def translate(exc: Exception) -> ProviderError:
    """The error that stands for `exc`; the caller raises it `from` it.

    What is none of the SDK's, the transports' or JSON's exceptions is our own bug.
    """
    for classes, rule in _RULES:
        if isinstance(exc, classes):
            return _naming_ours(rule(exc))
    return errors.ClientBug()


def _naming_ours(error: ProviderError) -> ProviderError:
    return error.naming(key="ANTHROPIC_API_KEY", base_url="ANTHROPIC_BASE_URL")


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
    return _refused(read_refusal(exc.body), exc.response, request_id=exc.request_id)


def refusal_of(response: httpx2.Response) -> ProviderError | None:
    """The error in an answer that says 200 and is no message, where somebody refuses in it."""
    refusal = refusal_in_success(response.content, response.headers.get("content-type", ""))
    if refusal is None:
        return None
    return _refused(refusal, response, request_id=response.headers.get("request-id"))


def refusal_of_line(error: object) -> ProviderError:
    """The error that stands for one that the results of a batch tell of a call: not billed.

    Args:
        error: an envelope as in an answer's body, or what would stand in it.
    """
    request_id = ""
    if isinstance(error, dict) and isinstance(error.get("error"), dict):
        request_id, error = label(error.get("request_id")), error["error"]
    refusal = read_refusal({"type": "error", "error": error})
    # A type that is new to us may pass, as an error of the server does.
    cls = _class_of(refusal, 500)
    detail = "" if cls is errors.KeyRejected else for_people(refusal.words)
    return _naming_ours(cls(detail=detail, request_id=request_id))


def _refused(
    refusal: Refusal, response: httpx2.Response, *, request_id: str | None
) -> ProviderError:
    cls = _class_of(refusal, response.status_code)
    headers = response.headers
    return cls(
        detail=_detail(refusal, cls, response),
        before_api=cls is errors.BlockedBeforeApi or not refusal.by_api,
        retry_after_s=retry_after_s(headers.raw),
        possibly_billed=_may_have_worked(refusal, cls, response.status_code),
        http_status=response.status_code,
        request_id=request_id,
        limits=rate_limit_headers(headers.raw),
    )


def _class_of(refusal: Refusal, http_status: int) -> type[ProviderError]:
    if 300 <= http_status < 400:
        return errors.BlockedBeforeApi
    named = CLASS_OF_CODE.get(refusal.code) or CLASS_OF_CODE.get(refusal.type)
    if named is not None:
        return named
    if refusal.form is not Form.MARKUP and (meant := _class_of_words(refusal.words)):
        return meant
    if refusal.by_api:
        return CLASS_OF_TYPE.get(refusal.type) or _class_of_api_status(http_status)
    return _class_before_api(refusal, http_status)


def _class_of_words(words: str) -> type[ProviderError] | None:
    if _TOO_LONG.search(words):
        return errors.ContextTooLong
    if _ABOUT_A_FIELD.match(words):
        return None
    return next((meant for pattern, meant in CLASS_OF_WORDS if pattern.search(words)), None)


def _class_of_api_status(status: int) -> type[ProviderError]:
    known = CLASS_OF_STATUS.get(status) or CLASS_OF_API_STATUS.get(status)
    if known is not None:
        return known
    return errors.RequestRejected if 400 <= status < 500 else errors.ServerFailed


def _class_before_api(refusal: Refusal, http_status: int) -> type[ProviderError]:
    """What a gateway or a proxy means; what it does not pass on, it refuses by itself."""
    if refusal.type == "overloaded_error":
        return errors.Overloaded
    status = http_status
    if httpx2.codes.is_success(http_status) and refusal.form is Form.JSON:
        status = refusal.status or 500
    if known := CLASS_OF_STATUS.get(status):
        return known
    if status >= 500:
        return errors.ServerFailed
    passed_on = status in PASSED_ON and refusal.form is Form.JSON and refusal.words
    return errors.RequestRejected if passed_on else errors.BlockedBeforeApi


def _detail(refusal: Refusal, cls: type[ProviderError], response: httpx2.Response) -> str:
    """What was answered, for people."""
    if response.is_redirect:
        return f"a redirect to {_host_of(response.headers.get('location', ''))}"
    if cls is errors.KeyRejected and (
        response.status_code == 401 or refusal.type == "authentication_error"
    ):
        return ""  # what is said of a rejected key may quote a part of it
    return for_people(refusal.words, secrets=_keys_in(response.request))


def _host_of(location: str) -> str:
    try:
        return for_people(httpx2.URL(location).host) or "another page"
    except httpx2.InvalidURL:
        return "another page"


def _keys_in(request: httpx2.Request) -> list[str]:
    given = (request.headers.get("authorization", ""), request.headers.get("x-api-key", ""))
    return [key for value in given if (key := value.removeprefix("Bearer ").strip())]


def _may_have_worked(refusal: Refusal, cls: type[ProviderError], http_status: int) -> bool:
    """An error in the provider's own words is not billed; a gateway's page says nothing of it."""
    if httpx2.codes.is_success(http_status):
        return cls is not errors.BlockedBeforeApi
    return http_status >= 500 and not refusal.by_api


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
