"""When PostgreSQL took a worker's heartbeats, and what follows from that."""

import time

from django.conf import settings

#: Heartbeats without a gap after which a worker may say of others that they missed theirs.
_STEADY = 3
#: A worker of whose heartbeats so many were not taken takes no items.
_UNHEARD = 3


class Heartbeats:
    """Of one process; any thread may ask."""

    def __init__(self) -> None:
        self._at = self._steady_since = float("-inf")

    def note(self) -> None:
        """One was taken."""
        now = time.monotonic()
        if now - self._at > settings.WORKER_LEASE_S / 2:
            self._steady_since = now
        self._at = now

    def are_heard(self) -> bool:
        """Whether PostgreSQL answers, so that what comes can be claimed."""
        return self._within(_UNHEARD * settings.HEARTBEAT_S)

    def are_recent(self) -> bool:
        """Whether one was taken within half a lease."""
        return self._within(settings.WORKER_LEASE_S / 2)

    def are_steady(self) -> bool:
        """Whether a lease that ran out tells of a death.

        After a pause of everything (a machine that slept, a database that hung) all leases have
        run out, and each worker needs a heartbeat to renew its own.
        """
        steady_s = time.monotonic() - self._steady_since
        return self.are_recent() and steady_s >= _STEADY * settings.HEARTBEAT_S

    def _within(self, seconds: float) -> bool:
        return time.monotonic() - self._at < seconds
