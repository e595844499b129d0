"""How the provider's calls fare in this process. No I/O: counts alone."""

from prometheus_client import Counter, Histogram

_CALL_S = (0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320)
PROVIDER_CALL_S = Histogram(
    "batchgen_provider_call_seconds", "Calls that were answered.", ["model"], buckets=_CALL_S
)
PROVIDER_ERRORS = Counter(
    "batchgen_provider_errors_total",
    "Calls without an answer, by our code and the HTTP status (429: the rate limit; none: no"
    " response).",
    ["code", "status"],
)
