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


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """What the number of a run's lanes depends on, where the engine sets it."""

    #: As it is.
    lanes: int
    #: Lanes whose call is under way, and those of them that began in the last second.
    running: int
    begun: int
    #: Lanes that keep an item whose call is to be tried again later.
    held: int
    #: Items that are not over.
    left: int
    #: Calls of the run that its workers have room for.
    offered: int
    #: The provider lets no call start: nothing is learnt.
    closed: bool = False
    #: Lanes that its starter may have in it; None: no limit.
    allowed: int | None = None


#: More lanes than needed are kept up to this factor, so that the number does not follow each wave;
#: then so large a part stays.
_TOO_MANY, _KEPT = 1.25, 0.75


def lanes_wanted(traffic: Traffic, *, least: int) -> int:
    """How many lanes a run should have, so that no permit waits for one.

    By Little's law as many calls are under way as begin a second, times the seconds that one takes.
    What is under way is counted; so neither needs to be guessed, and both may change. With lanes to
    spare for the calls of the next two seconds it follows what the limiter lets begin: up, until
    lanes wait for permits and not permits for lanes; down, when calls take less long or fewer may
    begin.

    Args:
        least: lanes that it has in any case, and to spare.
    """
    if traffic.closed:
        return traffic.lanes
    spare = max(least, 2 * traffic.begun)
    busy = traffic.running + traffic.held
    room = max(least, traffic.offered + traffic.held)
    needed, target = min(busy + spare, room), min(busy + 2 * spare, room)
    if traffic.lanes < needed:
        return max(traffic.lanes, min(target, traffic.left, MOST_LANES, traffic.allowed or target))
    if traffic.lanes > _TOO_MANY * target and traffic.left > traffic.lanes:
        return max(target, int(_KEPT * traffic.lanes))
    return traffic.lanes
