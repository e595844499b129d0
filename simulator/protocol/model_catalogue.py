"""The models on offer and what differs between them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model.

    Args:
        pool: models of one pool share their rate limits.
        cache_minimum: shortest prompt prefix that is cached, in tokens.
    """

    id: str
    display_name: str
    pool: str
    cache_minimum: int
    max_input_tokens: int = 1_000_000
    max_output_tokens: int = 128_000
    allows_prefill: bool = False
    always_thinks: bool = False
    """Refuses a forced tool choice and thinking switched off."""

    def info(self) -> dict[str, object]:
        """The model as `GET /v1/models` shows it."""
        return {
            "type": "model",
            "id": self.id,
            "display_name": self.display_name,
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
            "deprecated_at": None,
            "retires_at": None,
            "line": None,
            "capabilities": None,
            "max_input_tokens": self.max_input_tokens,
            "max_tokens": self.max_output_tokens,
        }


_OLD_SIZES = {"max_input_tokens": 200_000, "max_output_tokens": 64_000}


def _model(
    id: str,  # noqa: A002  # the wire's own name
    cache_minimum: int,
    *,
    pool: str | None = None,
    always_thinks: bool = False,
    allows_prefill: bool = False,
) -> Model:
    sizes = _OLD_SIZES if allows_prefill else {}
    return Model(
        id=id,
        display_name=id.replace("-", " ").title(),
        pool=pool or id,
        cache_minimum=cache_minimum,
        always_thinks=always_thinks,
        allows_prefill=allows_prefill,
        **sizes,
    )


_ALL = [
    _model("claude-fable-5-2", 512, always_thinks=True),
    _model("claude-mythos-5-2", 512),
    _model("claude-haiku-5-5", 512),
    _model("claude-sonnet-5-5", 512),
    _model("claude-opus-5-5", 512, always_thinks=True),
    _model("claude-fable-5-1", 512, always_thinks=True),
    _model("claude-mythos-5-1", 512),
    _model("claude-sonnet-5", 1024),
    _model("claude-fable-5", 512),
    _model("claude-mythos-5", 512),
    _model("claude-opus-5", 512),
    _model("claude-opus-4-8", 1024, pool="claude-opus-4"),
    _model("claude-opus-4-7", 1024, pool="claude-opus-4"),
    _model("claude-opus-4-6", 1024, pool="claude-opus-4"),
    _model("claude-sonnet-4-6", 1024, pool="claude-sonnet-4"),
    _model("claude-mythos-preview", 1024),
    _model("claude-haiku-4-5", 4096, pool="claude-haiku-4-5", allows_prefill=True),
    _model("claude-haiku-4-5-20251001", 4096, pool="claude-haiku-4-5", allows_prefill=True),
    _model("claude-opus-4-5", 4096, pool="claude-opus-4", allows_prefill=True),
    _model("claude-opus-4-5-20251101", 4096, pool="claude-opus-4", allows_prefill=True),
    _model("claude-sonnet-4-5", 1024, pool="claude-sonnet-4", allows_prefill=True),
    _model("claude-sonnet-4-5-20250929", 1024, pool="claude-sonnet-4", allows_prefill=True),
]

MODELS = {model.id: model for model in _ALL}
