"""Fair shares: one user's turns do not depend on how much others ask for, or how urgently."""

from dataclasses import dataclass
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limiter.values import Ceilings, PermitRequest
from tests.integration.limiter.world import Clock, Process, gates, queues_of, request

#: 20 a second.
REQUESTS = Ceilings(requests=1200)
#: So many permits for each user that waits are enough for the promise to hold.
WINDOW = 40


def warmed(process: Process) -> None:
    """One call, so that the provider keeps the prompt's beginning."""
    (first,) = process.get(request())
    process.settle([first], first.amounts)
    process.ask()
    process.clock.move(2)


def ask_on(clock: Clock, *processes: Process, permits: int) -> list[str]:
    """The users of the next so many permits, while everybody asks as told and wants more."""
    for process in processes:
        process.permits.clear()
    due = dict.fromkeys(range(len(processes)), clock.now)
    while sum(len(process.permits) for process in processes) < permits:
        number = min(due, key=lambda each: due[each])
        clock.now = max(clock.now, due[number])
        process = processes[number]
        process.join(*[permit.request for permit in process.ask()])
        assert process.grants
        due[number] = clock.now + max(process.grants.wait_s, 0.001)
    found = sorted(
        (at, permit.request.user) for process in processes for at, permit in process.permits
    )
    return [user for _, user in found][:permits]


def test_sixty_high_runs_of_one_user_leave_another_its_half() -> None:
    with gates(REQUESTS) as (gate, clock):
        process, other = Process(gate, clock), Process(gate, clock, "w2")
        warmed(process)
        for run in range(60):
            (process, other)[run % 2].join(request(f"a{run}", rank=0, user="a"))
        other.join(*[request("b1", rank=2, user="b") for _ in range(6)])
        turns = ask_on(clock, process, other, permits=200)
        assert 80 <= turns.count("b") <= 120


def test_a_users_runs_keep_their_priorities() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        process.join(*[request("low", rank=2, user="a") for _ in range(50)])
        process.join(*[request("high", rank=0, user="a") for _ in range(50)])
        process.join(*[request("other", rank=1, user="b") for _ in range(50)])
        ask_on(clock, process, permits=40)
        assert {permit.request.run for _, permit in process.permits} == {"high", "other"}


def test_a_user_of_weight_three_gets_three_turns_for_one() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        process.join(*[request("a", user="a", weight=3) for _ in range(20)])
        process.join(*[request("b", user="b") for _ in range(20)])
        turns = ask_on(clock, process, permits=120)
        assert 85 <= turns.count("a") <= 95


def test_who_waits_for_the_cache_holds_no_other_user_up() -> None:
    with gates(REQUESTS) as (gate, clock):
        process, other = Process(gate, clock), Process(gate, clock, "w2")
        warmed(process)
        other.get(*[request("a", cache_key="new", user="a") for _ in range(30)])
        assert "a" not in queues_of(gate)[""]["standing"]
        begun = clock.now
        process.join(*[request("b", user="b") for _ in range(30)])
        ask_on(clock, process, other, permits=40)
        assert clock.now - begun < 2.5


def test_who_left_without_a_word_costs_the_others_one_moment() -> None:
    """A worker that died: until its lease is over it looks as if it waited."""
    with gates(REQUESTS) as (gate, clock):
        dead, process = Process(gate, clock, "dead"), Process(gate, clock)
        warmed(process)
        process.get(*[request("b", user="b") for _ in range(30)])
        dead.get(*[request("a", user="a") for _ in range(30)])
        begun = clock.now
        ask_on(clock, process, permits=40)
        assert clock.now - begun < 40 / 20 + 0.5


def test_a_run_whose_priority_changes_leaves_nothing_behind() -> None:
    """Its calls of before stand in another process; all are served, and nobody waits for it."""
    with gates(REQUESTS) as (gate, clock):
        process, other = Process(gate, clock), Process(gate, clock, "w2")
        warmed(process)
        process.get(*[request("a", rank=1, user="a") for _ in range(20)])
        other.get(*[request("a", rank=0, user="a") for _ in range(20)])
        for _ in range(100):
            clock.move(0.05)
            process.ask()
            other.ask()
        assert not len(process.pending)
        assert not len(other.pending)
        begun = clock.now
        process.join(*[request("b", rank=1, user="a") for _ in range(30)])
        ask_on(clock, process, permits=60)
        assert clock.now - begun < 60 / 20 + 0.5


def test_what_is_told_of_a_queue_is_the_users_own() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        process.join(*[request("a", rank=0, user="a") for _ in range(400)])
        process.join(*[request("b", rank=2, user="b") for _ in range(10)])
        process.ask()
        assert process.grants
        assert process.grants.queues_s["b"] <= 2 * 10 / 20
        assert process.grants.queues_s["a"] > 15


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Users and what they wait for: [(priority, process, calls) of each run] of each user."""

    users: list[list[tuple[int, int, int]]]
    processes: int
    seed: int

    def requests(self) -> list[tuple[int, PermitRequest]]:
        """All calls, in some order, and the process of each."""
        found = [
            (process % self.processes, request(f"{user}-{run}", rank=rank, user=f"u{user}"))
            for user, runs in enumerate(self.users)
            for run, (rank, process, calls) in enumerate(runs)
            for _ in range(calls)
        ]
        Random(self.seed).shuffle(found)
        return found


crowds = st.builds(
    Crowd,
    users=st.lists(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 12)),
            min_size=1,
            max_size=8,
        ),
        min_size=2,
        max_size=5,
    ),
    processes=st.integers(1, 4),
    seed=st.integers(0, 2**16),
)


@given(crowd=crowds)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
def test_each_of_n_users_that_wait_gets_at_least_half_of_an_nth(crowd: Crowd) -> None:
    with gates(REQUESTS) as (gate, clock):
        processes = [Process(gate, clock, f"w{number}") for number in range(crowd.processes)]
        warmed(processes[0])
        for number, call in crowd.requests():
            processes[number].join(call)
        users, window = len(crowd.users), WINDOW * len(crowd.users)
        turns = ask_on(clock, *processes, permits=2 * window)
        for begin in range(0, window, 7):
            seen = turns[begin : begin + window]
            for user in range(users):
                assert seen.count(f"u{user}") >= window / users / 2
