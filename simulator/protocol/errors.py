"""Error responses of the provider: status, type, message and code."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TYPE_OF_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}

_MESSAGE_OF_STATUS = {
    400: "The request is invalid.",
    401: "invalid x-api-key",
    402: "There is a problem with your billing. Please check your payment details.",
    403: "Your API key does not have permission to use the specified resource.",
    404: "Not found",
    408: "The request timed out.",
    409: "The request conflicts with the current state of the resource.",
    413: "Request exceeds the maximum size",
    422: "The request could not be processed.",
    429: "This request would exceed your organization's rate limit. Please try again later.",
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "The request timed out while it was processed.",
    529: "Overloaded",
}


class ApiError(Exception):
    """An error answer of the provider.

    Args:
        error_type: instead of the status's own.
        error_code: goes to `error.details.error_code`; left out when None.
        headers: extra response headers, such as `retry-after`.
        html: the body is a proxy's HTML page instead of JSON.
        raw: the body is this, which somebody else than the provider answers.
    """

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        error_type: str | None = None,
        error_code: str | None = None,
        headers: Mapping[str, str] | None = None,
        html: bool = False,
        raw: str | None = None,
    ) -> None:
        self.status = status
        self.type = error_type or TYPE_OF_STATUS.get(status, "api_error")
        self.message = message or _MESSAGE_OF_STATUS.get(status, "Error")
        self.error_code = error_code
        self.headers = dict(headers or {})
        self.html = html
        self.raw = raw
        super().__init__(self.message)

    @property
    def by_provider(self) -> bool:
        """Whether it is the provider that answers, and not something before it."""
        return not self.html and self.raw is None

    def body(self, request_id: str) -> dict[str, object]:
        """The JSON body: the same envelope at every status and inside a stream."""
        error: dict[str, object] = {"type": self.type, "message": self.message}
        if self.error_code:
            error["details"] = {"error_code": self.error_code}
        return {"type": "error", "error": error, "request_id": request_id}


@dataclass(frozen=True, kw_only=True)
class ErrorKind:
    """A special case of one status: what clients tell apart by code or by message."""

    status: int
    message: str
    error_code: str | None = None
    waits: bool = field(default=False)
    """Whether `retry-after` is sent."""


ERROR_KINDS = {
    "ramp": ErrorKind(
        status=429,
        message="Your usage grows faster than your organization's ramp limit allows.",
        error_code="ramp_limit_exceeded",
        waits=True,
    ),
    "spend_cap": ErrorKind(
        status=429,
        message="You have reached the monthly spend limit of your usage tier.",
        error_code="enforced_spend_limit_reached",
    ),
    "contract_spend_cap": ErrorKind(
        status=429,
        message="You have reached the spend limit of your contract.",
        error_code="contract_spend_limit_reached",
    ),
    "own_limit": ErrorKind(
        status=400,
        message="You have reached your specified API usage limits. "
        "You will regain access on the first day of next month at 00:00 UTC.",
    ),
    "credit": ErrorKind(
        status=400,
        message="Your credit balance is too low to access the API. "
        "Please go to Plans & Billing to upgrade or purchase credits.",
    ),
    "disabled": ErrorKind(status=400, message="This organization has been disabled."),
    "too_long": ErrorKind(
        status=400, message="prompt is too long: 1200000 tokens > 1000000 maximum"
    ),
    "long_context": ErrorKind(
        status=429, message="Extra usage is required for long context requests."
    ),
    "on_hold": ErrorKind(
        status=403,
        message="Your organization is on hold. Please contact support.",
        error_code="organization_on_hold",
    ),
}
