"""The limits that a run's calls would meet."""

import redis
from django.conf import settings

from limiter.status import gate_status
from providers.registry import limit_pool


def limits_of(model: str) -> dict[str, int]:
    """A minute: the least of ours and of what the gate knows; 0 where there is none."""
    ours = {
        "requests": settings.LIMIT_REQUESTS_PER_MINUTE,
        "input": settings.LIMIT_INPUT_TOKENS_PER_MINUTE,
        "output": settings.LIMIT_OUTPUT_TOKENS_PER_MINUTE,
    }
    try:
        buckets = gate_status(limit_pool(model), slots=0, remembered=None).buckets
    except redis.RedisError:
        buckets = {}
    known = {name: bucket.limit_per_minute for name, bucket in buckets.items()}
    least = {
        name: min([limit for limit in (ours[name], known.get(name, 0)) if limit], default=0)
        for name in ours
    }
    return {
        "requests": least["requests"],
        "input_tokens": least["input"],
        "output_tokens": least["output"],
    }
