"""Who hears of events, and that none of them can do harm.

Events are told in the task that causes them, at once, so an observer sees that task's context
variables; it is also why it is a plain function that has to be quick. An observer is a guest: if
it fails, the session that it listens to goes on without it.
"""

import contextlib
import inspect
import logging
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from belay_actors.observe._events import Event
from belay_actors.observe._logging import LoggingObserver

_logger = logging.getLogger("belay_actors.observe")

_MAX_CAUSED = 1000


class Observer(Protocol):
    """Something that hears of events."""

    def observe(self, event: Event, /) -> None:
        """Hears of an event, in the task that caused it.

        It is called in the midst of things, so it must be quick, and must not block. If it raises,
        that is logged, and it hears nothing more; what it listens to is not disturbed. Other kinds
        of events may be added: leave alone what you do not know.

        What it does may cause events of its own. They are heard by all, itself included, when all
        have heard this one. One event may bring 1000 others with it; causing yet another one
        raises ``RuntimeError``.

        Args:
            event: what happened.
        """


class Observers:
    """Tells events to the log, and then to each of the user's observers, in their order.

    All observers hear the same events in the same order, also of those that observers cause.

    Args:
        observers: of the user. One that is given twice hears once.

    Raises:
        TypeError: one of them has no ``observe``, or an async one.
    """

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        guests = tuple({id(observer): observer for observer in observers}.values())
        for observer in guests:
            _check(observer)
        self._guests: tuple[Observer, ...] = guests
        self._log: LoggingObserver | None = LoggingObserver()
        self._waiting: deque[Event] = deque()
        self._is_telling = False
        self._caused = 0

    @property
    def hears_calls(self) -> bool:
        """Whether anybody but the log is there, so that events of calls are worth making."""
        return bool(self._guests)

    def tell(self, event: Event) -> None:
        """Tells an event to all. Never blocks, and raises no ``Exception`` of an observer.

        Other ``BaseException``, such as ``KeyboardInterrupt``, come out at once: those whose turn
        had not come do not hear the event.

        Args:
            event: what happened. If an observer causes it, it is told when all have heard the
                event that is told now.

        Raises:
            RuntimeError: observers cause events without end; only to the observer that does.
        """
        if self._is_telling:
            self._add_caused(event)
            return
        try:
            self._is_telling = True  # in here, so that Ctrl-C cannot come between
            self._tell_all(event)
            while self._waiting:
                self._tell_all(self._waiting.popleft())
        finally:
            self._is_telling = False
            self._caused = 0
            self._waiting.clear()

    def _add_caused(self, event: Event) -> None:
        if self._caused >= _MAX_CAUSED:
            raise RuntimeError(
                f"observers caused {_MAX_CAUSED} events while one event was told, and this would "
                "go on; an observer must not cause an event for each that it hears"
            )
        self._caused += 1
        self._waiting.append(event)

    def _tell_all(self, event: Event) -> None:
        if self._log is not None:
            try:
                self._log.observe(event)
            except Exception:  # of a handler or filter of the program
                log, self._log = self._log, None
                _say_switched_off(log, event)
        for observer in self._guests:
            try:
                observer.observe(event)
            except Exception:
                self._guests = tuple(other for other in self._guests if other is not observer)
                _say_switched_off(observer, event)


def _check(observer: Observer) -> None:
    observe = getattr(observer, "observe", None)
    if not callable(observe):
        raise TypeError(f"{observer!r} is no Observer: it needs a method observe(event)")
    if inspect.iscoroutinefunction(observe):
        raise TypeError(f"{observer!r} is no Observer: its observe must not be async")


def _say_switched_off(observer: Observer, event: Event) -> None:
    """Logs the exception that is being handled."""
    with contextlib.suppress(Exception):  # it may have been the log that failed
        _logger.warning(
            "The observer %r failed on %s. It is switched off, and hears nothing more.",
            observer,
            type(event).__name__,
            exc_info=True,
        )
