"""What a request asks, in a few bytes: whether an answer is to this question, and what requests
share of what the provider caches."""

import json
from hashlib import blake2b

from providers.values import CompletionRequest

_BYTES = 16


def request_digest(request: CompletionRequest) -> str:
    """Of all that the answer depends on."""
    texts = [block.text for block in request.system]
    return _digest(request.model, request.max_tokens, texts, request.user, request.schema)


def prefix_digest(request: CompletionRequest) -> str:
    """Of what the provider caches of it; "" where nothing is marked."""
    texts = prefix_texts(request)
    return _digest(request.model, texts, request.schema) if texts else ""


def prefix_texts(request: CompletionRequest) -> list[str]:
    """The blocks up to the last one that is marked."""
    marked = [place for place, block in enumerate(request.system, start=1) if block.cache]
    return [block.text for block in request.system[: marked[-1]]] if marked else []


def shape_digest(*parts: object) -> str:
    """Of what names the version of a prompt."""
    return _digest(*map(str, parts))


def _digest(*parts: object) -> str:
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=_BYTES).hexdigest()
