"""The run log: a reader that follows it sees every line, once, in order."""

import threading
from functools import partial

import pytest
from django.db import connection, transaction

from runs.log import log_after, log_append
from runs.models import RunLog
from tests.integration.engine.world import World, race

pytestmark = pytest.mark.django_db(transaction=True)


def _messages(world: World, after: int) -> tuple[list[str], int]:
    lines = list(log_after(run_id=world.run.id, seq=after, limit=1000))
    return [line.message for line in lines], max([after, *(line.seq or 0 for line in lines)])


def _write(world: World, writer: int) -> None:
    for line in range(20):
        log_append(run_id=world.run.id, message=f"{writer}.{line}")


def test_a_line_that_is_committed_late_is_not_missed() -> None:
    world = World.make(begin=False)
    _, seen = _messages(world, 0)
    written, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            log_append(run_id=world.run.id, message="a")
            written.set()
            go_on.wait(10)
        connection.close()

    writer = threading.Thread(target=slow)
    writer.start()
    written.wait(10)
    log_append(run_id=world.run.id, message="b")
    first, seen = _messages(world, seen)
    go_on.set()
    writer.join(10)
    second, _ = _messages(world, seen)
    assert (first, second) == (["b"], ["a"])


def test_numbers_have_no_gap_and_no_repeat_with_many_readers_and_writers() -> None:
    world = World.make(begin=False)
    actions = [partial(_write, world, i) for i in range(4)]
    readers = [
        lambda: [list(log_after(run_id=world.run.id, seq=0, limit=5)) for _ in range(20)]
    ] * 4
    assert not [r for r in race(*actions, *readers) if isinstance(r, Exception)]
    _messages(world, 0)
    numbers = list(
        RunLog.objects.filter(run=world.run).order_by("seq").values_list("seq", flat=True)
    )
    assert numbers == list(range(1, len(numbers) + 1))
    for i in range(4):
        mine = RunLog.objects.filter(message__startswith=f"{i}.").order_by("seq")
        assert [line.message for line in mine] == [f"{i}.{j}" for j in range(20)]
