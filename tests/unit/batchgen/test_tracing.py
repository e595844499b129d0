"""Spans cost nothing where nobody wants them, and wait for nobody where somebody does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from batchgen.local.local_dir import ROOT
from batchgen.tracing import names, spans
from batchgen.tracing.values import Place
from tests.otlp import Collector, collector

#: What only who sends spans has use for.
_HEAVY = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "google.protobuf")
_IMPORTS = f"""
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "batchgen.settings"
import django
django.setup()
import batchgen.http.request_log, workers.engine, workers.spans, runs.run_spans
from batchgen.tracing import spans
spans.start("web")
with spans.span("a", kind="server"):
    assert spans.are_made() == (spans.current() is not None)
print(*sorted(name for name, it in sys.modules.items() if it and name.startswith({_HEAVY!r})))
spans.stop()
"""
_FORKED = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "batchgen.settings"
import django
django.setup()
from batchgen.tracing import spans
spans.start("worker")
with spans.span("parent"):
    pid = os.fork()
    if pid == 0:
        with spans.span("child"):
            pass
        spans.stop()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
spans.stop()
"""


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def collected() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture
def _told(collected: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process sends its spans."""
    monkeypatch.setattr(settings, "OTLP_ENDPOINT", collected.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
    spans.start("test")
    yield
    spans.stop()


def test_without_a_collector_nothing_is_imported_and_no_span_is_made(collected: Collector) -> None:
    assert run(_IMPORTS, OTEL_EXPORTER_OTLP_ENDPOINT="").split() == []
    assert "opentelemetry.sdk.trace" in run(_IMPORTS, OTEL_EXPORTER_OTLP_ENDPOINT=collected.url)
    assert [span.name for span in collected.spans] == ["a"]
    assert spans.span("a") is spans.span("b") is spans.NO_SPAN
    assert spans.current() is None


def test_a_forked_process_sends_its_own(collected: Collector) -> None:
    run(_FORKED, OTEL_EXPORTER_OTLP_ENDPOINT=collected.url)
    (parent,), (child,) = collected.named("parent"), collected.named("child")
    assert child.parent == parent.id


@pytest.mark.usefixtures("_told")
def test_what_is_not_sampled_is_not_sent_nor_what_is_below_it(collected: Collector) -> None:
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
    for flags in ("00", "01"):
        with (
            spans.span(f"request {flags}", parent=spans.place_of(f"{header}-{flags}")),
            spans.span(f"below {flags}"),
        ):
            place = spans.current()
            assert place is not None
            assert place.traceparent.endswith(flags)
    spans.stop()
    assert sorted(span.name for span in collected.spans) == ["below 01", "request 01"]


@pytest.mark.usefixtures("_told")
def test_an_error_is_told_by_its_code_alone(collected: Collector) -> None:
    for error in (ValueError("the prompt"), KeyboardInterrupt()):
        with pytest.raises(type(error)), spans.span("failing"):
            raise error
    spans.stop()
    assert {span.attributes["error.type"] for span in collected.spans} == {
        "ValueError",
        "KeyboardInterrupt",
    }
    assert all(span.is_error for span in collected.spans)
    assert "the prompt" not in str(collected.spans)


def test_a_collector_that_hangs_holds_up_nobody_and_fills_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with collector(answers=False) as silent:
        monkeypatch.setattr(settings, "OTLP_ENDPOINT", silent.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", silent.url)
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100")
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
        spans.start("test")
        for _ in range(2_000):
            with spans.span("dropped, most of them"):
                pass
        # Nobody answers: what `stop` waits for does not come.
        spans.stop(within_s=0.1)
        assert not spans.are_made()
        assert silent.asked == 1
        silent.answers.set()
    # What its thread had in hand, and what the queue held.
    assert len(silent.spans) <= 110


@pytest.mark.parametrize(
    ("header", "place"),
    [
        (f"00-{1:032x}-{2:016x}-01", Place(1, 2)),
        (f"00-{1:032x}-{2:016x}-02", Place(1, 2, sampled=False)),
        (f"01-{1:032x}-{2:016x}-01-more", Place(1, 2)),
        (f"00-{1:032x}-{2:016x}-01-more", None),
        (f"ff-{1:032x}-{2:016x}-01", None),
        (f"00-{0:032x}-{2:016x}-01", None),
        (f"00-{1:032x}-{0:016x}-01", None),
        (f"00-{1:031x}-{2:016x}-01", None),
        ("00-" + "G" * 32 + f"-{2:016x}-01", None),
        ("", None),
    ],
)
def test_only_a_header_that_makes_sense_names_a_place(header: str, place: Place | None) -> None:
    assert spans.place_of(header) == place
    if place and header.startswith("00"):
        assert spans.place_of(place.traceparent) == place


def test_attributes_have_their_names_from_one_module() -> None:
    known = {value for name, value in vars(names).items() if name.isupper()}
    assert len(known) > 20
    for path in [
        *ROOT.glob("batchgen/**/*.py"),
        *ROOT.glob("runs/**/*.py"),
        *ROOT.glob("workers/**/*.py"),
    ]:
        if path != Path(names.__file__):
            assert not {each for each in known if f'"{each}"' in path.read_text()}, path
