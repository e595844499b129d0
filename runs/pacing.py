"""Pacing profiles: how fast one run goes, on top of what the limiter allows. Pure."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """One profile's numbers."""

    #: Wait between two epics of a lane; none before its first.
    delay_ms: int
    #: Cap of one answer's output.
    max_tokens: int
    #: Tries after the first, for an error that may pass.
    max_retries: int
    #: Wait before the first of them; it doubles from there.
    retry_wait_ms: int
    #: Lanes, where the run does not say.
    lanes: int

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return asdict(self)


#: What the profiles are until somebody changes them in the admin.
PROFILES: dict[str, Pace] = {
    "safe": Pace(delay_ms=3000, max_tokens=2000, max_retries=3, retry_wait_ms=10_000, lanes=1),
    "normal": Pace(delay_ms=1000, max_tokens=4000, max_retries=2, retry_wait_ms=5000, lanes=2),
    "fast": Pace(delay_ms=500, max_tokens=4000, max_retries=2, retry_wait_ms=3000, lanes=5),
    # No delay of its own: the limiter alone paces.
    "adaptive": Pace(delay_ms=0, max_tokens=8000, max_retries=3, retry_wait_ms=1000, lanes=10),
}

#: Ten thousand calls a minute that take a minute each, as of a large key and several workers.
MOST_LANES = 10_000
