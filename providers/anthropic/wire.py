"""Our values as a request body, and a response body as a Completion; pure."""

import json
from typing import TYPE_CHECKING, Any, cast

from providers.cleaning import DIGITS, integer, label, storable
from providers.errors import UnreadableAnswer
from providers.values import (
    CacheFor,
    Completion,
    CompletionRequest,
    StopReason,
    TextBlock,
    Usage,
)

if TYPE_CHECKING:
    from anthropic.types import CacheControlEphemeralParam, TextBlockParam
    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

#: Of one call, ten times what any model takes in or writes; a larger number is a mistake.
MAX_TOKENS = 10_000_000
_STOP_REASONS = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
    "refusal": StopReason.REFUSAL,
}


def message_body(request: CompletionRequest) -> bytes:
    """The JSON of a request.

    Raises:
        UnicodeEncodeError: a text has half of a surrogate pair in it.
    """
    params: MessageCreateParamsNonStreaming = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "system": [_system_block(block, request.cache_for) for block in request.system],
        "messages": [{"role": "user", "content": request.user}],
        "output_config": {"format": {"type": "json_schema", "schema": request.schema}},
        "metadata": {"user_id": request.marker},
    }
    return json.dumps(params, ensure_ascii=False, separators=(",", ":")).encode()


def _system_block(block: TextBlock, cache_for: CacheFor) -> "TextBlockParam":
    if not block.cache:
        return {"type": "text", "text": block.text}
    control: CacheControlEphemeralParam = {"type": "ephemeral"}
    if cache_for is CacheFor.ONE_HOUR:
        control["ttl"] = "1h"
    return {"type": "text", "text": block.text, "cache_control": control}


def completion(message: object, *, request_id: str, model: str, cache_for: CacheFor) -> Completion:
    """The completion in a message, as `loaded` has it.

    What was paid for is kept: a message counts with readable content, whatever its id, usage and
    stop reason are. A refusal may come with no content. The text is that of the text blocks;
    thinking and unknown blocks are left out. Every text is made storable here.

    Args:
        model: that of the request, for a message that names none.
        cache_for: that of the request, for cache writes of which no more is said.

    Raises:
        UnreadableAnswer: it is no message.
    """
    if not isinstance(message, dict) or (message.get("type") or "message") != "message":
        raise UnreadableAnswer(possibly_billed=True, request_id=request_id)
    stop_reason = _STOP_REASONS.get(label(message.get("stop_reason")), StopReason.OTHER)
    blocks = _blocks(message.get("content"))
    if not blocks and stop_reason is not StopReason.REFUSAL:
        raise UnreadableAnswer(possibly_billed=True, request_id=request_id)
    texts = [block["text"] for block in blocks if block.get("type") == "text"]
    return Completion(
        text=storable("".join(texts)),
        stop_reason=stop_reason,
        usage=_usage(message.get("usage"), cache_for),
        model=label(message.get("model")) or model,
        request_id=request_id,
    )


def loaded(body: bytes) -> object:
    """The body's JSON; None where it is none. Bytes that are no text cost their places only."""
    try:
        text = body.decode(json.detect_encoding(body), "replace")
        return cast("object", json.loads(text, parse_int=integer))
    except (ValueError, RecursionError):
        return None


def _blocks(content: object) -> list[dict[str, Any]]:
    """The blocks that can be read; gateways give a single one as its text."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if _is_block(block)] if isinstance(content, list) else []


def _is_block(block: object) -> bool:
    if not isinstance(block, dict):
        return False
    return block.get("type") != "text" or isinstance(block.get("text"), str)


def _usage(usage: object, cache_for: CacheFor) -> Usage | None:
    """None unless all of it can be believed: half a bill is not one."""
    if not isinstance(usage, dict):
        return None
    split = usage.get("cache_creation")
    split = split if isinstance(split, dict) else {}
    counts = (
        count(usage.get("input_tokens")),
        count(usage.get("output_tokens")),
        count(usage.get("cache_read_input_tokens") or 0),
        count(usage.get("cache_creation_input_tokens") or 0),
        count(split.get("ephemeral_5m_input_tokens") or 0),
        count(split.get("ephemeral_1h_input_tokens") or 0),
    )
    if None in counts:
        return None
    given, made, read, written, five_minutes, hour = cast("tuple[int, ...]", counts)
    # Some answers have the split and 0 in all, and gateways a total alone.
    unsplit = max(written - five_minutes - hour, 0)
    for_an_hour = cache_for is CacheFor.ONE_HOUR
    return Usage(
        input_tokens=given,
        output_tokens=made,
        cache_read_tokens=read,
        cache_write_5m_tokens=five_minutes + (0 if for_an_hour else unsplit),
        cache_write_1h_tokens=hour + (unsplit if for_an_hour else 0),
    )


def count(value: object, *, most: int = MAX_TOKENS) -> int | None:
    """A number of tokens or calls, also as 12.0 or "12"."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < DIGITS:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= most else None
