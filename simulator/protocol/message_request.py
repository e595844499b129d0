"""The body of `POST /v1/messages` and `/count_tokens`, read and checked as the provider does."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.protocol.errors import ApiError
from simulator.protocol.model_catalogue import MODELS, Model
from simulator.protocol.prompt_cache import TTL_S, Block
from simulator.protocol.schema_rules import check_schema
from simulator.protocol.tokens import count_tokens

VERSION_WITHOUT_SAMPLING = "2026-10-21"
CACHE_MARKS_MAX = 4
MARKER_MAX_CHARACTERS = 256

_SAMPLING = ("temperature", "top_p", "top_k")
_FIELDS = {
    *("model", "max_tokens", "messages", "system", "metadata", "stream", "stop_sequences"),
    *("thinking", "tools", "tool_choice", "output_config", "cache_control", "container"),
    *("service_tier", "inference_geo", "speed", "diagnostics", "user_profile_id", "workspace_id"),
    *_SAMPLING,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRequest:
    """A checked request.

    Args:
        blocks: the prompt in the order of the cache: tools, system, messages.
        user_text: the text of all user messages, where the work is described.
        schema: what the answer's JSON must fit, or None for prose.
        format_key: the output format as text; equal formats have equal keys.
    """

    model: Model
    max_tokens: int
    stream: bool
    thinks: bool
    blocks: tuple[Block, ...]
    user_text: str
    schema: Mapping[str, Any] | None
    format_key: str

    @property
    def input_tokens(self) -> int:
        """Tokens of the whole prompt, cached or not."""
        return sum(block.tokens for block in self.blocks)

    @property
    def cache_scope(self) -> str:
        """What else than the prompt must be equal for a cache hit."""
        return f"{self.model.id}\0{self.format_key}"


def read_request(
    body: Any, *, version: str, needs_max_tokens: bool = True, tells_format: bool = False
) -> MessageRequest:
    """The request in a decoded body.

    Args:
        tells_format: the output format is told in the system's text, and counts as input.

    Raises:
        ApiError: 400 for what the provider would refuse, 404 for an unknown model.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    _check_fields(body, version, needs_max_tokens=needs_max_tokens)
    model = _model(body["model"])
    max_tokens = _max_tokens(body, model)
    output_format = _output_format(body)
    format_key = _format_key(output_format)
    blocks, user_text = _read_prompt(body, format_key if tells_format else "")
    _check_model_rules(body, model)
    request = MessageRequest(
        model=model,
        max_tokens=max_tokens,
        stream=_boolean(body, "stream"),
        thinks=_thinking_type(body) in ("enabled", "adaptive"),
        blocks=tuple(blocks),
        user_text=user_text,
        schema=output_format.get("schema") if output_format else None,
        format_key=format_key,
    )
    if request.input_tokens > model.max_input_tokens:
        raise ApiError(
            400,
            f"prompt is too long: {request.input_tokens} tokens > {model.max_input_tokens} maximum",
        )
    return request


def marker_of(body: Any) -> str | None:
    """`metadata.user_id`, by which callers count their calls; None where there is none."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    marker = metadata.get("user_id") if isinstance(metadata, dict) else None
    return marker if isinstance(marker, str) else None


def user_text_of(body: Any) -> str:
    """The text of all user messages, as far as the body has any; never fails."""
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        return ""
    texts: list[str] = []
    for message in messages:
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            found = (part.get("text") for part in parts if isinstance(part, dict))
            texts += [text for text in found if isinstance(text, str)]
    return "\n".join(texts)


def prompt_text_of(body: Any) -> str:
    """All that the prompt says in words: the system's text and the users'."""
    system = body.get("system") or []
    parts = [{"text": system}] if isinstance(system, str) else system
    return "\n".join([*(str(part["text"]) for part in parts), user_text_of(body)])


def _check_fields(body: Mapping[str, Any], version: str, *, needs_max_tokens: bool) -> None:
    required = ("model", "messages", "max_tokens") if needs_max_tokens else ("model", "messages")
    for name in required:
        if name not in body:
            raise ApiError(400, f"{name}: Field required")
    for name in body:
        if name not in _FIELDS:
            raise ApiError(400, f"{name}: Extra inputs are not permitted")
    if version >= VERSION_WITHOUT_SAMPLING:
        for name in _SAMPLING:
            if name in body:
                raise ApiError(400, f"{name}: Extra inputs are not permitted")
    marker = marker_of(body)
    if marker is not None and len(marker) > MARKER_MAX_CHARACTERS:
        raise ApiError(
            400, f"metadata.user_id: String should have at most {MARKER_MAX_CHARACTERS} characters"
        )


def _model(name: object) -> Model:
    if not isinstance(name, str):
        raise ApiError(400, "model: Input should be a valid string")
    if name not in MODELS:
        raise ApiError(404, f"model: {name}")
    return MODELS[name]


def _max_tokens(body: Mapping[str, Any], model: Model) -> int:
    value = body.get("max_tokens", 1)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiError(400, "max_tokens: Input should be a valid integer")
    if value < 0:
        raise ApiError(400, "max_tokens: Input should be greater than or equal to 0")
    if value > model.max_output_tokens:
        raise ApiError(
            400,
            f"max_tokens: {value} > {model.max_output_tokens}, which is the maximum allowed "
            f"number of output tokens for {model.id}",
        )
    return value


def _boolean(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise ApiError(400, f"{name}: Input should be a valid boolean")
    return value


def _output_format(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    config = body.get("output_config")
    if config is not None and not isinstance(config, dict):
        raise ApiError(400, "output_config: Input should be a valid object")
    output_format = (config or {}).get("format")
    if output_format is None:
        return None
    if not isinstance(output_format, dict) or output_format.get("type") != "json_schema":
        raise ApiError(400, "output_config.format.type: Input should be 'json_schema'")
    if not isinstance(output_format.get("schema"), dict):
        raise ApiError(400, "output_config.format.schema: Field required")
    return output_format


def _format_key(output_format: Mapping[str, Any] | None) -> str:
    if output_format is None:
        return ""
    key = json.dumps(output_format)
    check_schema(key)
    return key


def _thinking_type(body: Mapping[str, Any]) -> object:
    thinking = body.get("thinking")
    return thinking.get("type") if isinstance(thinking, dict) else None


def _check_model_rules(body: Mapping[str, Any], model: Model) -> None:
    if body["messages"][-1]["role"] == "assistant" and not model.allows_prefill:
        raise ApiError(
            400,
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message.",
        )
    if not model.always_thinks:
        return
    tool_choice = body.get("tool_choice")
    if isinstance(tool_choice, dict) and tool_choice.get("type") in ("any", "tool"):
        raise ApiError(400, f"tool_choice: forced tool use is not supported by {model.id}")
    if _thinking_type(body) == "disabled":
        raise ApiError(400, f"thinking.type: thinking cannot be disabled for {model.id}")


def _read_prompt(body: Mapping[str, Any], told: str) -> tuple[list[Block], str]:
    messages = body["messages"]
    if not isinstance(messages, list):
        raise ApiError(400, "messages: Input should be a valid list")
    if not messages:
        raise ApiError(400, "messages: at least one message is required")
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        raise ApiError(400, "tools: Input should be a valid list")
    blocks = [_json_block(f"tools.{at}", tool) for at, tool in enumerate(tools)]
    blocks += [Block(told, count_tokens(told))] if told else []
    blocks += _content_blocks("system", body.get("system") or [])
    user_texts: list[str] = []
    for at, message in enumerate(messages):
        path = f"messages.{at}"
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            raise ApiError(400, f"{path}.role: Input should be 'user' or 'assistant'")
        content = list(_content_blocks(f"{path}.content", message.get("content")))
        if message["role"] == "user":
            user_texts += [block.text for block in content]
        blocks += content
    if ttl := _ttl("", body):
        blocks[-1] = Block(blocks[-1].text, blocks[-1].tokens, ttl)
    if sum(block.ttl is not None for block in blocks) > CACHE_MARKS_MAX:
        raise ApiError(
            400, f"A maximum of {CACHE_MARKS_MAX} blocks with cache_control may be provided."
        )
    return blocks, "\n".join(user_texts)


def _content_blocks(path: str, content: object) -> Iterator[Block]:
    if isinstance(content, str):
        yield Block(content, count_tokens(content))
        return
    if not isinstance(content, list):
        raise ApiError(400, f"{path}: Input should be a valid list or string")
    for at, part in enumerate(content):
        where = f"{path}.{at}"
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise ApiError(400, f"{where}.type: Field required")
        if part["type"] != "text":
            yield _json_block(where, part)
        elif not isinstance(text := part.get("text"), str):
            raise ApiError(400, f"{where}.text: Field required")
        elif not text.strip():
            raise ApiError(400, f"{path}: text content blocks must contain non-whitespace text")
        else:
            yield Block(text, count_tokens(text), _ttl(where, part))


def _json_block(path: str, part: object) -> Block:
    if not isinstance(part, dict):
        raise ApiError(400, f"{path}: Input should be a valid object")
    text = json.dumps(part)
    return Block(text, count_tokens(text), _ttl(path, part))


def _ttl(path: str, part: Mapping[str, Any]) -> str | None:
    control = part.get("cache_control")
    if control is None:
        return None
    ttl = control.get("ttl", "5m") if isinstance(control, dict) else None
    if ttl not in TTL_S or control.get("type") != "ephemeral":
        raise ApiError(400, f"{path}.cache_control: Input should be ephemeral with ttl 5m or 1h")
    return str(ttl)
