"""The only recovery path: it finds what died, got lost or was left, and sets it going again.

Any number of processes may run it, as often as they like: one round at a time does the work, and
each step is safe to repeat.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection
from redis import RedisError

from batchgen.db.sql import Row
from batchgen.db.turns import turn
from batchgen.redis import client as redis
from limiter.gate import processes_forget
from providers.registry import limit_pool
from runs.engine.adaptive import lanes_adapt_all
from runs.engine.budget_waits import budgets_tell
from runs.engine.budgets import months_ensure
from runs.engine.dispatch import message_id, messages_waiting
from runs.engine.lanes import MOST_SENT, lanes_reclaim
from runs.engine.queries import QUERIES
from runs.engine.rhythm import Rhythm
from runs.engine.statistics import grown_analyze
from runs.engine.transitions import run_dispatch, run_finalize, run_rest

log = logging.getLogger(__name__)

#: The advisory lock that one round holds.
_LOCK = 7102
#: Others go on without a process that has the turn, and was silent for so long.
_VANISHED_S = 3.0
#: How often a process looks at the number of lanes; its rounds are more frequent.
_ADAPTING = Rhythm(1.0)
#: And at tables that grow.
_GROWING = Rhythm(1.0)
#: And how often at budgets that are used up, and at months that begin.
_BUDGETS, _MONTHS = Rhythm(1.0), Rhythm(60.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """What one round did; all zero when another process had the turn."""

    reclaimed: int = 0
    lost: int = 0
    adapted: int = 0
    sent: int = 0
    rested: int = 0
    ended: int = 0

    def as_dict(self) -> dict[str, int]:
        """For logs and the result of the beat's task."""
        return asdict(self)


class LostMessageDetector:
    """Finds messages that the broker lost: those missing in every look for MESSAGE_LOST_S.

    One that is missing once may be in the hands of a worker's thread, which waits for its permit.
    """

    def __init__(self) -> None:
        self._looked_at = float("-inf")
        self._missing_since: dict[str, float] = {}

    def lost(self) -> dict[UUID, list[int]]:
        """Lanes, by run, whose message is lost; none where it is too early for another look."""
        now = time.monotonic()
        interval_s = settings.MESSAGE_LOST_S / 2
        # Reading all that waits costs a busy worker a tenth of its time, four times a second.
        if now - self._looked_at < interval_s:
            return {}
        self._looked_at = now
        sent = QUERIES.fetch("lanes_sent", {"older_than_s": interval_s})
        missing = _missing(sent)
        self._missing_since = {name: self._missing_since.get(name, now) for name in missing}
        lost = defaultdict(list)
        for name, lane in missing.items():
            if now - self._missing_since[name] >= settings.MESSAGE_LOST_S:
                lost[lane["run_id"]].append(lane["lane_id"])
        return lost


def reconcile(
    *, orphans: Iterable[str] = (), judge: bool = True, detector: LostMessageDetector | None = None
) -> Round:
    """One round, unless another process is in the middle of one.

    Args:
        orphans: claims that PostgreSQL says the calling worker holds, and that it does not run.
        judge: a lease that ran out means that its worker is dead.
        detector: who looks for messages that the broker lost; the same one in every round.

    Raises:
        django.db.Error, psycopg.Error: PostgreSQL is away; the next round tries again.
    """
    if _GROWING.due():
        grown_analyze()
    # Before the turn: who has it would wait for a server that is gone, and all others for a turn.
    sends = _broker_answers()
    with turn(_LOCK, vanished_s=_VANISHED_S) as mine:
        if not mine:
            return Round()
        done = _round(orphans, judge=judge, detector=detector, sends=sends)
    # On their own: what comes after budgets are locked locks nothing else.
    if _BUDGETS.due():
        budgets_tell()
    if _MONTHS.due():
        months_ensure()
    if any(done.as_dict().values()):
        log.info("reconciled: %s", done)
    return done


def _round(
    orphans: Iterable[str], *, judge: bool, detector: LostMessageDetector | None, sends: bool
) -> Round:
    """`sends`: the broker answers; else what needs it is left to the next round."""
    reclaimed = lanes_reclaim(orphans=orphans, judge=judge)
    lost: dict[UUID, list[int]] = {}
    adapted = sent = rested = ended = 0
    if sends:
        _tell_limiter(reclaimed)
        lost = detector.lost() if detector else {}
        adapted = lanes_adapt_all() if _ADAPTING.due() else 0
    for run_id, lane_ids in lost.items():
        sent += run_dispatch(run_id=run_id, lost_lane_ids=lane_ids)
    for run in QUERIES.fetch("runs_to_tend", {"most_sent": MOST_SENT}):
        _keep_turn()
        if run["rest"] and sends:
            rested += run_rest(run_id=run["id"])
        if (run["dispatch"] or run["rest"]) and sends:
            sent += run_dispatch(run_id=run["id"])
        if run["finalize"]:
            ended += run_finalize(run_id=run["id"]) is not None
    return Round(
        reclaimed=len(reclaimed),
        lost=sum(map(len, lost.values())),
        adapted=adapted,
        sent=sent,
        rested=rested,
        ended=ended,
    )


def _broker_answers() -> bool:
    """Whether the broker can be reached from here. Each worker has a connection of its own to a
    server that hangs or is gone, and notices it here, by the time-out."""
    try:
        redis.client().ping()
    except RedisError as error:
        log.warning("cannot look into the broker: %s", error)
        return False
    return True


def _keep_turn() -> None:
    """Say that this process is there still.

    Raises:
        django.db.Error: another has the turn by now.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _tell_limiter(reclaimed: list[Row]) -> None:
    """What dead workers held of a gate is free: where few calls may go on at the same time, nobody
    would start one until the limiter noticed by itself."""
    dead: dict[str, set[str]] = defaultdict(set)
    for row in reclaimed:
        if row["dead_worker_id"]:
            pool = limit_pool(row["model"], row["provider"])
            dead[pool].add(str(row["dead_worker_id"]))
    try:
        for pool, workers in dead.items():
            processes_forget(redis.client(), pool, workers)
    except RedisError as error:
        log.warning("the limiter was not told of dead workers: %s", error)


def _missing(sent: list[Row]) -> dict[str, Row]:
    """Those whose message is not in the broker, by message; none where it cannot be asked."""
    if not sent:
        return {}
    try:
        waiting = messages_waiting()
    except RedisError as error:
        log.warning("cannot look into the broker: %s", error)
        return {}
    by_message = {message_id(lane["lane_id"], lane["fencing_token"]): lane for lane in sent}
    return {name: lane for name, lane in by_message.items() if name not in waiting}


def workers_forget() -> int:
    """Delete the rows of workers that are gone for long; how many. A process that stood still for
    all that time is not known any more."""
    kept_s = settings.WORKERS_KEPT.total_seconds()
    return len(QUERIES.fetch("workers_forget", {"kept_s": kept_s}))
