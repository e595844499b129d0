"""The errors that people see.

BatchgenError
├── ValidationFailed      400 VALIDATION_ERROR
├── PriceUnknown          400 PRICE_UNKNOWN
├── HostNotAllowed        400 HOST_NOT_ALLOWED
├── Forbidden             403 FORBIDDEN
├── NotFound              404 NOT_FOUND
├── RequestTimeout        408 REQUEST_TIMEOUT
├── InvalidTransition     409 INVALID_TRANSITION
├── RunAlreadyActive      409 RUN_ALREADY_ACTIVE
├── ItemAlreadyActive     409 ITEM_ALREADY_ACTIVE
├── QuotaReached          409 QUOTA_REACHED
├── QuoteOutdated         409 QUOTE_OUTDATED
├── BudgetReached         409 BUDGET_REACHED
├── VersionConflict       409 VERSION_CONFLICT
├── IdempotencyConflict   409 IDEMPOTENCY_CONFLICT
├── PayloadTooLarge       413 PAYLOAD_TOO_LARGE
├── UnsupportedFile       415 UNSUPPORTED_MEDIA_TYPE
├── Throttled             429 THROTTLED
├── HeadersTooLarge       431 HEADERS_TOO_LARGE
└── Unavailable           503 UNAVAILABLE
"""

from collections.abc import Mapping
from typing import ClassVar

#: Problems that the details of an error list: more would not help anybody who mends them by hand.
MAX_PROBLEMS = 50


class BatchgenError(Exception):
    """The request cannot be done."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, **details: object) -> None:
        """A sentence for a person (default: the class's docstring) and JSON-able details."""
        self.message = message or " ".join((self.__doc__ or "").split())
        self.details = details
        super().__init__(self.message)


class ValidationFailed(BatchgenError):
    """The input is not valid; details say which field and why. Nothing was changed."""

    code = "VALIDATION_ERROR"
    http_status = 400


class PriceUnknown(BatchgenError):
    """A budget applies, and this model has no price: nobody could say what its calls may cost.
    Choose another model, leave the budget out, or have the price added to providers/prices.toml."""

    code = "PRICE_UNKNOWN"
    http_status = 400


class HostNotAllowed(BatchgenError):
    """Host not allowed: this server does not answer to the name that was asked for. Whoever runs
    it can add the name to BATCHGEN_ALLOWED_HOSTS."""

    code = "HOST_NOT_ALLOWED"
    http_status = 400


class Forbidden(BatchgenError):
    """You are not allowed to do this here."""

    code = "FORBIDDEN"
    http_status = 403


class NotFound(BatchgenError):
    """There is nothing here, or it is not yours to see."""

    code = "NOT_FOUND"
    http_status = 404


class RequestTimeout(BatchgenError):
    """The body did not arrive in time (BATCHGEN_BODY_TIMEOUT_S). Send it again."""

    code = "REQUEST_TIMEOUT"
    http_status = 408


class InvalidTransition(BatchgenError):
    """The run's status does not allow this action."""

    code = "INVALID_TRANSITION"
    http_status = 409


class RunAlreadyActive(BatchgenError):
    """A run of this type is already active for this project."""

    code = "RUN_ALREADY_ACTIVE"
    http_status = 409


class ItemAlreadyActive(BatchgenError):
    """Another run that is not over includes it. Wait for its end, or cancel it."""

    code = "ITEM_ALREADY_ACTIVE"
    http_status = 409

    def __init__(self, message: str, *, runs: Mapping[str, str]) -> None:
        """`runs`: {the item's code: the run's id}. A code may be any text, so it is no keyword."""
        super().__init__(message)
        self.details.update(runs)


class QuotaReached(BatchgenError):
    """A limit of what one user may have; details have the limit, its setting, and what is used."""

    code = "QUOTA_REACHED"
    http_status = 409


class QuoteOutdated(BatchgenError):
    """The quote does not hold any more. Ask for a new one, then start with that."""

    code = "QUOTE_OUTDATED"
    http_status = 409


class BudgetReached(BatchgenError):
    """A budget is used up; details say which, its limit and what is spent."""

    code = "BUDGET_REACHED"
    http_status = 409


class VersionConflict(BatchgenError):
    """Somebody changed this in the meantime. Read it again, then repeat your change."""

    code = "VERSION_CONFLICT"
    http_status = 409


class IdempotencyConflict(BatchgenError):
    """This Idempotency-Key was used for another request. Take a new key for a new request."""

    code = "IDEMPOTENCY_CONFLICT"
    http_status = 409


class PayloadTooLarge(BatchgenError):
    """The body is larger than is taken here: BATCHGEN_UPLOAD_BYTES for a file,
    BATCHGEN_MAX_BODY_BYTES for an import, else 2 MB."""

    code = "PAYLOAD_TOO_LARGE"
    http_status = 413


class UnsupportedFile(BatchgenError):
    """A file of this type is not taken."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    http_status = 415


class Throttled(BatchgenError):
    """Too many requests. Wait, then try again."""

    code = "THROTTLED"
    http_status = 429

    def __init__(self, message: str, *, wait_s: int) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class HeadersTooLarge(BatchgenError):
    """The address and the headers are longer than this server takes (BATCHGEN_HEAD_BYTES)."""

    code = "HEADERS_TOO_LARGE"
    http_status = 431


class Unavailable(BatchgenError):
    """A service that batchgen needs is away. Try again shortly."""

    code = "UNAVAILABLE"
    http_status = 503
