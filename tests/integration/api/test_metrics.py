"""/metrics tells of the process, the database and the queue; nobody outside sees it."""

from collections import defaultdict

import pytest
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from batchgen.redis import client as redis
from runs.engine.transitions import run_finalize
from tests.integration.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def scrape() -> dict[tuple[str, str], float]:
    """The sum of the samples of each (name, value of its only or last label)."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for family in text_string_to_metric_families(Client().get("/metrics").content.decode()):
        for sample in family.samples:
            found[sample.name, next(reversed(sample.labels.values()), "")] += sample.value
    return dict(found)


def test_it_counts_what_stands_in_the_books() -> None:
    redis.client().flushdb()
    world = World.make(epics=5, lanes=3)
    world.claim()
    found = scrape()
    assert found["batchgen_lanes", "sent"] == 2
    assert found["batchgen_lanes", "running"] == 1
    assert found["batchgen_lanes", "parked"] == 0
    assert found["batchgen_runs", "RUNNING"] == 1
    assert found["batchgen_queue_depth", "NORMAL"] == 3
    assert found["batchgen_queue_depth", "HIGH"] == 0
    assert found["batchgen_workers", ""] == 1
    assert found["batchgen_up", "database"] == found["batchgen_up", "redis"] == 1
    assert found["batchgen_open_streams", ""] == 0


def test_it_counts_round_trips_runs_and_requests() -> None:
    world = World.make(epics=1, lanes=1)
    before = scrape()
    step = world.claim()
    assert step is not None
    world.finish(step)
    Client().get("/api/v1/runs")
    run_finalize(run_id=world.run.id)
    found = scrape()

    def more(name: str, label: str) -> float:
        return found[name, label] - before.get((name, label), 0)

    assert more("batchgen_database_round_trips_total", "lane_claim") == 1
    assert more("batchgen_database_round_trips_total", "lane_finish") == 1
    assert more("batchgen_run_seconds_count", "SUCCEEDED") == 1
    assert more("batchgen_http_request_seconds_count", "401") == 1


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Proto"])
def test_through_the_proxy_there_is_no_such_page(header: str) -> None:
    assert Client().get("/metrics", headers={header: "https"}).status_code == 404


def test_a_service_that_is_away_is_said_so() -> None:
    redis.client.cache_clear()
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        found = scrape()
    redis.client.cache_clear()
    assert found["batchgen_up", "redis"] == 0
    assert found["batchgen_up", "database"] == 1
    assert ("batchgen_queue_depth", "HIGH") not in found


def test_labels_name_no_run_and_nobody() -> None:
    world = World.make(epics=1)
    Client().get(f"/api/v1/runs/{world.run.id}")
    assert str(world.run.id) not in Client().get("/metrics").content.decode()
