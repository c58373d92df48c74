"""Metrics, as OpenTelemetry's own reader sees them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    NumberDataPoint,
    Sum,
)

from belay_actors import Event, OpenTelemetryObserver, ResourceRegistered, SessionCreated
from belay_actors.observe import Observers

Read = Callable[[], Mapping[str, Metric]]


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def observers(reader: InMemoryMetricReader) -> Observers:
    provider = MeterProvider([reader], shutdown_on_exit=False)
    return Observers([OpenTelemetryObserver(meter_provider=provider)])


@pytest.fixture
def read(reader: InMemoryMetricReader) -> Read:
    def read() -> Mapping[str, Metric]:
        data = reader.get_metrics_data()
        if data is None:
            return {}
        (resource,) = data.resource_metrics
        (scope,) = resource.scope_metrics
        assert scope.scope.name == "belay_actors"
        return {metric.name: metric for metric in scope.metrics}

    return read


def counts(metric: Metric) -> dict[tuple[tuple[str, object], ...], int | float]:
    """What a counter says, by its attributes."""
    assert isinstance(metric.data, Sum)
    assert metric.data.is_monotonic
    found: dict[tuple[tuple[str, object], ...], int | float] = {}
    for point in metric.data.data_points:
        assert isinstance(point, NumberDataPoint)
        found[tuple((point.attributes or {}).items())] = point.value
    return found


def created(duration: float) -> SessionCreated:
    return SessionCreated(session_id="session-1", device="left", duration=duration)


def test_j03_created_sessions_are_counted(observers: Observers, read: Read) -> None:
    observers.tell(created(0.5))
    observers.tell(created(0.25))
    assert counts(read()["belay.sessions.created"]) == {(): 2}


def test_j03_creation_durations_are_in_milliseconds(observers: Observers, read: Read) -> None:
    observers.tell(created(0.5))
    observers.tell(created(0.25))
    metric = read()["belay.sessions.creation_duration"]
    assert metric.unit == "ms"
    (point,) = metric.data.data_points
    assert isinstance(point, HistogramDataPoint)
    assert (point.count, point.sum, point.min, point.max) == (2, 750, 250, 500)


def test_j03_registered_resources_are_counted_by_type(observers: Observers, read: Read) -> None:
    for kind in ("DeviceTimer", "Pin", "DeviceTimer"):
        observers.tell(
            ResourceRegistered(
                session_id="session-1",
                device="left",
                resource_id="r",
                resource_type=kind,
                estimated_cost=96,
            )
        )
    assert counts(read()["belay.sessions.resources.registered"]) == {
        (("resource_type", "DeviceTimer"),): 2,
        (("resource_type", "Pin"),): 1,
    }


def test_j03_failures_are_counted_by_error(
    observers: Observers, events: list[Event], read: Read
) -> None:
    for event in events:
        observers.tell(event)
    found = read()
    assert counts(found["belay.sessions.cleanup_failures"]) == {(("error.type", "RemoteError"),): 1}
    assert counts(found["belay.sessions.retries"]) == {(("error.type", "SessionFailedError"),): 1}


def test_j03_there_are_five_metrics_with_units(
    observers: Observers, events: list[Event], read: Read
) -> None:
    assert not read()
    for event in events:
        observers.tell(event)
    assert {name: metric.unit for name, metric in read().items()} == {
        "belay.sessions.created": "{session}",
        "belay.sessions.creation_duration": "ms",
        "belay.sessions.resources.registered": "{resource}",
        "belay.sessions.cleanup_failures": "{failure}",
        "belay.sessions.retries": "{retry}",
    }


def test_j03_the_documentation_names_them_all(
    observers: Observers, events: list[Event], read: Read
) -> None:
    for event in events:
        observers.tell(event)
    page = (Path(__file__).parents[2] / "docs" / "observability.md").read_text("utf-8")
    assert set(re.findall(r"`(belay\.sessions\.[\w.]+)`", page)) == set(read())
