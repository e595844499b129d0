"""What a quote makes of earlier calls: answers, repairs, cache, cost, time, and what binds."""

from collections.abc import Iterator
from datetime import date
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.db.ids import new_id
from content.kind import Target
from content.pipeline import Request
from providers.prices import cost_micro_usd
from providers.values import CacheFor, CompletionRequest, TextBlock, Usage
from runs.quotes.calls import Calls
from runs.quotes.cheapest import batch_part, cheapest_duration
from runs.quotes.costs import Costs, Range, mixed
from runs.quotes.durations import Binding, Duration, Pace, Play, fitting_part
from runs.quotes.past import COLD_PART, ENOUGH_CALLS, Past
from runs.quotes.past_batches import COLD_HITS, Cached, PastBatches
from runs.quotes.rendering import FutureCall, FutureItem, future_call, sample

MODEL = "claude-sonnet-5-5"
DAY = date(2026, 11, 26)
ASKED = CompletionRequest(
    model=MODEL,
    max_tokens=100,
    system=(TextBlock(text="A"),),
    user="",
    schema={},
    marker="",
    purpose="generate",
)
_numbers = count(1)


def row(**changes: Any) -> dict[str, Any]:
    """A call as SQL has it: 1,800 tokens at the beginning, read from the cache."""
    plain: dict[str, Any] = {
        "run_id": UUID(int=1),
        "item_id": UUID(int=next(_numbers)),
        "item_s": 10.1,
        "began_s": 1_000.0 * next(_numbers),
        "lane_id": next(_numbers),
        "delay_s": 1.0,
        "same_prompts": True,
        "realtime": True,
        "purpose": "generate",
        "alike": "standard generate",
        "prompt_bytes": 8_000,
        "input_tokens": 700,
        "output_tokens": 1_600,
        "cache_read_tokens": 1_300,
        "cache_write_tokens": 0,
        "call_s": 10.0,
    }
    return plain | changes


def rows(outputs: list[int], *, run: int = 1, **changes: Any) -> list[dict[str, Any]]:
    """A run's calls; the first one writes the cache."""
    made = [row(run_id=UUID(int=run), output_tokens=each, **changes) for each in outputs]
    made[0] |= {"cache_read_tokens": 0, "cache_write_tokens": 1_300}
    return made


def three_runs(**changes: Any) -> list[dict[str, Any]]:
    random = Random(1)
    return [
        each
        for run in (1, 2, 3)
        for each in rows([random.randint(1_400, 1_800) for _ in range(10)], run=run, **changes)
    ]


def call(**changes: Any) -> FutureCall:
    plain: dict[str, Any] = {
        "alike": "standard generate",
        "part": 1.0,
        "stays_bytes": 0,
        "purpose": "generate",
        "prefix": "a",
        "prefix_bytes": 5_200,
        "own_bytes": 2_800,
        "max_tokens": 8_000,
        "cache_for": CacheFor.FIVE_MINUTES,
    }
    return FutureCall(**(plain | changes))


def costs_of(past: Past, items: int = 10, *, weight: float = 1, **changes: Any) -> Costs:
    plain: dict[str, Any] = {"calls": calls_of(past, items, weight=weight), "model": MODEL}
    return Costs(**({**plain, "at": DAY} | changes))


def realtime(costs: Costs) -> Range:
    found = costs.realtime()
    assert found is not None
    return found


def calls_of(past: Past, items: int = 10, *, weight: float = 1) -> Calls:
    return Calls(items=[FutureItem(calls=(call(),), weight=weight)] * items, past=past)


class TestPast:
    def test_calls_with_the_same_prompts_count_alone_where_they_are_enough(self) -> None:
        other = rows([9_000] * 20, same_prompts=False)
        few = rows([1_000] * (ENOUGH_CALLS - 1))
        assert not Past.of(other + few).calibrated
        assert len(Past.of(other + few).calls) == 20 + ENOUGH_CALLS - 1
        enough = Past.of(other + rows([1_000] * ENOUGH_CALLS))
        assert enough.calibrated
        assert {each.output_tokens for each in enough.calls} == {1_000}

    def test_those_with_other_models_are_no_calibration(self) -> None:
        assert not Past.of(rows([1_000] * 10), same_model=False).calibrated

    def test_tokens_are_counted_by_the_provider(self) -> None:
        assert Past.of(three_runs()).tokens_per_byte == 2_000 / 8_000
        assert Past.of(three_runs(prompt_bytes=0)).tokens_per_byte == 1 / 3.6
        assert not Past.of(three_runs(prompt_bytes=0)).counted

    def test_an_answer_is_as_long_as_those_before(self) -> None:
        past = Past.of(three_runs())
        answer = past.answer(call(), own_tokens=700)
        assert answer.tokens == pytest.approx(1_600, rel=0.05)
        assert 50 < answer.spread < 200

    def test_a_longer_question_has_a_longer_answer_where_that_was_so(self) -> None:
        seen = [
            row(input_tokens=100 * n, output_tokens=200 * n + 7 * (n % 3)) for n in range(1, 21)
        ]
        past = Past.of(seen)
        for own_tokens, tokens in ((1_000, 2_000), (9_999, 4_000)):
            answer = past.answer(call(), own_tokens=own_tokens)
            assert answer.tokens == pytest.approx(tokens, rel=0.02)

    def test_one_that_asks_for_a_part_has_that_part_of_an_answer(self) -> None:
        asked = Request(key="k", completion=ASKED, alike="standard generate", part=0.5)
        seen = rows([1_600] * 10) + rows([800] * 10, run=2, alike=asked.asked)
        seen += rows([1_600] * 10, run=3)
        past = Past.of(seen)
        assert asked.asked == "standard generate, part 0.50"
        assert past.answer(call(), own_tokens=700).tokens == pytest.approx(1_600)
        assert past.answer(call(part=0.25), own_tokens=700).tokens == pytest.approx(400)
        assert past.runs_differ < 0.04

    def test_answers_of_the_same_sort_count_before_others(self) -> None:
        seen = rows([500] * 5, alike="pages part") + rows([3_000] * 5, alike="pages page")
        past = Past.of(seen)
        for alike, tokens in (("pages part", 500), ("pages page", 3_000), ("new", 1_750)):
            answer = past.answer(call(alike=alike), own_tokens=700)
            assert answer.tokens == tokens

    def test_no_answer_is_longer_than_its_cap(self) -> None:
        past = Past.of(rows([9_000] * 6))
        assert past.answer(call(alike="x", max_tokens=2_000), own_tokens=1).tokens == 2_000

    def test_where_nothing_is_known_it_fills_a_part_of_its_cap(self) -> None:
        answer = Past().answer(call(alike="x", max_tokens=2_000), own_tokens=1)
        assert answer.tokens == COLD_PART * 2_000

    def test_repairs_are_a_rate_and_are_longer(self) -> None:
        again = rows([2_400] * 3, purpose="repair", input_tokens=3_000)
        past = Past.of(three_runs() + again)
        assert Past.of(three_runs()).again_rate < 0.03 < past.again_rate < 3 / 30
        assert past.again_output == pytest.approx(1.5, rel=0.05)
        assert past.again_input > 1.5
        assert len(past.first) == 30

    def test_a_cache_that_was_written_again_is_a_miss(self) -> None:
        assert Past.of(three_runs()).miss_rate == 0
        seen = three_runs()
        for each in seen[1:4]:
            each |= {"cache_read_tokens": 0, "cache_write_tokens": 1_300}
        assert Past.of(seen).miss_rate == pytest.approx(3 / 27)
        assert Past().miss_rate == 0

    def test_a_provider_that_caches_nothing_is_seen(self) -> None:
        uncached = [
            each | {"cache_read_tokens": 0, "cache_write_tokens": 0, "input_tokens": 2_000}
            for each in three_runs()
        ]
        assert not Past.of(uncached).caches
        assert Past().caches

    def test_what_an_item_takes_beside_its_calls_is_known(self) -> None:
        assert Past.of(three_runs()).times.beside_s == pytest.approx(0.1)

    def test_what_is_between_two_items_of_a_lane_is_known(self) -> None:
        seen = [row(began_s=11.2 * place, lane_id=7) for place in range(5)]
        assert Past.of(seen).times.between_s == pytest.approx(0.1)
        waits = [row(began_s=60.0 * place, lane_id=7) for place in range(5)]
        assert Past.of(waits).times.between_s == 0.25

    def test_a_batch_tells_of_answers_and_not_of_times(self) -> None:
        slow = rows([1_600] * 10, run=4, realtime=False, call_s=3_600.0)
        past = Past.of(three_runs() + slow)
        assert past.runs == 4
        assert set(past.times.seconds(alike="standard generate", output_tokens=1)) == {10.0}
        assert past.miss_rate == 0
        assert past.times.beside_s == pytest.approx(0.1)

    def test_batches_are_as_those_before_once_there_are_enough(self) -> None:
        few = PastBatches(seconds=[60.0] * 4, cached=[Cached(9, 10)] * 4 + [Cached(0, 0)])
        assert (few.hits, few.known_seconds) == (COLD_HITS, ())
        told = [
            Cached(4, 5),
            Cached(90, 100),
            Cached(5, 5),
            Cached(91, 100),
            Cached(0, 0),
            Cached(81, 90),
        ]
        enough = PastBatches(seconds=[60.0] * 6, cached=told)
        # By requests, as large batches tell more.
        assert enough.hits == pytest.approx((0.8, 271 / 300, 1.0))
        past = Past.of(three_runs())
        many = PastBatches(seconds=[60.0] * 50, cached=[Cached(9, 10)] * 50)
        few_p90, many_p90 = (
            Play(calls=calls_of(past), pace=Pace(lanes=4), count=10, batches=known).batch().p90
            for known in (enough, many)
        )
        assert 120_000 < many_p90 < 200_000 < few_p90 < 400_000
        cheap, dear = costs_of(past, batches=enough).batch(), costs_of(past).batch()
        assert cheap is not None
        assert dear is not None
        assert cheap.expected < dear.expected


class TestCosts:
    def test_the_expectation_is_what_the_calls_cost(self) -> None:
        past = Past.of(rows([1_600] * 30))
        found = realtime(costs_of(past, 10))
        again = past.again_rate
        hit = Usage(cache_read_tokens=1_300, input_tokens=700, output_tokens=1_600)
        write = Usage(cache_write_5m_tokens=1_300, input_tokens=700, output_tokens=1_600)
        exact = sum(cost_micro_usd(MODEL, usage, DAY) or 0 for usage in [write, *[hit] * 9])
        assert found.expected == pytest.approx(exact * (1 + again), rel=0.01)
        assert found.low < exact < found.high

    def test_a_sample_stands_for_all(self) -> None:
        past = Past.of(three_runs())
        every, some = costs_of(past, 100), costs_of(past, 10, weight=10)
        assert some.calls.count == every.calls.count
        assert some.calls.output_tokens == pytest.approx(every.calls.output_tokens)
        assert realtime(some).expected == pytest.approx(realtime(every).expected, rel=0.01)

    def test_more_items_are_known_more_exactly(self) -> None:
        past = Past.of(three_runs())
        parts = []
        for items in (4, 400):
            found = realtime(costs_of(past, items))
            parts.append((found.high - found.low) / found.expected)
        assert parts[1] < parts[0]

    def test_what_is_not_calibrated_is_wider(self) -> None:
        known = realtime(costs_of(Past.of(three_runs())))
        other = realtime(costs_of(Past.of(three_runs(same_prompts=False))))
        cold = realtime(costs_of(Past()))
        widths = [(each.high - each.low) / each.expected for each in (known, other, cold)]
        assert widths == sorted(widths)
        assert widths[2] > 1

    def test_bills_that_were_off_widen_it(self) -> None:
        past = Past.of(three_runs())
        narrow, wide = realtime(costs_of(past)), realtime(costs_of(past, off_by=0.3))
        assert wide.high - wide.low > narrow.high - narrow.low
        assert wide.high > 1.6 * wide.expected - 1

    def test_a_batch_costs_half_but_for_what_is_asked_again(self) -> None:
        past = Past.of(three_runs())
        costs = costs_of(past, 200)
        now, later = realtime(costs), costs.batch()
        assert later is not None
        assert 0.48 < later.expected / now.expected < 0.6

    def test_one_is_asked_in_realtime_where_the_prompts_are_new_to_batches(self) -> None:
        past = Past.of(three_runs())
        found = [
            costs_of(past, items, batches=PastBatches(before=before)).batch()
            for items, before in ((10, False), (10, True), (9, False), (9, True))
        ]
        new, known, few, few_known = (each.expected for each in found if each)
        assert 1.05 < new / known < 1.15
        assert few == few_known

    def test_what_an_item_asks_further_is_no_batchs(self) -> None:
        past = Past.of(three_runs())
        item = FutureItem(calls=(call(), call()), weight=1)
        one = costs_of(past, 50)
        two = costs_of(past, calls=Calls(items=[item] * 50, past=past))
        first, both = one.batch(), two.batch()
        assert first is not None
        assert both is not None
        assert (one.calls.leads, two.calls.leads, two.calls.count) == (50, 50, 100)
        further = realtime(two).expected - realtime(one).expected
        assert both.expected - first.expected == pytest.approx(further, rel=0.03)

    def test_without_a_price_there_is_no_cost(self) -> None:
        assert costs_of(Past(), model="some-model").realtime() is None
        assert costs_of(Past(), model="some-model").batch() is None

    def test_without_calls_nothing_is_paid(self) -> None:
        none = Calls(items=[FutureItem(calls=(), weight=1)], past=Past())
        nothing = costs_of(Past(), calls=none)
        assert nothing.realtime() == nothing.batch() == Range(low=0, expected=0, high=0)

    def test_where_nothing_is_cached_the_beginning_is_paid_each_time(self) -> None:
        uncached = [
            each | {"cache_read_tokens": 0, "cache_write_tokens": 0, "input_tokens": 2_000}
            for each in three_runs()
        ]
        dear, cheap = costs_of(Past.of(uncached)), costs_of(Past.of(three_runs()))
        assert dear.calls.prefixes == 0
        assert dear.calls.limited_input_tokens > 2 * cheap.calls.limited_input_tokens
        assert realtime(dear).expected > realtime(cheap).expected

    @given(st.floats(0, 1))
    def test_a_mixture_lies_between(self, part: float) -> None:
        one, two = Range(low=1, expected=10, high=30), Range(low=5, expected=20, high=40)
        found = mixed([(part, one), (1 - part, two)])
        assert (found.low, found.high) == (1, 40)
        assert 10 <= found.expected <= 20


class TestDurations:
    def play(self, items: int = 40, **pace: Any) -> Play:
        past = Past.of(three_runs())
        return Play(calls=calls_of(past, items), pace=Pace(**pace), count=items)

    def test_lanes_take_one_item_after_the_other(self) -> None:
        found = self.play(40, lanes=4).realtime()
        assert 95_000 < found.p50 < 115_000
        assert found.p50 <= found.p90
        assert found.binding == Binding.LANES

    def test_a_delay_longer_than_an_item_binds(self) -> None:
        found = self.play(40, lanes=4, delay_s=30).realtime()
        assert found.binding == Binding.PACING
        assert found.p50 > 350_000

    @pytest.mark.parametrize(
        ("limit", "binding", "seconds"),
        [
            ({"requests": 6}, Binding.REQUESTS, 400),
            ({"input_tokens": 4_200}, Binding.INPUT_TOKENS, 400),
            ({"output_tokens": 9_600}, Binding.OUTPUT_TOKENS, 400),
        ],
    )
    def test_a_limit_paces_the_starts(
        self, limit: dict[str, int], binding: Binding, seconds: float
    ) -> None:
        found = self.play(40, lanes=40, **limit).realtime()
        assert found.binding == binding
        assert found.p50 / 1000 == pytest.approx(seconds, rel=0.15)

    def test_workers_and_concurrency_bind_where_they_offer_less(self) -> None:
        assert self.play(40, lanes=40, offered=4).realtime().binding == Binding.WORKERS
        found = self.play(40, lanes=40, offered=40, slots=4).realtime()
        assert found.binding == Binding.CONCURRENCY
        assert found.p50 > 90_000
        assert self.play(40, lanes=0, offered=0).lanes == 40

    def test_the_same_question_has_the_same_answer(self) -> None:
        assert self.play(10, lanes=2).realtime() == self.play(10, lanes=2).realtime()

    def test_thousands_of_items_are_played_by_a_part(self) -> None:
        found = self.play(20_000, lanes=100).realtime()
        assert found.p50 / 1000 == pytest.approx(20_000 / 100 * 10.1, rel=0.1)

    def test_runs_that_took_longer_than_was_said_move_the_p90(self) -> None:
        play = self.play(40, lanes=4)
        late = Play(calls=play.calls, pace=play.pace, count=40, late_by=2.5).realtime()
        assert late.p50 == play.realtime().p50
        assert late.p90 == pytest.approx(2.5 * late.p50, rel=0.01)

    def test_batches_take_what_batches_take(self) -> None:
        found = self.play(40, lanes=4).batch()
        assert found.binding == Binding.BATCHES
        assert 8 * 60_000 < found.p50 < 60 * 60_000 < found.p90

    def test_nothing_to_do_takes_no_time(self) -> None:
        nothing = Calls(items=[], past=Past())
        found = Play(calls=nothing, pace=Pace(lanes=1), count=3).realtime()
        assert (found.p50, found.p90, found.binding) == (0, 0, None)

    @pytest.mark.parametrize(
        ("within_s", "part"), [(-5, 0), (0, 0), (420, 0.5), (3_600, 0.9), (10**9, 1)]
    )
    def test_so_many_batches_end_in_time(self, within_s: float, part: float) -> None:
        assert fitting_part(420, 3_600, within_s) == pytest.approx(part, abs=0.01)
        assert fitting_part(0, 0, within_s) == 1


class TestCheapest:
    """Margins of a minute each, and calls taken for 20 s until one has ended."""

    @pytest.mark.parametrize(
        ("minutes", "lanes", "part"),
        # 40 items in 4 lanes need 240 s, a minute to spare and one for slices to end; in 40 lanes
        # 60 s, which leaves batches 420 s of 600.
        [(24 * 60, 4, 1.0), (1, 4, 0.0), (10, 40, 0.4)],
    )
    def test_so_much_goes_by_batches_before_a_deadline(
        self, minutes: float, lanes: int, part: float
    ) -> None:
        past = Past.of(three_runs())
        batches = PastBatches(seconds=[400.0] * 9, cached=[Cached(9, 10)] * 9, before=True)
        play = Play(calls=calls_of(past, 40), pace=Pace(lanes=lanes), count=40, batches=batches)
        batch = Duration(p50=450_000, p90=600_000, binding=Binding.BATCHES)
        found = batch_part(play, batch, deadline_s=minutes * 60, lanes=lanes)
        assert found == pytest.approx(part, abs=0.06)

    def test_where_none_does_it_takes_as_long_as_realtime(self) -> None:
        batch = Duration(p50=450_000, p90=900_000, binding=Binding.BATCHES)
        now = Duration(p50=20_000, p90=30_000, binding=Binding.LANES)
        assert cheapest_duration(0.0, batch, now, deadline_s=60) == now
        assert cheapest_duration(0.5, batch, now, deadline_s=600).p90 == 600_000


class TestRendering:
    def _targets(self, count: int) -> Iterator[Target]:
        for number in range(count):
            yield Target(id=new_id(), code=f"E{number}", title="", input_tokens=100 + number)

    def test_a_sample_is_even_over_sizes(self) -> None:
        targets = list(self._targets(1_000))
        assert sample(targets[:50], 50) == targets[:50]
        some = sample(targets, 50)
        assert len({target.id for target in some}) == 50
        mean = sum(target.input_tokens for target in some) / 50
        assert mean == pytest.approx(599.5, rel=0.01)

    def test_a_call_is_its_sizes(self) -> None:
        completion = CompletionRequest(
            model=MODEL,
            max_tokens=100,
            system=(TextBlock(text="Aä"), TextBlock(text="b", cache=True), TextBlock(text="cc")),
            user="\ud800d",
            schema={},
            marker="",
            purpose="generate",
        )
        found = future_call(Request(key="k", completion=completion, alike="x"))
        assert (found.prefix_bytes, found.own_bytes) == (4, 2 + 4)
        assert found.prefix_bytes + found.own_bytes == completion.prompt_bytes
        assert future_call(Request(key="k", completion=ASKED, alike="x")).prefix == ""
