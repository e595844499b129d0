"""A run is one trace, from the request that started it to each call, over web and workers."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from batchgen.local.child import Running
from batchgen.local.supervisor import Supervisor
from batchgen.redis import client as redis
from runs.models import Run
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.acceptance.live.web import Web, web_start
from tests.conftest import Simulator
from tests.integration.engine.world import project_make
from tests.otlp import NO_PARENT, Collector, Received, collector

pytestmark = pytest.mark.django_db(transaction=True)

#: What who starts a run may bring: the run is a part of their trace then.
_TRACE, _CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
_STAGES = {
    *("stage validation", "stage context-building", "stage component-generation"),
    *("stage template-assembly", "stage quality-validation", "stage post-processing"),
    "stage storage",
}


def tell(collected: Collector) -> dict[str, str]:
    """Settings for a process that is to send its spans there, soon."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collected.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}


def started(web: Web, project_id: Any, **headers: str) -> Run:
    answer = web.call(
        "POST",
        f"/projects/{project_id}/runs",
        json={"type": "GENERATE_ALL_STORIES", "pacingProfile": "adaptive", "maxConcurrency": 1},
        headers=headers,
    )
    assert answer.status_code == 202, answer.text
    return Run.objects.get(pk=answer.json()["data"]["runId"])


def only(spans: list[Received]) -> Received:
    (span,) = spans
    return span


def test_a_run_is_one_trace_with_each_try_of_a_call(fleet: Fleet, provider: Simulator) -> None:
    provider.faults([{"times": 1, "action": {"type": "error", "status": 529}}])
    project = project_make(epics=2)
    with collector() as collected:
        web = web_start(
            fleet.stack.enter_context(Supervisor(fleet.sink, signals=False)),
            User.objects.get(username="ada"),
            **tell(collected),
        )
        run = started(web, project.pk, traceparent=f"00-{_TRACE}-{_CALLER}-01")
        # What ties them together is in PostgreSQL.
        redis.client().flushdb()
        fleet.environment |= tell(collected)
        worker = fleet.start()
        wait_until_ended(run)
        # A warm stop sends what is left.
        ends(worker)
        wait_for(lambda: collected.named("POST"), "web has told of the request")

    request = only(collected.named("POST"))
    assert (request.service, request.kind) == ("batchgen-web", "SERVER")
    assert (request.trace, request.parent) == (_TRACE, _CALLER)
    assert request.attributes["http.route"].endswith("projects/<id:project_id>/runs")
    assert request.attributes["http.response.status_code"] == 202

    told = only(collected.named("run "))
    assert (told.trace, told.parent) == (_TRACE, request.id)
    assert told.attributes["batchgen.run.id"] == str(run.id)
    assert told.attributes["batchgen.run.status"] == "SUCCEEDED"
    assert not told.is_error

    items = collected.below(told)
    assert {item.service for item in items} == {"batchgen-worker"}
    assert {item.name for item in items} == {"item stories"}
    outcomes = [item.attributes["batchgen.item.outcome"] for item in items]
    assert sorted(outcomes) == ["COMPLETED", "COMPLETED", "GIVEN_BACK"]
    refused = only([item for item in items if item.is_error])
    assert refused.attributes["error.type"] == "PROVIDER_OVERLOADED"
    again = [item for item in items if of(item, "item.id") == of(refused, "item.id")]
    assert [of(item, "item.attempt") for item in again] == [1, 2]
    for item in items:
        assert {stage.name for stage in collected.below(item)} <= _STAGES
        if item is not refused:
            assert {stage.name for stage in collected.below(item)} == _STAGES

    calls = [only(calls_of(collected, item)) for item in items]
    assert len(provider.stats()["calls"]) == len(calls) == 3
    for call, item in zip(calls, items, strict=True):
        assert (call.kind, call.name) == ("CLIENT", f"chat {run.model}")
        assert call.attributes["gen_ai.operation.name"] == "chat"
        assert call.attributes["gen_ai.provider.name"] == run.provider
        assert call.attributes["gen_ai.request.model"] == run.model
        assert call.is_error == (item is refused)
        assert ("gen_ai.usage.input_tokens" in call.attributes) != call.is_error
    failed = only([call for call in calls if call.is_error])
    assert failed.attributes["error.type"] == "PROVIDER_OVERLOADED"
    assert failed.attributes["http.response.status_code"] == 529

    # One trace, each span with a parent that is there, none after it, and nothing anybody wrote.
    ours = [span for span in collected.spans if span.trace == _TRACE]
    ids = {span.id for span in ours} | {_CALLER, NO_PARENT}
    assert {span.parent for span in ours} <= ids
    assert "Lending" not in str(ours)
    assert "lend a book" not in str(ours)


def ends(worker: Running) -> None:
    """A warm stop."""
    worker.process.terminate()
    wait_for(lambda: worker.code() is not None, "the worker has ended")


def of(span: Received, name: str) -> Any:
    return span.attributes[f"batchgen.{name}"]


def calls_of(collected: Collector, item: Received) -> list[Received]:
    return [
        call
        for stage in collected.below(item)
        for call in collected.below(stage)
        if call.name.startswith("chat ")
    ]


def test_contents_are_told_where_a_setting_says_so_and_a_dead_collector_costs_spans_alone(
    fleet: Fleet, provider: Simulator
) -> None:
    """The first worker's collector takes all that it is told, contents too; the other one's takes
    requests and never answers, and its run ends all the same, as does the worker at its stop."""
    project = project_make(epics=1)
    user = User.objects.get(username="ada")
    supervisor = fleet.stack.enter_context(Supervisor(fleet.sink, signals=False))
    web = web_start(supervisor, user)
    with collector() as collected, collector(answers=False) as silent:
        for name, to in (("w1", collected), ("w2", silent)):
            small = {"OTEL_BSP_MAX_QUEUE_SIZE": "4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
            contents = {"BATCHGEN_TRACE_CONTENTS": "1"}
            fleet.environment = {**tell(to), **contents, **(small if to is silent else {})}
            worker = fleet.start(name)
            run = started(web, project.pk)
            assert not run.traceparent
            wait_until_ended(run)
            assert run.status == "SUCCEEDED"
            ends(worker)
            assert worker.code() == 0
        assert silent.asked
    call = only(collected.named("chat "))
    assert "lend a book" in call.attributes["gen_ai.input.messages"]
    assert "stories" in call.attributes["gen_ai.output.messages"]
    assert call.attributes["gen_ai.system_instructions"]
    # The web process was told of no collector: the run's own id names the trace.
    assert only(collected.named("run ")).parent == NO_PARENT
    assert len({span.trace for span in collected.spans}) == 1
