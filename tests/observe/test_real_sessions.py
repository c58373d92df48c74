"""What the log and OpenTelemetry hear of real sessions on a real MicroPython."""

import logging

import pytest
import trio
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from belay_actors import (
    CallbackResource,
    Device,
    OpenTelemetryObserver,
    RemoteError,
    SessionManagementOptions,
    open_session_manager,
)


class Telemetry:
    """An observer, and what has come of it."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = traces.get_tracer("test")
        self.observer = OpenTelemetryObserver(traces, MeterProvider([self._reader]))

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def metrics(self) -> set[str]:
        data = self._reader.get_metrics_data()
        if data is None:
            return set()
        return {
            metric.name
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


async def test_j03_a_session_and_its_calls_are_spans_under_their_callers(device: Device) -> None:
    telemetry = Telemetry()
    parents: dict[str, int] = {}

    async with open_session_manager(observers=[telemetry.observer]) as manager:
        with telemetry.tracer.start_as_current_span("work") as work:
            parents["work"] = work.get_span_context().span_id
            async with manager.open_session(device) as session, trio.open_nursery() as nursery:
                session.resources.register_resource(CallbackResource(session, "lamp", "pass"))

                async def measure(name: str, code: str) -> None:
                    with telemetry.tracer.start_as_current_span(name) as span:
                        parents[name] = span.get_span_context().span_id
                        with pytest.raises(RemoteError) if "/" in code else trio.CancelScope():
                            await session.evaluate(code)

                nursery.start_soon(measure, "good", "6 * 7")
                nursery.start_soon(measure, "bad", "1 / 0")

    (session_span,) = telemetry.spans("belay.session")
    assert session_span.parent is not None
    assert session_span.parent.span_id == parents["work"]
    calls = telemetry.spans("belay.evaluate")
    assert {span.parent.span_id for span in calls if span.parent} == {
        parents["good"],
        parents["bad"],
    }
    errors = {str(span.attributes.get("error.type")) for span in calls if span.attributes}
    assert errors == {"None", "RemoteError"}
    assert all("6 * 7" not in str(span.to_json()) for span in calls)
    assert telemetry.metrics() == {
        "belay.sessions.created",
        "belay.sessions.creation_duration",
        "belay.sessions.resources.registered",
    }


async def test_h01_without_session_metrics_nothing_is_measured(device: Device) -> None:
    telemetry = Telemetry()
    options = SessionManagementOptions(enable_session_metrics=False)
    async with (
        open_session_manager(options, observers=[telemetry.observer]) as manager,
        manager.open_session(device) as session,
    ):
        await session.execute("x = 1")
    assert telemetry.metrics() == set()
    assert not telemetry.spans("belay.session")


async def test_j02_a_session_writes_its_lines_with_their_fields(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "belay_actors.session")
    async with open_session_manager() as manager, manager.open_session(device) as session:
        session.resources.register_resource(
            CallbackResource(session, "lamp", "pass", estimated_cost=7)
        )
        await session.executor_context.start_thread("blink", "pass")
    records = [record for record in caplog.records if record.name == "belay_actors.session"]
    fields = [
        {
            name: getattr(record, name)
            for name in ("session_id", "device", "resource_id", "thread_id", "resource_count")
            if hasattr(record, name)
        }
        for record in records
    ]
    about = {"session_id": session.session_id, "device": device.name}
    assert fields == [
        about,
        {**about, "resource_id": "lamp"},
        {**about, "thread_id": "blink-1"},
        {**about, "resource_count": 1},
    ]
    assert [record.levelname for record in records] == ["INFO", "DEBUG", "DEBUG", "INFO"]
