"""So many threads at once, in the order they came."""

import threading
import time
from functools import partial

from tests.acceptance.fleet import wait_for
from tests.threads import race
from workers.fair_semaphore import FairSemaphore


def _waiting(semaphore: FairSemaphore, number: int) -> bool:
    return len(semaphore) == number


def test_those_who_wait_go_in_the_order_they_came() -> None:
    semaphore, went = FairSemaphore(1), []
    first = semaphore.holder()
    first.acquire()

    def go(number: int) -> None:
        holder = semaphore.holder()
        holder.acquire()
        went.append(number)
        holder.release()

    threads = []
    for number in range(1, 9):
        threads.append(threading.Thread(target=go, args=[number]))
        threads[-1].start()
        wait_for(partial(_waiting, semaphore, number), "the thread waits")
    assert went == []
    first.release()
    for thread in threads:
        thread.join(10)
    assert went == list(range(1, 9))


def test_no_more_at_once_than_it_was_made_for() -> None:
    semaphore = FairSemaphore(2)
    at_once, most, lock = 0, 0, threading.Lock()

    def go() -> None:
        nonlocal at_once, most
        for _ in range(200):
            holder = semaphore.holder()
            holder.acquire()
            with lock:
                at_once += 1
                most = max(most, at_once)
            time.sleep(0)  # the others are welcome
            with lock:
                at_once -= 1
            holder.release()

    assert race(*[go] * 6) == [None] * 6
    assert (at_once, len(semaphore)) == (0, 0)
    assert most == 2


def test_it_is_held_and_released_once_however_often_one_asks() -> None:
    semaphore = FairSemaphore(1)
    holder, other = semaphore.holder(), semaphore.holder()
    holder.acquire()
    holder.acquire()
    holder.release()
    holder.release()
    other.acquire()
    third = threading.Thread(target=semaphore.holder().acquire, daemon=True)
    third.start()
    wait_for(lambda: len(semaphore) == 1, "one waits")
    other.release()
    third.join(10)
    assert not third.is_alive()
