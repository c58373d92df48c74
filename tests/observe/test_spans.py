"""Spans, as OpenTelemetry's own exporter and processors see them."""

import time
from collections.abc import Callable
from typing import Literal

import attrs
import pytest
import trio
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from belay_actors import (
    CallEnded,
    CallStarted,
    Event,
    OpenTelemetryObserver,
    SessionCreated,
    SessionEnded,
)
from belay_actors.observe import Observers


@attrs.define
class OpenSpans(SpanProcessor):
    """Counts spans that have begun and not ended."""

    count: int = 0

    def on_start(self, span: Span, parent_context: object = None) -> None:
        self.count += 1

    def on_end(self, span: ReadableSpan) -> None:
        self.count -= 1


@attrs.frozen
class Rig:
    """Observers with the one under test, and what comes of it."""

    observers: Observers
    observer: OpenTelemetryObserver
    exporter: InMemorySpanExporter
    open: OpenSpans
    tracer: Tracer

    def ended(self) -> dict[str, ReadableSpan]:
        """Spans that have ended, by their names."""
        spans = self.exporter.get_finished_spans()
        found = {span.name: span for span in spans}
        assert len(found) == len(spans)
        return found

    def start_session(self, session_id: str = "session-1", duration: float = 0.0) -> None:
        self.observers.tell(SessionCreated(session_id=session_id, device="left", duration=duration))

    def end_session(self, session_id: str = "session-1", error: str | None = None) -> None:
        self.observers.tell(
            SessionEnded(
                session_id=session_id,
                device="left",
                duration=1.0,
                resources=0,
                leftovers=0,
                error=error,
            )
        )

    def start_call(
        self,
        call_id: int,
        session_id: str = "session-1",
        kind: Literal["execute", "evaluate"] = "execute",
    ) -> None:
        self.observers.tell(
            CallStarted(session_id=session_id, device="left", call_id=call_id, kind=kind)
        )

    def end_call(
        self, call_id: int, session_id: str = "session-1", error: str | None = None
    ) -> None:
        self.observers.tell(
            CallEnded(
                session_id=session_id,
                device="left",
                call_id=call_id,
                kind="execute",
                duration=0.5,
                error=error,
            )
        )


@pytest.fixture
def rig() -> Rig:
    provider = TracerProvider(shutdown_on_exit=False)
    exporter, spans = InMemorySpanExporter(), OpenSpans()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.add_span_processor(spans)
    observer = OpenTelemetryObserver(tracer_provider=provider)
    return Rig(Observers([observer]), observer, exporter, spans, provider.get_tracer("test"))


def is_child_of(span: ReadableSpan, parent: ReadableSpan) -> bool:
    assert parent.context is not None
    return span.parent is not None and span.parent.span_id == parent.context.span_id


def test_a_session_has_a_span(rig: Rig) -> None:
    rig.start_session()
    assert rig.open.count == 1
    rig.end_session()
    span = rig.ended()["belay.session"]
    assert span.attributes == {"belay.session.id": "session-1", "belay.device.name": "left"}
    assert span.kind is SpanKind.INTERNAL
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent is None
    assert rig.open.count == 0


def test_it_begins_with_the_creation(rig: Rig) -> None:
    before = time.time_ns()
    rig.start_session(duration=100.0)
    after = time.time_ns()
    rig.end_session()
    span = rig.ended()["belay.session"]
    assert span.start_time is not None
    assert span.end_time is not None
    assert before <= span.start_time + 100_000_000_000 <= after <= span.end_time


def test_a_call_has_a_span_that_links_to_its_sessions(rig: Rig) -> None:
    rig.start_session()
    rig.start_call(1, kind="evaluate")
    rig.end_call(1)
    span = rig.ended()["belay.evaluate"]
    assert span.attributes == {
        "belay.session.id": "session-1",
        "belay.device.name": "left",
        "belay.call.kind": "evaluate",
    }
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    rig.end_session()
    (link,) = span.links
    assert link.context == rig.ended()["belay.session"].context


def test_errors_are_told_by_their_type(rig: Rig) -> None:
    rig.start_session()
    rig.start_call(1)
    rig.end_call(1, error="RemoteError")
    rig.end_session(error="SessionFailedError")
    for name, error in (("belay.execute", "RemoteError"), ("belay.session", "SessionFailedError")):
        span = rig.ended()[name]
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes is not None
        assert span.attributes["error.type"] == error


async def test_the_parents_are_the_current_spans_of_the_callers(rig: Rig) -> None:
    """Two tasks call in one session, which a third one ends."""
    has_started = {"a": trio.Event(), "b": trio.Event()}

    async def call(name: Literal["a", "b"], call_id: int) -> None:
        with rig.tracer.start_as_current_span(name):
            rig.start_call(call_id, kind="execute" if name == "a" else "evaluate")
            has_started[name].set()
            await has_started["b" if name == "a" else "a"].wait()
            rig.end_call(call_id)

    async def end() -> None:
        with rig.tracer.start_as_current_span("end"):
            rig.end_session()

    with rig.tracer.start_as_current_span("owner"):
        rig.start_session()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, "a", 1)
            nursery.start_soon(call, "b", 2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end)
    ended = rig.ended()
    assert is_child_of(ended["belay.session"], ended["owner"])
    assert is_child_of(ended["a"], ended["owner"])
    assert is_child_of(ended["belay.execute"], ended["a"])
    assert is_child_of(ended["belay.evaluate"], ended["b"])
    assert ended["end"].parent is None
    assert rig.open.count == 0


def test_an_ended_session_ends_the_calls_that_are_open(rig: Rig) -> None:
    rig.start_session()
    rig.start_call(1)
    rig.start_call(2, kind="evaluate")
    rig.end_session(error="DeviceLostError")
    assert rig.open.count == 0
    for span in rig.ended().values():
        assert span.attributes is not None
        assert span.attributes["error.type"] == "DeviceLostError"


STRAYS: dict[str, Callable[[Rig], None]] = {
    "a session ends": lambda rig: rig.end_session("session-2"),
    "a call ends": lambda rig: rig.end_call(9),
    "a call ends elsewhere": lambda rig: rig.end_call(1, "session-2"),
    "a call starts": lambda rig: rig.start_call(1, "session-2"),
}


@pytest.mark.parametrize("tell", STRAYS.values(), ids=STRAYS)
def test_what_has_no_beginning_or_no_session_is_left_alone(
    rig: Rig, tell: Callable[[Rig], None]
) -> None:
    rig.start_session()
    rig.start_call(1)
    tell(rig)
    assert rig.open.count == 2
    assert rig.ended() == {}
    rig.end_call(1)
    rig.end_session()
    assert rig.open.count == 0


def test_a_second_beginning_ends_the_first(rig: Rig) -> None:
    rig.start_session()
    rig.start_call(1)
    rig.start_call(1)
    assert rig.open.count == 2
    rig.start_session()
    assert rig.open.count == 1
    rig.end_session()
    assert rig.open.count == 0


def test_nothing_is_kept_of_what_has_ended(rig: Rig, events: list[Event]) -> None:
    def open_spans() -> tuple[int, int]:
        sessions = rig.observer._spans._sessions
        return len(sessions), sum(len(session.calls) for session in sessions.values())

    rig.start_session("session-0")
    for _ in range(3):
        for event in events:
            rig.observers.tell(event)
        assert open_spans() == (1, 0)
        rig.start_call(1, "session-0")
        rig.end_call(1, "session-0")
        rig.start_call(1)
        assert open_spans() == (1, 0)
    rig.end_session("session-0")
    assert open_spans() == (0, 0)


def test_without_a_provider_it_does_nothing_and_does_no_harm(
    events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    observers = Observers([OpenTelemetryObserver()])
    for event in events:
        observers.tell(event)
    assert observers.hears_calls
