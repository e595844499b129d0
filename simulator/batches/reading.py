"""The body of a batch's creation, one request at a time."""

import json
import re
from collections.abc import Iterator
from typing import Any

from simulator.protocol.errors import ApiError

REQUESTS_MAX = 100_000
CUSTOM_ID_MAX = 64
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)

_LIST_FIRST = re.compile(r'\s*\{\s*"requests"\s*:\s*\[\s*')
_COMMA = re.compile(r"\s*,\s*")
_END = re.compile(r"\s*\]")
_decode = json.JSONDecoder().raw_decode


def read_requests(body: bytes) -> Iterator[tuple[str, str]]:
    """The custom id of each request, and the request as JSON.

    What `params` say is not looked at here: the provider does so when it comes to it.

    Raises:
        ApiError: 400 for a body, a list or an id that the provider refuses at once.
    """
    seen: set[str] = set()
    number = 0
    for number, (request, text) in enumerate(_elements(body), start=1):  # counted past the end
        if number > REQUESTS_MAX:
            continue
        custom_id = _custom_id(f"requests.{number - 1}", request)
        if custom_id in seen:
            raise ApiError(
                400,
                "requests: custom_id's must be unique within a batch. "
                f"Duplicate custom_id found: {custom_id}",
            )
        seen.add(custom_id)
        yield custom_id, text
    if not 1 <= number <= REQUESTS_MAX:
        bound = "at least 1 item" if number < 1 else f"at most {REQUESTS_MAX} items"
        raise ApiError(400, f"requests: List should have {bound} after validation, not {number}")


def _elements(body: bytes) -> Iterator[tuple[Any, str]]:
    """Each element of `requests`, decoded and as text; never all of them decoded at once."""
    try:
        text = body.decode()
        first = _LIST_FIRST.match(text)
        if first is None:
            for element in _checked(json.loads(text)):
                yield element, json.dumps(element)
            return
        at = first.end()
        while (end := _END.match(text, at)) is None:
            element, after = _decode(text, at)
            yield element, text[at:after]
            comma = _COMMA.match(text, after)
            at = comma.end() if comma else after
            if comma is None and not _END.match(text, at):
                raise ValueError("neither a comma nor the end of the list")
        _checked(json.loads('{"requests": []' + text[end.end() :]))
    except (ValueError, RecursionError):
        raise ApiError(400, "The request body is not valid JSON.") from None


def _checked(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    for name in value:
        if name != "requests":
            raise ApiError(400, f"{name}: Extra inputs are not permitted")
    if "requests" not in value:
        raise ApiError(400, "requests: Field required")
    if not isinstance(value["requests"], list):
        raise ApiError(400, "requests: Input should be a valid list")
    return value["requests"]


def _custom_id(path: str, request: Any) -> str:
    if not isinstance(request, dict):
        raise ApiError(400, f"{path}: Input should be a valid object")
    for name in ("custom_id", "params"):
        if name not in request:
            raise ApiError(400, f"{path}.{name}: Field required")
    for name in request:
        if name not in ("custom_id", "params"):
            raise ApiError(400, f"{path}.{name}: Extra inputs are not permitted")
    custom_id = request["custom_id"]
    if not isinstance(custom_id, str):
        raise ApiError(400, f"{path}.custom_id: Input should be a valid string")
    if len(custom_id) > CUSTOM_ID_MAX:
        raise ApiError(
            400, f"{path}.custom_id: String should have at most {CUSTOM_ID_MAX} characters"
        )
    if not CUSTOM_ID.fullmatch(custom_id):
        raise ApiError(
            400, f"{path}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
        )
    if not isinstance(request["params"], dict):
        raise ApiError(400, f"{path}.params: Input should be a valid object")
    return custom_id
