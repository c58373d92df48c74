"""Who hears what, in which order, and what becomes of an observer that fails."""

import logging
from collections.abc import Callable

import attrs
import pytest

from belay_actors import Event, SessionRetried
from belay_actors.observe import Observer, Observers


def retried(attempt: int) -> SessionRetried:
    return SessionRetried(device="left", attempt=attempt, max_attempts=9, delay=1.0, error="X")


@attrs.define(eq=False)
class Ear:
    """Keeps what it hears, and may do something about it."""

    react: Callable[[Event], object] = lambda event: None
    heard: list[Event] = attrs.field(factory=list[Event])

    def observe(self, event: Event, /) -> None:
        self.heard.append(event)
        self.react(event)

    @property
    def attempts(self) -> list[int]:
        return [event.attempt for event in self.heard if isinstance(event, SessionRetried)]


@attrs.define(eq=False)
class Failing(Ear):
    """Fails on everything."""

    error: BaseException = attrs.field(factory=lambda: ValueError("no ink"))

    def observe(self, event: Event, /) -> None:
        super().observe(event)
        raise self.error


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "belay_actors.observe"]


def test_all_hear_all_events_in_their_order(events: list[Event]) -> None:
    ears = [Ear(), Ear()]
    observers = Observers(ears)
    for event in events:
        observers.tell(event)
    assert [ear.heard for ear in ears] == [events, events]


def test_observers_hear_in_the_order_in_which_they_were_given() -> None:
    order: list[str] = []
    observers = Observers(
        [Ear(lambda _: order.append("first")), Ear(lambda _: order.append("second"))]
    )
    observers.tell(retried(1))
    assert order == ["first", "second"]


def test_one_that_is_given_twice_hears_once() -> None:
    ear = Ear()
    Observers([ear, Ear(), ear]).tell(retried(1))
    assert ear.attempts == [1]


def test_one_that_fails_is_switched_off_and_the_others_hear(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before, failing, after = Ear(), Failing(), Ear()
    observers = Observers([before, failing, after])
    observers.tell(retried(1))
    observers.tell(retried(2))
    assert failing.attempts == [1]
    assert before.attempts == after.attempts == [1, 2]
    (record,) = warnings(caplog)
    assert record.levelno == logging.WARNING
    assert repr(failing) in record.getMessage()
    assert "SessionRetried" in record.getMessage()
    assert "hears nothing more" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is failing.error


def test_all_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    observers = Observers([Failing(), Failing()])
    observers.tell(retried(1))
    observers.tell(retried(2))
    assert len(warnings(caplog)) == 2
    assert not observers.hears_calls


def test_calls_are_heard_only_while_there_are_observers() -> None:
    assert not Observers().hears_calls
    observers = Observers([Failing(), Ear()])
    assert observers.hears_calls
    observers.tell(retried(1))
    assert observers.hears_calls
    failing = Observers([Failing()])
    failing.tell(retried(1))
    assert not failing.hears_calls


def test_a_base_exception_comes_out_and_switches_nothing_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    interrupted, after = Failing(error=KeyboardInterrupt()), Ear()
    observers = Observers([interrupted, after])
    for attempt in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            observers.tell(retried(attempt))
    assert interrupted.attempts == [1, 2]
    assert after.attempts == []
    assert warnings(caplog) == []


def test_events_that_an_observer_causes_come_after_those_that_all_have_heard() -> None:
    def cause_two(event: Event) -> None:
        if event == retried(1):
            observers.tell(retried(2))
            observers.tell(retried(3))
            assert last.attempts == []
        if event == retried(2):
            observers.tell(retried(4))

    causing, last = Ear(cause_two), Ear()
    observers = Observers([causing, last])
    observers.tell(retried(1))
    observers.tell(retried(5))
    assert causing.attempts == last.attempts == [1, 2, 3, 4, 5]


def test_what_was_caused_before_a_base_exception_is_not_told_later() -> None:
    def cause(event: Event) -> None:
        if event == retried(1):
            observers.tell(retried(2))
            raise KeyboardInterrupt

    ear = Ear(cause)
    observers = Observers([ear])
    with pytest.raises(KeyboardInterrupt):
        observers.tell(retried(1))
    observers.tell(retried(3))
    assert ear.attempts == [1, 3]


def test_observers_that_cause_events_without_end_are_switched_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def echo(event: Event) -> None:
        observers.tell(event)

    echoing, other = Ear(echo), Ear()
    observers = Observers([echoing, other])
    observers.tell(retried(1))
    (record,) = warnings(caplog)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)
    assert len(other.heard) == 1001
    observers.tell(retried(2))
    assert other.attempts[-1] == 2
    assert len(other.heard) == 1002


def test_each_event_may_bring_others_with_it() -> None:
    def cause(event: Event) -> None:
        if event == retried(1):
            for _ in range(1000):
                observers.tell(retried(2))

    ear = Ear(cause)
    observers = Observers([ear])
    observers.tell(retried(1))
    observers.tell(retried(1))
    assert len(ear.heard) == 2 * 1001
    assert observers.hears_calls


class Deaf:
    pass


class Asynchronous:
    async def observe(self, event: Event, /) -> None:
        pass


@pytest.mark.parametrize(
    "wrong", [Deaf(), print, None, Asynchronous()], ids=["object", "function", "none", "async"]
)
def test_what_is_no_observer_is_refused(wrong: Observer) -> None:
    with pytest.raises(TypeError, match="is no Observer: it"):
        Observers([Ear(), wrong])


@pytest.fixture
def break_log(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a logger fail, as a handler or filter of a program may."""

    def fail(record: logging.LogRecord) -> bool:
        raise OSError("the disk is full")

    return lambda name: monkeypatch.setattr(logging.getLogger(name), "filter", fail)


def test_a_log_that_fails_is_switched_off(
    break_log: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear()
    observers = Observers([ear])
    break_log("belay_actors.manager")
    observers.tell(retried(1))
    observers.tell(retried(2))
    assert ear.attempts == [1, 2]
    (record,) = warnings(caplog)
    assert "LoggingObserver" in record.getMessage()


def test_nobody_is_disturbed_where_not_even_that_can_be_logged(
    break_log: Callable[[str], None],
) -> None:
    ear = Ear()
    observers = Observers([Failing(), ear])
    break_log("belay_actors.manager")
    break_log("belay_actors.observe")
    observers.tell(retried(1))
    observers.tell(retried(2))
    assert ear.attempts == [1, 2]
