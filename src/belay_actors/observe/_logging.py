"""Log lines of sessions, for whatever the program has set up in ``logging``.

The lines are those of the session architecture. Each carries its event's fields, under names of
their own, as attributes of the record, so that structured handlers need not parse the text. There
are no handlers here, and no lines for calls: they would be too many.
"""

import logging
from collections.abc import Mapping

import attrs

from belay_actors.observe._events import (
    CleanupFailed,
    Event,
    ResourceRegistered,
    SessionCreated,
    SessionEnded,
    SessionRetried,
    ThreadEnded,
    ThreadFailed,
    ThreadRegistered,
    ThreadRestarting,
)

_session = logging.getLogger("belay_actors.session")
_manager = logging.getLogger("belay_actors.manager")


@attrs.frozen
class _Line:
    """How an event is logged; the text names the record's attributes."""

    logger: logging.Logger
    level: int
    text: str


_LINES: Mapping[type[Event], _Line] = {
    SessionCreated: _Line(
        _session, logging.INFO, "Session %(session_id)s created for device %(device)s"
    ),
    SessionEnded: _Line(
        _session,
        logging.INFO,
        "Session %(session_id)s ended, cleaned up %(resource_count)s resources",
    ),
    ResourceRegistered: _Line(
        _session,
        logging.DEBUG,
        "Resource registered: %(resource_type)s %(resource_id)s (cost: %(estimated_cost)s)",
    ),
    ThreadRegistered: _Line(
        _session,
        logging.DEBUG,
        "Background thread %(thread_id)s registered for method %(method_name)s",
    ),
    ThreadEnded: _Line(
        _session, logging.DEBUG, "Background thread %(thread_id)s ended: %(status)s"
    ),
    ThreadFailed: _Line(
        _session,
        logging.WARNING,
        "Background thread %(thread_id)s failed with %(error)s, and is not restarted",
    ),
    ThreadRestarting: _Line(
        _session,
        logging.WARNING,
        "Background thread %(thread_id)s failed with %(error)s, restarting in %(delay)s s",
    ),
    CleanupFailed: _Line(
        _session, logging.WARNING, "Failed to clean up resource %(resource_id)s: %(error)s"
    ),
    SessionRetried: _Line(
        _manager,
        logging.WARNING,
        "Session operation failed (attempt %(attempt)s of %(max_attempts)s), retrying in "
        "%(delay)s s: %(error)s",
    ),
}

# Fields whose bare names would say too little in a record among others.
_NAMES = {"resources": "resource_count", "leftovers": "leftover_count", "what": "resource_id"}


class LoggingObserver:
    """Logs sessions to ``belay_actors.session``, and retries to ``belay_actors.manager``.

    It is always on, so there is no need to pass one: set the level of the two loggers.
    """

    def observe(self, event: Event, /) -> None:
        """Logs the event, if it is of a kind that is logged, and its level is on."""
        line = _LINES.get(type(event))
        if line is not None and line.logger.isEnabledFor(line.level):
            fields = {_NAMES.get(name, name): value for name, value in attrs.asdict(event).items()}
            line.logger.log(line.level, line.text, fields, extra=fields)
