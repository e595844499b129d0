"""When a failed provider call is tried again; pure: no I/O, no clock."""

from dataclasses import dataclass
from random import Random

#: Seconds that backoff never exceeds; the provider may still ask for more.
MAX_WAIT_S = 120.0
#: Waits after a 429 that names none: the first lies between these, each next is twice as long.
UNSTATED_WAIT_S = (30.0, 60.0)
#: They double at most this often, so that a lane never sleeps for hours.
UNSTATED_DOUBLINGS = 4

#: After so many in a row it is a limit that waiting does not lift.
UNSTATED_ERRORS_IN_A_ROW = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often, and after how long, a failed call is tried again.

    `max_attempts` counts the first call too; `first_wait_s` doubles with each retry.
    """

    max_attempts: int
    first_wait_s: float
    max_wait_s: float = MAX_WAIT_S

    def wait_s(self, *, attempt: int, retry_after_s: float | None, random: Random) -> float | None:
        """Seconds to wait before the next attempt, or None to give up.

        Args:
            attempt: attempts already made, counting the one that just failed (>= 1).
            retry_after_s: what the provider asked for; a floor, never shortened by jitter or cap.
        """
        if attempt >= self.max_attempts:
            return None
        backoff_s = min(self.max_wait_s, self.first_wait_s * float(2 ** (attempt - 1)))
        return max(retry_after_s or 0.0, backoff_s * random.uniform(0.5, 1.0))


def unstated_wait_s(*, errors: int, random: Random) -> float:
    """Seconds to pause after a 429 that says neither why nor how long.

    Args:
        errors: how many of them came in a row, this one included (>= 1).
    """
    return random.uniform(*UNSTATED_WAIT_S) * float(2 ** min(errors - 1, UNSTATED_DOUBLINGS))
