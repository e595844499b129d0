"""A worker tells Prometheus of its epics, stages, calls and round trips; its lines have ids."""

import json
import re

import httpx2
import pytest

from batchgen.local.child import ChildFailedError
from batchgen.local.local_dir import free_port
from runs.engine.start import RunOptions, run_start
from tests.acceptance.fleet import Fleet, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import project_make

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_serves_its_metrics(fleet: Fleet, provider: Simulator) -> None:
    provider.faults([{"times": 1, "action": {"type": "error", "status": 529}}])
    port = free_port()
    fleet.environment["BATCHGEN_WORKER_METRICS_PORT"] = str(port)
    fleet.environment["BATCHGEN_LOG_FORMAT"] = "json"
    worker = fleet.start()
    options = RunOptions(pacing_profile="adaptive", max_concurrency=2)
    run = run_start(project=project_make(epics=3), user=None, options=options)
    wait_until_ended(run)
    address = f"http://127.0.0.1:{port}/metrics"
    text = httpx2.get(address, trust_env=False).text
    for host, status in {"worker:9464": 200, "[::1]:9464": 200, "evil.example:9464": 400}.items():
        assert httpx2.get(address, headers={"Host": host}, trust_env=False).status_code == status
    assert 'batchgen_epics_total{status="COMPLETED"} 3.0' in text
    assert 'batchgen_stage_seconds_count{stage="component-generation"} 3.0' in text
    assert 'batchgen_provider_call_seconds_count{model="' in text
    assert 'batchgen_provider_errors_total{code="PROVIDER_OVERLOADED",status="529"} 1.0' in text
    ends = re.findall(r'round_trips_total\{statement="lane_(?:finish|go_on)"\} (\d)', text)
    assert sum(map(int, ends)) == 3
    assert "batchgen_limiter_wait_seconds" in text
    assert str(run.id) not in text
    # Celery's banner and warnings of the interpreter are no log lines.
    lines = [json.loads(line) for line in worker.lines if line.startswith("{")]
    assert {"workers.signals", "celery.worker.consumer.connection"} <= {
        line["logger"] for line in lines
    }


def test_a_busy_port_names_its_setting(fleet: Fleet) -> None:
    port = free_port()
    fleet.environment["BATCHGEN_WORKER_METRICS_PORT"] = str(port)
    fleet.start("w1")
    with pytest.raises(ChildFailedError, match="BATCHGEN_WORKER_METRICS_PORT"):
        fleet.start("w2")
