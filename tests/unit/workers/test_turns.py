"""Turns: so many threads at once, in the order they came."""

import threading
import time
from functools import partial

from tests.acceptance.fleet import wait_for
from tests.threads import race
from workers.turns import Turns


def _waiting(turns: Turns, number: int) -> bool:
    return len(turns) == number


def test_those_who_wait_go_in_the_order_they_came() -> None:
    turns, went = Turns(1), []
    first = turns.turn()
    first.take()

    def go(number: int) -> None:
        turn = turns.turn()
        turn.take()
        went.append(number)
        turn.leave()

    threads = []
    for number in range(1, 9):
        threads.append(threading.Thread(target=go, args=[number]))
        threads[-1].start()
        wait_for(partial(_waiting, turns, number), "the thread waits")
    assert went == []
    first.leave()
    for thread in threads:
        thread.join(10)
    assert went == list(range(1, 9))


def test_no_more_at_once_than_turns() -> None:
    turns = Turns(2)
    at_once, most, lock = 0, 0, threading.Lock()

    def go() -> None:
        nonlocal at_once, most
        for _ in range(200):
            turn = turns.turn()
            turn.take()
            with lock:
                at_once += 1
                most = max(most, at_once)
            time.sleep(0)  # the others are welcome
            with lock:
                at_once -= 1
            turn.leave()

    assert race(*[go] * 6) == [None] * 6
    assert (at_once, len(turns)) == (0, 0)
    assert most == 2


def test_a_turn_is_taken_and_left_once_however_often_one_asks() -> None:
    turns = Turns(1)
    turn, other = turns.turn(), turns.turn()
    turn.take()
    turn.take()
    turn.leave()
    turn.leave()
    other.take()
    third = threading.Thread(target=turns.turn().take, daemon=True)
    third.start()
    wait_for(lambda: len(turns) == 1, "the one turn is taken")
    other.leave()
    third.join(10)
    assert not third.is_alive()
