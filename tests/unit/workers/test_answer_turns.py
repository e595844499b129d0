"""Turns at answers: one after the other, oldest first."""

import asyncio

from workers.answer_turns import AnswerTurns


def test_answers_are_worked_on_in_their_order_and_others_go_on_between_two() -> None:
    done: list[str] = []
    left: list[int] = []

    async def answer(turns: AnswerTurns, name: str) -> None:
        await turns.turn()
        done.append(name)
        left.append(len(turns))
        asyncio.create_task(steps(name))  # noqa: RUF006  # over before the next turn

    async def steps(name: str) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.append(f"after {name}")

    async def all_at_once() -> None:
        turns = AnswerTurns()
        await asyncio.gather(*[answer(turns, name) for name in "abc"])

    asyncio.run(all_at_once())
    assert [name for name in done if len(name) == 1] == ["a", "b", "c"]
    assert done.index("after a") < done.index("b")
    assert done.index("after b") < done.index("c")
    assert left == [2, 1, 0]


def test_whoever_gives_up_waiting_holds_up_nobody() -> None:
    async def one_gives_up() -> None:
        turns = AnswerTurns()
        tasks = [asyncio.create_task(turns.turn()) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.wait(tasks, timeout=5)
        assert [task.cancelled() for task in tasks] == [False, True, False]
        await asyncio.wait_for(turns.turn(), 5)

    asyncio.run(one_gives_up())
