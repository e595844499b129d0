"""Prompt caching: prefixes, marks, minimum, time to live."""

from typing import Any

from simulator.protocol.prompt_cache import Block, CacheUse, PromptCache

SCOPE = "model"


def split(cache: PromptCache, blocks: list[Block], now_s: float = 0.0, **changes: Any) -> CacheUse:
    arguments: dict[str, Any] = {"scope": SCOPE, "minimum": 512, **changes}
    use = cache.split(blocks, now_s=now_s, **arguments)
    cache.store(use, now_s)
    return use


def test_written_once_then_read() -> None:
    cache = PromptCache()
    blocks = [Block("system", 1000, "5m"), Block("user", 50)]
    first = split(cache, blocks)
    assert (first.written_5m, first.read, first.uncached) == (1000, 0, 50)
    again = split(cache, [blocks[0], Block("other", 70)])
    assert (again.written, again.read, again.uncached) == (0, 1000, 70)


def test_below_the_minimum_nothing_is_cached() -> None:
    cache = PromptCache()
    blocks = [Block("system", 511, "5m"), Block("user", 50)]
    assert split(cache, blocks).uncached == 561
    assert split(cache, blocks).uncached == 561


def test_time_to_live_is_refreshed_by_reading() -> None:
    cache = PromptCache()
    blocks = [Block("system", 1000, "5m")]
    split(cache, blocks, 0.0)
    assert split(cache, blocks, 250.0).read == 1000
    assert split(cache, blocks, 500.0).read == 1000
    assert split(cache, blocks, 801.0).written == 1000


def test_another_scope_or_prefix_misses() -> None:
    cache = PromptCache()
    blocks = [Block("tools", 600), Block("system", 600, "1h")]
    assert split(cache, blocks).written_1h == 1200
    assert split(cache, blocks, scope="other").read == 0
    assert split(cache, [Block("other", 600), blocks[1]]).read == 0


def test_a_longer_prompt_reads_the_earlier_mark_and_writes_the_rest() -> None:
    cache = PromptCache()
    system = Block("system", 1000, "1h")
    split(cache, [system, Block("turn 1", 100, "5m")])
    longer = split(
        cache, [system, Block("turn 1", 100), Block("answer", 30), Block("turn 2", 70, "5m")]
    )
    assert (longer.read, longer.written_5m, longer.written_1h) == (1100, 100, 0)


def test_through_the_api(client: Any, simulator: Any, request_of: Any) -> None:
    text = [{"type": "text", "text": "s" * 3600, "cache_control": {"type": "ephemeral"}}]
    first = client.messages.create(**request_of(system=text)).usage
    second = client.messages.create(**request_of(system=text)).usage
    other = client.messages.create(**request_of(system=text, output_config={})).usage
    assert first.cache_creation_input_tokens == 1000
    assert first.cache_creation.ephemeral_5m_input_tokens == 1000
    assert second.cache_read_input_tokens == 1000
    assert second.input_tokens == first.input_tokens
    assert other.cache_read_input_tokens == 0, "another output format invalidates"
    assert simulator.totals()["cache_read_tokens"] == 1000
