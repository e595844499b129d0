"""The load: a loop that starts work, watches it, breaks things, and keeps the books."""

import time
import traceback
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import StringIO
from random import Random
from typing import Any

from django.core.management import call_command
from redis import RedisError
from rich.console import Console

from runs.engine.dispatch import messages_waiting
from runs.engine.ledger import ledger_drift
from runs.models import Lane, PacingProfile, Run, RunItem
from runs.states import Pacing
from tests.acceptance.budgets.purse import Bills
from tests.acceptance.faults.batch_books import booked
from tests.acceptance.faults.bed import NotInTime, wait_for
from tests.acceptance.faults.invariants import calls_seen, check_open, check_rest
from tests.acceptance.faults.journal import Journal
from tests.acceptance.faults.scene import Scene
from tests.acceptance.live.watcher import Watcher
from tests.acceptance.soak.books import OWNER, WORKS, Work
from tests.acceptance.soak.hooks import Hooks
from tests.acceptance.soak.jobs import Job, Sums
from tests.acceptance.soak.mishaps import Mishaps
from tests.acceptance.soak.people import People
from tests.acceptance.soak.place import Place
from tests.acceptance.soak.reading import KEPT
from tests.acceptance.soak.samples import Samples, tables
from tests.acceptance.soak.watchers import Guests, Sleeper
from tests.factories import user_make, webhook_make
from tests.integration.webhooks.receiver import Receiver

#: Of the loop, and of what it does not do in each turn.
_TURN_S, _READ_S, _SIGN_IN_S, _GUEST_S = 1.0, 3.0, 30.0, 10.0
#: Between two starts, at least and at most, and how many projects may be under way.
_START_S, _AT_ONCE = (3.0, 12.0), 12
#: Faults in all; fewer where they would come too fast to tell them apart.
_FAULTS, _GAP_S = 40, 12.0
_END_S = 600.0
#: Turns of the loop that may fail before it is given up.
_FAILURES = 20
#: Of the run that is watched all the time: seconds between two items.
_STANDING_GAP_S = 60.0
_LATENCY = {"latency_ms": 500, "jitter_ms": 200, "batch_ends_after_s": 12, "batch_deviation_s": 6}


@dataclass(kw_only=True)
class Soak:
    """All of it, from the first run's start to the last row's deletion."""

    place: Place
    receiver: Receiver
    hooks: Hooks
    samples: Samples
    console: Console
    seed: int
    seconds: float
    sample_s: float
    journal: Journal = field(default_factory=Journal)
    jobs: list[Job] = field(default_factory=list)
    sums: Sums = field(default_factory=Sums)
    kinds: Counter[str] = field(default_factory=Counter)
    calls: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    failures: int = 0
    _next_call: int = 0
    _logged: int = 0
    _due: dict[str, float] = field(default_factory=dict)

    def run(self) -> list[str]:
        """What did not hold; empty when all is well."""
        with ExitStack() as opened:
            self._begin(opened)
            until = time.monotonic() + self.seconds
            while time.monotonic() < until:
                self._turn(stopping=False)
            self._stop()
            self._end()
        return self.journal.violations

    # What there is.

    def _begin(self, opened: ExitStack) -> None:
        self.random = Random(self.seed)
        user = user_make(OWNER, is_staff=True, is_superuser=True)
        self.people = People(urls=self.place.urls, user=user, random=self._random())
        opened.callback(self.people.close)
        self.bills = Bills(provider=self.place.provider)
        self.place.provider.config(**_LATENCY, seed=self.seed)
        self._standing = self._stand()
        gap_s = max(_GAP_S, self.seconds / _FAULTS)
        self.mishaps = Mishaps(
            place=self.place,
            scene=self._standing.scene,
            hooks=self.hooks,
            random=self._random(),
            gap_s=(gap_s / 2, gap_s * 1.5),
        )
        run_id = self._standing.scene.run.id
        token = self.people.token
        self._stayer = Watcher(f"{self.place.urls[0]}/api/v1/runs/{run_id}/events", token=token)
        opened.callback(self._stayer.close)
        self._sleeper = Sleeper(url=self.place.urls[0], run_id=run_id, token=token)
        opened.callback(self._sleeper.close)
        self._guests = Guests(urls=self.place.urls, token=token, random=self._random())
        opened.callback(self._guests.close)

    def _stand(self) -> Job:
        """The run that goes on all the time: an item each minute."""
        count = max(6, round(self.seconds / _STANDING_GAP_S))
        delay_ms = round(1000 * self.seconds / count)
        PacingProfile.objects.filter(name=Pacing.SAFE).update(delay_ms=delay_ms)
        return self._job(WORKS["pages"], count, lanes=1, calm=True)

    def _job(self, work: Work, count: int, *, lanes: int, calm: bool = False) -> Job:
        project = work.book.project(count)
        scene = Scene(
            bed=self.place,
            journal=self.journal,
            project=project,
            user=project.created_by,
            lanes=lanes,
            random=self._random(),
            book=work.book,
        )
        job = Job(
            scene=scene,
            work=work,
            hook=webhook_make(project, self.receiver.url),
            people=self.people,
            random=self._random(),
            keep_s=self.place.keep_s,
            calm=calm,
        )
        job.start(self.bills)
        self.jobs.append(job)
        return job

    def _random(self) -> Random:
        return Random(self.random.getrandbits(32))

    # What goes on.

    def _turn(self, *, stopping: bool) -> None:
        """Hours are not to be for nothing: what goes wrong in one turn is noted, and the next one
        comes."""
        try:
            self._do(stopping=stopping)
        except Exception:
            self.failures += 1
            self.journal.violate("soak", traceback.format_exc())
            if self.failures > _FAILURES:
                raise
        for told in self.journal.violations[self._logged :]:
            self.place.sink("soak", f"VIOLATED {told}")
        self._logged = len(self.journal.violations)
        time.sleep(_TURN_S)

    def _do(self, *, stopping: bool) -> None:
        self.hooks.read(self.receiver)
        for job in self.jobs:
            if job.over is None:
                job.look(self.bills, stopping=stopping)
        self._close_books()
        if not stopping:
            self._start_one()
            self.mishaps.look()
            self._visit()
        self._delete(keep_s=self.place.keep_s)
        if self._is_due("sample", self.sample_s):
            self._check_messages()
            self.samples.take(self.place, lasting=self._standing.scene.run.id)
        self._replace_the_dead()

    def _start_one(self) -> None:
        going = sum(job.over is None for job in self.jobs)
        if going < _AT_ONCE and self._is_due("start", self.random.uniform(*_START_S)):
            weights = [work.weight for work in WORKS.values()]
            name = self.random.choices(list(WORKS), weights)[0]
            self.kinds[name] += 1
            work = WORKS[name]
            count = self.random.randint(*work.targets)
            self._job(work, count, lanes=self.random.randint(1, 4))

    def _visit(self) -> None:
        if self._is_due("sign in", _SIGN_IN_S):
            self.people.sign_in()
        if self._is_due("read", _READ_S):
            run = self._any_run()
            self.people.read(str(run.id), str(run.project_id))
        if self._is_due("guest", _GUEST_S):
            self._guests.change(lambda: self._any_run().id)

    def _any_run(self) -> Run:
        return self.random.choice(self.jobs[-_AT_ONCE:]).scene.run

    def _is_due(self, what: str, every_s: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every_s
        return True

    def _close_books(self) -> None:
        settled = [job for job in self.jobs if job.checked is None and job.is_settled()]
        if not settled:
            return
        self._read_calls()
        self.bills.read()
        for job in settled:
            seen = calls_seen(c for calls in self.calls.values() for c in calls.values())
            self.sums.add(job.check(self.bills, self.hooks, seen))
            for marker in job.markers:
                self.calls.pop(marker, None)

    def _read_calls(self) -> None:
        """The provider's log since; calls that were under way are read again."""
        new = self.place.provider.calls(since=self._next_call)
        for call in new:
            self.calls.setdefault(call["marker"], {})[call["index"]] = call
        if new:
            open_ = [call["index"] for call in new if call["end_monotonic"] is None]
            self._next_call = min(open_, default=new[-1]["index"] + 1)

    def _delete(self, *, keep_s: float) -> None:
        """Projects whose books are closed, after a while; at most one in each turn."""
        now = time.monotonic()
        for job in self.jobs:
            if job.checked is not None and now - job.checked >= keep_s:
                self._forget(job)
                return

    def _forget(self, job: Job) -> None:
        job.delete()
        self.jobs.remove(job)

    def _check_messages(self) -> None:
        """I10."""
        try:
            waiting = len(messages_waiting())
        except RedisError:
            return
        lanes = Lane.objects.filter(run__completed_at__isnull=True).count()
        if waiting > 2 * lanes + _AT_ONCE:
            self.journal.violate("I10", f"{waiting} messages wait for {lanes} lanes")

    def _replace_the_dead(self) -> None:
        self._standing.scene.replace_the_dead()

    # The end.

    def _stop(self) -> None:
        """Start nothing any more, let everything end, and look at all books."""
        self.mishaps.lift()
        # What is left of the run that was watched goes on without a wait.
        PacingProfile.objects.filter(name=Pacing.SAFE).update(delay_ms=0)
        run = self._standing.scene.run
        self.people.ask("POST", f"/runs/{run.id}/cancel", {})

        def all_checked() -> bool:
            self._turn(stopping=True)
            return all(job.checked is not None for job in self.jobs)

        try:
            wait_for(all_checked, "all runs have ended, and their books agree", timeout_s=_END_S)
        except NotInTime as late:
            left = [job.scene.run for job in self.jobs if job.checked is None]
            self.journal.violate("I1", f"{late}: {[f'{run.type} {run.status}' for run in left]}")
        self._check_stayer()

    def _check_stayer(self) -> None:
        """Who watched all the time heard of each item, and of the end."""
        run = self._standing.scene.runs[0]
        completed = RunItem.objects.filter(run=run, status="COMPLETED").count()
        items = self._stayer.of("item")
        heard = {item["itemId"] for item in items if item["status"] == "COMPLETED"}
        # A lost Redis is told by a reset: whoever gets one reads the run.
        resets, ends = (len(self._stayer.of(name)) for name in ("reset", "end"))
        if completed - len(heard) > resets or ends != 1:
            told = f"{len(heard)} of {completed} items, {resets} resets, {ends} ends"
            self.journal.violate("live", f"who watched all the time heard of {told}")

    def _end(self) -> None:
        check_rest(self.journal)
        check_open(self.journal)
        self._check_money()
        allowed = self.journal.in_flight_at_losses()
        if self.sums.calls_lost > allowed:
            told = f"{self.sums.calls_lost} calls lost, {allowed} were in flight at the kills"
            self.journal.violate("I4", told)
        self._tell()
        while self.jobs:
            self._forget(self.jobs[0])
        self._check_left()

    def _check_money(self) -> None:
        """I15, of everything that was ever asked."""
        self.bills.read()
        bill = sum(self.bills.by_run.values())
        for when in ("", "reconciled, "):
            billed, possibly = (booked(each) for each in ("billed", "possibly"))
            told = f"{when}bill {bill}, booked {billed}, possibly {possibly}"
            if not billed <= bill <= billed + possibly:
                self.journal.violate("I15", told)
            for row in ledger_drift():
                self.journal.violate("I15", f"{when}the ledger does not add up: {row}")
            self.console.print(told, markup=False)
            call_command("ledger", "reconcile", stdout=StringIO())

    def _check_left(self) -> None:
        """All projects are deleted: what is left has its time, or is kept for good."""
        late_s = self.place.keep_s + 150
        until = time.monotonic() + late_s
        while (left := self._left()) and time.monotonic() < until:
            time.sleep(_TURN_S)
        for table, rows in left.items():
            told = f"{rows} rows are left of deleted projects, or {late_s:.0f} s after their time"
            self.journal.violate("table", f"{table}: {told}")
        self.samples.take(self.place)

    def _left(self) -> dict[str, int]:
        """Rows of each table that nothing explains."""
        explained = {*KEPT, *_STANDING}
        return {name: rows for name, rows, _ in tables() if rows and name not in explained}

    def _tell(self) -> None:
        sums, told = self.sums, _told
        self.console.print(
            f"{sums.runs} runs of {sum(self.kinds.values())} projects ({told(self.kinds)}): "
            f"items {told(sums.items)}; failed with {told(sums.codes)}. {sums.calls} calls, "
            f"{sums.calls_lost} lost with a worker. {sums.messages} messages to webhooks, "
            f"{self.hooks.again} of them again. {self._guests.messages} events to guests, "
            f"{len(self._stayer.messages)} to who stayed; who never read came "
            f"{self._sleeper.opened} times. Answers: {told(self.people.statuses)}. Faults: "
            f"{told(self.mishaps.times)}. {sums.lost} lost, {sums.doubled} doubled.",
            markup=False,
        )


#: What an installation has before its first project.
_STANDING = {
    *("auth_user", "auth_permission", "batchgen_apitoken", "batchgen_installation"),
    *("django_content_type", "runs_pacingprofile", "runs_closure"),
    # Those that are there; and the clean-up's own tasks leave one each.
    *("runs_worker", "django_celery_results_taskresult"),
}


def _told(counts: Counter[Any]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "nothing"
