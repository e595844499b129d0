"""Spans by OpenTelemetry's SDK, sent by OTLP over HTTP.

The SDK's queue holds some thousand spans (OTEL_BSP_MAX_QUEUE_SIZE), and a thread of its own sends
them: where the collector is away or slow, what does not fit is dropped, and nobody waits. After a
fork the child has a thread and an empty queue of its own.
"""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from batchgen.tracing.names import ERROR_TYPE
from batchgen.tracing.values import Attributes, Kind, Place

log = logging.getLogger(__name__)

_KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}


class Ids(RandomIdGenerator):
    """Random ids, but for a span whose place was known before it was made."""

    def __init__(self) -> None:
        self._next: ContextVar[Place | None] = ContextVar("next_span", default=None)

    @contextmanager
    def are_of(self, place: Place) -> Iterator[None]:
        """The span that is made in the block has this place."""
        before = self._next.set(place)
        try:
            yield
        finally:
            self._next.reset(before)

    def generate_span_id(self) -> int:
        place = self._next.get()
        return place.span_id if place else super().generate_span_id()

    def generate_trace_id(self) -> int:
        place = self._next.get()
        return place.trace_id if place else super().generate_trace_id()


class _Span:
    """A span of the SDK's, as `batchgen.tracing.values.Span`."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, error_type: str) -> None:
        self._span.set_attribute(ERROR_TYPE, error_type)
        self._span.set_status(StatusCode.ERROR)


class Exporting:
    """The tracer of a process that has them."""

    def __init__(self, role: str) -> None:
        """`role` is what the service is called behind `batchgen-`; OTEL_SERVICE_NAME counts."""
        self._ids = Ids()
        # It is nobody's but ours: libraries that look for a global one find none, and tell nothing.
        self._provider = TracerProvider(
            resource=_resource(role), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("batchgen")

    @contextmanager
    def span(
        self, name: str, *, kind: Kind, parent: Place | None, attributes: Attributes
    ) -> Iterator[_Span]:
        """See `batchgen.tracing.spans.span`."""
        begun = self._tracer.start_span(
            name, context=_below(parent), kind=_KINDS[kind], attributes=attributes
        )
        token = context.attach(trace.set_span_in_context(begun))
        span = _Span(begun)
        try:
            yield span
        except BaseException as error:
            span.fail(_error_type(error))
            raise
        finally:
            context.detach(token)
            begun.end()

    def record(
        self,
        name: str,
        *,
        place: Place,
        parent: Place | None,
        began: datetime,
        ended: datetime,
        attributes: Attributes,
        error_type: str,
    ) -> None:
        """See `batchgen.tracing.spans.record`."""
        with self._ids.are_of(place):
            begun = self._tracer.start_span(
                name,
                context=_below(parent) if parent else context.Context(),
                attributes=attributes,
                start_time=_nanoseconds(began),
            )
        if error_type:
            _Span(begun).fail(error_type)
        begun.end(_nanoseconds(ended))

    def current(self) -> Place | None:
        """See `batchgen.tracing.spans.current`."""
        found = trace.get_current_span().get_span_context()
        if not found.is_valid:
            return None
        return Place(found.trace_id, found.span_id, sampled=found.trace_flags.sampled)

    def samples(self, trace_id: int) -> bool:
        """Whether a trace with this id, which begins here, is sent."""
        decided = self._provider.sampler.should_sample(context.Context(), trace_id, "")
        return decided.decision is Decision.RECORD_AND_SAMPLE

    def stop(self, within_s: float) -> None:
        """See `batchgen.tracing.spans.stop`."""
        # The SDK's own deadline, 30 s, is not to be chosen.
        sending = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        sending.start()
        sending.join(within_s)
        if sending.is_alive():
            log.warning("spans of the last moments were not sent within %g s", within_s)


def make_tracer(role: str) -> Exporting:
    """The process's tracer; the environment's OTEL_… say the rest."""
    return Exporting(role)


def _below(parent: Place | None) -> context.Context | None:
    """Where a span's parent is looked for; None: it is the current one."""
    if parent is None:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    place = SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(place), context.Context())


def _resource(role: str) -> Resource:
    """What this process is; what the environment says of it counts."""
    ours = Resource.create(
        {
            "service.name": f"batchgen-{role}",
            "service.namespace": "batchgen",
            "host.name": socket.gethostname(),
        }
    )
    return ours.merge(OTELResourceDetector().detect())


def _error_type(error: BaseException) -> str:
    """Its code where it has one; never its text, which may hold contents."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else type(error).__name__


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
