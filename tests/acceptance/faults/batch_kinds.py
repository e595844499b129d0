"""The kinds of faults that runs meet whose first requests go by the provider's batches."""

import time
from contextlib import suppress
from typing import Any, ClassVar

import httpx2
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Sum

from batchgen.errors import InvalidTransition
from runs.engine.controls import Limit, run_change
from runs.models import Lane, ProviderBatch
from runs.states import BATCH_OUT, RunStatus
from tests.acceptance.faults.bed import NotInTime, WorkerProcess, wait_for
from tests.acceptance.faults.kinds import KINDS, CancelRetry, Fault
from tests.acceptance.faults.scene import Scene, bed_of
from tests.acceptance.faults.worker import BATCH_POINTS

#: There is an occasion for most faults within so long.
_OCCASION_S = 8.0
#: After so long the provider ends what is left of a batch.
DAY_S = 24 * 3600 + 60.0
#: How the ids begin by which somebody else's results are told.
FOREIGN = "theirs-"
_HEADERS = {"x-api-key": "none", "anthropic-version": "2023-06-01"}
#: What other faults do to runs in batches, as they do to those in realtime.
_OTHERS = (
    "F1 kill -9 any time",
    "F1 kill -9 after-claim",
    "F1 kill -9 after-finish",
    "F2 worker frozen beyond its lease",
    "F3 Redis flushed",
    "F3 Redis killed, all lost",
    "F4 PostgreSQL restarted",
    "F4 backends terminated",
    "F8 no workers",
)


class BatchFault(Fault):
    """One that needs an occasion: it notes where there was none."""

    #: As schedules and tables name it.
    kind: ClassVar[str]

    def await_occasion(self, scene: Scene, *, timeout_s: float = _OCCASION_S) -> bool:
        """Wait until it has met something."""
        try:
            wait_for(lambda: self.met(scene), "an occasion", timeout_s=timeout_s)
        except NotInTime:
            scene.journal.unmet.append(self.kind)
            return False
        return True

    def met(self, scene: Scene) -> bool:
        """Whether it has."""
        return scene.bed.provider.fired() > 0


class BatchCrashAt(BatchFault):
    """B1: kill -9 at a point of a slice's way, of whichever worker has the turn."""

    target = "worker"
    point: ClassVar[str]

    def inject(self, scene: Scene) -> None:
        self._armed: list[WorkerProcess] = []
        while (worker := scene.pick()) is not None:
            bed_of(scene).arm(worker, self.point)
            self._armed.append(worker)

    def met(self, scene: Scene) -> bool:
        return any(not worker.is_alive() for worker in self._armed)

    def lift(self, scene: Scene) -> None:
        if self._armed:
            self.await_occasion(scene)
        bed_of(scene).disarm()
        time.sleep(0.1)  # who has passed the point by now is gone
        for worker in [each for each in self._armed if not each.is_alive()]:
            scene.note_death(worker)
            scene.restart(worker, same_name=self.random.random() < 0.5)


class TurnLost(BatchFault):
    """B1: the connection that holds the turn is ended: two workers look after batches at once."""

    target = "turn"
    hold_s = (0.5, 1.5)
    _ENDED = (
        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_locks "
        "WHERE locktype = 'advisory' AND classid = 7104 AND granted"
    )

    def inject(self, scene: Scene) -> None:
        self.await_occasion(scene)

    def met(self, scene: Scene) -> bool:
        close_old_connections()
        with connection.cursor() as cursor:
            cursor.execute(self._ENDED)
            (ended,) = cursor.fetchone() or (0,)
        return bool(ended)


class ProviderSpoils(BatchFault):
    """B2 to B5: the provider's endpoints of batches go wrong, or lines of their results."""

    target = "provider"
    rank = 0
    hold_s = (0.5, 1.5)
    rules: ClassVar[tuple[dict[str, Any], ...]]

    def inject(self, scene: Scene) -> None:
        scene.bed.provider.faults(list(self.rules))

    def lift(self, scene: Scene) -> None:
        self.await_occasion(scene)
        scene.bed.provider.faults([])


class Expired(ProviderSpoils):
    """B5: a batch that does not end by itself expires, and its results come a day later."""

    alone = True
    rules = (
        {
            "match": {"endpoint": "batches.create"},
            "times": 1,
            "action": {"type": "batch", "never_ends": True, "done": 0.4},
        },
    )

    def lift(self, scene: Scene) -> None:
        super().lift(scene)
        scene.bed.provider.advance(DAY_S)


class SomebodyElses(ProviderSpoils):
    """B2: the answer to a creation is lost, and somebody else makes as large a batch meanwhile."""

    rules = (
        {
            "match": {"endpoint": "batches.create"},
            "times": 1,
            "action": {"type": "lost_answer", "hidden_s": 1.5},
        },
    )

    def lift(self, scene: Scene) -> None:
        if self.await_occasion(scene):
            creating = ProviderBatch.objects.filter(state="creating").order_by("-intent_at").first()
            foreign_batch(scene.bed.provider.url, creating.expected if creating else 1)
        scene.bed.provider.faults([])


class NoCredit(ProviderSpoils):
    """B4: lines say that the account has no credit: the run is paused, and resumed later."""

    alone = True
    rules = (
        {
            "match": {"endpoint": "batches.line"},
            "times": 4,
            "action": {"type": "error", "status": 400, "kind": "credit"},
        },
    )


class PauseBatches(BatchFault):
    """B6: a pause, which waits for what is out or has it cancelled, and a resume."""

    target = "control"
    hold_s = (0.2, 2.0)
    cancels: ClassVar[bool]
    at_once: ClassVar[bool] = False
    #: What becomes of the cancellation.
    rules: ClassVar[tuple[dict[str, Any], ...]] = ()

    def inject(self, scene: Scene) -> None:
        scene.go_on()
        self.await_occasion(scene)
        if self.rules:
            scene.bed.provider.faults(list(self.rules))
        self._control = scene.control("pause", cancel_batches=self.cancels)
        if self.at_once:
            self._resume(scene)

    def met(self, scene: Scene) -> bool:
        return ProviderBatch.objects.filter(run=scene.run, state__in=BATCH_OUT).exists()

    def lift(self, scene: Scene) -> None:
        if self.rules:
            scene.bed.provider.faults([])
        if not self.at_once:
            self._resume(scene)

    def _resume(self, scene: Scene) -> None:
        if self._control is not None:
            self._control.until = time.monotonic()
            scene.control("resume")


class CancelAnswerLost(PauseBatches):
    """B6: the provider cancels, and its answer is lost."""

    alone = True
    cancels = True
    rules = (
        {
            "match": {"endpoint": "batches.cancel"},
            "times": 2,
            "action": {"type": "lost_answer"},
        },
    )


class BudgetReached(BatchFault):
    """B7: a budget that is nearly used up pauses the run; it is raised, and the run resumed."""

    target = "control"
    alone = True

    def inject(self, scene: Scene) -> None:
        scene.go_on()
        spent = Lane.objects.filter(run=scene.run).aggregate(n=Sum("cost_usd"))["n"] or 0
        with suppress(InvalidTransition):  # it is over
            limit = Limit(micro_usd=int(spent * 10**6) + 9)
            run_change(run=scene.run, user=scene.user, budget=limit)
        self.await_occasion(scene)

    def met(self, scene: Scene) -> bool:
        scene.run.refresh_from_db()
        return scene.run.error_code == "BUDGET_REACHED" or scene.run.completed_at is not None

    def lift(self, scene: Scene) -> None:
        unpause(scene)


def unpause(scene: Scene) -> None:
    """Have a run go on that something has paused, without a budget."""
    scene.run.refresh_from_db()
    if scene.run.status == RunStatus.PAUSED:
        with suppress(InvalidTransition):  # it is over
            run_change(run=scene.run, user=scene.user, budget=Limit(micro_usd=None))
        scene.control("resume")


def foreign_batch(url: str, many: int) -> None:
    """Somebody else's batch with the same key."""
    message = {"role": "user", "content": "Say yes."}
    params = {"model": settings.MODEL, "max_tokens": 10, "messages": [message]}
    stamp = f"{FOREIGN}{time.monotonic_ns()}"
    requests = [{"custom_id": f"{stamp}-{place}", "params": params} for place in range(many)]
    httpx2.post(
        f"{url}/v1/messages/batches", json={"requests": requests}, headers=_HEADERS, timeout=30
    ).raise_for_status()


def _crash(point_: str) -> type[Fault]:
    class Crash(BatchCrashAt):
        point = point_

    return Crash


def _spoils(endpoint: str, action: dict[str, Any], *, times: int = 1) -> type[Fault]:
    rule = {"match": {"endpoint": f"batches.{endpoint}"}, "times": times, "action": action}

    class Spoils(ProviderSpoils):
        rules = (rule,)

    return Spoils


def _pause(*, cancels_: bool, at_once_: bool = False) -> type[Fault]:
    class Pauses(PauseBatches):
        cancels = cancels_
        at_once = at_once_

    return Pauses


_LOST: dict[str, Any] = {"type": "lost_answer"}

#: Every kind, by its name in schedules and tables.
BATCH_KINDS: dict[str, type[Fault]] = {
    **{f"B1 kill -9 {point}": _crash(point) for point in BATCH_POINTS},
    "B1 two have the turn": TurnLost,
    "B2 create: answer lost": _spoils("create", _LOST),
    "B2 create: answer lost, hidden a while": _spoils("create", {**_LOST, "hidden_s": 3}),
    "B2 create: answer lost, hidden too long": _spoils("create", {**_LOST, "hidden_s": 14}),
    "B2 create: 500": _spoils("create", {"type": "error", "status": 500}),
    "B2 create: 429": _spoils("create", {"type": "error", "status": 429, "retry_after_s": 1}),
    "B2 create: 413": _spoils("create", {"type": "error", "status": 413}),
    "B2 create: reset": _spoils("create", {"type": "reset", "at": "before"}),
    "B2 404 after creation": _spoils("create", {"type": "batch", "hidden_s": 3}),
    "B2 somebody else's batch": SomebodyElses,
    "B3 list: 500": _spoils("list", {"type": "error", "status": 500}, times=4),
    "B3 list: no JSON": _spoils("list", {"type": "bad_http_json"}, times=4),
    "B3 list: reset": _spoils("list", {"type": "reset", "at": "before"}, times=4),
    "B3 results: 404": _spoils("results", {"type": "error", "status": 404}, times=3),
    "B3 results: cut": _spoils("results", {"type": "cut_body"}, times=3),
    "B3 results: reset": _spoils("results", {"type": "reset", "at": "before"}, times=2),
    "B3 results: a line is no JSON": _spoils("results", {"type": "wrong_line"}, times=2),
    "B3 results: a line twice": _spoils("results", {"type": "double_line"}, times=3),
    "B4 lines: overloaded": _spoils("line", {"type": "error", "status": 529}, times=4),
    "B4 lines: rejected": _spoils("line", {"type": "error", "status": 400}, times=2),
    "B4 lines: no stories in it": _spoils("line", {"type": "schema_miss"}, times=3),
    "B4 lines: broken text": _spoils("line", {"type": "malformed_json"}, times=3),
    "B4 lines: cut": _spoils("line", {"type": "max_tokens"}, times=2),
    "B4 lines: no credit": NoCredit,
    "B5 expired": Expired,
    "B6 pause, finish": _pause(cancels_=False),
    "B6 pause, cancel": _pause(cancels_=True),
    "B6 pause, cancel, resume at once": _pause(cancels_=True, at_once_=True),
    "B6 cancel: answer lost": CancelAnswerLost,
    "B6 cancel, retry": CancelRetry,
    "B7 budget reached, raised": BudgetReached,
    **{name: KINDS[name] for name in _OTHERS},
}
for _name, _kind in BATCH_KINDS.items():
    if issubclass(_kind, BatchFault):
        _kind.kind = _name
