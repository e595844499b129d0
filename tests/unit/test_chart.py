"""What deploy/chart/ makes, by its golden files: `make chart` holds them to what Helm renders."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from batchgen import VERSION
from batchgen.local.local_dir import ROOT
from tests.unit.test_settings_page import ELSEWHERE, SETTINGS, name_of

CHART = ROOT / "deploy" / "chart"
CASES = ("least", "most")
_FOREIGN = {"FLOWER_BASIC_AUTH", "POD_NAME"}
#: Of each program the secrets that it has a use for.
GIVEN = {
    "web": {"BATCHGEN_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ANTHROPIC_API_KEY"},
    "worker": {"BATCHGEN_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ANTHROPIC_API_KEY"},
    "beat": {"DATABASE_URL", "REDIS_URL"},
    "flower": {"DATABASE_URL", "REDIS_URL", "FLOWER_BASIC_AUTH"},
    "migrate": {"DATABASE_URL", "REDIS_URL"},
    "schema": {"DATABASE_URL", "REDIS_URL"},
}

Manifests = list[dict[str, Any]]


def golden(name: str) -> Manifests:
    text = (ROOT / "tests" / "chart" / "golden" / f"{name}.yaml").read_text()
    return [each for each in yaml.safe_load_all(text) if each]


@pytest.fixture(scope="module", params=CASES)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return golden(request.param)


def of_kind(manifests: Manifests, *kinds: str) -> Manifests:
    return [each for each in manifests if each["kind"] in kinds]


def pods(manifests: Manifests) -> dict[str, dict[str, Any]]:
    """The specification of each program's pods."""
    return {
        each["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"]["template"]["spec"]
        for each in of_kind(manifests, "Deployment", "Job")
    }


def containers(manifests: Manifests) -> Iterator[dict[str, Any]]:
    for pod in pods(manifests).values():
        yield from [*pod.get("initContainers", []), *pod["containers"]]


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == VERSION
    assert chart["version"] == VERSION.replace(".dev", "-dev")


def test_every_variable_is_read_by_the_program(manifests: Manifests) -> None:
    read = {name_of(call) for call in SETTINGS} | set(ELSEWHERE)
    for container in containers(manifests):
        names = [variable["name"] for variable in container["env"]]
        assert len(names) == len(set(names)), "each once"
        assert set(names) <= read | _FOREIGN


def test_secrets_are_taken_from_what_is_there_and_given_to_who_needs_them(
    manifests: Manifests,
) -> None:
    assert not of_kind(manifests, "Secret")
    for container in containers(manifests):
        secret = {each["name"] for each in container["env"] if "secretKeyRef" in str(each)}
        assert secret - {"BATCHGEN_METRICS_TOKEN"} == GIVEN[container["name"]]


def test_no_pod_may_do_more_than_it_needs(manifests: Manifests) -> None:
    for pod in pods(manifests).values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
    for container in containers(manifests):
        held = container["securityContext"]
        assert held["readOnlyRootFilesystem"] is True
        assert held["allowPrivilegeEscalation"] is False
        assert held["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_a_worker_is_not_killed_before_its_calls_have_ended(manifests: Manifests) -> None:
    pod = pods(manifests)["worker"]
    (container,) = pod["containers"]
    values = {each["name"]: each.get("value") for each in container["env"]}
    grace_s = int(values["BATCHGEN_STOP_GRACE_S"])
    (timeout,) = (call for call in SETTINGS if name_of(call) == "BATCHGEN_PROVIDER_TIMEOUT_S")
    assert grace_s >= timeout.args[1].value  # type: ignore[attr-defined]
    assert pod["terminationGracePeriodSeconds"] >= grace_s + 30


def test_who_serves_is_probed_at_its_own_port(manifests: Manifests) -> None:
    for name, paths in {"web": {"/healthz"}, "worker": {"/livez", "/readyz"}}.items():
        (container,) = pods(manifests)[name]["containers"]
        (port,) = container["ports"]
        probes = [
            container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")
        ]
        assert {probe["path"] for probe in probes} == paths
        assert {probe["port"] for probe in probes} == {port["name"]}


def test_there_is_one_beat_and_nothing_begins_before_the_tables_are_there(
    manifests: Manifests,
) -> None:
    beat = {each["metadata"]["name"]: each for each in of_kind(manifests, "Deployment")}[
        "batchgen-beat"
    ]
    assert (beat["spec"]["replicas"], beat["spec"]["strategy"]["type"]) == (1, "Recreate")
    for name in ("web", "worker", "beat"):
        (waiting,) = pods(manifests)[name]["initContainers"]
        assert "migrate --check" in waiting["command"][-1]


def test_every_program_has_a_network_policy_and_every_selector_finds_pods(
    manifests: Manifests,
) -> None:
    selected = [
        each["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for each in of_kind(manifests, "NetworkPolicy")
    ]
    assert sorted(selected) == sorted(pods(manifests))
    labels = [
        each["spec"]["template"]["metadata"]["labels"].items()
        for each in of_kind(manifests, "Deployment", "Job")
    ]
    for service in of_kind(manifests, "Service"):
        assert any(service["spec"]["selector"].items() <= found for found in labels)


def test_workers_grow_by_what_can_be_worked_on_and_not_by_a_queue() -> None:
    (scaled,) = of_kind(golden("most"), "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["type"] == "postgresql"
    assert trigger["metadata"]["query"] == (CHART / "files" / "runnable.sql").read_text()
    assert trigger["metadata"]["targetQueryValue"] == "40"
    assert scaled["spec"]["minReplicaCount"] >= 1
