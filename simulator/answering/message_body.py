"""The `Message` object of an answer, whole or as the events of a stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.http.wire import event, new_id
from simulator.protocol.prompt_cache import CacheUse
from simulator.protocol.tokens import characters_within, count_tokens

DELTA_CHARACTERS = 160
THOUGHT = "The cards name who wants what; one story for each want keeps them small."
REFUSAL_TEXT = "I can't help with that."
_SIGNATURE = "c2ltdWxhdG9y"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the model says: text, an optional thought before it, and why it stopped."""

    text: str
    thought: str = ""
    stop_reason: str = "end_turn"
    stop_details: dict[str, Any] | None = None

    @property
    def thinking_tokens(self) -> int:
        """Tokens of the thought; they are part of the output."""
        return count_tokens(self.thought)

    @property
    def output_tokens(self) -> int:
        """All output tokens; an empty answer still costs one."""
        return max(1, count_tokens(self.text) + self.thinking_tokens)


def answer_within(text: str, *, thought: str, max_tokens: int) -> Answer:
    """The answer, cut where it reaches `max_tokens` (thought included)."""
    room = characters_within(max(0, max_tokens - count_tokens(thought)))
    if len(text) > room:
        return Answer(text=text[:room], thought=thought, stop_reason="max_tokens")
    return Answer(text=text, thought=thought)


def refused() -> Answer:
    """The answer to a request that the model declines; billed like any other."""
    details = {"type": "refusal", "category": "general_harms", "explanation": "Scripted refusal."}
    return Answer(text=REFUSAL_TEXT, stop_reason="refusal", stop_details=details)


def message(
    model_id: str,
    answer: Answer,
    use: CacheUse,
    *,
    service_tier: str = "standard",
    zero_total: bool = False,
) -> dict[str, Any]:
    """The whole `Message`.

    Args:
        zero_total: the flat total of cache writes is 0, whatever its split says.
    """
    usage = _usage(use, answer)
    usage["service_tier"] = service_tier
    if zero_total:
        usage["cache_creation_input_tokens"] = 0
    return {
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": model_id,
        "content": _content(answer),
        "stop_reason": answer.stop_reason,
        "stop_sequence": None,
        "stop_details": answer.stop_details,
        "usage": usage,
    }


def events(whole: dict[str, Any]) -> Iterator[bytes]:
    """The stream's events for a whole message, each a chunk of the body."""
    usage = whole["usage"]
    opening = {
        **whole,
        "content": [],
        "stop_reason": None,
        "stop_details": None,
        "usage": {**usage, "output_tokens": 1, "output_tokens_details": {"thinking_tokens": 0}},
    }
    yield event("message_start", {"type": "message_start", "message": opening})
    for index, block in enumerate(whole["content"]):
        yield from _block_events(index, block)
        if index == 0:
            yield event("ping", {"type": "ping"})
    delta = {name: whole[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    cumulative = {
        name: usage[name]
        for name in (
            "input_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "output_tokens",
            "output_tokens_details",
        )
    }
    yield event("message_delta", {"type": "message_delta", "delta": delta, "usage": cumulative})
    yield event("message_stop", {"type": "message_stop"})


def _content(answer: Answer) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    if answer.thought:
        content.append({"type": "thinking", "thinking": answer.thought, "signature": _SIGNATURE})
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    return content


def _usage(use: CacheUse, answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": use.uncached,
        "cache_creation_input_tokens": use.written,
        "cache_read_input_tokens": use.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": use.written_5m,
            "ephemeral_1h_input_tokens": use.written_1h,
        },
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"thinking_tokens": answer.thinking_tokens},
        "inference_geo": "global",
    }


def _block_events(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    kind = block["type"]
    empty = {"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})}
    yield event(
        "content_block_start",
        {"type": "content_block_start", "index": index, "content_block": empty},
    )
    text = block[kind]
    for at in range(0, len(text), DELTA_CHARACTERS):
        piece = {"type": f"{kind}_delta", kind: text[at : at + DELTA_CHARACTERS]}
        yield _delta(index, piece)
    if kind == "thinking":
        yield _delta(index, {"type": "signature_delta", "signature": block["signature"]})
    yield event("content_block_stop", {"type": "content_block_stop", "index": index})


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    return event(
        "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
    )
