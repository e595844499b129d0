"""Helm takes the chart, Kubernetes takes what it makes, and what is wrong is refused."""

from typing import Any

import helm_python
import kubernetes_validate
import pytest

from tests.chart.rendering import CASES, CHART, GOLDEN, documents, rendered

#: The oldest that the chart says it is for, and the newest that there are schemas of.
KUBERNETES = ("1.27", kubernetes_validate.latest_version())
#: Of lint's severities.
_INFO = 1
#: Of others than Kubernetes itself, which have no schema here.
FOREIGN = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor"}


@pytest.mark.parametrize("name", CASES)
def test_what_is_rendered_is_what_was_looked_at(name: str) -> None:
    """After a change: `make chart-golden`, and read the difference."""
    assert rendered(CASES[name]) == (GOLDEN / f"{name}.yaml").read_text()


@pytest.mark.parametrize("name", CASES)
def test_helm_finds_nothing_wrong(name: str) -> None:
    report = helm_python.lint(CHART, CASES[name], strict=True)
    assert not report["errors"]
    assert not [each for each in report["messages"] if each["severity"] > _INFO]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", CASES)
def test_kubernetes_knows_every_field(name: str, version: str) -> None:
    known = [each for each in documents(rendered(CASES[name])) if each["kind"] not in FOREIGN]
    assert len(known) > 10
    for document in known:
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize(
    "values",
    [
        {"hosts": "app.example.com"},
        {"host": ["app.example.com"]},
        {"settings": {"BATCHGEN_LIMIT_INPUT_TOKENS_PER_MINUTE": 2000000}},
        {"settings": {"BATCHGEN_SECRET_KEY": "in the open"}},
        {"settings": {"DATABASE_URL": "postgresql://app:secret@host/app"}},
        {"secrets": {"databaseUrl": {"name": "", "key": "DATABASE_URL"}}},
        {"worker": {"concurrency": 0}},
        {"worker": {"autoscaling": {"least": 0}}},
        {"beat": {"replicas": 2}},
        {"ingress": {"enabled": True}},
        {"userId": 0},
    ],
)
def test_values_that_cannot_be_meant_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmValuesError):
        rendered(values)
