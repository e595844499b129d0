"""Settings: from flags at start, and from `POST /_sim/config` while it runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace


class SettingsError(ValueError):
    """A setting is unknown or out of range; the message names it and says what is allowed."""


_SPREADS = {"jitter_ms": "latency_ms", "batch_deviation_s": "batch_ends_after_s"}
_SHARES = (
    *("bill_abandoned", "batch_results_url_relative", "cache_write_total_zero"),
    "format_is_input",
    *("batch_cache_hits_warm", "batch_cache_hits_cold"),
)
"""Switches (0 or 1) and shares."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All tunables. A limit of 0 means "no limit"."""

    latency_ms: float = 0.0
    """Time from the request to the end of the answer; the mean when jitter is on."""
    jitter_ms: float = 0.0
    """Standard deviation of the latency (lognormal); 0 keeps it fixed."""
    seed: int = 0
    """Seeds latency and fault probabilities, so that a run can be repeated."""
    requests_per_minute: int = 0
    input_tokens_per_minute: int = 0
    output_tokens_per_minute: int = 0
    count_tokens_per_minute: int = 0
    """Requests per minute of `count_tokens`, which has a bucket of its own."""
    burst_s: float = 60.0
    """Capacity of every bucket, in seconds of refill."""
    max_concurrency: int = 0
    """Calls answered at the same time; one more gets 429."""
    calls_kept: int = 200_000
    """Calls that `GET /_sim/stats` still lists; older ones only count in the totals."""
    bill_abandoned: int = 1
    """1: a call whose client left while it was answered is billed all the same."""
    batch_ends_after_s: float = 0.0
    """Time to a batch's end; the mean when its deviation is on."""
    batch_deviation_s: float = 0.0
    """Standard deviation of that time (lognormal); 0 keeps it fixed."""
    batch_cancel_s: float = 0.0
    """Time from a batch's cancellation to its end."""
    batch_in_flight: int = 0
    """Requests of a batch that still succeed when it is cancelled."""
    batch_requests_per_minute: int = 0
    """Calls to the batch endpoints, which have a bucket of their own."""
    batch_queued_requests: int = 0
    """Requests of all batches that have not ended; a batch that would exceed it is refused."""
    batch_cache_hits_warm: float = 0.98
    """Share of a batch's requests that read what earlier batches wrote to the cache."""
    batch_cache_hits_cold: float = 0.3
    """Share of them that read what the same batch wrote."""
    batch_results_url_relative: int = 0
    """1: a batch's `results_url` is a path, without scheme and host."""
    format_is_input: int = 0
    """1: the output format counts as input, as part of the system's text; it does at the
    provider, which tells the model of it in words of its own."""
    cache_write_total_zero: int = 0
    """1: the flat total of cache writes is 0 beside its split by time to live."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 0:
                raise SettingsError(f"{name} is {value}; it must be 0 or more.")
        if self.burst_s == 0 or self.calls_kept == 0:
            raise SettingsError("burst_s and calls_kept must be more than 0.")
        for spread, mean in _SPREADS.items():
            if getattr(self, spread) and not getattr(self, mean):
                raise SettingsError(f"{spread} needs a {mean} to vary around.")
        for name in _SHARES:
            if getattr(self, name) > 1:
                raise SettingsError(f"{name} must be from 0 to 1.")

    def merged(self, changes: Mapping[str, object]) -> "Settings":
        """These settings with `changes` put over them.

        Raises:
            SettingsError: an unknown name, a value that is no number, or one out of range.
        """
        checked = {name: _number(name, value) for name, value in changes.items()}
        return replace(self, **checked)  # type: ignore[arg-type]  # names and kinds checked above


_WHOLE = {field.name: field.type is int for field in fields(Settings)}


def _number(name: str, value: object) -> float:
    if name not in _WHOLE:
        raise SettingsError(f"{name} is no setting. Known: {', '.join(_WHOLE)}.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SettingsError(f"{name} must be a number, not {value!r}.")
    if _WHOLE[name] and value != int(value):
        raise SettingsError(f"{name} must be a whole number, not {value!r}.")
    return int(value) if _WHOLE[name] else float(value)
