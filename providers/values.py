"""What goes to a provider and what comes back, whoever it is; pure."""

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


@dataclass(frozen=True, kw_only=True, slots=True)
class TextBlock:
    """A block of the system prompt; `cache` marks the end of what the provider may cache."""

    text: str
    cache: bool = False


class CacheFor(StrEnum):
    """How long the provider keeps what it cached, from the last time that it was read."""

    FIVE_MINUTES = "5m"
    ONE_HOUR = "1h"


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionRequest:
    """One call to a provider.

    `schema` is a JSON schema that the answer's text must match. `marker` is an opaque id by which
    the provider's side counts calls. `purpose` says why the call is made; no provider sees it.
    `cache_for` holds for every block that is marked `cache`.
    """

    model: str
    max_tokens: int
    system: tuple[TextBlock, ...]
    user: str
    schema: dict[str, object]
    marker: str
    purpose: str
    cache_for: CacheFor = CacheFor.FIVE_MINUTES

    @property
    def schema_bytes(self) -> int:
        """Of its schema, as it is sent."""
        return _schema_bytes(self.schema)

    @property
    def prompt_bytes(self) -> int:
        """Of all its texts: what tokens are guessed by."""
        return text_bytes(self.user) + sum([_block_bytes(block.text) for block in self.system])


def text_bytes(text: str) -> int:
    """In UTF-8, whatever is in it."""
    return len(text.encode(errors="surrogatepass"))


#: {id of a schema: the schema, its bytes}: there are a few, of all calls.
_SCHEMAS: dict[int, tuple[dict[str, object], int]] = {}
_MOST_SCHEMAS = 64


def _schema_bytes(schema: dict[str, object]) -> int:
    # Who is kept has its id to itself.
    known = _SCHEMAS.get(id(schema))
    if known is None:
        if len(_SCHEMAS) >= _MOST_SCHEMAS:
            _SCHEMAS.clear()
        known = _SCHEMAS[id(schema)] = schema, len(json.dumps(schema))
    return known[1]


#: Blocks are the same in many calls; so many projects' are known at a time.
_block_bytes = lru_cache(maxsize=64)(text_bytes)


class StopReason(StrEnum):
    """Why an answer ends; the values are stored with answers that are kept."""

    END = "end_turn"  # it is complete
    MAX_TOKENS = "max_tokens"  # cut by the request's cap
    CONTEXT_FULL = "model_context_window_exceeded"  # cut by the model's context
    REFUSAL = "refusal"  # the model declined
    OTHER = "other"  # not said, or in a word that is new to us

    @classmethod
    def _missing_(cls, _value: object) -> "StopReason":
        return cls.OTHER


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens as the provider bills them: uncached input, output, cache reads and writes."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0

    @property
    def cache_write_tokens(self) -> int:
        """What was written to the cache, for however long."""
        return self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def prompt_tokens(self) -> int:
        """The whole prompt, whatever of it the cache had."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """The provider's answer to one call; its usage is None where it did not say."""

    text: str
    stop_reason: StopReason
    usage: Usage | None
    model: str
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimitWindow:
    """One dimension's bucket as the provider sees it; None where it did not say, or oddly.

    The provider rounds what it says: `remaining` may be off by as much as `rounded_to`.
    """

    limit: int | None = None
    remaining: int | None = None
    rounded_to: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimits:
    """What a response says about our limits; a dimension without a word is None."""

    requests: RateLimitWindow | None = None
    input_tokens: RateLimitWindow | None = None
    output_tokens: RateLimitWindow | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A completion, the limits its response reported, and how long it took in seconds."""

    completion: Completion
    limits: RateLimits | None
    latency_s: float
