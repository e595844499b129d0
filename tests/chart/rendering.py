"""The chart as Helm renders it; `python -m tests.chart.rendering` renews its golden files.

Helm is the library itself, in the wheel `helm-python-sdk`; it asks no cluster.
"""

from pathlib import Path
from typing import Any

import helm_python
import yaml

from batchgen.local.local_dir import ROOT

CHART = ROOT / "deploy" / "chart"
GOLDEN = Path(__file__).with_name("golden")
#: By the golden file's name what is asked of the chart.
CASES: dict[str, dict[str, Any]] = {
    "least": {"hosts": ["app.example.com"], "trustedProxies": ["10.42.0.0/16"]},
    "most": {
        "image": {"repository": "registry.example.com/batchgen", "tag": "1.2.3"},
        "imagePullSecrets": [{"name": "registry"}],
        "hosts": ["app.example.com", "batchgen.example.com"],
        "trustedProxies": ["10.42.0.0/16", "10.43.0.1"],
        "settings": {"BATCHGEN_MODEL": "claude-sonnet-5-5", "BATCHGEN_DATABASE_POOLED": "1"},
        "secrets": {
            "databaseUrl": {"name": "postgresql-app", "key": "uri"},
            "ownerDatabaseUrl": {"name": "postgresql-owner", "key": "uri"},
            "metricsToken": {"name": "batchgen", "key": "BATCHGEN_METRICS_TOKEN"},
        },
        "exports": {"claim": "exports", "storageSecret": "bucket"},
        "web": {"autoscaling": {"enabled": True}},
        "worker": {"concurrency": 50, "stopGraceSeconds": 600, "autoscaling": {"enabled": True}},
        "flower": {"enabled": True},
        "migrate": {"hook": False},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"nginx.ingress.kubernetes.io/proxy-buffering": "off"},
            "tlsSecret": "tls",
        },
        "networkPolicy": {
            "ingressFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
            "monitoringFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "redisPorts": [6379, 26379],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.9.0.0/24"}}]}],
        },
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "podAnnotations": {"team": "content"},
    },
}


def rendered(values: dict[str, Any]) -> str:
    """All manifests, those of each template under its name.

    Raises:
        helm_python.HelmError: the values are refused, or a template does not work.
    """
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        made = chart.render(values, name="batchgen", namespace="content", is_install=True)
    parts = sorted((name, text.strip()) for name, text in made.items() if name.endswith(".yaml"))
    return "".join(f"# {name}\n{_separated(text)}\n" for name, text in parts if text)


def _separated(text: str) -> str:
    return text if text.startswith("---") else f"---\n{text}"


def documents(text: str) -> list[dict[str, Any]]:
    """The manifests as values."""
    return [each for each in yaml.safe_load_all(text) if each]


def renew() -> None:
    """Write the golden files anew."""
    for name, values in CASES.items():
        (GOLDEN / f"{name}.yaml").write_text(rendered(values))


if __name__ == "__main__":
    renew()
