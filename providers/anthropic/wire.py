"""Our values as a request body, and a response body as a Completion; pure."""

import json
from typing import TYPE_CHECKING, Any, cast

from providers.cleaning import DIGITS, integer, label, storable
from providers.errors import UnreadableAnswer
from providers.values import Completion, CompletionRequest, StopReason, TextBlock, Usage

if TYPE_CHECKING:
    from anthropic.types import TextBlockParam
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
    body: MessageCreateParamsNonStreaming = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "system": [_system_block(block) for block in request.system],
        "messages": [{"role": "user", "content": request.user}],
        "output_config": {"format": {"type": "json_schema", "schema": request.schema}},
        "metadata": {"user_id": request.marker},
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _system_block(block: TextBlock) -> "TextBlockParam":
    if block.cache:
        return {"type": "text", "text": block.text, "cache_control": {"type": "ephemeral"}}
    return {"type": "text", "text": block.text}


def completion(body: bytes, *, request_id: str, model: str) -> Completion:
    """The completion in a successful response's body.

    What was paid for is kept: a message counts with readable content, whatever its id, usage and
    stop reason are. A refusal may come with no content. The text is that of the text blocks;
    thinking and unknown blocks are left out. Every text is made storable here.

    Args:
        model: that of the request, for a message that names none.

    Raises:
        UnreadableAnswer: the body is no message.
    """
    message = _loaded(body)
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
        usage=_usage(message.get("usage")),
        model=label(message.get("model")) or model,
        request_id=request_id,
    )


def _loaded(body: bytes) -> object:
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


def _usage(usage: object) -> Usage | None:
    """None unless all of it can be believed: half a bill is not one."""
    if not isinstance(usage, dict):
        return None
    counts = (
        _count(usage.get("input_tokens")),
        _count(usage.get("output_tokens")),
        _count(usage.get("cache_read_input_tokens") or 0),
        _count(usage.get("cache_creation_input_tokens") or 0),
    )
    if None in counts:
        return None
    given, written, cache_read, cache_write = cast("tuple[int, int, int, int]", counts)
    return Usage(
        input_tokens=given,
        output_tokens=written,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
    )


def _count(value: object) -> int | None:
    """A number of tokens, also as 12.0 or "12"."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < DIGITS:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else None
