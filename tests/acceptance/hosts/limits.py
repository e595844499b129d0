"""I6 over all hosts: what the provider's own log says of how many calls began in any window."""

from collections.abc import Sequence

#: A call begins at the provider so much later than it was permitted, at most: the way, and a busy
#: machine.
LATE_S = 1.0


def most_beyond(
    begun: Sequence[float], *, per_s: float, burst: float, excused: Sequence[tuple[float, int]]
) -> float:
    """By how many calls the worst window exceeded what it may have; below 0: by none.

    A bucket is played with that lets through whatever came: it is emptied the further the more
    calls a window has beyond `burst + per_s * (seconds + LATE_S)`.

    Args:
        begun: in monotonic seconds, in order.
        excused: (when, how many) of calls that the limit has nothing to say of.
    """
    most = burst + per_s * LATE_S
    left, at, spare, worst = most, begun[0] if begun else 0.0, 0.0, float("-inf")
    gifts = sorted(excused)
    for moment in begun:
        while gifts and gifts[0][0] <= moment:
            spare += gifts.pop(0)[1]
        left = min(most, left + per_s * (moment - at)) - 1
        used = min(spare, max(0.0, -left))
        left, spare, at = left + used, spare - used, moment
        worst = max(worst, -left)
    return worst
