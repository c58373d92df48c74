"""Events as metrics and spans of OpenTelemetry, for programs that have it.

What speaks to OpenTelemetry is in ``_telemetry``, which is imported when the first observer is
made: the library is whole without the extra, and starts as fast with it.
"""

from typing import TYPE_CHECKING

from belay_actors.observe._events import Event

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider


class OpenTelemetryObserver:
    """Tells OpenTelemetry of sessions and calls: metrics, and spans. Needs the extra ``otel``.

    A session has a span from the beginning of its creation to its end, and each call has one. The
    span that is current in the task that asks for them is their parent; a call's span links to
    that of its session. One observer may be given to several managers.

    Args:
        tracer_provider: where spans go; by default the global one.
        meter_provider: where metrics go; by default the global one.

    Raises:
        ImportError: OpenTelemetry is not installed.
    """

    def __init__(
        self,
        tracer_provider: "TracerProvider | None" = None,
        meter_provider: "MeterProvider | None" = None,
    ) -> None:
        try:
            from belay_actors.observe import _telemetry  # noqa: PLC0415  # see above
        except ImportError as error:
            raise ImportError(
                "OpenTelemetryObserver needs opentelemetry-api, which cannot be imported; install "
                "the extra: pip install 'belay_actors[otel]'",
                name=error.name,
            ) from error
        self._spans = _telemetry.Spans(tracer_provider)
        self._metrics = _telemetry.Metrics(meter_provider)

    def observe(self, event: Event, /) -> None:
        """Counts the event, and begins or ends spans."""
        self._spans.observe(event)
        self._metrics.observe(event)
