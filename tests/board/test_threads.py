"""The registry of threads, run by CPython: what it says when a start fails or is interrupted.

An interrupt may come at any moment, so here it comes at the worst ones.
"""

import _thread
import sys
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from belay_actors.board import Helper, helper_source

Names = dict[str, object]


class Registry:
    """The helper's functions, in a namespace like the core's."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.session: Names = {"ran": [], "go": self.event}
        self.names: Names = {"spaces": {1: self.session}}
        exec(helper_source(Helper.THREADS), self.names)
        exec(helper_source(Helper.DROP), self.names)

    def call(self, name: str, *args: object) -> object:
        return cast("Callable[..., object]", self.names[name])(*args)

    def start(self, thread_id: str, code: str) -> object:
        return self.call("start_thread", 1, thread_id, code)

    def states(self) -> dict[str, object]:
        return cast("dict[str, object]", self.call("thread_states", 1))

    def end_state(self, thread_id: str) -> object:
        """Waits until a thread has ended."""
        while self.states()[thread_id] is None:
            pass
        return self.states()[thread_id]

    @property
    def ran(self) -> list[object]:
        return cast("list[object]", self.session["ran"])

    def go(self) -> None:
        self.event.set()


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.go()


def test_a_thread_runs_and_ends(registry: Registry) -> None:
    assert registry.start("a", "go.wait()\nran.append('a')") is True
    assert registry.states() == {"a": None}
    registry.go()
    assert registry.end_state("a") == ()
    assert registry.ran == ["a"]


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("1 / 0", ("<class 'ZeroDivisionError'>", "division by zero")),
        ("raise KeyboardInterrupt", ("<class 'KeyboardInterrupt'>", "")),
        ("raise SystemExit(3)", ()),
        (
            "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
            ("<class 'E'>", ""),
        ),
    ],
)
def test_how_a_thread_ends_is_kept(registry: Registry, code: str, end: object) -> None:
    registry.start("a", code)
    assert registry.end_state("a") == end


def test_an_id_is_refused_while_its_thread_runs(registry: Registry) -> None:
    assert registry.start("a", "go.wait()") is True
    assert registry.start("a", "ran.append('second')") is False
    assert registry.start("b", "pass") is True
    registry.go()
    registry.end_state("a")
    assert registry.start("a", "ran.append('third')") is True
    assert registry.end_state("a") == ()
    assert registry.ran == ["third"]
    assert list(registry.states()) == ["b", "a"]


def test_should_stop_knows_who_asks(registry: Registry) -> None:
    code = "go.wait()\nran.append(('{0}', should_stop()))"
    for name in ("a", "b"):
        registry.start(name, code.format(name))
    assert registry.call("stop_thread", 1, "b") in (None, ())
    registry.go()
    registry.end_state("a")
    registry.end_state("b")
    should_stop = cast("Callable[[], bool]", registry.session["should_stop"])
    assert should_stop() is False
    assert ("a", False) in registry.ran
    assert ("b", False) not in registry.ran
    assert registry.call("stop_thread", 1, "z") is False
    assert registry.call("stop_thread", 2, "a") is False


def test_a_start_that_fails_leaves_nothing(registry: Registry) -> None:
    def refuse(*args: object) -> None:
        raise OSError(11)

    registry.start("a", "pass")
    registry.end_state("a")
    registry.names["start_new_thread"] = refuse
    for name in ("a", "b"):
        with pytest.raises(OSError, match="11"):
            registry.start(name, "pass")
    assert registry.states() == {"a": ()}


def test_a_start_that_is_interrupted_before_the_thread_is_there_never_runs(
    registry: Registry,
) -> None:
    late: list[Callable[[], object]] = []

    def start(run: Callable[..., object], args: tuple[object, ...]) -> None:
        late.append(lambda: run(*args))
        raise KeyboardInterrupt

    registry.names["start_new_thread"] = start
    with pytest.raises(KeyboardInterrupt):
        registry.start("a", "ran.append('a')")
    assert registry.states() == {}
    late[0]()
    assert registry.ran == []


def test_a_start_that_is_interrupted_when_the_thread_is_there_is_known(registry: Registry) -> None:
    there = threading.Event()
    registry.session["there"] = there

    def start(run: Callable[..., object], args: tuple[object, ...]) -> None:
        _thread.start_new_thread(run, args)
        there.wait()
        raise KeyboardInterrupt

    registry.names["start_new_thread"] = start
    with pytest.raises(KeyboardInterrupt):
        registry.start("a", "there.set()\ngo.wait()\nran.append(should_stop())")
    assert registry.states() == {"a": None}
    registry.go()
    assert registry.end_state("a") == ()
    assert registry.ran == [True]


def test_one_told_to_stop_before_it_is_there_never_runs(registry: Registry) -> None:
    late: list[Callable[[], object]] = []

    def start(run: Callable[..., object], args: tuple[object, ...]) -> None:
        late.append(lambda: run(*args))

    registry.names["start_new_thread"] = start
    registry.start("a", "ran.append('a')")
    assert registry.states() == {"a": None}
    assert registry.call("stop_thread", 1, "a") == ()
    late[0]()
    assert registry.ran == []


def test_drop_tells_and_forgets_the_threads_that_still_run(registry: Registry) -> None:
    registry.start("a", "pass")
    registry.end_state("a")
    registry.start("b", "wait = go.wait\nwait()")
    while "wait" not in registry.session:
        pass
    registry.names["modules"] = set(sys.modules)  # which are to stay
    answer = cast("tuple[object, ...]", registry.call("drop", 1, 0))
    registry.go()
    assert answer == (4, [], [], [], [], ["b"], 0, None)  # __builtins__, ran, go, wait
    assert registry.states() == {}
    assert registry.names["spaces"] == {}
