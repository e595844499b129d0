"""Group commit: what is written together, and who waits for whom."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection, transaction

from batchgen.db.sql import AsyncDatabase, Queries, Row, Statement
from tests.acceptance.fleet import wait_for
from workers import group_commit
from workers.group_commit import GroupCommit
from workers.loop import LoopThread

pytestmark = pytest.mark.django_db(transaction=True)

_QUERIES = Queries(Path(__file__).with_name("group_commit.sql"))
#: Makes a statement that nobody can build.
_BROKEN = 13
#: Makes one that cannot be built for it and others at a time, as a text that is no UTF-8 does.
_NOT_BESIDE_OTHERS = 25


class Commits:
    """Numbers by which a loop has PostgreSQL divide 100.

    Attributes:
        submitted: numbers whose quotients were asked for.
        written: the numbers of each statement that was begun.
        answers: number -> quotient, or error.
    """

    def __init__(self, loop: LoopThread, database: AsyncDatabase) -> None:
        self.loop = loop
        self.submitted: list[int] = []
        self.written: list[list[int]] = []
        self.answers: dict[int, int | Exception] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._commit = GroupCommit(database, "test", single=self._single, group=self._group)

    def submit(self, *numbers: int) -> None:
        """Ask for their quotients, in the same round of the loop."""
        self.loop.run(self._begin(numbers))
        wait_for(lambda: set(self.submitted) >= set(numbers), "they are submitted")

    def give_up(self, number: int) -> None:
        """Whoever asked for its quotient waits no longer."""
        self.loop.call(self._tasks[number].cancel)

    def wait(self, *numbers: int) -> None:
        """Until these are answered."""
        wait_for(lambda: self.answers.keys() >= set(numbers), f"{numbers} end", timeout_s=10)

    async def _begin(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._tasks[number] = asyncio.create_task(self._submit(number))

    async def _submit(self, number: int) -> None:
        self.submitted.append(number)
        try:
            self.answers[number] = await self._commit.submit(number)
        except Exception as error:  # the test knows which are right
            self.answers[number] = error

    def _single(self, number: int) -> Statement[int]:
        self.written.append([number])
        return Statement(
            queries=_QUERIES, name="divide", params={"number": number}, read=lambda r: _of(r)[0]
        )

    def _group(self, numbers: Sequence[int]) -> Statement[list[int]]:
        self.written.append(list(numbers))
        if _BROKEN in numbers:
            raise TypeError("a bug")
        if _NOT_BESIDE_OTHERS in numbers:
            raise ValueError("no text")
        return Statement(
            queries=_QUERIES, name="divide_all", params={"numbers": [*numbers]}, read=_of
        )


def _of(rows: list[Row]) -> list[int]:
    return [row["quotient"] for row in rows]


@pytest.fixture
def commits() -> Iterator[Commits]:
    loop, database = LoopThread(), AsyncDatabase()
    loop.start()
    loop.run(database.open())
    yield Commits(loop, database)
    loop.run(database.close())
    loop.close()


@pytest.fixture
def none_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long one waits, the next group waits for it."""
    monkeypatch.setattr(group_commit, "_SLOW_S", 60)


@contextmanager
def _held(*numbers: int) -> Iterator[None]:
    """Somebody has them."""
    with transaction.atomic(), connection.cursor() as cursor:
        for number in numbers:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
        yield


def _waiting() -> int:
    """How many statements wait for a number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def test_what_is_submitted_in_one_round_of_the_loop_is_written_together(commits: Commits) -> None:
    commits.submit(5, 4, 2)
    commits.wait(5, 4, 2)
    assert commits.answers == {5: 20, 4: 25, 2: 50}
    assert commits.written == [[5, 4, 2]]


def test_while_one_is_under_way_the_next_group_collects(commits: Commits, none_slow: None) -> None:
    with _held(5):
        commits.submit(5)
        wait_for(_waiting, "the first one waits")
        for number in (4, 2, 10):
            commits.submit(number)
    commits.wait(5, 4, 2, 10)
    assert commits.written == [[5], [4, 2, 10]]
    assert commits.answers == {5: 20, 4: 25, 2: 50, 10: 10}


def test_of_a_group_that_fails_each_is_written_alone(commits: Commits) -> None:
    commits.submit(5, 0, 4)
    commits.wait(5, 0, 4)
    assert commits.written == [[5, 0, 4], [5], [0], [4]]
    assert isinstance(commits.answers.pop(0), psycopg.errors.DivisionByZero)
    assert commits.answers == {5: 20, 4: 25}


def test_of_a_group_that_has_no_json_each_is_written_alone(commits: Commits) -> None:
    commits.submit(5, _NOT_BESIDE_OTHERS)
    commits.wait(5, _NOT_BESIDE_OTHERS)
    assert commits.answers == {5: 20, _NOT_BESIDE_OTHERS: 4}


def test_a_row_that_somebody_has_holds_up_no_other_of_its_group(commits: Commits) -> None:
    with _held(5):
        commits.submit(5, 4, 2)
        commits.wait(4, 2)
        assert 5 not in commits.answers
    commits.wait(5)
    assert commits.answers == {5: 20, 4: 25, 2: 50}


def test_a_commit_that_waits_holds_up_no_later_one(commits: Commits) -> None:
    with _held(5):
        commits.submit(5)
        commits.submit(4)
        commits.wait(4)
        commits.submit(2)
        commits.wait(2)
        assert 5 not in commits.answers
    commits.wait(5)
    assert commits.answers == {5: 20, 4: 25, 2: 50}


def test_commits_that_wait_leave_connections_to_others(commits: Commits) -> None:
    numbers = (1, 2, 4, 5, 10, 20)
    with _held(*numbers):
        for place, number in enumerate(numbers[:4], 1):
            commits.submit(number)
            wait_for(lambda: _waiting() == place, f"{place} wait")  # noqa: B023  # at once
        commits.submit(*numbers[4:])
        time.sleep(0.3)
        assert _waiting() == 4
    commits.wait(*numbers)
    assert commits.answers == {number: 100 // number for number in numbers}


def test_whoever_gives_up_takes_nobody_along(commits: Commits, none_slow: None) -> None:
    with _held(1):
        commits.submit(1)
        wait_for(_waiting, "the first one waits")
        commits.submit(5, 4, 2)
        commits.give_up(4)
    commits.wait(1, 5, 2)
    assert commits.answers == {1: 100, 5: 20, 2: 50}


def test_whoever_waits_hears_of_a_bug(commits: Commits) -> None:
    commits.submit(5, _BROKEN)
    commits.wait(5, _BROKEN)
    assert [str(error) for error in commits.answers.values()] == ["a bug"] * 2
