"""What calls cost, to the millionth of a dollar."""

from datetime import date
from decimal import Decimal

import pytest

from providers.prices import PRICES_PATH, cost_usd, parse_prices
from providers.values import Usage

DAY = date(2026, 11, 22)


def usage(*, prompt: int = 0, output: int = 0, write: int = 0, read: int = 0) -> Usage:
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        cache_write_tokens=write,
        cache_read_tokens=read,
    )


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-haiku-5-5", "0.735000"),
        ("claude-sonnet-5-5", "14.600000"),
        ("claude-opus-5-5", "29.200000"),
        ("claude-fable-5-1", "72.750000"),
        ("claude-opus-5", "36.750000"),
        ("claude-sonnet-5", "14.700000"),
        ("claude-haiku-4-5", "7.350000"),
    ],
)
def test_a_million_of_everything_costs_the_four_prices(model: str, expected: str) -> None:
    each = usage(prompt=33_000, output=33_000, write=33_000, read=33_000)

    cost = cost_usd(model, each, DAY)

    assert cost == (Decimal(expected) * 33 / 1000).quantize(Decimal("0.000001"))


def test_a_typical_call() -> None:
    # 900 x 2 + 1,200 x 10 + 700 x 0.10 + 100 x 2.50 dollars per million
    typical = usage(prompt=900, output=1_200, write=100, read=700)

    assert cost_usd("claude-sonnet-5-5", typical, DAY) == Decimal("0.014120")


def test_halves_of_a_millionth_round_up_and_nothing_is_lost_in_floats() -> None:
    assert cost_usd("claude-haiku-5-5", usage(prompt=5), DAY) == Decimal("0.000001")
    assert cost_usd("claude-haiku-5-5", usage(prompt=4), DAY) == Decimal("0.000000")
    assert cost_usd("claude-sonnet-5-5", usage(output=3), DAY) == Decimal("0.000030")
    assert str(cost_usd("claude-sonnet-5-5", usage(), DAY)) == "0.000000"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (usage(prompt=100_000), "0.010000"),
        (usage(prompt=100_001), "0.050001"),
        (usage(prompt=1, read=100_000), "0.005001"),
        (usage(prompt=1, write=100_000), "0.062501"),
    ],
)
def test_a_long_prompt_raises_the_price_of_the_whole_request(prompt: Usage, expected: str) -> None:
    cost = cost_usd("claude-haiku-5-5", prompt, DAY)

    assert cost is not None
    assert cost == Decimal(expected)


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-sonnet-5-5-latest", "claude-sonnet-5-5"),
    ],
)
def test_a_date_or_latest_behind_the_id_is_the_same_model(model: str, same_as: str) -> None:
    some = usage(prompt=1_000_000)

    assert cost_usd(model, some, DAY) == cost_usd(same_as, some, DAY) is not None


@pytest.mark.parametrize(
    "model",
    ["", "claude", "claude-opus-5-8", "claude-opus-5-fast", "claude-mythos-5-2", "gpt-9"],
)
def test_an_unknown_model_is_unpriced_and_never_priced_as_a_shorter_id(model: str) -> None:
    assert cost_usd(model, usage(prompt=1), DAY) is None


def test_before_its_first_row_a_model_is_unpriced() -> None:
    assert cost_usd("claude-sonnet-5-5", usage(prompt=1), date(2026, 10, 6)) is None
    assert cost_usd("claude-sonnet-5-5", usage(prompt=1), date(2026, 10, 7)) is not None


ROW = """
[[price]]
model = "m"
since = 2026-01-01
input = 1
output = 1
cache_write = 1
cache_read = 1
"""


def test_the_newest_row_that_holds_counts() -> None:
    table = parse_prices(ROW + ROW.replace("2026-01", "2026-06").replace("= 1\n", "= 2\n"))

    assert [price.input for price in table["m"]] == [1, 2]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ROW + ROW, "two rows"),
        (ROW.replace("input = 1\n", ""), "not complete"),
        (ROW + "batch = 3\n", "not complete"),
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
