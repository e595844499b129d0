"""What one process says to its gate, and what it makes of the answer."""

import pytest

from limiter.pending import Pending, Waiter
from limiter.values import Amounts, Closing, Grants, PermitRequest, Report

RUN = "run-1"


def request(run: str = RUN, *, rank: int = 1, input_tokens: int = 100) -> PermitRequest:
    return PermitRequest(
        run=run,
        rank=rank,
        size_key="alike",
        cache_key="",
        input_tokens=input_tokens,
        output_cap=1000,
    )


def grants(
    *runs: str,
    wait_s: float = 0.0,
    reason: str = "",
    queues_s: dict[str, float] | None = None,
) -> Grants:
    """The gate's answer: a permit for each of these runs."""
    return Grants(
        granted=tuple((run, Amounts(1, 100, 1000)) for run in runs),
        now=1000.0,
        wait_s=wait_s,
        reason=reason,
        queues_s=queues_s or {},
        refusals=0,
        fresh=False,
    )


def joined(pending: Pending, *requests: PermitRequest) -> list[Waiter]:
    waiters = [Waiter(each) for each in requests]
    for waiter in waiters:
        pending.join(waiter)
    return waiters


def waiting_of(report: Report) -> dict[str, tuple[int, int]]:
    """How many wait of each run, and of how many the size is told."""
    return {each.first[0].run: (each.count, len(each.first)) for each in report.waiting}


def test_the_first_and_whoever_goes_before_all_others_ask_at_once() -> None:
    pending = Pending(process="w1")
    joined(pending, request())
    assert pending.due_s(0) == 0
    pending.report(0)
    pending.take(grants(wait_s=9, reason="turn"), 0)
    joined(pending, request(), request("low", rank=2))
    assert pending.due_s(0) == 9
    joined(pending, request("high", rank=0))
    assert pending.due_s(0) == 0
    pending.report(0)
    joined(pending, request("high", rank=0))
    assert pending.due_s(0) == 9


def test_a_runs_requests_are_granted_in_the_order_in_which_they_came() -> None:
    pending = Pending(process="w1")
    first, second, third = joined(pending, request(), request("other"), request())
    assert pending.take(grants(RUN, "other", reason="turn"), 0) == [first, second]
    assert first.reservation
    assert third.reservation is None
    assert len(pending) == 1


def test_of_thousands_the_sizes_of_a_few_are_told() -> None:
    pending = Pending(process="w1")
    joined(pending, *[request() for _ in range(3000)])
    assert waiting_of(pending.report(0)) == {RUN: (3000, 16)}
    joined(pending, *[request(f"run-{number % 64}") for number in range(3000)])
    told = waiting_of(pending.report(0)).values()
    assert sum(count for count, _ in told) == 6000
    assert sum(sized for _, sized in told) <= 256
    joined(pending, *[request(f"alone-{number}") for number in range(500)])
    assert {sized for _, sized in waiting_of(pending.report(0)).values()} == {1}


def test_what_is_granted_to_nobody_is_given_back() -> None:
    pending = Pending(process="w1")
    first, _ = joined(pending, request(), request())
    pending.report(0)
    pending.leave(first, 0)
    pending.take(grants(RUN, RUN), 0)
    (given_back,) = pending.report(0).settlements
    assert (given_back.used, given_back.learn) == (Amounts(), False)
    assert pending.held == 1


def test_when_the_last_one_leaves_the_gate_hears_of_it() -> None:
    pending = Pending(process="w1")
    first, second = joined(pending, request(), request())
    pending.report(0)
    pending.take(grants(wait_s=9, reason="turn"), 0)
    pending.leave(first, 0)
    assert pending.due_s(0) == 9
    pending.leave(second, 0)
    assert pending.wants_to_ask()
    assert pending.due_s(0) == 0
    assert pending.report(0).waiting == ()
    assert not pending.wants_to_ask()


def test_those_that_leave_come_back_in_turn() -> None:
    pending = Pending(process="w1")
    waiters = joined(pending, *[request() for _ in range(100)])
    pending.report(0)
    pending.take(grants(wait_s=1, reason="permit-requests", queues_s={RUN: 50.0}), 0)
    for waiter in waiters[:99]:
        pending.leave(waiter, 10)
    assert [waiter.turn_s for waiter in waiters[:3]] == [0.5, 1, 1.5]
    assert waiters[98].turn_s == pytest.approx(49.5)
    pending.leave(waiters[99], 30)
    assert waiters[99].turn_s == pytest.approx(30)


def test_of_several_refusals_the_longest_closes_the_gate() -> None:
    pending = Pending(process="w1")
    pending.close(Closing(seconds=60, reason="RATE_LIMITED", granted_at=5))
    pending.close(Closing(seconds=2, reason="RATE_RAMP_LIMITED", granted_at=7))
    closing = pending.report(0).closing
    assert closing == Closing(seconds=60, reason="RATE_LIMITED", granted_at=7)
    assert pending.report(0).closing is None


def test_nobody_is_kept_waiting_for_a_gate_that_opens_too_late() -> None:
    pending = Pending(process="w1")
    short, long = Waiter(request(), until=5), Waiter(request(), until=500)
    pending.join(short)
    pending.join(long)
    pending.take(grants(wait_s=60, reason="permit-requests"), 0)
    assert pending.hopeless() == []
    pending.take(grants(wait_s=60, reason="gate-closed"), 0)
    assert pending.hopeless() == [short]


def test_after_a_failure_nobody_asks_for_a_moment() -> None:
    pending = Pending(process="w1")
    joined(pending, request())
    pending.report(0)
    pending.unanswered(0)
    joined(pending, request("high", rank=0))
    assert pending.due_s(0) == 0.25
    assert pending.due_s(0.3) == 0


def test_a_bucket_that_ran_dry_fills_for_a_moment() -> None:
    pending = Pending(process="w1")
    joined(pending, request())
    pending.report(0)
    pending.take(grants(wait_s=0.001, reason="permit-requests"), 0)
    assert pending.due_s(0) == 0.02
    pending.take(grants(wait_s=0.001, reason="turn"), 0)
    assert pending.due_s(0) == 0.001


@pytest.mark.parametrize("answers", [0, 1])
def test_what_a_call_waited_for_is_what_the_gate_said_while_it_waited(answers: int) -> None:
    pending = Pending(process="w1")
    (waiter,) = joined(pending, request())
    for _ in range(answers):
        pending.take(grants(wait_s=1, reason="turn"), 0)
    pending.take(grants(RUN, reason="permit-input"), 0)
    assert waiter.reason == "turn" * answers
