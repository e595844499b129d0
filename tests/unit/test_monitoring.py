"""What the alert rules, the dashboard and docs/observability.md name is what the product tells."""

import json
import re
from collections.abc import Iterator

import yaml
from prometheus_client.metrics import MetricWrapperBase

import limiter.permit_queue
import runs.live.admission
import runs.run_metrics
import runs.webhooks.webhook_metrics
import workers.worker_metrics
from batchgen import metrics
from batchgen.local.local_dir import ROOT
from batchgen.tracing import names
from runs.reads import gauges
from runs.reads.gauges import Gauge

PAGE = (ROOT / "docs" / "observability.md").read_text()
RULES = yaml.safe_load((ROOT / "deploy" / "monitoring" / "alerts.yml").read_text())
DASHBOARD = json.loads((ROOT / "deploy" / "monitoring" / "grafana" / "batchgen.json").read_text())
#: Modules that make metrics.
MODULES = (
    *(metrics, gauges, limiter.permit_queue, runs.live.admission, runs.run_metrics),
    *(runs.webhooks.webhook_metrics, workers.worker_metrics),
)
#: Labels that Prometheus adds.
ADDED = {"le", "instance", "job"}


def product() -> Iterator[tuple[str, str, set[str]]]:
    """Each metric's name, type and labels."""
    for module in MODULES:
        for each in vars(module).values():
            if isinstance(each, Gauge):
                yield each.name, "gauge", set(each.labels)
            elif isinstance(each, MetricWrapperBase):
                total = "_total" if each._type == "counter" else ""
                yield f"{each._name}{total}", str(each._type), set(each._labelnames)


METRICS = {name: (kind, labels) for name, kind, labels in product()}
#: {series, as it is asked for: its labels}
SERIES = {
    f"{name}{suffix}": labels
    for name, (kind, labels) in METRICS.items()
    for suffix in (("_bucket", "_count", "_sum") if kind == "histogram" else ("",))
}


def expressions() -> Iterator[str]:
    for group in RULES["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def rows(heading: str) -> dict[str, list[str]]:
    """{first cell without its backticks: the others} of the tables below the heading."""
    text = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {first.strip("`"): rest for first, *rest in cells}


def test_every_metric_that_is_asked_for_is_there_with_its_labels() -> None:
    asked = list(expressions())
    assert len(asked) > 40
    for expression in asked:
        named = set(re.findall(r"\bbatchgen_\w+", expression))
        assert named, expression
        assert named <= SERIES.keys(), expression
        for name, matchers in re.findall(r"(\bbatchgen_\w+)\{([^}]*)\}", expression):
            labels = set(re.findall(r"(\w+)=?[~!=]", matchers))
            assert labels <= SERIES[name] | ADDED, expression
        by = " ".join(re.findall(r"\bby \(([^)]*)\)", expression))
        grouped = set(re.findall(r"\w+", by))
        assert grouped <= set().union(*(SERIES[name] for name in named)) | ADDED, expression


def test_the_dashboard_shows_every_metric() -> None:
    shown = " ".join(
        target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())
    )
    assert not {name for name in METRICS if name not in shown}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) > 25


def test_the_page_has_every_metric_and_no_other() -> None:
    page = rows("Metrics")
    assert set(page) == set(METRICS)
    for name, (kind, labels) in METRICS.items():
        told_kind, told_labels, *_ = page[name]
        assert told_kind == kind, name
        assert set(re.findall(r"`(\w+)`", told_labels)) == labels, name


def test_the_page_says_what_to_do_about_every_alert() -> None:
    alerts = {rule["alert"] for group in RULES["groups"] for rule in group["rules"]}
    assert set(rows("Alerts")) == alerts
    assert all(len(meaning) == 2 and all(meaning) for meaning in rows("Alerts").values())


def test_the_page_has_every_attribute_of_spans_and_no_other() -> None:
    known = {value for name, value in vars(names).items() if name.isupper()}
    assert set(re.findall(r"`((?:batchgen|gen_ai|http|url|error)\.[\w.]+)`", PAGE)) == known
