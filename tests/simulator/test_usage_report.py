"""The usage report: buckets of time, by model and service tier, in pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anthropic
import httpx2

HEADERS = {"x-api-key": "sk-ant-admin", "anthropic-version": "2023-06-01"}
LONG = [{"type": "text", "text": "s" * 3600, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]


def report(simulator: Any, **query: Any) -> httpx2.Response:
    address = f"{simulator.url}/v1/organizations/usage_report/messages"
    return httpx2.get(address, params=query, headers=HEADERS)


def now(simulator: Any) -> datetime:
    return datetime.fromisoformat(simulator.get("/_sim/clock")["now"])


def test_by_minute_model_and_tier(
    client: anthropic.Anthropic, simulator: Any, lines_of: Any
) -> None:
    start = now(simulator)
    simulator.configure(batch_ends_after_s=90)
    client.messages.create(**lines_of("r", system=LONG)[0]["params"])
    client.messages.create(**lines_of("r", model="claude-haiku-5-5")[0]["params"])
    client.messages.batches.create(requests=lines_of("a", "b"))
    simulator.advance(90)
    asked = {
        "starting_at": start.isoformat(),
        "ending_at": (start + timedelta(minutes=4)).isoformat(),
        "bucket_width": "1m",
        "group_by[]": ["model", "service_tier"],
    }
    found = report(simulator, **asked).json()
    assert (found["has_more"], found["next_page"]) == (False, None)
    assert 4 <= len(found["data"]) <= 5
    first = found["data"][0]
    snapped = start.astimezone(UTC).replace(second=0, microsecond=0)
    assert datetime.fromisoformat(first["starting_at"]) == snapped
    assert datetime.fromisoformat(first["ending_at"]) == snapped + timedelta(minutes=1)
    rows = [(row, bucket["starting_at"]) for bucket in found["data"] for row in bucket["results"]]
    batch = [row for row, _ in rows if row["service_tier"] == "batch"]
    assert len({at for row, at in rows if row["service_tier"] == "batch"}) == len(batch) >= 1
    assert {row["model"] for row, _ in rows} == {"claude-haiku-5-5", "claude-sonnet-5-5"}
    assert {row["workspace_id"] for row, _ in rows} == {None}, "not grouped by it"
    (written,) = [row for row, _ in rows if row["cache_creation"]["ephemeral_1h_input_tokens"]]
    assert written["cache_creation"]["ephemeral_1h_input_tokens"] == 1000
    assert written["service_tier"] == "standard"
    bill = simulator.bill()["by"]
    for ours, theirs in (
        ("input_tokens", "uncached_input_tokens"),
        ("cache_read_tokens", "cache_read_input_tokens"),
        ("output_tokens", "output_tokens"),
    ):
        assert sum(each[ours] for each in bill) == sum(row[theirs] for row, _ in rows)


def test_in_pages_with_every_bucket(simulator: Any) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    asked = {
        "starting_at": start.isoformat(),
        "ending_at": (start + timedelta(minutes=5)).isoformat(),
        "bucket_width": "1m",
        "limit": 2,
    }
    buckets: list[str] = []
    page: dict[str, Any] = {}
    for _ in range(3):
        found = report(simulator, **asked, **page).json()
        buckets += [bucket["starting_at"] for bucket in found["data"]]
        page = {"page": found["next_page"]}
    assert page == {"page": None}
    assert buckets == [f"2026-11-01T00:0{minute}:00Z" for minute in range(5)]


def test_what_is_refused(simulator: Any) -> None:
    start = {"starting_at": "2026-11-01T00:00:00Z"}
    assert report(simulator).status_code == 400
    assert report(simulator, starting_at="yesterday").status_code == 400
    assert report(simulator, **start, bucket_width="5m").status_code == 400
    assert report(simulator, **start, bucket_width="1m", limit=1441).status_code == 400
    assert report(simulator, **start, **{"group_by[]": "team"}).status_code == 400
    assert report(simulator, **start, page="page_x").status_code == 400
    address = f"{simulator.url}/v1/organizations/usage_report/messages"
    assert httpx2.get(address, params=start).status_code == 401
