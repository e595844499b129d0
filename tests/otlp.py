"""A collector of traces, as far as tests need one: OTLP over HTTP, on 127.0.0.1."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

#: Of a span that has none.
NO_PARENT = ""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A span as it came; ids in hexadecimal."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    is_error: bool
    began: int
    ended: int


@dataclass
class Collector:
    """What was received so far."""

    url: str
    spans: list[Received] = field(default_factory=list)
    #: Requests are answered once it is set.
    answers: threading.Event = field(default_factory=threading.Event)
    #: Requests that came, answered or not.
    asked: int = 0

    def named(self, start: str) -> list[Received]:
        """Those whose names begin so, in the order in which they began."""
        found = [span for span in self.spans if span.name.startswith(start)]
        return sorted(found, key=lambda span: span.began)

    def below(self, span: Received) -> list[Received]:
        """Its children."""
        found = [each for each in self.spans if each.parent == span.id]
        return sorted(found, key=lambda each: each.began)

    def take(self, body: bytes) -> None:
        """Read what an exporter sent."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            said = _attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [_received(span, str(said["service.name"])) for span in scope.spans]


@contextmanager
def collector(*, answers: bool = True) -> Iterator[Collector]:
    """A running one; without `answers` it takes requests and says nothing until it is told to."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    made = Collector(url=f"http://127.0.0.1:{server.server_address[1]}")
    if answers:
        made.answers.set()
    vars(server)["collector"] = made
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.answers.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        made: Collector = vars(self.server)["collector"]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        made.asked += 1
        made.answers.wait()
        if self.path == "/v1/traces":
            made.take(body)
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is its own."""


def _received(span: Any, service: str) -> Received:
    return Received(
        service=service,
        name=span.name,
        kind=type(span).SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_attributes(span.attributes),
        is_error=span.status.code == 2,
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    if value.WhichOneof("value") == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, value.WhichOneof("value"))
