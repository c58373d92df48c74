"""The registry of threads, run by CPython: what it says when a start fails or is interrupted.

An interrupt may come at any moment, so here it comes at the worst ones.
"""

import _thread
import ast
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO, cast

import pytest

from belay_actors.board import Helper, helper_source

Names = dict[str, object]


class Registry:
    """The helper's functions, in a namespace like the core's."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.session: Names = {"ran": [], "go": self.event}
        self.told: list[tuple[object, ...]] = []
        self.who: list[Callable[[int], str]] = ["".format]
        self.names: Names = {
            "spaces": {1: self.session},
            "send": self.tell,
            "who": self.who,
            "calls_left": [0],
        }
        exec(helper_source(Helper.THREADS), self.names)
        exec(helper_source(Helper.DROP), self.names)

    def tell(self, kind: str, key: int, text: str) -> None:
        self.told.append((kind, key, ast.literal_eval(text)))

    def call(self, name: str, *args: object) -> object:
        return cast("Callable[..., object]", self.names[name])(*args)

    def start(self, thread_id: str, code: str, *, run: int = 0, forgotten: object = ()) -> object:
        return self.call("start_thread", 1, thread_id, code, run, forgotten)

    def has_told(self, news: tuple[object, ...]) -> None:
        """Waits until the board has sent this frame."""
        while news not in self.told:
            pass

    def states(self) -> dict[str, object]:
        """How threads have ended; ``None`` for those that run."""
        answer = cast("dict[str, tuple[object, int, int]]", self.call("thread_states", 1))
        return {name: end for name, (end, _, _) in answer.items()}

    def beats(self) -> dict[str, int]:
        """Milliseconds since the last signs of life."""
        answer = cast("dict[str, tuple[object, int, int]]", self.call("thread_states", 1))
        return {name: age for name, (_, age, _) in answer.items()}

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


class Clock:
    """What a board's ``time`` has, on a time that only moves when told."""

    def __init__(self) -> None:
        self.now = 0
        self.slept: list[int] = []

    def ticks_ms(self) -> int:
        return self.now % 1000  # a board's wrap around, too

    def ticks_diff(self, one: int, other: int) -> int:
        return (one - other + 500) % 1000 - 500

    def sleep_ms(self, ms: int) -> None:
        self.slept.append(ms)
        self.now += ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for name in ("ticks_ms", "ticks_diff", "sleep_ms"):
        monkeypatch.setattr(time, name, getattr(clock, name), raising=False)
    return clock


@pytest.fixture
def registry(clock: Clock) -> Iterator[Registry]:
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
        ("1 / 0", ["<class 'ZeroDivisionError'>", "division by zero", "", False]),
        ("raise KeyboardInterrupt", ["<class 'KeyboardInterrupt'>", "", "", False]),
        ("raise SystemExit(3)", ()),
        ("raise ValueError('x' * 5000)", ["<class 'ValueError'>", "x" * 2000, "", False]),
        ("raise OSError(7, 8)", ["<class 'OSError'>", "[Errno 7] 8", "", [7, 8]]),
        (
            "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
            ["<class 'E'>", "", "", False],
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
    state = cast("tuple[object, int, int]", registry.call("stop_thread", 1, "b"))
    assert state[0] in (None, ())
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


def test_a_start_waits_until_the_thread_before_is_really_gone(
    registry: Registry, clock: Clock
) -> None:
    refusals = 3

    def start(run: Callable[..., object], args: tuple[object, ...]) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise OSError("core1 in use")
        _thread.start_new_thread(run, args)

    registry.names["start_new_thread"] = start
    assert registry.start("a", "ran.append('a')") is True
    assert registry.end_state("a") == ()
    assert registry.ran == ["a"]
    assert clock.slept == [5, 5, 5]


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
    registry.start("a", "ran.append('a')", run=6)
    assert registry.states() == {"a": None}
    assert registry.call("stop_thread", 1, "a") == ((), 0, 6)
    late[0]()
    assert registry.ran == []


@pytest.mark.parametrize("told", ["stop_thread", "forget_threads"])
def test_one_told_to_stop_before_it_is_there_is_over_also_when_it_comes(
    registry: Registry, told: str
) -> None:
    def start(run: Callable[..., object], args: tuple[object, ...]) -> None:
        """It takes its time."""

    registry.names["start_new_thread"] = start
    registry.start("a", "ran.append('a')")
    ((entry,),) = cast("list[tuple[list[object]]]", registry.names["everyone"])
    registry.call(told, 1, *(["a"] if told == "stop_thread" else []))
    assert registry.call("is_running", entry) is False
    entry[2] = _thread.get_ident()  # it says that it is there, and has not looked further yet
    assert registry.call("is_running", entry) is False


def test_an_end_is_told_after_it_is_kept(registry: Registry) -> None:
    registry.start("a", "pass", run=7)
    registry.has_told(("P", 1, ("a", 7, ())))
    assert registry.states() == {"a": ()}
    registry.start("b", "raise SystemExit", run=8)
    registry.has_told(("P", 1, ("b", 8, ())))
    registry.start("c", "1 / 0", run=9)
    end = ["<class 'ZeroDivisionError'>", "division by zero", "", False]
    registry.has_told(("P", 1, ("c", 9, end)))


def test_a_traceback_is_kept_and_bounded(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def print_exception(error: BaseException, file: TextIO) -> None:
        file.write("x" * 5000 + f"{error!r}")

    monkeypatch.setattr(sys, "print_exception", print_exception, raising=False)
    registry.start("a", "1 / 0")
    end = cast("list[object]", registry.end_state("a"))
    words = "ZeroDivisionError('division by zero')"
    assert end[2] == "x" * (2000 - len(words)) + words


def test_who_prints_is_known_in_its_own_session_only(registry: Registry) -> None:
    registry.session["who"] = registry.who
    registry.start("a", "ran.append((who[0](1), who[0](2)))")
    registry.end_state("a")
    assert registry.ran == [("a", "")]
    assert registry.who[0](1) == ""


def test_a_sleep_ends_with_the_stop_and_gives_signs_of_life(
    registry: Registry, clock: Clock
) -> None:
    registry.session["clock"] = clock
    registry.session["stop"] = lambda: registry.call("stop_thread", 1, "a")
    code = (
        "try:\n"
        "    sleep_ms(25)\n"
        "    ran.extend(clock.slept)\n"
        "    stop()\n"
        "    sleep_ms(0)\n"
        "    ran.append('on')\n"
        "finally:\n"
        "    ran.append('finally')\n"
        "ran.append('after')\n"
    )
    registry.start("a", code)
    assert registry.end_state("a") == ()
    assert registry.ran == [10, 10, 5, "finally"]
    clock.now += 300
    assert registry.beats() == {"a": 300}


def test_the_main_thread_sleeps_and_is_never_to_stop(registry: Registry, clock: Clock) -> None:
    registry.call("thread_tools", 1)
    sleep_ms = cast("Callable[[int], None]", registry.session["sleep_ms"])
    clock.now = 990
    sleep_ms(1200)
    assert sum(clock.slept) == 1200
    assert cast("Callable[[], bool]", registry.session["should_stop"])() is False


def test_a_sleep_ms_of_the_sessions_own_stays(registry: Registry) -> None:
    registry.session["sleep_ms"] = "mine"
    registry.start("a", "pass")
    registry.end_state("a")
    assert registry.session["sleep_ms"] == "mine"
    registry.call("forget_threads", 1)
    assert registry.session["sleep_ms"] == "mine"
    assert "should_stop" not in registry.session


def test_what_the_host_knows_can_be_forgotten(registry: Registry) -> None:
    for name in ("a", "b", "c"):
        registry.start(name, "go.wait()" if name == "b" else "pass")
    for name in ("a", "c"):
        registry.end_state(name)
    registry.start("d", "ran.append('d')\ngo.wait()", forgotten=("a", "b"))
    while not registry.ran:
        pass
    assert list(registry.states()) == ["b", "c", "d"]  # b runs
    assert registry.call("running_threads") == [(1, "b", 0), (1, "d", 0)]
    registry.call("forget_threads", 1)
    assert registry.states() == {}
    assert registry.call("running_threads") == [(1, "b", 0), (1, "d", 0)]
    registry.go()
    while registry.call("running_threads"):
        pass


def test_tools_of_a_board_without_threads(clock: Clock) -> None:
    session: Names = {}
    names: Names = {"spaces": {1: session}}
    exec(helper_source(Helper.TOOLS), names)
    cast("Callable[[int], None]", names["thread_tools"])(1)
    assert cast("Callable[[], bool]", session["should_stop"])() is False
    cast("Callable[[int], None]", session["sleep_ms"])(5)
    assert clock.slept == [5]
    assert cast("Callable[[int], object]", names["forget_threads"])(1) == ()
    assert session == {}


def test_drop_tells_and_forgets_the_threads_that_still_run(registry: Registry) -> None:
    registry.start("a", "pass")
    registry.end_state("a")
    registry.start("b", "wait = go.wait\nwait()")
    while "wait" not in registry.session:
        pass
    registry.names["modules"] = set(sys.modules)  # which are to stay
    answer = cast("tuple[object, ...]", registry.call("drop", 1, None))
    registry.go()
    assert answer == (4, [], [], [], [], ["b"], 0, None)  # __builtins__, ran, go, wait
    assert registry.states() == {}
    assert registry.names["spaces"] == {}
