"""The run log: a reader that follows it sees every line, once, in order."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import connection, transaction

from runs.engine.trail import log_append
from runs.models import RunLog
from runs.reads.log import log_after, log_number
from tests.integration.engine.world import World
from tests.threads import race

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
    with _written_early_committed_late(world, "a"):
        log_append(run_id=world.run.id, message="b")
        first, seen = _messages(world, seen)
    second, _ = _messages(world, seen)
    assert (first, second) == (["b"], ["a"])


def test_a_line_keeps_the_number_that_another_reader_is_giving_it() -> None:
    world = World.make(begin=False)
    _, seen = _messages(world, 0)
    read: list[str] = []

    def reader() -> None:
        read.extend(_messages(world, seen)[0])
        connection.close()

    thread = threading.Thread(target=reader)
    with transaction.atomic():
        with _written_early_committed_late(world, "a"):
            log_append(run_id=world.run.id, message="b")
            log_number(run_id=world.run.id)
        thread.start()
        thread.join(0.3)
        assert read == []
    thread.join(10)
    assert read == ["b", "a"]


@contextmanager
def _written_early_committed_late(world: World, message: str) -> Iterator[None]:
    """A line by somebody else: written before the block, committed at its end."""
    written, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            log_append(run_id=world.run.id, message=message)
            written.set()
            go_on.wait(10)
        connection.close()

    writer = threading.Thread(target=slow)
    writer.start()
    written.wait(10)
    yield
    go_on.set()
    writer.join(10)


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
