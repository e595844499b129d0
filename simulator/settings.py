"""Settings: from flags at start, and from `POST /_sim/config` while it runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace


class SettingsError(ValueError):
    """A setting is unknown or out of range; the message names it and says what is allowed."""


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

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 0:
                raise SettingsError(f"{name} is {value}; it must be 0 or more.")
        if self.burst_s == 0 or self.calls_kept == 0:
            raise SettingsError("burst_s and calls_kept must be more than 0.")
        if self.jitter_ms and not self.latency_ms:
            raise SettingsError("jitter_ms needs a latency_ms to vary around.")

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
