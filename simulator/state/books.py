"""The provider's books: every billed call, what it cost, and their sums."""

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.protocol.prices import Tokens, micro_usd
from simulator.state.database import temporary_database

REALTIME, BATCH = "realtime", "batch"

_SCHEMA = """
CREATE TABLE call (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    lane TEXT NOT NULL,
    model TEXT NOT NULL,
    message TEXT NOT NULL,
    marker TEXT,
    batch TEXT,
    custom_id TEXT,
    input_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    micro_usd INTEGER
);
CREATE INDEX call_batch ON call (batch) WHERE batch IS NOT NULL;
CREATE INDEX call_marker ON call (marker) WHERE marker IS NOT NULL;
CREATE INDEX call_at ON call (at);
"""
TOKENS = (
    *("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"),
    "output_tokens",
)
_WHOSE = ("lane", "model", "message", "marker", "batch", "custom_id")
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in TOKENS)

LONG_PROMPT = 200_000
_PROMPT = " + ".join(f"call.{name}" for name in TOKENS if name != "output_tokens")
_LONG = f"{_PROMPT} > {LONG_PROMPT} AS long"

FILTERS = ("batch", "marker", "custom_id", "lane", "model")
"""What calls can be looked up by."""


class Books:
    """All billed calls since the last reset; on disk, so that their number costs no memory."""

    def __init__(self) -> None:
        self._database = temporary_database(_SCHEMA)

    def clear(self) -> None:
        """Forget all calls."""
        self._database.execute("DELETE FROM call")

    def book(
        self,
        *,
        at_s: float,
        model: str,
        message_id: str,
        marker: str | None,
        tokens: Tokens,
        batch: str | None = None,
        custom_id: str | None = None,
    ) -> None:
        """Bill one call; one with a batch at its price."""
        self._database.execute(
            "INSERT INTO call VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                at_s,
                BATCH if batch else REALTIME,
                model,
                message_id,
                marker,
                batch,
                custom_id,
                tokens.input,
                tokens.cache_read,
                tokens.cache_write_5m,
                tokens.cache_write_1h,
                tokens.output,
                micro_usd(model, tokens, batch=batch is not None),
            ),
        )

    def bill(self) -> dict[str, Any]:
        """Sums over all calls, and by model and lane; a model without a price costs nothing."""
        rows = self._rows(
            f"SELECT model, lane, count(*) AS calls, {_SUMS}, sum(micro_usd) AS micro_usd "  # noqa: S608  # names from above
            "FROM call GROUP BY model, lane ORDER BY model, lane"
        )
        (unpriced,) = self._database.execute(
            "SELECT count(*) FROM call WHERE micro_usd IS NULL"
        ).fetchone()
        return {
            "micro_usd": sum(row["micro_usd"] or 0 for row in rows),
            "calls": sum(row["calls"] for row in rows),
            "unpriced_calls": unpriced,
            "by": rows,
        }

    def page(self, *, since: int, limit: int, filters: Mapping[str, str]) -> list[dict[str, Any]]:
        """Up to `limit` calls from index `since` on, oldest first.

        Args:
            filters: values by names of FILTERS.
        """
        wanted = "".join(f" AND {name} = ?" for name in filters)
        rows = self._rows(
            f"SELECT * FROM call WHERE id > ?{wanted} ORDER BY id LIMIT ?",  # noqa: S608  # names of FILTERS
            (since, *filters.values(), limit),
        )
        return [_shown(row) for row in rows]

    def between(self, from_s: float, to_s: float, width_s: int) -> list[dict[str, Any]]:
        """Tokens of the calls of a span by bucket, model, lane and length.

        A bucket is numbered from `from_s`; `long` says that the prompts exceed 200,000 tokens.
        """
        return self._rows(
            f"SELECT CAST((at - ?) / ? AS INTEGER) AS bucket, model, lane, {_LONG}, {_SUMS} "  # noqa: S608  # names from above
            "FROM call WHERE at >= ? AND at < ? GROUP BY bucket, model, lane, long "
            "ORDER BY bucket, model, lane, long",
            (from_s, width_s, from_s, to_s),
        )

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        cursor = self._database.execute(statement, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "index": row["id"] - 1,
        "at": row["at"],
        **{name: row[name] for name in _WHOSE},
        "usage": {name: row[name] for name in TOKENS},
        "micro_usd": row["micro_usd"],
    }
