"""A foreign server that speaks the batches' protocol in its own way is as good."""

from collections.abc import Iterator

import pytest

from epics.models import Story
from runs.engine.start import RunOptions, run_start
from runs.models import LedgerLine, ProviderBatch, RunItem
from runs.states import Pacing
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.batch_gateway import BATCHES, ROOT, BatchGateway
from tests.integration.engine.world import assert_counted, project_make
from tests.unit.content.story_samples import GOOD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gateway(fleet: Fleet) -> Iterator[BatchGateway]:
    server = BatchGateway(GOOD)
    fleet.environment |= {
        "ANTHROPIC_BASE_URL": server.url,
        "BATCHGEN_BATCH_TICK_S": "0.1",
        "BATCHGEN_BATCH_POLL_S": "0.2",
        "BATCHGEN_BATCH_SLICE": "2",
    }
    yield server
    server.close()


def test_a_run_by_batches_of_another_server(fleet: Fleet, gateway: BatchGateway) -> None:
    fleet.start("w1")
    project = project_make(epics=8)
    run = run_start(
        project=project,
        user=project.created_by,
        options=RunOptions(
            pacing_profile=Pacing.ADAPTIVE, lane="batch", options={"skip_quality_check": True}
        ),
    )
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    assert set(RunItem.objects.values_list("status", flat=True)) == {"COMPLETED"}
    assert Story.objects.exists()
    # A slice's last line is closed a moment after the items that it answered.
    wait_for(
        lambda: not ProviderBatch.objects.exclude(state="collected").exists(), "all are collected"
    )
    sent = [request["custom_id"] for made in gateway.made for request in made]
    assert len(sent) == len(set(sent)) == 8
    files = {path: has_key for _, path, has_key in gateway.asked if "/files/" in path}
    assert files[f"{BATCHES}/files/0"]
    assert files[f"{ROOT}/files/1"]
    # Another host is not told the key.
    assert not files["/files/2"]
    lines = LedgerLine.objects.values_list("certainty", "input_tokens", "output_tokens")
    assert list(lines) == [("billed", 1500, 900)] * 8
    assert_counted(run)
