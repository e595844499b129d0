"""Prompt caching: which part of a prompt is read, which is written, which is plain input."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from simulator.protocol.prices import Tokens

ENTRIES_KEPT = 10_000
LOOKBACK_BLOCKS = 20
"""How far before a mark an earlier entry is still found."""
TTL_S = {"5m": 300.0, "1h": 3600.0}


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a prompt, in the order tools, system, messages.

    `ttl` is "5m" or "1h" when the block carries a `cache_control` mark, else None.
    """

    text: str
    tokens: int
    ttl: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheUse:
    """How one prompt splits up, in tokens. `entries` are what `store` keeps of it."""

    uncached: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0
    entries: tuple[tuple[bytes, str], ...] = ()

    @property
    def written(self) -> int:
        """Tokens written to the cache."""
        return self.written_5m + self.written_1h

    def billed(self, output_tokens: int) -> Tokens:
        """What the call costs, in tokens by price."""
        return Tokens(
            input=self.uncached,
            cache_read=self.read,
            cache_write_5m=self.written_5m,
            cache_write_1h=self.written_1h,
            output=output_tokens,
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    expiry_s: float
    writer: str


Readable = Callable[[str], bool]
"""Whether what this writer left may be read."""


class PromptCache:
    """Prefixes of earlier prompts, each alive for its ttl after it was last used."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def split(
        self,
        blocks: Sequence[Block],
        *,
        scope: str,
        minimum: int,
        now_s: float,
        readable: Readable = lambda writer: True,
    ) -> CacheUse:
        """What of this prompt the cache holds, and what it should hold after the answer.

        Args:
            scope: what else must be equal for a hit: model and output format.
            minimum: shortest prefix worth an entry, in tokens; shorter marks do nothing.
            readable: says of an entry's writer whether this prompt gets to see the entry.
        """
        total = sum(block.tokens for block in blocks)
        last_mark = max((at for at, block in enumerate(blocks) if block.ttl), default=-1)
        if last_mark < 0:
            return CacheUse(uncached=total)
        prefixes = _prefixes(blocks[: last_mark + 1], scope)
        marks = [at for at in range(last_mark + 1) if blocks[at].ttl and prefixes[at][1] >= minimum]
        if not marks:
            return CacheUse(uncached=total)
        hit = self._longest_hit(prefixes, marks, now_s, readable)
        read = prefixes[hit][1] if hit >= 0 else 0
        written = {"5m": 0, "1h": 0}
        done = read
        for at in marks:
            if at > hit:
                written[blocks[at].ttl or "5m"] += prefixes[at][1] - done
                done = prefixes[at][1]
        return CacheUse(
            uncached=total - done,
            read=read,
            written_5m=written["5m"],
            written_1h=written["1h"],
            entries=tuple((prefixes[at][0], blocks[at].ttl or "5m") for at in marks),
        )

    def store(self, use: CacheUse, now_s: float, writer: str = "") -> None:
        """Keep the prompt's marked prefixes; one that was there already lives on afresh."""
        for key, ttl in use.entries:
            expiry_s = now_s + TTL_S[ttl]
            before = self._entries.get(key)
            if before is not None and before.expiry_s > now_s:
                self._entries[key] = _Entry(max(before.expiry_s, expiry_s), before.writer)
            else:
                self._entries[key] = _Entry(expiry_s, writer)
            self._entries.move_to_end(key)
        while len(self._entries) > ENTRIES_KEPT:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _longest_hit(
        self,
        prefixes: Sequence[tuple[bytes, int]],
        marks: Sequence[int],
        now_s: float,
        readable: Readable,
    ) -> int:
        for mark in reversed(marks):
            for at in range(mark, max(-1, mark - LOOKBACK_BLOCKS), -1):
                entry = self._entries.get(prefixes[at][0])
                if entry is not None and entry.expiry_s > now_s and readable(entry.writer):
                    return at
        return -1


def _prefixes(blocks: Sequence[Block], scope: str) -> list[tuple[bytes, int]]:
    """For every block: a hash of everything up to its end, and the tokens up to there."""
    running = blake2b(scope.encode(), digest_size=16)
    tokens = 0
    prefixes = []
    for block in blocks:
        running.update(b"\0")
        running.update(block.text.encode("utf-8", "surrogatepass"))
        tokens += block.tokens
        prefixes.append((running.digest(), tokens))
    return prefixes
