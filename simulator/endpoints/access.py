"""Authentication and the `anthropic-version` header."""

from simulator.http.connection import Request
from simulator.protocol.errors import ApiError

VERSIONS = ("2023-06-01", "2026-10-21")


def check_access(request: Request) -> None:
    """Let a request with any key and a known version pass.

    Raises:
        ApiError: 401 without a key, 400 without a known `anthropic-version`.
    """
    bearer = request.header(b"authorization") or ""
    kind, _, token = bearer.partition(" ")
    has_bearer = kind.lower() == "bearer" and bool(token.strip())
    if not request.header(b"x-api-key") and not has_bearer:
        raise ApiError(401, "x-api-key header is required")
    version = version_of(request)
    if not version:
        raise ApiError(400, "anthropic-version: header is required")
    if version not in VERSIONS:
        raise ApiError(
            400, f'anthropic-version: "{version}" is not valid. Known: {", ".join(VERSIONS)}.'
        )


def version_of(request: Request) -> str:
    """The protocol version asked for; empty when none was."""
    return request.header(b"anthropic-version") or ""
