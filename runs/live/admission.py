"""Limits of open event streams: per process and per user."""

import threading
from collections import Counter

from django.conf import settings
from prometheus_client import Gauge
from rest_framework.exceptions import Throttled

from batchgen.errors import Unavailable

_RETRY_AFTER_S = 5


class Admission:
    """Counts open streams by user; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[int] = Counter()

    def enter(self, user_id: int) -> None:
        """Count one more.

        Raises:
            Throttled: the user has as many as one user may have.
            Unavailable: the process has as many as it may have.
        """
        with self._lock:
            if self._open[user_id] >= settings.LIVE_STREAMS_PER_USER:
                most = settings.LIVE_STREAMS_PER_USER
                raise Throttled(_RETRY_AFTER_S, f"You have {most} streams open. Close some.")
            if self._open.total() >= settings.LIVE_STREAMS:
                raise Unavailable("This server has as many live streams open as it takes.")
            self._open[user_id] += 1

    def leave(self, user_id: int) -> None:
        """Count one less."""
        with self._lock:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]

    def total(self) -> int:
        """All open streams."""
        with self._lock:
            return self._open.total()


#: This process's.
admission = Admission()
OPEN_STREAMS = Gauge("batchgen_open_streams", "Event streams that this process serves.")
OPEN_STREAMS.set_function(admission.total)
