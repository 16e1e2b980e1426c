"""The OpenTelemetry SDK: spans become OTLP over HTTP."""

import threading
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from callscribe.domain.trace import Span

TIMEOUT_S = 3.0
"""How long a collector may take; the end of a process waits for it."""
EVERY_MS = 1000
"""Time between two exports."""
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class SpanExport:
    """Sends spans in the background; what a collector does not take in time is dropped. Thread-safe."""

    def __init__(self, endpoint: str, described: Mapping[str, str]) -> None:
        """`described`: the attributes of this process."""
        self._ids = _CallIds()
        # A call is traced or not by where its spans are sent; which of them are kept is the collector's.
        provider = TracerProvider(ALWAYS_ON, Resource.create(described), id_generator=self._ids)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=TIMEOUT_S)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=EVERY_MS))
        self._tracer = provider.get_tracer("callscribe")

    def send(self, span: Span) -> None:
        """Export when it is its turn."""
        trace, call = span.call.int, span.call.int & (2**64 - 1)
        self._ids.next = (trace, call) if span.whole else None
        within = NonRecordingSpan(SpanContext(trace, call, is_remote=True, trace_flags=_SAMPLED))
        context = Context() if span.whole else set_span_in_context(within, Context())
        attributes = {"call.id": str(span.call), **span.attributes}
        began = self._tracer.start_span(span.name, context, attributes=attributes, start_time=span.began_ns)
        began.end(span.ended_ns)


class _CallIds(threading.local, RandomIdGenerator):
    """A call's trace and span have its id; all other spans have ids by chance."""

    next: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return self.next[0] if self.next else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return self.next[1] if self.next else super().generate_span_id()
