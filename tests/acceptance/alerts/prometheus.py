"""What Prometheus would make of a stack: its scrapes, and the alerts that fire by them."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from batchgen.local.local_dir import ROOT

RULES = ROOT / "deploy" / "monitoring" / "alerts.yml"
_COUNTED = {"counter", "histogram"}
#: Scrapes of a case, one a minute; alerts are looked at at the last.
_MINUTES = 20


@dataclass
class Scrape:
    """What stood at the addresses: {series: value}, and which of them count up."""

    values: dict[str, float] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)


def scrape(urls: Mapping[str, str]) -> Scrape:
    """Read each instance's page."""
    found = Scrape()
    for instance, url in urls.items():
        page = httpx2.get(f"{url}/metrics", trust_env=False, timeout=10)
        for family in text_string_to_metric_families(page.raise_for_status().text):
            for sample in family.samples:
                if not sample.name.startswith("batchgen_"):
                    continue
                labels = {**sample.labels, "instance": instance, "job": "batchgen"}
                told = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
                series = f"{sample.name}{{{told}}}"
                found.values[series] = sample.value
                if family.type in _COUNTED:
                    found.counted.add(series)
    return found


@dataclass
class Cases:
    """Moments of a stack, and the alerts that each should have fire."""

    urls: dict[str, str]
    tests: list[dict[str, Any]] = field(default_factory=list)
    _before: Scrape = field(default_factory=Scrape)

    def begin(self) -> None:
        """What happens from here on is what the next case counts."""
        self._before = scrape(self.urls)

    def add(self, name: str, alerts: Iterable[str]) -> None:
        """As it is now it stays, and as it counted since `begin` it goes on, minute for minute."""
        now = scrape(self.urls)
        self._add(name, now, alerts)

    def add_silence(self, alerts: Iterable[str]) -> None:
        """Nothing answers."""
        self._add("silence", Scrape(), alerts)

    def _add(self, name: str, now: Scrape, alerts: Iterable[str]) -> None:
        series = []
        for each, value in now.values.items():
            step = value - self._before.values.get(each, 0.0) if each in now.counted else 0.0
            series.append({"series": each, "values": f"{value:.9g}+{step:.9g}x{_MINUTES}"})
        firing = [{"labels": alert_series(alert), "value": 1} for alert in alerts]
        self.tests.append(
            {
                "name": name,
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [
                    {
                        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": f"{_MINUTES}m",
                        "exp_samples": firing,
                    }
                ],
            }
        )

    def check(self, directory: Path) -> None:
        """Have promtool say that in each case exactly these fire."""
        file = directory / "cases.json"  # which is YAML too
        told = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": self.tests}
        file.write_text(json.dumps(told))
        done = promtool("test", "rules", str(file))
        assert done.returncode == 0, done.stdout + done.stderr


def alert_series(alert: str) -> str:
    """Its series, as PromQL has it."""
    return f'{{alertname="{alert}"}}'


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it."""
    argv = [shutil.which("promtool") or "promtool", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
