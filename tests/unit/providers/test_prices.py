"""What calls cost, to the millionth of a dollar."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest

from providers import prices
from providers.prices import (
    PRICES_PATH,
    batch_saving_micro_usd,
    cost_micro_usd,
    has_price,
    parse_prices,
    price_days,
    worst_case_micro_usd,
)
from providers.values import Usage

DAY = date(2026, 11, 22)


def usage(
    *, prompt: int = 0, output: int = 0, write: int = 0, hour: int = 0, read: int = 0
) -> Usage:
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        cache_write_5m_tokens=write,
        cache_write_1h_tokens=hour,
        cache_read_tokens=read,
    )


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-haiku-5-5", "0.935"),
        ("claude-sonnet-5-5", "18.6"),
        ("claude-opus-5-5", "37.2"),
        ("claude-fable-5-1", "92.75"),
        ("claude-opus-5", "46.75"),
        ("claude-sonnet-5", "18.7"),
        ("claude-haiku-4-5", "9.35"),
    ],
)
def test_a_million_of_everything_costs_the_five_prices(model: str, expected: str) -> None:
    each = usage(prompt=20_000, output=20_000, write=20_000, hour=20_000, read=20_000)

    assert cost_micro_usd(model, each, DAY) == Decimal(expected) * 20_000
    assert cost_micro_usd(model, each, DAY, batch=True) == Decimal(expected) * 10_000


def test_a_typical_call() -> None:
    # 900 x 2 + 1,200 x 10 + 700 x 0.10 + 100 x 2.50 + 50 x 4 dollars per million
    typical = usage(prompt=900, output=1_200, write=100, hour=50, read=700)

    assert cost_micro_usd("claude-sonnet-5-5", typical, DAY) == 14_320
    assert cost_micro_usd("claude-sonnet-5-5", typical, DAY, batch=True) == 7_160


def test_halves_of_a_millionth_round_up_once() -> None:
    haiku = "claude-haiku-5-5"
    assert cost_micro_usd(haiku, usage(prompt=5), DAY) == 1
    assert cost_micro_usd(haiku, usage(prompt=4), DAY) == 0
    assert cost_micro_usd(haiku, usage(prompt=4, read=10), DAY) == 1  # 0.4 and 0.1
    assert cost_micro_usd(haiku, usage(prompt=9), DAY, batch=True) == 0  # 0.45 and not half of 1
    assert cost_micro_usd(haiku, usage(prompt=10), DAY, batch=True) == 1
    assert type(cost_micro_usd(haiku, usage(), DAY)) is int


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (usage(prompt=100_000), 10_000),
        (usage(prompt=100_001), 50_001),
        (usage(prompt=1, read=100_000), 5_001),
        (usage(prompt=1, write=100_000), 62_501),
        (usage(prompt=1, hour=100_000), 100_001),
    ],
)
def test_a_long_prompt_raises_the_price_of_the_whole_request(prompt: Usage, expected: int) -> None:
    assert cost_micro_usd("claude-haiku-5-5", prompt, DAY) == expected


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-sonnet-5-5-latest", "claude-sonnet-5-5"),
    ],
)
def test_a_date_or_latest_behind_the_id_is_the_same_model(model: str, same_as: str) -> None:
    some = usage(prompt=1_000_000)

    assert cost_micro_usd(model, some, DAY) == cost_micro_usd(same_as, some, DAY) is not None


@pytest.mark.parametrize(
    "model",
    ["", "claude", "claude-opus-5-8", "claude-opus-5-fast", "claude-mythos-5-2", "gpt-9"],
)
def test_an_unknown_model_is_unpriced_and_never_priced_as_a_shorter_id(model: str) -> None:
    assert cost_micro_usd(model, usage(prompt=1), DAY) is None
    assert worst_case_micro_usd(model, input_tokens=1, output_tokens=1, at=DAY) is None
    assert not has_price(model, DAY)


def test_before_its_first_row_a_model_is_unpriced() -> None:
    sonnet, eve, first = "claude-sonnet-5-5", date(2026, 10, 6), date(2026, 10, 7)
    assert cost_micro_usd(sonnet, usage(prompt=1), eve) is None
    assert worst_case_micro_usd(sonnet, input_tokens=1, output_tokens=1, at=eve) is None
    assert not has_price(sonnet, eve)
    assert cost_micro_usd(sonnet, usage(prompt=1), first) is not None
    assert has_price(sonnet, first)


def test_the_worst_case_takes_all_input_for_the_dearest_class_of_its_tier() -> None:
    def worst(input_tokens: int, *, batch: bool = False) -> int | None:
        return worst_case_micro_usd(
            "claude-haiku-5-5", input_tokens=input_tokens, output_tokens=1_000, at=DAY, batch=batch
        )

    assert worst(100_000) == 100_000 * 0.20 + 1_000 * 0.50
    assert worst(100_001) == 100_001 * 1.00 + 1_000 * 2.50
    assert worst(100_000, batch=True) == 10_250


@pytest.mark.parametrize("batch", [False, True])
def test_no_call_costs_more_than_its_worst_case(*, batch: bool) -> None:
    random = Random(17)
    for model in parse_prices(PRICES_PATH.read_text(encoding="utf-8")):
        for _ in range(50):
            prompt, write, hour, read = (random.randrange(60_000) for _ in range(4))
            each = usage(prompt=prompt, output=4_000, write=write, hour=hour, read=read)
            cost = cost_micro_usd(model, each, DAY, batch=batch)
            worst = worst_case_micro_usd(
                model,
                input_tokens=each.prompt_tokens + random.randrange(5_000),
                output_tokens=4_000,
                at=DAY,
                batch=batch,
            )
            assert cost is not None
            assert worst is not None
            assert cost <= worst


ROW = """
[[price]]
model = "m"
since = 2026-01-01
input = 1
output = 1
cache_write = 1
cache_write_1h = 1
cache_read = 1
"""


@pytest.fixture
def own_table(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put another table in place of ours."""

    def put(text: str) -> None:
        table = parse_prices(text)
        monkeypatch.setattr(prices, "_prices", lambda: table)

    return put


def worst_of_ten(at: date) -> int | None:
    return worst_case_micro_usd("m", input_tokens=10, output_tokens=0, at=at)


def test_the_worst_case_knows_a_price_that_rises_while_the_call_is_under_way(
    own_table: Callable[[str], None],
) -> None:
    dearer = ROW.replace("2026-01-01", "2026-06-03").replace("= 1\n", "= 3\n")
    own_table(ROW + dearer)

    assert worst_of_ten(date(2026, 5, 31)) == 10
    assert worst_of_ten(date(2026, 6, 1)) == 30


def test_the_worst_case_forgets_a_price_that_fell(own_table: Callable[[str], None]) -> None:
    own_table(ROW.replace("= 1\n", "= 3\n") + ROW.replace("2026-01-01", "2026-06-03"))

    assert worst_of_ten(date(2026, 6, 2)) == 30
    assert worst_of_ten(date(2026, 6, 3)) == 10


def test_the_worst_case_knows_that_a_shorter_prompt_may_be_dearer(
    own_table: Callable[[str], None],
) -> None:
    own_table(ROW.replace("= 1\n", "= 3\n") + ROW + "prompt_over = 5\n")

    assert worst_of_ten(DAY) == 30


def test_a_model_is_at_full_price_in_a_batch_where_its_row_names_no_factor(
    own_table: Callable[[str], None],
) -> None:
    own_table(ROW)

    assert cost_micro_usd("m", usage(prompt=7), DAY, batch=True) == 7


def test_the_newest_row_that_holds_counts() -> None:
    table = parse_prices(ROW + ROW.replace("2026-01", "2026-06").replace("= 1\n", "= 2\n"))

    assert [price.input for price in table["m"]] == [1, 2]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ROW + ROW, "two rows"),
        (ROW.replace("input = 1\n", ""), "not complete"),
        (ROW.replace("cache_write_1h = 1\n", ""), "not complete"),
        (ROW + "discount = 3\n", "not complete"),
        (ROW + "batch = 3\n", "dearer"),
        (ROW + "batch = -0.5\n", "negative"),
        (ROW.replace("input = 1", "input = -1"), "negative"),
    ],
)
def test_a_broken_table_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_prices(text)


def test_reading_costs_less_than_input_and_writing_more() -> None:
    for rows in parse_prices(PRICES_PATH.read_text(encoding="utf-8")).values():
        for price in rows:
            assert price.cache_read < price.input < price.cache_write < price.output
            assert price.cache_write < price.cache_write_1h == 2 * price.input
            assert price.batch == Decimal("0.5")


def test_what_batches_cost_would_be_twice_as_much_one_by_one() -> None:
    assert batch_saving_micro_usd("claude-sonnet-5-5", 600_001, DAY) == 600_001
    assert batch_saving_micro_usd("local-1", 600_001, DAY) is None
    assert batch_saving_micro_usd("claude-sonnet-5-5", 1, date(2000, 1, 1)) is None


def test_between_two_days_no_price_changes() -> None:
    days = price_days()
    assert days == tuple(sorted(set(days), reverse=True))
    million = usage(prompt=90_000, output=1_000)
    for day in days:
        after = day + timedelta(days=1)
        if after not in days:
            for model in ("claude-haiku-5-5", "claude-sonnet-5", "claude-opus-5"):
                assert cost_micro_usd(model, million, day) == cost_micro_usd(model, million, after)
