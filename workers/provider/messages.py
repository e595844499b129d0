"""Our values as the SDK's arguments, and a response body as a Completion; pure."""

import json
from typing import TypedDict, cast

from anthropic.types import (
    MessageParam,
    MetadataParam,
    OutputConfigParam,
    TextBlockParam,
)

from workers.generation import Completion, CompletionRequest, TextBlock, Usage
from workers.provider.errors import UnreadableAnswer


class MessageArguments(TypedDict):
    """The keyword arguments of `messages.create` that we use."""

    model: str
    max_tokens: int
    system: list[TextBlockParam]
    messages: list[MessageParam]
    output_config: OutputConfigParam
    metadata: MetadataParam


def message_arguments(request: CompletionRequest) -> MessageArguments:
    """The SDK's arguments for a request; the schema is passed on, not copied."""
    return {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "system": [_system_block(block) for block in request.system],
        "messages": [{"role": "user", "content": request.user}],
        "output_config": {"format": {"type": "json_schema", "schema": request.schema}},
        "metadata": {"user_id": request.marker},
    }


def _system_block(block: TextBlock) -> TextBlockParam:
    if block.cache:
        return {"type": "text", "text": block.text, "cache_control": {"type": "ephemeral"}}
    return {"type": "text", "text": block.text}


def completion(body: bytes, *, request_id: str) -> Completion:
    """The completion in a successful response's body.

    Only a whole message counts: id, content, usage and stop_reason. A refusal may come with no
    content. The text is that of the text blocks; thinking and unknown blocks are left out.

    Raises:
        UnreadableAnswer: the body is not such a message.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise UnreadableAnswer(possibly_billed=True, request_id=request_id) from exc
    if not _is_whole_message(message):
        raise UnreadableAnswer(possibly_billed=True, request_id=request_id)
    return Completion(
        text="".join(block["text"] for block in message["content"] if block.get("type") == "text"),
        stop_reason=message["stop_reason"],
        usage=_usage(message["usage"]),
        model=message["model"],
        request_id=request_id,
    )


def _is_whole_message(message: object) -> bool:
    if not isinstance(message, dict) or message.get("type") != "message":
        return False
    content, usage = message.get("content"), message.get("usage")
    return (
        all(_is_text(message.get(key)) for key in ("id", "model", "stop_reason"))
        and isinstance(content, list)
        and all(map(_is_block, content))
        and (len(content) > 0 or message["stop_reason"] == "refusal")
        and isinstance(usage, dict)
        and _is_count(usage.get("input_tokens"))
        and _is_count(usage.get("output_tokens"))
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_block(block: object) -> bool:
    if not isinstance(block, dict):
        return False
    return block.get("type") != "text" or isinstance(block.get("text"), str)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _usage(usage: dict[str, object]) -> Usage:
    return Usage(
        input_tokens=_count(usage["input_tokens"]),
        output_tokens=_count(usage["output_tokens"]),
        cache_read_tokens=_count(usage.get("cache_read_input_tokens")),
        cache_write_tokens=_count(usage.get("cache_creation_input_tokens")),
    )


def _count(value: object) -> int:
    return cast("int", value) if _is_count(value) else 0
