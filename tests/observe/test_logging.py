"""The source's log lines, with their fields."""

import logging

import attrs
import pytest

from belay_actors import Event, ResourceRegistered
from belay_actors.observe import LoggingObserver, Observers

AREAS = ("belay_actors.session", "belay_actors.manager")


@pytest.fixture
def records(events: list[Event], caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What is logged of all events where everything is."""
    with caplog.at_level(logging.DEBUG, "belay_actors"):
        observers = Observers()
        for event in events:
            observers.tell(event)
    return list(caplog.records)


def added(record: logging.LogRecord) -> dict[str, object]:
    """The attributes that are not every record's."""
    usual = {*vars(logging.makeLogRecord({})), "message", "asctime"}
    return {name: value for name, value in vars(record).items() if name not in usual}


def test_j02_a_created_session_is_logged(records: list[logging.LogRecord]) -> None:
    (record,) = (record for record in records if "created" in record.getMessage())
    assert (record.name, record.levelno) == ("belay_actors.session", logging.INFO)
    assert record.getMessage() == "Session session-1 created for device left"
    assert added(record) == {"session_id": "session-1", "device": "left", "duration": 0.25}


def test_j02_a_registered_resource_is_logged(records: list[logging.LogRecord]) -> None:
    (record,) = (record for record in records if "Resource" in record.getMessage())
    assert (record.name, record.levelno) == ("belay_actors.session", logging.DEBUG)
    assert record.getMessage() == "Resource registered: DeviceTimer pwm (cost: 96)"
    assert added(record) == {
        "session_id": "session-1",
        "device": "left",
        "resource_id": "pwm",
        "resource_type": "DeviceTimer",
        "estimated_cost": 96,
    }


def test_j02_a_registered_thread_is_logged(records: list[logging.LogRecord]) -> None:
    (record,) = (record for record in records if "registered for" in record.getMessage())
    assert (record.name, record.levelno) == ("belay_actors.session", logging.DEBUG)
    assert record.getMessage() == "Background thread blink-1 registered for method blink"
    assert added(record) == {
        "session_id": "session-1",
        "device": "left",
        "thread_id": "blink-1",
        "method_name": "blink",
    }


def test_j02_an_ended_session_is_logged(records: list[logging.LogRecord]) -> None:
    (record,) = (record for record in records if "ended," in record.getMessage())
    assert (record.name, record.levelno) == ("belay_actors.session", logging.INFO)
    assert record.getMessage() == "Session session-1 ended, cleaned up 3 resources"
    assert added(record) == {
        "session_id": "session-1",
        "device": "left",
        "duration": 2.0,
        "resource_count": 3,
        "leftover_count": 1,
        "error": "SessionFailedError",
    }


def test_j02_a_failed_cleanup_is_a_warning(records: list[logging.LogRecord]) -> None:
    (record,) = (record for record in records if "clean up" in record.getMessage())
    assert (record.name, record.levelno) == ("belay_actors.session", logging.WARNING)
    assert record.getMessage() == "Failed to clean up resource pwm: RemoteError"
    assert added(record) == {
        "session_id": "session-1",
        "device": "left",
        "resource_id": "pwm",
        "error": "RemoteError",
    }


def test_j02_a_retry_is_a_warning(records: list[logging.LogRecord]) -> None:
    (record,) = (record for record in records if "retrying" in record.getMessage())
    assert (record.name, record.levelno) == ("belay_actors.manager", logging.WARNING)
    assert record.getMessage() == (
        "Session operation failed (attempt 1 of 3), retrying in 2.0 s: SessionFailedError"
    )
    assert added(record) == {
        "device": "left",
        "attempt": 1,
        "max_attempts": 3,
        "delay": 2.0,
        "error": "SessionFailedError",
    }


def test_the_ends_of_threads_are_logged(records: list[logging.LogRecord]) -> None:
    lines = [
        (record.name, record.levelno, record.getMessage())
        for record in records
        if record.getMessage().startswith("Background thread") and "registered" not in record.msg
    ]
    name = "belay_actors.session"
    assert lines == [
        (
            name,
            logging.WARNING,
            "Background thread blink-1 failed with OSError, restarting in 2.0 s",
        ),
        (
            name,
            logging.WARNING,
            "Background thread blink-1 failed with ValueError, and is not restarted",
        ),
        (name, logging.DEBUG, "Background thread beat-1 ended: returned"),
    ]


def test_j02_nothing_else_is_logged_and_no_calls(records: list[logging.LogRecord]) -> None:
    assert len(records) == 9


@pytest.mark.parametrize(("level", "lines"), [("INFO", 6), ("WARNING", 4), ("ERROR", 0)])
def test_levels_are_obeyed(
    events: list[Event], caplog: pytest.LogCaptureFixture, level: str, lines: int
) -> None:
    with caplog.at_level(level, "belay_actors"):
        for event in events:
            LoggingObserver().observe(event)
    assert len(caplog.records) == lines


class Counting(str):
    """A text that counts how often it is asked for."""

    asked = 0

    def __str__(self) -> str:
        Counting.asked += 1
        return "counting"


def test_a_text_is_made_only_for_those_who_read_it(caplog: pytest.LogCaptureFixture) -> None:
    event = ResourceRegistered(
        session_id="session-1",
        device="left",
        resource_id=Counting(),
        resource_type="DeviceTimer",
        estimated_cost=96,
    )
    LoggingObserver().observe(event)
    assert Counting.asked == 0
    with caplog.at_level("DEBUG", "belay_actors"):
        LoggingObserver().observe(event)
    assert Counting.asked > 0
    (record,) = caplog.records
    assert (
        record.msg
        == "Resource registered: %(resource_type)s %(resource_id)s (cost: %(estimated_cost)s)"
    )


def test_an_event_is_not_even_read_where_its_level_is_off(
    events: list[Event], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(event: Event) -> dict[str, object]:
        raise AssertionError(f"{event} was read")

    monkeypatch.setattr(attrs, "asdict", refuse)
    with caplog.at_level("ERROR", "belay_actors"):
        for event in events:
            LoggingObserver().observe(event)
    with caplog.at_level("INFO", "belay_actors"), pytest.raises(AssertionError):
        LoggingObserver().observe(events[0])


def test_there_are_no_handlers_and_no_levels_of_ours() -> None:
    for area in AREAS:
        logger = logging.getLogger(area)
        assert logger.handlers == []
        assert logger.level == logging.NOTSET
        assert logger.propagate
