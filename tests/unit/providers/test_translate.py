"""Every exception that the SDK and its transports know -> our error and what it does."""

import inspect
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import anthropic
import httpx2
import pytest

from providers import errors
from providers.anthropic.rate_limit_headers import LONGEST_S
from providers.anthropic.translate import translate
from providers.errors import Effect, ProviderError
from tests.clocks import host_clock

KEY = "sk-ant-api03-SECRETSECRET"
#: When a response was made, by its own header.
_MADE_AT = "Sun, 22 Nov 2026 08:00:00 GMT"
#: One of a gateway's, which does not look like one.
OTHER_KEY = "tokenOfAGateway"
REQUEST = httpx2.Request(
    "POST",
    "https://provider.test/v1/messages",
    headers={"authorization": f"Bearer {OTHER_KEY}"},
)


def status_error(
    status: int,
    body: object = None,
    *,
    error_class: type[anthropic.APIStatusError] = anthropic.APIStatusError,
    **headers: str,
) -> anthropic.APIStatusError:
    named = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in headers.items()
    ]
    response = httpx2.Response(status, request=REQUEST, headers=named)
    return error_class(f"Error code: {status} - {body}", response=response, body=body)


def body_of(error_type: object, message: object = "no", code: object = None) -> dict[str, Any]:
    error = {"type": error_type, "message": message}
    return {"type": "error", "error": {**error, "details": {"error_code": code}}}


STATUSES = [
    (400, body_of("invalid_request_error"), errors.RequestRejected),
    (400, body_of("invalid_request_error", "Schema is too complex"), errors.RequestRejected),
    (400, body_of("invalid_request_error", "prompt is too long: 9 > 8"), errors.ContextTooLong),
    (
        400,
        body_of("x", "input length and `max_tokens` exceed context limit: 9 + 1 > 8"),
        errors.ContextTooLong,
    ),
    (
        400,
        body_of("x", "You have reached your specified API usage limits. You will regain access"),
        errors.SpendLimitReached,
    ),
    (
        400,
        body_of("x", "You have reached your specified workspace API usage limits."),
        errors.SpendLimitReached,
    ),
    (400, body_of("x", "Your credit balance is too low to access"), errors.CreditExhausted),
    # The words in a customer's own text are not the provider's.
    (400, body_of("x", "system: Your credit balance is too low"), errors.RequestRejected),
    (400, body_of("x", code="organization_on_hold"), errors.AccountUnusable),
    (400, body_of("x", code="cmek_key_disabled"), errors.AccountUnusable),
    (401, body_of("authentication_error"), errors.KeyRejected),
    (402, body_of("billing_error"), errors.CreditExhausted),
    (402, "pay", errors.CreditExhausted),
    (403, body_of("permission_error"), errors.KeyRejected),
    (404, body_of("not_found_error", "model: claude-x"), errors.ModelUnknown),
    (408, None, errors.ServerFailed),
    (409, body_of("conflict_error"), errors.ServerFailed),
    (412, body_of("x"), errors.RequestRejected),
    (413, body_of("request_too_large"), errors.RequestTooLarge),
    (413, "<html>cloudflare</html>", errors.RequestTooLarge),
    (418, body_of("x"), errors.RequestRejected),
    (422, body_of("invalid_request_error"), errors.RequestRejected),
    (429, body_of("rate_limit_error"), errors.RateLimited),
    (429, "busy", errors.RateLimited),
    (429, body_of("rate_limit_error", code="ramp_limit_exceeded"), errors.RampLimited),
    (429, body_of("rate_limit_error", code="something_new"), errors.RateLimited),
    (429, body_of("x", code="enforced_spend_limit_reached"), errors.SpendLimitReached),
    (429, body_of("x", code="contract_spend_limit_reached"), errors.SpendLimitReached),
    (431, body_of("x"), errors.RequestRejected),
    (499, None, errors.ServerFailed),
    (500, body_of("api_error"), errors.ServerFailed),
    (500, body_of("overloaded_error"), errors.Overloaded),
    (501, None, errors.ServerFailed),
    (502, "<html></html>", errors.ServerFailed),
    (503, None, errors.ServerFailed),
    (504, body_of("timeout_error"), errors.ServerFailed),
    (520, "cloudflare", errors.ServerFailed),
    (529, body_of("overloaded_error"), errors.Overloaded),
    # Errors inside a response that began well.
    (200, body_of("overloaded_error"), errors.Overloaded),
    (200, body_of("rate_limit_error"), errors.RateLimited),
    (200, body_of("api_error"), errors.ServerFailed),
    (200, body_of("something_new"), errors.ServerFailed),
    # Bodies that are nobody's.
    (500, {"error": "text"}, errors.ServerFailed),
    (200, body_of({"a": "dict"}), errors.ServerFailed),
    # The envelope counts by its own type, whatever the status.
    (500, body_of("authentication_error"), errors.KeyRejected),
    (400, body_of("rate_limit_error"), errors.RateLimited),
    (503, body_of("billing_error"), errors.CreditExhausted),
    (400, body_of("not_found_error"), errors.ModelUnknown),
    (403, body_of("invalid_request_error"), errors.RequestRejected),
    (502, body_of("request_too_large"), errors.RequestTooLarge),
    (429, body_of("overloaded_error"), errors.Overloaded),
    (400, body_of("timeout_error"), errors.ServerFailed),
    (200, body_of("authentication_error"), errors.KeyRejected),
    (200, body_of("invalid_request_error"), errors.RequestRejected),
    (200, body_of("billing_error"), errors.CreditExhausted),
]

#: What is wrong with an account or a request, in words alone: at any status, by anybody.
WORDS = [
    ("This organization has been disabled.", errors.AccountUnusable),
    ("Your organization has been disabled. Contact support.", errors.AccountUnusable),
    ("The organisation is currently suspended", errors.AccountUnusable),
    ("Access denied: this account was deactivated", errors.AccountUnusable),
    ("Your account is on hold.", errors.AccountUnusable),
    ("API access has been disabled for you", errors.AccountUnusable),
    ("This request is from a disabled organization", errors.AccountUnusable),
    ("Your credit balance is too low to access the Anthropic API.", errors.CreditExhausted),
    ("your Credit Balance is TOO LOW", errors.CreditExhausted),
    ("Insufficient credits. Add more to continue.", errors.CreditExhausted),
    ("You have run out of credits", errors.CreditExhausted),
    ("You exceeded your current quota, please check your plan", errors.CreditExhausted),
    ("You have reached your specified API usage limits.", errors.SpendLimitReached),
    ("You have reached your specified workspace API usage limits.", errors.SpendLimitReached),
    ("Monthly spend limit reached", errors.SpendLimitReached),
    ("You have reached the monthly spend limit of your tier.", errors.SpendLimitReached),
    ("Budget has been exceeded! Current cost: 10.2, Max budget: 10", errors.SpendLimitReached),
    ("prompt is too long: 210000 tokens > 200000 maximum", errors.ContextTooLong),
    ("Prompt is too long", errors.ContextTooLong),
    ("Input is too long for requested model.", errors.ContextTooLong),
    ("input length and `max_tokens` exceed context limit: 9 + 1 > 8", errors.ContextTooLong),
    ("The request exceeds the model's maximum context length", errors.ContextTooLong),
    ("This model's maximum context length is 8192 tokens.", errors.ContextTooLong),
    ("Extra usage is required for long context requests.", errors.ContextTooLong),
    ("The long context beta is not yet available for this account.", errors.ContextTooLong),
]
#: Words that only look like those.
OTHER_WORDS = [
    "messages.0.content: this organization has been disabled",
    "system: Your credit balance is too low",
    "max_tokens: 9000 > 8192, which is the maximum allowed number of output tokens",
    "This request would exceed your organization's rate limit of 50 requests per minute.",
    "The request exceeds your account's rate limit; please reduce the prompt length or try later.",
    "Number of concurrent connections has exceeded your rate limit.",
]


@pytest.mark.parametrize(("status", "body", "expected"), STATUSES)
def test_a_status_and_its_body_have_one_meaning(
    status: int, body: object, expected: type[ProviderError]
) -> None:
    error = translate(status_error(status, body, request_id="req_7"))

    assert type(error) is expected
    assert error.http_status == status
    assert error.request_id == "req_7"


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 413, 422, 429, 500, 529])
@pytest.mark.parametrize(("words", "expected"), WORDS)
def test_words_that_are_not_about_the_epic_mean_the_same_at_any_status(
    words: str, expected: type[ProviderError], status: int
) -> None:
    shapes = (
        body_of("invalid_request_error", words),
        {"error": {"message": words, "type": None, "param": None, "code": str(status)}},
        {"error": {"message": f"Gateway.BadRequest: Api - {json.dumps(body_of('x', words))}"}},
        {"error": words},
        {"message": words},
        {"detail": [{"msg": words, "loc": ["body"]}]},
    )
    for body in shapes:
        assert type(translate(status_error(status, body))) is expected, body


@pytest.mark.parametrize("words", OTHER_WORDS)
def test_words_that_only_look_like_those_change_nothing(words: str) -> None:
    rejected = translate(status_error(400, body_of("invalid_request_error", words)))
    limited = translate(status_error(429, body_of("rate_limit_error", words)))

    assert (type(rejected), type(limited)) == (errors.RequestRejected, errors.RateLimited)


#: What stands before the API says in its own ways: JSON, a page, text, nothing.
BEFORE_API: list[Any] = [
    {"type": "about:blank", "status": 403},
    {"type": "error", "error": None},
    {"error": {"message": "Invalid proxy token", "type": "auth_error", "code": "401"}},
    {"error": {"type": "forbidden", "message": "Request not allowed"}},
    {"message": "No API key found in request"},
    {"detail": "Not authenticated"},
    {"error": "access_denied", "error_description": "Sign in first"},
    {"errors": [{"code": 1020, "message": "Access denied"}]},
    "<!DOCTYPE html><html><head><title>Sorry</title></head><body>you are blocked</body></html>",
    "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "Access denied by policy",
    "",
    None,
    [],
    {},
    7,
]


@pytest.mark.parametrize(
    "status", [301, 302, 307, 401, 403, 404, 405, 407, 410, 418, 421, 431, 451]
)
@pytest.mark.parametrize("body", BEFORE_API)
def test_what_only_the_api_may_say_pauses_the_run_when_another_one_says_it(
    status: int, body: object
) -> None:
    error = translate(status_error(status, body))

    assert type(error) is errors.BlockedBeforeApi
    assert error.effect is Effect.PAUSE_RUN
    assert error.before_api
    assert not error.possibly_billed
    assert f"Something before the API answered HTTP {status}" in error.message


@pytest.mark.parametrize("body", ["<html>400 Bad Request</html>", "Bad Request", "", None, {}, []])
def test_a_bad_request_that_nobody_read_is_not_the_epics_fault(body: object) -> None:
    assert type(translate(status_error(400, body))) is errors.BlockedBeforeApi


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"error": {"message": "messages: empty", "type": "x"}}, errors.RequestRejected),
        (422, {"detail": [{"msg": "field required"}]}, errors.RequestRejected),
        (404, {"error": {"message": "no", "code": "model_not_found"}}, errors.ModelUnknown),
        (400, {"error": {"message": "Invalid model name passed"}}, errors.ModelUnknown),
        (429, {"error": {"message": "slow down", "code": "429"}}, errors.RateLimited),
        (429, "<html>1015 You are being rate limited</html>", errors.RateLimited),
        (402, {"message": "Payment required"}, errors.CreditExhausted),
        (400, {"error": {"message": "no", "type": "budget_exceeded"}}, errors.SpendLimitReached),
        (429, {"error": {"message": "no", "code": "insufficient_quota"}}, errors.CreditExhausted),
        (408, "<html>timeout</html>", errors.ServerFailed),
        *((status, "<html>no</html>", errors.ServerFailed) for status in (500, 502, 503, 504)),
        *((status, "error code: 5xx", errors.ServerFailed) for status in range(520, 527)),
        (530, {"error": "1033"}, errors.ServerFailed),
        (529, "", errors.Overloaded),
        (200, {"error": {"code": 502, "message": "Provider returned error"}}, errors.ServerFailed),
        (200, {"error": {"code": "429", "message": "slow down"}}, errors.RateLimited),
        (200, {"error": {"code": 401, "message": "No auth"}}, errors.BlockedBeforeApi),
    ],
)
def test_what_a_gateway_passes_on_means_what_it_says_and_is_not_called_the_apis(
    status: int, body: object, expected: type[ProviderError]
) -> None:
    error = translate(status_error(status, body))

    assert type(error) is expected
    assert error.before_api
    assert "The provider says" not in error.message


def test_a_redirect_says_where_it_leads_and_no_more() -> None:
    error = translate(status_error(302, "", location="https://login.corp.test/?token=secret"))

    assert 'HTTP 302: "a redirect to login.corp.test"' in error.message
    assert "secret" not in error.message


TRANSPORT = [
    (anthropic.APIConnectionError(request=REQUEST), None, errors.ConnectionFailed, True),
    (anthropic.APIConnectionError(request=REQUEST), httpx2.ReadError("x"), None, True),
    (anthropic.APIConnectionError(request=REQUEST), OSError("x"), errors.ConnectionFailed, True),
    (
        anthropic.APIConnectionError(request=REQUEST),
        aiohttp.ClientConnectorDNSError(None, OSError("x")),  # type: ignore[arg-type]  # no host
        errors.ConnectionFailed,
        False,
    ),
    (anthropic.APIConnectionError(request=REQUEST), httpx2.ProxyError("x"), None, False),
    (
        anthropic.APIConnectionError(request=REQUEST),
        httpx2.UnsupportedProtocol("x"),
        errors.AddressWrong,
        False,
    ),
    (anthropic.APITimeoutError(request=REQUEST), None, errors.CallTimedOut, True),
    (
        anthropic.APITimeoutError(request=REQUEST),
        httpx2.ReadTimeout("x"),
        errors.CallTimedOut,
        True,
    ),
    (
        anthropic.APITimeoutError(request=REQUEST),
        httpx2.ConnectTimeout("x"),
        errors.ConnectionFailed,
        False,
    ),
    (anthropic.APITimeoutError(request=REQUEST), httpx2.PoolTimeout("x"), errors.QueueFull, False),
    (httpx2.RemoteProtocolError("cut"), None, errors.ConnectionFailed, True),
    (httpx2.ReadTimeout("x"), None, errors.CallTimedOut, True),
    (httpx2.DecodingError("gzip"), None, errors.UnreadableAnswer, True),
    (httpx2.InvalidURL("x"), None, errors.AddressWrong, False),
    (aiohttp.ServerDisconnectedError(), None, errors.ConnectionFailed, True),
    (TimeoutError(), None, errors.CallTimedOut, True),
    (json.JSONDecodeError("x", "{", 0), None, errors.UnreadableAnswer, True),
    (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x"), None, errors.RequestRejected, False),
    (TypeError("unexpected keyword argument"), None, errors.ClientBug, False),
    (ValueError("Streaming is required"), None, errors.ClientBug, False),
    (AttributeError("x"), None, errors.ClientBug, False),
]


@pytest.mark.parametrize(("exc", "cause", "expected", "billed"), TRANSPORT)
def test_what_never_left_is_not_billed(
    exc: Exception,
    cause: Exception | None,
    expected: type[ProviderError] | None,
    billed: bool,
) -> None:
    exc.__cause__ = cause

    error = translate(exc)

    assert type(error) is (expected or errors.ConnectionFailed)
    assert error.possibly_billed is billed


#: Every public exception of the SDK, the transport's and the client's: what it means here.
#: A new one has to be put here, with its meaning, before the SDK may be upgraded.
KNOWN_SDK: dict[str, type[ProviderError]] = {
    "APIConnectionError": errors.ConnectionFailed,
    "APIResponseValidationError": errors.UnreadableAnswer,
    "APIStatusError": errors.ServerFailed,
    "APITimeoutError": errors.CallTimedOut,
    "AuthenticationError": errors.KeyRejected,
    "BadRequestError": errors.RequestRejected,
    "CMEKContextUnavailableError": errors.ServerFailed,
    "CMEKKeyDisabledError": errors.AccountUnusable,
    "CMEKKeyNetworkBlockedError": errors.AccountUnusable,
    "CMEKKeyUnreachableError": errors.ServerFailed,
    "ClaudeCodeKeyCreatorNotMemberError": errors.RequestRejected,
    "ClaudeCodeVersionTooOldError": errors.RequestRejected,
    "ClientClosedRequestError": errors.ServerFailed,
    "ConflictError": errors.ServerFailed,
    "ContentTooLargeError": errors.RequestTooLarge,
    "ContractSpendLimitReachedError": errors.SpendLimitReached,
    "EnforcedSpendLimitReachedError": errors.SpendLimitReached,
    "GatewayTimeoutError": errors.ServerFailed,
    "HTTPNotImplementedError": errors.ServerFailed,
    "InternalServerError": errors.ServerFailed,
    "LinkedOrganizationBillingUnavailableError": errors.CreditExhausted,
    "LinkedOrganizationSpendLimitReachedError": errors.CreditExhausted,
    "NotFoundError": errors.ModelUnknown,
    "OrganizationOnHoldError": errors.AccountUnusable,
    "OrganizationTypeNotSupportedError": errors.AccountUnusable,
    "OverloadedError": errors.Overloaded,
    "ParentOrganizationRequiredError": errors.AccountUnusable,
    "PaymentRequiredError": errors.CreditExhausted,
    "PermissionDeniedError": errors.KeyRejected,
    "PreconditionFailedError": errors.RequestRejected,
    "RampLimitExceededError": errors.RampLimited,
    "RateLimitError": errors.RateLimited,
    "RequestBodyEncodingInvalidError": errors.RequestRejected,
    "RequestBodyEncodingUnsupportedError": errors.RequestRejected,
    "RequestBodyTooLargeAfterDecodingError": errors.RequestTooLarge,
    "RequestHeaderFieldsTooLargeError": errors.RequestRejected,
    "RequestTimeoutError": errors.ServerFailed,
    "SandboxEgressRestrictedError": errors.KeyRejected,
    "ServiceUnavailableError": errors.ServerFailed,
    "UnprocessableEntityError": errors.RequestRejected,
}
#: Bases, and what only other calls of the SDK raise: our bug if they ever come here.
NOT_OURS = {
    "APIError",
    "APIWebhookValidationError",
    "AnthropicError",
    "CredentialsError",
    "IdentityTokenFileError",
    "RetryableError",
    "WorkloadIdentityError",
}
KNOWN_TRANSPORT = {
    "CloseError",
    "ConnectError",
    "ConnectTimeout",
    "DecodingError",
    "HTTPError",
    "HTTPStatusError",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "RequestError",
    "SSEError",
    "TimeoutException",
    "TooManyRedirects",
    "TransportError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
}


def exceptions_of(module: object, base: type[Exception]) -> Iterator[type[Exception]]:
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if issubclass(cls, base):
            yield cls


def test_the_sdk_has_no_exception_that_we_do_not_know() -> None:
    found = {cls.__name__ for cls in exceptions_of(anthropic, anthropic.AnthropicError)}

    assert found == KNOWN_SDK.keys() | NOT_OURS


def test_the_transport_has_no_exception_that_we_do_not_know() -> None:
    found = {cls.__name__ for cls in exceptions_of(httpx2, httpx2.HTTPError)}

    assert found == KNOWN_TRANSPORT


@pytest.mark.parametrize(("name", "expected"), KNOWN_SDK.items())
def test_an_exception_of_the_sdk_means_what_the_table_says(
    name: str, expected: type[ProviderError]
) -> None:
    assert type(translate(instance(getattr(anthropic, name)))) is expected


def instance(cls: type[anthropic.APIError]) -> Exception:
    if cls is anthropic.APITimeoutError:
        return anthropic.APITimeoutError(request=REQUEST)
    if cls is anthropic.APIConnectionError:
        return anthropic.APIConnectionError(request=REQUEST)
    if cls is anthropic.APIResponseValidationError:
        return anthropic.APIResponseValidationError(httpx2.Response(200, request=REQUEST), None)
    assert issubclass(cls, anthropic.APIStatusError)
    code: Any = cls.__annotations__.get("error_code")
    return status_error(
        next((c.status_code for c in cls.__mro__ if hasattr(c, "status_code")), 500),
        body_of("x", code=code.__args__[0] if hasattr(code, "__args__") else None),
        error_class=cls,
    )


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "1.25"}, 1.25),
        ({"retry_after": "3600"}, 3600.0),
        ({"retry_after": "60000"}, 60_000.0),
        ({"retry_after": "1e300"}, LONGEST_S),
        ({"retry_after": "1e9999"}, LONGEST_S),
        ({"retry_after": "9" * 390}, LONGEST_S),
        ({"retry_after": "9" * 5000}, None),
        ({"retry_after_ms": "1e300"}, LONGEST_S),
        ({"retry_after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": _MADE_AT}, LONGEST_S),
        ({"retry_after": "Fri, 31 Dec 99999999999 23:59:59 GMT"}, None),
        ({"retry_after": "Fri, 31 Dec 2027 23:59:59 +99999999999"}, None),
        ({"retry_after": "5, 7"}, 7.0),
        ({"retry_after": "\N{SUPERSCRIPT TWO}"}, None),
        ({"retry_after": "1_0"}, None),
        ({"retry_after": "+5"}, None),
        ({"retry_after": "9", "retry_after_ms": "700"}, 0.7),
        ({"retry_after": "9", "retry_after_ms": "soon"}, 9.0),
        ({"retry_after": "0"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "-inf"}, None),
        ({"retry_after": "-1e300"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "Sun, 01 Nov 1998 08:00:00 GMT", "date": _MADE_AT}, None),
        ({}, None),
    ],
)
def test_retry_after_is_what_the_provider_asked_for(
    headers: dict[str, str], expected: float | None
) -> None:
    error = status_error(429, None, error_class=anthropic.RateLimitError, **headers)

    assert translate(error).retry_after_s == expected


@pytest.mark.parametrize("step_s", [0, 3600, -3600])
def test_retry_after_may_be_a_date_which_counts_from_the_responses_own(step_s: float) -> None:
    said_at = datetime.now(tz=UTC)
    dates = [format_datetime(said_at + timedelta(seconds=s), usegmt=True) for s in (0, 30)]

    with host_clock(step_s):
        error = translate(status_error(429, date=dates[0], retry_after=dates[1]))

    assert error.retry_after_s == 30


def test_a_date_says_nothing_where_the_response_does_not_say_when_it_was_made() -> None:
    moment = format_datetime(datetime.now(tz=UTC) + timedelta(seconds=30), usegmt=True)

    assert translate(status_error(429, retry_after=moment)).retry_after_s is None


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, f"invalid key {KEY}"),
        (401, "the key ends in -CRET"),
        (400, f"header Authorization: Bearer {KEY} is odd"),
        (400, f"got {KEY}"),
        (403, f"{KEY} may not"),
        (403, f"token {OTHER_KEY} may not"),
    ],
)
def test_no_message_shows_a_key(status: int, said: str) -> None:
    error = translate(status_error(status, body_of("x", said)))

    for secret in (KEY, "SECRET", "CRET", OTHER_KEY):
        assert secret not in error.message
        assert secret not in repr(error)


@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
@pytest.mark.parametrize("status", [401, 403, 429, 502])
def test_what_stands_before_the_api_does_not_make_us_show_a_key(status: int, key: str) -> None:
    said = f"Invalid token {key}; api key: {key}, Authorization: Bearer {key}"

    for body in (said, {"message": said}, {"detail": [said]}, f"<html><p>{said}</p></html>"):
        error = translate(status_error(status, body))
        assert "Invalid token [hidden]" in error.message
        assert key not in error.message


def test_the_providers_words_are_shown_short_and_clean() -> None:
    error = translate(status_error(400, body_of("x", "bad\x00\x1b[31m\n" + "word " * 500)))

    assert 'The provider says: "bad [31m word' in error.message
    assert len(error.message) < 500
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            (
                "<!doctype html><head><title>Access &amp; more</title><style>b{color:red}</style>"
                "<script>alert(1)</script></head><body><!-- x --><h1>Blocked</h1>\n by\x00 policy"
            ),
            ': "Access & more Blocked by policy".',
        ),
        ("Forbidden\r\nby policy", ': "Forbidden by policy".'),
        ({"odd": {"text": "x"}}, ': "{"odd": {"text": "x"}}".'),
        ("<html>" + "<b>word</b>" * 100_000, "word word"),
        ("<style>" * 10_000, "without a word"),
        ("", "without a word"),
    ],
)
def test_the_first_words_of_whatever_answered_are_shown_clean(body: object, shown: str) -> None:
    error = translate(status_error(403, body))

    assert "HTTP 403" in error.message
    assert shown in error.message
    assert len(error.message) < 900
    assert error.message.isprintable()


LEAVES = [
    cls
    for cls in vars(errors).values()
    if inspect.isclass(cls) and issubclass(cls, ProviderError) and cls is not ProviderError
]


def test_an_error_names_the_settings_to_check() -> None:
    assert "ANTHROPIC_BASE_URL" in translate(httpx2.ConnectError("no")).message
    assert "the provider's base URL" in errors.ConnectionFailed().message
    assert str(errors.KeyRejected()) == errors.KeyRejected().message


@pytest.mark.parametrize("cls", LEAVES)
def test_every_error_is_in_the_drawn_tree_with_its_code_and_effect(
    cls: type[ProviderError],
) -> None:
    assert errors.__doc__ is not None
    [line] = [line for line in errors.__doc__.splitlines() if f"── {cls.__name__} " in line]

    assert f" {cls.code} " in line
    assert f" {cls.effect.value.replace('_', ' ')} " in line
    assert cls.code == cls.code.upper()
    assert cls().message.endswith(".")
    assert "{" not in cls().message


def test_codes_are_unique_and_every_effect_has_an_error() -> None:
    assert len({cls.code for cls in LEAVES}) == len(LEAVES)
    assert {cls.effect for cls in LEAVES} == set(Effect)
