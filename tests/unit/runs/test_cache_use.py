"""What a run's prompts found in the cache, and what that saved."""

from datetime import date
from decimal import Decimal

from runs.reads.cache import CacheUse, cache_use
from runs.states import MoneyLane

SONNET = "claude-sonnet-5-5"  # 2 in, 2.50 and 4 to write, 0.10 to read


def use(
    *, read: int, written: int = 0, plain: int = 0, model: str = SONNET, lane: str = "realtime"
) -> CacheUse:
    return cache_use(
        model=model,
        lane=lane,
        at=date(2026, 11, 26),
        input_tokens=plain,
        read_tokens=read,
        write_tokens=written,
    )


def test_what_was_read_saves_and_what_was_written_costs() -> None:
    found = use(read=800_000, written=100_000, plain=100_000)
    assert found.hit_rate == 0.8
    assert found.saved_usd == Decimal("0.8") * Decimal("1.9") - Decimal("0.1") * Decimal("0.5")


def test_more_written_than_read_is_a_loss() -> None:
    assert use(read=0, written=1_000_000).saved_usd == Decimal("-0.5")


def test_batches_write_for_an_hour_and_cost_half() -> None:
    found = use(read=800_000, written=100_000, lane=MoneyLane.BATCH)
    assert found.saved_usd == (Decimal("1.52") - Decimal("0.2")) / 2


def test_nothing_is_known_before_the_first_answer_and_without_a_price() -> None:
    assert use(read=0) == CacheUse(hit_rate=None, saved_usd=Decimal(0))
    assert use(read=5, plain=5, model="nobody-knows-it") == CacheUse(hit_rate=0.5, saved_usd=None)


def test_many_calls_together_are_no_long_prompt() -> None:
    """Their prices go by how long one prompt is."""
    haiku = "claude-haiku-5-5"
    assert use(read=2_000_000, model=haiku).saved_usd == Decimal("0.18")
