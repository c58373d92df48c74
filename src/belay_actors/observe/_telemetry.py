"""What speaks to OpenTelemetry; importable only where it is installed.

Spans are kept by session, and a call's span below that of its session. So nothing can be left open
or kept: whatever a session has open ends with it, and an event of a session that is not open is
left alone.
"""

import time
from collections.abc import Iterable

import attrs
from opentelemetry import metrics, trace

from belay_actors.observe._events import (
    CallEnded,
    CallStarted,
    CleanupFailed,
    Event,
    ResourceRegistered,
    SessionCreated,
    SessionEnded,
    SessionRetried,
)

_SCOPE = "belay_actors"


class Metrics:
    """The instruments.

    Args:
        provider: where they come from; ``None`` for the global one.
    """

    def __init__(self, provider: metrics.MeterProvider | None) -> None:
        meter = metrics.get_meter(_SCOPE, meter_provider=provider)
        self._created = meter.create_counter(
            "belay.sessions.created", "{session}", "Sessions that were opened."
        )
        self._creation_duration = meter.create_histogram(
            "belay.sessions.creation_duration", "ms", "How long it took to open a session."
        )
        self._registered = meter.create_counter(
            "belay.sessions.resources.registered",
            "{resource}",
            "Resources that sessions took over.",
        )
        self._cleanup_failures = meter.create_counter(
            "belay.sessions.cleanup_failures", "{failure}", "What sessions could not give back."
        )
        self._retries = meter.create_counter(
            "belay.sessions.retries",
            "{retry}",
            "Attempts that failed and were followed by another.",
        )

    def observe(self, event: Event) -> None:
        """Counts an event, if it is of a kind that is counted."""
        match event:
            case CallStarted() | CallEnded():
                pass  # the most frequent ones; they have spans
            case SessionCreated():
                self._created.add(1)
                self._creation_duration.record(event.duration * 1000)
            case ResourceRegistered():
                self._registered.add(1, {"resource_type": event.resource_type})
            case CleanupFailed():
                self._cleanup_failures.add(1, {"error.type": event.error})
            case SessionRetried():
                self._retries.add(1, {"error.type": event.error})
            case _:
                pass


@attrs.frozen
class _OpenSession:
    """The spans of a session: its own, and those of its calls, by their ids."""

    span: trace.Span
    calls: dict[int, trace.Span] = attrs.field(factory=dict[int, trace.Span])

    def spans(self) -> Iterable[trace.Span]:
        """All that are open, the session's own as the last."""
        yield from self.calls.values()
        yield self.span


class Spans:
    """The spans that are open.

    Args:
        provider: where they go; ``None`` for the global one.
    """

    def __init__(self, provider: trace.TracerProvider | None) -> None:
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=provider)
        self._sessions: dict[str, _OpenSession] = {}

    def observe(self, event: Event) -> None:
        """Begins or ends a span, if the event is of a kind that does."""
        match event:
            case CallStarted():
                self._start_call(event)
            case CallEnded():
                self._end_call(event)
            case SessionCreated():
                self._start_session(event)
            case SessionEnded():
                self._end_session(event.session_id, event.error)
            case _:
                pass

    def _start_session(self, event: SessionCreated) -> None:
        self._end_session(event.session_id, None)  # ids are random: two managers may draw the same
        span = self._tracer.start_span(
            "belay.session",
            attributes=_attributes(event),
            start_time=time.time_ns() - round(event.duration * 1e9),
        )
        self._sessions[event.session_id] = _OpenSession(span)

    def _end_session(self, session_id: str, error: str | None) -> None:
        session = self._sessions.pop(session_id, None)
        if session is not None:
            for span in session.spans():
                _end(span, error)

    def _start_call(self, event: CallStarted) -> None:
        session = self._sessions.get(event.session_id)
        if session is None:
            return
        before = session.calls.pop(event.call_id, None)
        if before is not None:
            _end(before, None)
        session.calls[event.call_id] = self._tracer.start_span(
            f"belay.{event.kind}",
            kind=trace.SpanKind.CLIENT,
            attributes={**_attributes(event), "belay.call.kind": event.kind},
            links=[trace.Link(session.span.get_span_context())],
        )

    def _end_call(self, event: CallEnded) -> None:
        session = self._sessions.get(event.session_id)
        span = session.calls.pop(event.call_id, None) if session is not None else None
        if span is not None:
            _end(span, event.error)


def _attributes(event: SessionCreated | CallStarted) -> dict[str, str]:
    return {"belay.session.id": event.session_id, "belay.device.name": event.device}


def _end(span: trace.Span, error: str | None) -> None:
    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(trace.StatusCode.ERROR)
    span.end()
