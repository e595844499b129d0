"""The gate's rules, one by one, on the real script."""

import pytest

from batchgen.redis import client as redis
from limiter.gate import processes_forget
from limiter.keys import CLOSED_MOST_S
from limiter.values import Amounts, Ceilings, Closing, Window
from tests.integration.limiter.world import RUN, Process, gates, queues_of, request

#: 20 a second; a full bucket holds 18: a second's worth less the margin.
REQUESTS = Ceilings(requests=1200)
FULL = 18


def limits(*, remaining: int, a_minute: int) -> dict[str, Window]:
    """What the provider says of its request limit: a minute's, and what is left."""
    return {"requests": Window(a_minute, remaining, 1)}


def warmed(process: Process) -> None:
    """One call, so that the provider keeps the prompt's beginning."""
    (first,) = process.get(request())
    process.settle([first], first.amounts)
    process.ask()
    process.clock.move(2)


def test_a_gate_that_redis_does_not_know_starts_empty() -> None:
    with gates(REQUESTS, filled=False) as (gate, clock):
        process = Process(gate, clock)
        assert process.get(*[request() for _ in range(5)]) == []
        assert process.grants
        assert process.grants.fresh
        clock.move(0.051)
        assert len(process.ask()) == 1


def test_a_full_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        assert len(process.get(*[request() for _ in range(60)])) == FULL
        for _ in range(40):
            clock.move(0.05)
            process.ask()
        assert len(process.permits) == 1 + FULL + 40


@pytest.mark.parametrize(("a_minute", "full"), [(4200, 61), (10_000, 133)])
def test_of_a_large_bucket_more_is_left_since_its_calls_do_not_begin_at_once(
    a_minute: int, full: int
) -> None:
    """70 and 166 a second: the margin is 0.12 and 0.2 seconds' worth."""
    with gates(Ceilings(requests=a_minute)) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        assert len(process.get(*[request() for _ in range(200)])) == full


def test_waiting_as_long_as_told_is_enough() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        process.get(*[request() for _ in range(FULL + 3)])
        for _ in range(3):
            assert process.grants
            assert process.grants.reason == "permit-requests"
            clock.move(process.grants.wait_s)
            assert len(process.ask()) == 1


def test_every_dimension_counts_and_the_answer_names_the_one_that_is_short() -> None:
    ceilings = Ceilings(requests=60_000, input_tokens=60_000, output_tokens=600_000)
    with gates(ceilings) as (gate, clock):
        process = Process(gate, clock)
        permits = process.get(*[request(input_tokens=250, output_cap=10) for _ in range(9)])
        assert len(permits) == 1  # the first alone: it warms the cache
        process.settle(permits, Amounts(1, 250, 10))
        granted = process.ask()
        assert len(granted) == 2  # 800 tokens hold 250 + 2 x 250
        assert process.grants
        assert process.grants.reason == "permit-input"


def test_a_call_larger_than_the_bucket_waits_for_a_full_one_and_leaves_a_debt() -> None:
    with gates(Ceilings(output_tokens=60_000)) as (gate, clock):
        process = Process(gate, clock)
        (permit,) = process.get(request(output_cap=2700), request(output_cap=2700))[:1]
        process.settle([permit], learn=False)
        clock.move(2.69)
        assert process.ask() == []
        clock.move(0.02)
        assert len(process.ask()) == 0  # its beginning is not known to be kept: 3 s
        clock.move(0.4)
        assert len(process.ask()) == 1


def test_what_a_call_did_not_use_comes_back_and_what_it_used_too_much_is_taken() -> None:
    with gates(Ceilings(output_tokens=60_000)) as (gate, clock):
        process = Process(gate, clock)
        (first,) = process.get(request(output_cap=800))
        process.settle([first], Amounts(1, 50, 100))
        process.get(request(output_cap=700, size_key="other"))
        assert len(process.permits) == 2  # 800 - 100 = 700 were left
        process.settle([process.permits[1][1]], Amounts(1, 50, 1600), learn=True)
        process.get(request(output_cap=1, size_key="third"))
        assert len(process.permits) == 2
        clock.move(0.91)
        assert len(process.ask()) == 1


def test_sizes_are_learned_by_kind() -> None:
    with gates(Ceilings(input_tokens=10_000_000, output_tokens=10_000_000)) as (gate, clock):
        process = Process(gate, clock)
        (first,) = process.get(request(input_tokens=1000, output_cap=8000))
        assert first.amounts == (1, 1000, 8000)
        process.settle([first], Amounts(1, 250, 600))
        (second,) = process.get(request(input_tokens=2000, output_cap=8000))
        assert second.amounts == (1, 500, 600)
        (other,) = process.get(request(input_tokens=2000, output_cap=8000, size_key="other"))
        assert other.amounts == (1, 2000, 8000)


def test_one_refusal_closes_the_gate_for_all_and_it_opens_empty() -> None:
    with gates(REQUESTS) as (gate, clock):
        process, other = Process(gate, clock), Process(gate, clock, "w2")
        warmed(process)
        (permit,) = process.get(request())
        process.pending.close(Closing(seconds=7, reason="RATE_LIMITED", granted_at=permit.at))
        process.settle([permit], Amounts(), learn=False)
        process.ask()
        for waited in (0, 3, 6.9 - 3):
            clock.move(waited)
            assert other.get(request()) == []
            assert other.grants
            assert other.grants.reason == "gate-closed"
        assert other.grants
        clock.move(other.grants.wait_s)
        assert other.ask() == []  # empty: nobody stampedes
        clock.move(0.051)
        assert len(other.ask()) == 1


def test_refusals_of_one_burst_count_once_and_an_answer_starts_the_count_anew() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        first, second = process.get(request(), request())
        for permit in (first, second):
            process.pending.close(Closing(seconds=1, reason="RATE_LIMITED", granted_at=permit.at))
            process.settle([permit], Amounts(), learn=False)
            process.ask()
        assert process.grants
        assert process.grants.refusals == 1
        clock.move(3)
        (third,) = process.get(request())
        process.pending.close(Closing(seconds=1, reason="RATE_LIMITED", granted_at=third.at))
        process.settle([third], Amounts(), learn=False)
        process.ask()
        assert process.grants.refusals == 2
        clock.move(3)
        (fourth,) = process.get(request())
        process.settle([fourth], Amounts(1, 1, 1))
        process.ask()
        assert process.grants.refusals == 0


def test_the_providers_lower_limit_is_believed() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        process.pending.observe(limits(a_minute=600, remaining=9), clock.now)
        process.ask()
        clock.move(5)
        assert len(process.get(*[request() for _ in range(40)])) == FULL / 2


def test_another_program_on_the_key_is_made_room_for() -> None:
    """The provider has less left than we would: ours follows, and slows down."""
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        process.pending.observe(limits(a_minute=1200, remaining=4), clock.now)
        assert (
            len(process.get(*[request() for _ in range(20)])) == 4
        )  # 4 + rounding - half a margin
        clock.move(1)
        assert len(process.ask()) < 15  # others take what we did not


def test_an_overloaded_provider_gets_half_as_many_calls_at_once_and_then_more() -> None:
    with gates(Ceilings()) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        permits = process.get(*[request() for _ in range(16)])
        assert len(permits) == 16
        process.pending.overload(permits[0].at)
        process.pending.overload(permits[1].at)
        process.settle(permits[:2], learn=False)
        process.get(request())
        assert process.grants
        assert process.grants.reason == "permit-concurrency"
        process.settle(permits[2:], Amounts(1, 1, 1))
        granted = process.get(*[request() for _ in range(20)])
        assert 7 <= len(granted) <= 10  # half of 16, and a little for 14 good answers


def test_slots_are_for_all_processes_and_those_of_a_dead_one_come_back() -> None:
    with gates(Ceilings(slots=3)) as (gate, clock):
        dead, alive = Process(gate, clock, "w1"), Process(gate, clock, "w2")
        warmed(alive)
        assert len(dead.get(request(), request(), request(), request())) == 3
        alive.get(request())
        assert alive.grants
        assert alive.grants.reason == "permit-concurrency"
        clock.move(5.1)
        assert len(alive.ask()) == 1


def test_slots_of_a_process_that_is_known_to_be_dead_come_back_at_once() -> None:
    with gates(Ceilings(slots=3)) as (gate, clock):
        dead, alive = Process(gate, clock, "w1"), Process(gate, clock, "w2")
        warmed(alive)
        assert len(dead.get(request(), request(), request())) == 3
        alive.get(request())
        processes_forget(redis.client(), gate.name, ["w1", "unknown"])
        assert len(alive.ask()) == 1
        assert redis.client().zrange(gate.keys[2], 0, -1) == [b"w2"]


def test_high_goes_before_low_and_low_does_not_starve() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        process.get(*[request("low", rank=2) for _ in range(50)])
        process.permits.clear()
        for _ in range(30 * 20):
            clock.move(0.05)
            process.join(request("high", rank=0))
            process.ask()
        runs = [permit.request.run for _, permit in process.permits]
        assert runs[: 9 * 20] == ["high"] * 9 * 20  # for its first 10 s
        assert 2 <= runs.count("low") <= 3  # one each 10 s


def test_runs_of_a_priority_take_turns_whatever_their_size() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        process.get(*[request("big") for _ in range(100)])
        process.permits.clear()
        process.join(*[request("small") for _ in range(10)])
        for _ in range(20):
            clock.move(0.05)
            process.ask()
        runs = [permit.request.run for _, permit in process.permits]
        assert runs.count("small") == runs.count("big") == 10


def test_a_run_that_was_away_catches_up_but_only_so_far() -> None:
    with gates(REQUESTS) as (gate, clock):
        process, other = Process(gate, clock), Process(gate, clock, "w2")
        warmed(process)
        process.get(*[request("steady") for _ in range(200)])
        (early,) = other.join(request("away"))
        other.ask()
        other.pending.leave(early, clock.now)
        other.ask()
        for _ in range(60):
            clock.move(0.05)
            process.ask()
        process.permits.clear()
        process.join(*[request("away") for _ in range(60)])
        for _ in range(40):
            clock.move(0.05)
            process.ask()
        away = [permit.request.run for _, permit in process.permits].count("away")
        assert 20 <= away <= 26  # its half; nobody who was not served has turns to catch up with


def test_a_turn_that_its_process_does_not_take_goes_to_the_next() -> None:
    with gates(REQUESTS) as (gate, clock):
        silent, process = Process(gate, clock, "w1"), Process(gate, clock, "w2")
        warmed(process)
        process.get(*[request("a") for _ in range(FULL)])
        silent.get(*[request("b", rank=0) for _ in range(3)])
        clock.move(0.2)
        assert process.get(request("a")) == []
        assert process.grants
        assert process.grants.reason == "turn"
        clock.move(0.11)
        assert len(process.ask()) == 1


def test_a_prompt_that_the_provider_does_not_keep_yet_is_sent_by_one_call_first() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        (first,) = process.get(*[request(cache_key="library") for _ in range(5)])
        assert process.grants
        assert process.grants.reason == "cache"
        assert len(process.get(request("run-2", cache_key="shop"))) == 1  # others are not held up
        process.settle([first], first.amounts)
        assert len(process.ask()) == 4


@pytest.mark.parametrize("made", [0, 1])
def test_after_a_first_call_that_warms_nothing_the_next_goes_first(made: int) -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        (first,) = process.get(*[request(cache_key="library") for _ in range(5)])
        process.settle([first], Amounts(requests=made), learn=False)
        (second,) = process.ask()
        process.settle([second], second.amounts)
        assert len(process.ask()) == 3


def test_the_first_call_holds_the_others_up_for_so_long_only() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        process.get(*[request(cache_key="library") for _ in range(5)])
        clock.move(3.01)
        assert len(process.ask()) == 4


def test_a_permit_whose_ticket_left_goes_back() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        (waiter,) = process.join(request())
        report = process.pending.report(clock.now)
        process.pending.leave(waiter, clock.now)
        process.pending.take(gate.ask(report, now=clock.now), clock.now)
        assert len(process.get(*[request() for _ in range(40)])) == FULL


def test_all_keys_of_a_gate_are_in_one_slot_and_do_not_stay_for_ever() -> None:
    with gates(REQUESTS) as (gate, clock):
        Process(gate, clock).get(request(), request(RUN, rank=1))
        keys = redis.client().keys("*")
        assert len(keys) == 3
        for key in keys:
            assert b"{test:model}" in key
            assert 0 < redis.client().ttl(key) <= 86_400


@pytest.mark.parametrize("lost", ["gate", "everything"])
def test_what_redis_lost_counts_as_used_up(lost: str) -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        if lost == "gate":
            redis.client().delete(gate.keys[0])
        else:
            redis.client().flushdb()
        # Each with a beginning of its own: none waits for another to warm the provider's cache.
        process.get(*[request(cache_key=f"text-{number}") for number in range(40)])
        clock.move(0.5)
        process.ask()
        assert len(process.permits) - 1 <= 0.5 * 20


@pytest.mark.parametrize("part", range(3))
def test_whatever_key_redis_loses_calls_go_on(part: int) -> None:
    with gates(REQUESTS) as (gate, clock):
        process, other = Process(gate, clock), Process(gate, clock, "w2")
        warmed(process)
        process.get(*[request("a", user="u1") for _ in range(80)])
        other.get(*[request("b", rank=2, user="u2") for _ in range(80)])
        process.permits.clear()
        redis.client().delete(gate.keys[part])
        for _ in range(200):
            clock.move(0.1)
            process.ask()
            other.ask()
        assert FULL + len(process.permits) == len(other.permits) == 80
        queues = queues_of(gate)
        assert not any(queue["standing"] or queue["waiting"] for queue in queues.values())


#: What another program, an older version or a mistake may have left there.
ODD = ["nan", "-nan", "inf", "-inf", "1e300", "-1e300", "1e16", "abc", "", "0x7f"]


@pytest.mark.parametrize("odd", ODD)
def test_whatever_is_stored_the_gate_answers_and_lets_calls_go(odd: str) -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        client = redis.client()
        for name in client.hkeys(gate.keys[0]):
            if name != b"held":
                client.hset(gate.keys[0], name, odd)
        process.get(request())
        for _ in range(3):
            assert process.grants
            assert 0 <= process.grants.wait_s <= 60
            assert all(0 <= each <= 300 for each in process.grants.queues_s.values())
            clock.move(1)
            process.ask()
        assert len(process.permits) == 2


def test_a_closing_beyond_a_month_is_none_and_nobody_closes_for_longer() -> None:
    with gates(REQUESTS) as (gate, clock):
        process = Process(gate, clock)
        warmed(process)
        redis.client().hset(gate.keys[0], "closed_until", clock.now + 2 * CLOSED_MOST_S)
        (permit,) = process.get(request())
        process.pending.close(Closing(seconds=1e300, reason="RATE_LIMITED", granted_at=permit.at))
        process.get(request())
        assert process.grants
        assert process.grants.reason == "gate-closed"
        assert process.grants.wait_s <= CLOSED_MOST_S


def test_a_mistaken_usage_costs_ten_minutes_at_most() -> None:
    with gates(Ceilings(output_tokens=60_000)) as (gate, clock):
        process = Process(gate, clock)
        (permit,) = process.get(request())
        process.settle([permit], Amounts(1, 50, 10_000_000))
        process.ask()
        clock.move(610)
        assert len(process.get(request(size_key="other"))) == 1


def test_whoever_waits_behind_many_comes_back_within_minutes() -> None:
    """The limit may have been a mistake of one response."""
    with gates(Ceilings(requests=1)) as (gate, clock):
        process = Process(gate, clock)
        process.get(*[request() for _ in range(100)])
        assert process.grants
        assert process.grants.queues_s == {RUN: 300}
