"""The only recovery path: it finds what died, got lost or was left, and sets it going again.

Any number of processes may run it, as often as they like: one round at a time does the work, and
each step is safe to repeat.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from redis import RedisError

from runs.lanes import lanes_reclaim, lanes_rest
from runs.messages import message_id, messages_waiting
from runs.queries import QUERIES
from runs.services import run_dispatch, run_finalize

log = logging.getLogger(__name__)

#: The advisory lock that one round holds.
_LOCK = 7102


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """What one round did; all zero when another process had the turn."""

    reclaimed: int = 0
    lost: int = 0
    sent: int = 0
    rested: int = 0
    ended: int = 0

    def as_dict(self) -> dict[str, int]:
        """For logs and the result of the beat's task."""
        return asdict(self)


def reconcile(
    *, orphans: Iterable[str] = (), judge: bool = True, look_for_lost: bool = True
) -> Round:
    """One round, unless another process is in the middle of one.

    Args:
        orphans: claims that the calling worker holds by the books but does not run.
        judge: a lease that ran out means that its worker is dead.
        look_for_lost: read what waits in the broker, too, if a message seems to be late.

    Raises:
        django.db.Error, psycopg.Error: PostgreSQL is away; the next round tries again.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # Held by this otherwise idle transaction until the round is over.
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        (turn,) = cursor.fetchone() or (False,)
        if not turn:
            return Round()
        done = _round(orphans, judge=judge, look_for_lost=look_for_lost)
    if any(done.as_dict().values()):
        log.info("reconciled: %s", done)
    return done


def _round(orphans: Iterable[str], *, judge: bool, look_for_lost: bool) -> Round:
    reclaimed = lanes_reclaim(orphans=orphans, judge=judge)
    lost = _lost_lanes() if look_for_lost else {}
    sent = rested = ended = 0
    for run_id, lane_ids in lost.items():
        sent += run_dispatch(run_id=run_id, lost_lane_ids=lane_ids)
    for run in QUERIES.fetch("runs_to_tend", {}):
        if run["dispatch"]:
            sent += run_dispatch(run_id=run["id"])
        if run["rest"]:
            rested += len(lanes_rest(run_id=run["id"]))
        if run["finalize"]:
            ended += run_finalize(run_id=run["id"]) is not None
    return Round(
        reclaimed=len(reclaimed),
        lost=sum(map(len, lost.values())),
        sent=sent,
        rested=rested,
        ended=ended,
    )


def _lost_lanes() -> dict[UUID, list[int]]:
    """Lanes, by run, that wait for a message which is not in the broker any more.

    A worker claims a message's lane within milliseconds of taking it: one that was overdue and
    is not there was lost, or is refused when it comes after all.
    """
    overdue = QUERIES.fetch("lanes_overdue", {"older_than_s": float(settings.MESSAGE_LOST_S)})
    if not overdue:
        return {}
    try:
        waiting = messages_waiting()
    except RedisError as error:
        log.warning("cannot look into the broker: %s", error)
        return {}
    lost = defaultdict(list)
    for lane in overdue:
        if message_id(lane["lane_id"], lane["generation"]) not in waiting:
            lost[lane["run_id"]].append(lane["lane_id"])
    return lost
