"""Every metric of Prometheus, read from where the code declares it."""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from batchgen.local.local_dir import ROOT
from handbook.references.markdown import cell, head, table

_KINDS = {
    "Counter": "counter",
    "Gauge": "gauge",
    "GaugeMetricFamily": "gauge",
    "Histogram": "histogram",
}


@dataclass(frozen=True, kw_only=True, order=True)
class Declared:
    """A metric as its module declares it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    module: str


def page() -> str:
    """The page."""
    rows = (
        (
            f"`{each.name}`",
            each.kind,
            ", ".join(f"`{label}`" for label in each.labels),
            cell(each.meaning),
            f"`{each.module}`",
        )
        for each in sorted(declared())
    )
    return head("metrics") + table(("metric", "kind", "labels", "what it says", "where"), rows)


def declared() -> Iterator[Declared]:
    """All of them, in the product's packages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["importlinter"]["root_packages"]:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "prometheus_client" in (text := path.read_text()):
                yield from _of(path, text)


def _of(path: Path, text: str) -> Iterator[Declared]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(
                func=ast.Name(id=kind),
                args=[ast.Constant(str(name)), ast.Constant(str(meaning)), *rest],
            ) if kind in _KINDS and name.startswith("batchgen_"):
                labels = [*rest, *(each.value for each in node.keywords if each.arg == "labels")]
                yield Declared(
                    name=name,
                    kind=_KINDS[kind],
                    labels=tuple(ast.literal_eval(labels[0])) if labels else (),
                    meaning=meaning,
                    module=path.relative_to(ROOT).as_posix(),
                )
