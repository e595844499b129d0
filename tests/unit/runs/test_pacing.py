"""What the pacing profiles stand for."""

from runs.pacing import PROFILES, Pace

PROMISED = {
    "safe": Pace(delay_ms=3_000, max_tokens=2_000, max_retries=3, retry_wait_ms=10_000, lanes=1),
    "normal": Pace(delay_ms=1_000, max_tokens=4_000, max_retries=2, retry_wait_ms=5_000, lanes=2),
    "fast": Pace(delay_ms=500, max_tokens=4_000, max_retries=2, retry_wait_ms=3_000, lanes=5),
    "adaptive": Pace(delay_ms=0, max_tokens=8_000, max_retries=3, retry_wait_ms=1_000, lanes=10),
}


def test_the_profiles_are_what_the_users_were_promised() -> None:
    assert PROFILES == PROMISED
