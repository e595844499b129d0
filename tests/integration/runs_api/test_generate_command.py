"""manage.py generate: which project, which run, what is shown, and the exit code."""

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from epics.models import Project
from runs.engine.budgets import run_budget_set
from runs.engine.transitions import run_begin, run_finalize, run_move
from runs.management.watch import NO_WORKER
from runs.models import Budget, ProviderBatch, Run, RunAction, RunItem
from runs.states import ItemStatus, RunStatus
from tests.database import connections_cut
from tests.integration.engine.world import World, project_make, worker_make

pytestmark = pytest.mark.django_db(transaction=True)


class Screen(StringIO):
    """What a person would see."""

    def isatty(self) -> bool:
        return True


def generate(*args: str, screen: StringIO | None = None) -> tuple[int, str]:
    """The exit code and the output."""
    out = screen or StringIO()
    try:
        call_command("generate", *args, stdout=out)
    except SystemExit as stopped:
        return int(stopped.code or 0), out.getvalue()
    return 0, out.getvalue()


def refused(*args: str) -> str:
    with pytest.raises(CommandError) as error:
        generate(*args)
    return str(error.value)


def test_the_help_names_types_as_the_api_does() -> None:
    with pytest.raises(CommandError, match="choose from 'ANALYZE_CARDS', 'GENERATE_EPICS'"):
        generate("ANY", "--type", "FOO")


@contextmanager
def beside(action: Callable[[], None]) -> Iterator[None]:
    """Do the action in a thread meanwhile."""

    def runner() -> None:
        try:
            action()
        finally:
            connection.close()

    thread = threading.Thread(target=runner, daemon=True)
    thread.start()
    yield
    thread.join(20)


def work(project_id: UUID, *, failing: tuple[str, ...] = (), step_s: float = 0.05) -> None:
    """Be the worker of the project's run, once there is one."""
    while (run := Run.objects.filter(project=project_id).first()) is None:
        time.sleep(0.02)
    run_begin(run_id=run.pk)
    world = World(run=run, worker=worker_make())
    while not world.fences():  # what was started is handed out a moment later
        time.sleep(0.02)
    while world.fences():
        step = world.claim()
        assert step
        time.sleep(step_s)
        bad = step.code in failing
        world.finish(step, status=ItemStatus.FAILED if bad else ItemStatus.COMPLETED)
    run_finalize(run_id=run.pk)


def test_it_starts_a_run_and_says_how_to_watch_it() -> None:
    project = project_make()
    code, text = generate(
        str(project.pk), "--mode", "concise", "--persona-set", "cards", "--pacing", "safe",
        "--max-concurrency", "4", "--priority", "LOW", "--user", "ada", "--skip-quality-check",
        "--lane", "cheapest", "--deadline", "2036-11-30T09:00+01:00", "--budget", "2.50",
    )  # fmt: skip
    run = Run.objects.get()
    assert code == 0
    assert (run.lane, run.deadline) == ("cheapest", datetime(2036, 11, 30, 8, tzinfo=UTC))
    assert Budget.objects.get(run_id=run.pk).limit_micro_usd == 2_500_000
    assert (run.options["mode"], run.options["persona_set"], run.pacing_profile) == (
        "concise",
        "cards",
        "safe",
    )
    assert (run.max_concurrency, run.priority) == (4, "LOW")
    assert run.options["skip_quality_check"]
    assert run.created_by is not None
    assert f"run {run.pk} over 3 epics" in text
    assert f"manage.py generate {project.pk} --attach" in text
    assert NO_WORKER in text


def test_a_project_is_named_by_id_code_or_whole_name() -> None:
    for name in ("First", "Second", "Third"):
        project_make(name=name)
    Project.objects.filter(name="Second").update(code="S2")
    third = Project.objects.get(name="Third")
    for said, name in (("First", "First"), ("S2", "Second"), (str(third.pk), "Third")):
        generate(said)
        assert Run.objects.latest("created_at").project.name == name


def test_an_ambiguous_name_lists_the_projects() -> None:
    ids = [str(project_make(name="Twin").pk) for _ in range(2)]
    text = refused("Twin")
    assert all(project_id in text for project_id in ids)
    assert not Run.objects.exists()


def test_an_unknown_name_lists_what_there_is() -> None:
    assert "import_backlog" in refused("nothing")
    project_make(name="Library")
    assert "Library" in refused("nothing")


def test_only_the_named_epics() -> None:
    project = project_make(epics=4)
    generate(str(project.pk), "--epic", "E2", "E4")
    run = Run.objects.get()
    assert run.type == "GENERATE_ALL_STORIES"
    codes = RunItem.objects.filter(run=run).values_list("code", flat=True)
    assert sorted(codes) == ["E2", "E4"]


def test_one_named_epic_is_a_run_of_its_own_type() -> None:
    generate(str(project_make().pk), "--epic", "E2")
    assert Run.objects.get().type == "GENERATE_STORIES"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--epic", "E9"), "no epic E9"),
        (("--user", "nobody"), "no user nobody"),
        (("--max-concurrency", "0"), "from 1 to 10000"),
        (("--deadline", "soon"), "a time such as 2026-11-30T09:00"),
        (("--budget", "0"), "dollars, such as 2.50"),
        (("--attach",), "no active run"),
    ],
)
def test_what_cannot_be_is_said_and_starts_nothing(args: tuple[str, ...], said: str) -> None:
    assert said in refused(str(project_make().pk), *args)
    assert not Run.objects.exists()


def test_an_active_run_is_named_with_the_way_to_it() -> None:
    run = World.make().run
    text = refused(str(run.project_id), "--watch")
    assert str(run.pk) in text
    assert "--attach" in text


def test_watching_to_a_good_end_shows_a_table_and_stories() -> None:
    project = project_make(epics=4)
    with beside(lambda: work(project.pk)):
        code, text = generate(str(project.pk), "--watch")
    assert code == 0
    assert "SUCCEEDED: 4/4 epics, 8 stories" in text
    assert "E3: Lending 3" in text
    assert "Succeeded: 8 stories from 4 epics (4/4); 6,400 tokens, $0.0416, " in text
    assert "E3-S2: Lend 2" in text
    assert "E4-S1" not in text


def test_some_failed_epics_are_exit_code_2_and_say_why() -> None:
    project = project_make(epics=3)
    with beside(lambda: work(project.pk, failing=("E2",))):
        code, text = generate(str(project.pk), "--watch")
    assert code == 2
    assert "REFUSED: No." in text
    assert "1 failed" in text


def test_all_failed_is_exit_code_1() -> None:
    project = project_make(epics=1)
    with beside(lambda: work(project.pk, failing=("E1",))):
        code, text = generate(str(project.pk), "--watch")
    assert code == 1
    assert "ALL_EPICS_FAILED" in text


def test_attach_follows_the_active_run() -> None:
    project = World.make(epics=3).run.project
    with beside(lambda: work(project.pk)):
        code, text = generate(str(project.pk), "--attach")
    assert code == 0
    assert "SUCCEEDED: 3/3 epics" in text
    assert Run.objects.count() == 1


def test_watch_and_attach_start_a_run_where_none_is_active() -> None:
    project = project_make(epics=1)
    with beside(lambda: work(project.pk)):
        assert generate(str(project.pk), "--watch", "--attach")[0] == 0
    assert Run.objects.count() == 1


def test_a_run_that_the_engine_paused_is_not_waited_for() -> None:
    run = World.make().run
    run_budget_set(run_id=run.pk, micro_usd=250_000)
    ProviderBatch.objects.create(run=run, provider=run.provider, state="lost", expected=2)
    run_move(
        run_id=run.pk,
        to=RunStatus.PAUSED,
        kind=RunAction.Kind.PAUSE,
        message="Top up your credit.",
        error_code="CREDIT",
    )
    code, text = generate(str(run.project_id), "--attach")
    assert code == 1
    assert "CREDIT: Top up your credit." in text
    assert "0 stories, 1 batch ended, 0 tokens, $0.0000 of $0.25 ($0.25 left), " in text


def test_a_screen_has_a_bar_and_shows_what_is_being_generated() -> None:
    project = project_make(epics=2)
    screen = Screen()
    with beside(lambda: work(project.pk, step_s=0.5)):
        code, text = generate(str(project.pk), "--watch", screen=screen)
    assert code == 0
    assert "━" in text
    assert "2/2" in text
    assert "E1: Lending 1  validation" in text


def test_a_missing_worker_is_told_once_and_waited_for() -> None:
    project = project_make(epics=1)

    def later() -> None:
        time.sleep(1)
        work(project.pk)

    with beside(later):
        code, text = generate(str(project.pk), "--watch")
    assert code == 0
    assert text.count("Stuck: No worker is alive. Start a worker.") == 1


def test_watching_goes_on_when_the_database_was_away() -> None:
    project = World.make(epics=2).run.project

    def cut_then_work() -> None:
        time.sleep(0.5)
        connections_cut()
        time.sleep(0.5)
        work(project.pk)

    with beside(cut_then_work):
        code, text = generate(str(project.pk), "--attach")
    assert code == 0
    assert "The database is away" in text
    assert "SUCCEEDED: 2/2 epics" in text


@pytest.fixture
def _hears_ctrl_c() -> Iterator[None]:
    """Where a shell runs the tests in the background, it has made them deaf to it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("_hears_ctrl_c")
def test_ctrl_c_leaves_the_run_going_and_says_how_to_look_again() -> None:
    world = World.make()
    screen = StringIO()

    def press() -> None:
        while "0/3 epics" not in screen.getvalue():
            time.sleep(0.02)
        _thread.interrupt_main()

    with beside(press):
        code, text = generate(str(world.run.project_id), "--attach", screen=screen)
    assert code == 130
    assert f"manage.py generate {world.run.project_id} --attach" in text
    world.run.refresh_from_db()
    assert world.run.status == RunStatus.RUNNING


def test_it_says_what_another_run_has() -> None:
    project = project_make(epics=3)
    generate(str(project.pk), "--epic", "E2")
    assert "includes E2" in refused(str(project.pk), "--epic", "E2")
    _, shown = generate(str(project.pk))
    assert "over 2 epics" in shown
    assert "Left out, because other runs that are not over include them: E2." in shown


def test_another_type_with_its_options() -> None:
    world = World.make(epics=2, lanes=1)
    Project.objects.update(code="LIB")
    step = world.claim()
    assert step
    world.finish(step)
    code, out = generate(
        "LIB",
        "--type",
        "GENERATE_SUBTASKS",
        "--option",
        "onlyApproved",
        "false",
        "--target",
        "E1-S1",
    )
    run = Run.objects.get(type="GENERATE_SUBTASKS")
    assert (code, run.total_items, run.options["only_approved"]) == (0, 1, False)
    assert f"run {run.pk} over 1 story, " in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--option", "epicCount", "many"), "epicCount"),
        (("--option", "colour", "blue"), "GENERATE_EPICS has no such option"),
        (("--mode", "concise"), "GENERATE_EPICS has no such choice"),
        (("--target", "X"), "has no project X"),
    ],
)
def test_what_a_type_does_not_have_is_refused(words: tuple[str, ...], said: str) -> None:
    world = World.make(epics=1, lanes=1)
    assert said in refused(str(world.run.project_id), "--type", "GENERATE_EPICS", *words)
    assert not Run.objects.filter(type="GENERATE_EPICS").exists()
