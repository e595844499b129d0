"""manage.py run: which run, what is shown, who did it, and the exit code."""

import getpass
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from runs.engine.transitions import run_finalize
from runs.models import Run, RunAction, RunItem
from runs.states import ItemStatus, RunStatus
from tests.factories import user_make
from tests.integration.engine.world import World, halt, project_make, worker_make
from tests.threads import elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


def run(*args: str) -> tuple[int, str]:
    """The exit code and the output."""
    out = StringIO()
    try:
        call_command("run", *args, stdout=out)
    except SystemExit as stopped:
        return int(stopped.code or 0), out.getvalue()
    return 0, out.getvalue()


def refused(*args: str) -> str:
    with pytest.raises(CommandError) as error:
        run(*args)
    return str(error.value)


def _status(world: World) -> str:
    return Run.objects.get(pk=world.run.pk).status


def _work(world: World, status: ItemStatus = ItemStatus.COMPLETED) -> None:
    while world.fences():
        step = world.claim()
        assert step
        world.finish(step, status=status)
    run_finalize(run_id=world.run.pk)


class TestWhich:
    def test_an_id_or_its_beginning_with_or_without_dashes(self) -> None:
        whole = str(World.make().run.pk)
        for name in (whole, whole.upper(), whole[:14], whole.replace("-", ""), whole[:1]):
            assert run("show", name)[1].startswith(f"GENERATE_ALL_STORIES {whole} of Library")

    def test_a_beginning_of_several_is_refused_with_their_ids(self) -> None:
        ids = {str(World.make().run.pk) for _ in range(2)}
        told = refused("show", "0")
        assert told.startswith("The ids of several runs begin so:")
        assert all(f"\n  {each}  RUNNING" in told for each in ids)

    @pytest.mark.parametrize("name", ["library", "-", "0" * 33, "0x12", "1_2"])
    def test_what_is_no_id_is_told_so(self, name: str) -> None:
        World.make()
        assert refused("show", "--", name) == f"{name} is no run's id, nor the beginning of one."

    def test_what_is_not_there_is_told_so(self) -> None:
        assert refused("cancel", "ffff") == "There is no run ffff. Look with: manage.py run list"


class TestList:
    def test_the_newest_first_by_project_status_and_activity(self) -> None:
        first = World.make(name="First", epics=1)
        _work(first)
        second = World.make(name="Second")
        _, shown = run("list")
        assert shown.index(str(second.run.pk)) < shown.index(str(first.run.pk))
        assert "1/1" in shown
        for chosen, world in (
            (("--active",), second),
            (("--status", "SUCCEEDED"), first),
            (("--project", "First"), first),
            (("--limit", "1"), second),
        ):
            _, shown = run("list", *chosen)
            assert [str(each.run.pk) in shown for each in (first, second)] == [
                each is world for each in (first, second)
            ]

    def test_a_limit_that_makes_no_sense_is_refused(self) -> None:
        for limit in ("0", "1001", "many"):
            assert "--limit" in refused("list", "--limit", limit)


def test_show_tells_what_it_is_and_what_was_done_and_can_be() -> None:
    world = World.make(epics=3, lanes=1)
    step = world.claim()
    assert step
    world.finish(step, status=ItemStatus.FAILED)
    halt(run_id=world.run.pk, to=RunStatus.CANCELLED, message="Cancelled.")
    _, shown = run("show", str(world.run.pk))
    assert "of Library: CANCELLED" in shown
    assert "ada: start\n" in shown
    assert "batchgen: cancel\n" in shown
    assert "Now possible: retry-failed." in shown
    assert "REFUSED: No." in shown


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("pause", RunStatus.RUNNING, RunStatus.PAUSED),
        ("resume", RunStatus.PAUSED, RunStatus.RUNNING),
        ("cancel", RunStatus.PAUSED, RunStatus.CANCELLED),
    ],
)
def test_a_control_does_what_the_api_does_and_says_who(
    action: str, before: RunStatus, after: RunStatus
) -> None:
    world = World.make()
    if before == RunStatus.PAUSED:
        halt(run_id=world.run.pk, to=before, message="Paused.")
    user = user_make("dana")
    code, shown = run(action, str(world.run.pk), "--user", "dana")
    assert (code, _status(world)) == (0, after)
    assert f"was {before} and is {after}; 0 calls in flight." in shown
    told = RunAction.objects.get(run=world.run, kind=action, actor="dana")
    assert told.actor_id == user.pk
    assert "cannot be" in refused(action, str(world.run.pk))


def test_without_a_user_it_is_whoever_has_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.make()
    monkeypatch.delenv("SUDO_USER", raising=False)
    run("pause", str(world.run.pk))
    monkeypatch.setenv("SUDO_USER", "grace")
    run("cancel", str(world.run.pk))
    trail = RunAction.objects.filter(run=world.run).order_by("id").values_list("actor", "actor_id")
    assert list(trail)[1:] == [(f"{getpass.getuser()} (shell)", None), ("grace (shell)", None)]


def test_a_user_that_is_not_there_does_nothing() -> None:
    world = World.make()
    told = refused("pause", str(world.run.pk), "--user", "nobody")
    assert told == "There is no user nobody."
    assert _status(world) == RunStatus.RUNNING


class TestRetry:
    def _failed(self) -> World:
        world = World.make(epics=3, lanes=1)
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus.FAILED)
        halt(run_id=world.run.pk, to=RunStatus.CANCELLED, message="Cancelled.")
        return world

    @pytest.mark.parametrize(
        ("more", "total", "epics"), [((), 1, "1 epic"), (("--include-pending",), 3, "3 epics")]
    )
    def test_it_starts_a_run(self, more: tuple[str, ...], total: int, epics: str) -> None:
        world = self._failed()
        _, shown = run("retry", str(world.run.pk), *more)
        retry = Run.objects.get(retried_from=world.run)
        assert f"Run {retry.pk} does {epics} of run {world.run.pk} again." in shown
        assert (retry.total_items, retry.created_by) == (total, None)
        assert RunAction.objects.get(run=retry).actor.endswith("(shell)")

    def test_what_the_api_refuses_is_told(self) -> None:
        world = World.make()
        assert "not over" in refused("retry", str(world.run.pk))
        halt(run_id=world.run.pk, to=RunStatus.CANCELLED, message="Cancelled.")
        assert "no epics to retry" in refused("retry", str(world.run.pk))

    def test_it_is_watched_to_its_end(self) -> None:
        world = self._failed()

        def be_its_worker() -> None:
            while not (retries := Run.objects.filter(retried_from=world.run)):
                pass
            retry = World(run=retries[0], worker=worker_make("w2@test"))
            while not retry.fences():
                pass
            step = retry.claim()
            assert step
            Run.objects.filter(pk=retry.run.pk).update(status=RunStatus.RUNNING)
            retry.finish(step)
            run_finalize(run_id=retry.run.pk)

        worker = elsewhere(be_its_worker)
        code, shown = run("retry", str(world.run.pk), "--watch")
        worker.join(10)
        assert code == 0
        assert "SUCCEEDED: 1/1 epics" in shown


class TestWatch:
    @pytest.mark.parametrize(
        ("status", "code"), [(ItemStatus.COMPLETED, 0), (ItemStatus.FAILED, 1)]
    )
    def test_a_run_that_is_over_is_told_at_once(self, status: ItemStatus, code: int) -> None:
        world = World.make(epics=2, lanes=1)
        _work(world, status)
        assert run("show", str(world.run.pk), "--watch")[0] == code

    def test_a_pause_is_over_with_the_last_call(self) -> None:
        world = World.make(epics=2, lanes=1)
        step = world.claim()
        assert step

        def finish_once_it_is_paused() -> None:
            while _status(world) != RunStatus.PAUSED:
                pass
            world.finish(step)

        worker = elsewhere(finish_once_it_is_paused)
        code, shown = run("pause", str(world.run.pk), "--watch")
        worker.join(10)
        assert code == 0
        assert "; 1 call in flight." in shown
        assert "PAUSED: 1/2 epics" in shown
        assert RunItem.objects.filter(status="GENERATING").count() == 0

    def test_a_cancel_ends_well(self) -> None:
        world = World.make(epics=2, lanes=1)
        code, shown = run("cancel", str(world.run.pk), "--watch")
        assert (code, _status(world)) == (0, RunStatus.CANCELLED)
        assert "CANCELLED: 0/2 epics" in shown

    def test_somebody_elses_cancel_does_not(self) -> None:
        world = World.make(epics=2, lanes=1)
        halt(run_id=world.run.pk, to=RunStatus.PAUSED, message="Paused.")
        stop = partial(halt, run_id=world.run.pk, to=RunStatus.CANCELLED, message="Stop.")

        def cancel_once_it_runs() -> None:
            while _status(world) != RunStatus.RUNNING:
                pass
            stop()

        other = elsewhere(cancel_once_it_runs)
        code, _ = run("resume", str(world.run.pk), "--watch")
        other.join(10)
        assert code == 1


def test_a_project_without_runs_has_an_empty_list() -> None:
    project = project_make()
    code, shown = run("list", "--project", str(project.pk))
    assert code == 0
    assert str(project) not in shown
