"""Functions on the board, with something happening at every step of their way there and back.

What is believed to be on the board is there, nothing is held for calls that are over, a setup runs
once and its teardowns too, and to send a function is nothing that anybody minds twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest
import trio

from belay_actors import (
    BelayError,
    Device,
    DeviceProgram,
    RemoteError,
    Session,
    SessionFailedError,
    open_session_manager,
    setup,
    task,
    teardown,
    thread,
)
from belay_actors.board import should_stop, sleep_ms
from belay_actors.functions import Task
from belay_actors.testing import FakeBoard
from modules import load
from rig import Rig
from sweeps import (
    CANCEL,
    CANCEL_ONE,
    Act,
    Scenario,
    Sweeper,
    fake_setting,
    kill_actor,
    kill_process,
    kind_of,
    real_setting,
    reset,
    unplug,
)

ACTS = [CANCEL, CANCEL_ONE, unplug(0), reset(0), kill_actor(0)]
LIMIT = 3


@task(idempotent=True)
def doubled(n: int) -> int:
    return 2 * n


@task(idempotent=True)
def limited(n: int) -> int:
    return min(doubled(n), LIMIT)


@task(exclusive=True, cache_result=60.0)
def alone(n: int) -> int:
    return doubled(n) + LIMIT


@task
def flow(number: int) -> Iterator[int]:
    import time

    import ledger  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

    with ledger.running(number):  # pyright: ignore
        for item in range(6):
            time.sleep_ms(5)  # type: ignore[attr-defined]  # pyright: ignore
            yield doubled(item)


def check_books(rig: Rig, session: Session, held: int = 0) -> None:
    """What is believed to be on the board is there, and only what is needed is held."""
    deployments = session.executors._deployments
    in_use = deployments._in_use
    rig.expect(sum(in_use.values()) == held, f"in use, though nothing runs: {in_use}")
    board = rig.boards[0]
    is_alive = session.is_active and not rig.is_killed and board.starts == 1
    if not is_alive or not board.is_connected:
        return
    names = board.namespaces.get(session._seat.key, frozenset[str]())
    told = {method.signature for method in session.resources.get_deployed_methods()}
    rig.expect(told <= names, f"told to be deployed: {told - names}")
    believed = {*deployments._present}
    rig.expect(believed <= names, f"believed to be deployed: {believed - names}")
    made = {"ready", "words", "time"}  # by setups
    ours = {name for name in names - made if not name.startswith(("_", "stream:"))}
    known = believed | {*deployments._unsure}
    rig.expect(ours <= known, f"there, and nobody knows: {ours - known}")


async def a_first_call(rig: Rig) -> None:
    """A function with others that it needs is called for the first time, and again."""
    async with rig.manager.open_session(rig.device) as session:
        with rig.one:
            rig.expect(await session.call(limited, 1) == 2, "a wrong result")
        check_books(rig, session)
        is_lost = rig.boards[0].starts > 1 or not rig.boards[0].is_connected
        rig.expect(is_lost or not session.has_unknown_outcome, "a def has an unknown outcome")
        rig.expect(await session.call(limited, 9) == 3, "a wrong result, later")
        check_books(rig, session)


async def an_exclusive_call(rig: Rig) -> None:
    """Two sessions have the board for themselves for a call; one has a scope of its own."""

    async def work(scope: trio.CancelScope) -> None:
        async with rig.manager.open_session(rig.device) as session:
            with scope:
                rig.expect(await session.call(alone, 1) == 5, "a wrong result")
            check_books(rig, session)
            rig.expect(await session.call(alone, 1) == 5, "a wrong result, later")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, trio.CancelScope())
        nursery.start_soon(work, rig.one)


async def a_stream(rig: Rig) -> None:
    """A generator function, whose stream is left in whatever way."""
    number = next(rig.numbers)
    async with rig.manager.open_session(rig.device) as session:
        with rig.one:
            async with session.stream(flow, number) as items:
                taken = [item async for item in items]
                rig.expect(taken == [0, 2, 4, 6, 8, 10], f"{taken} came")
        if not rig.is_killed and rig.boards[0].starts == 1 and rig.boards[0].is_connected:
            rig.expect(not rig.truths[0].still_runs(number), "a generator is open")
        check_books(rig, session)
        rig.expect(await session.call(doubled, 1) == 2, "a wrong result")


@pytest.mark.parametrize("act", ACTS, ids=kind_of)
@pytest.mark.parametrize("scenario", [a_first_call, an_exclusive_call, a_stream])
def test_at_every_step(sweep: Sweeper, scenario: Scenario, act: Act) -> None:
    assert sweep(scenario, act, fake_setting(), every=2).points > 5


# Little memory.


@attrs.define
class ShortHeap:
    """The module ``gc`` of a fake board where each function takes much of the memory."""

    board: FakeBoard | None = None

    def collect(self) -> int:
        return 0

    disable = enable = collect

    def mem_alloc(self) -> int:
        names = () if self.board is None else [*self.board.namespaces.values()]
        return 1500 * sum(name.startswith("big_") for each in names for name in each)

    def mem_free(self) -> int:
        return 4500 - self.mem_alloc()


_TEXT = "x" * 200
_BIG = "@task(idempotent=True)\ndef big_{}() -> int:\n    return len('{}') + {}\n"
_big = load("".join(_BIG.format(number, _TEXT, number) for number in range(4)))
BIG: list[Task[[], int]] = [_big[f"big_{number}"] for number in range(4)]  # type: ignore[misc]


async def calls_in_little_memory(rig: Rig) -> None:
    """Functions that do not all fit at once."""
    (board,) = rig.boards
    heap = board_module(board, "gc")
    assert isinstance(heap, ShortHeap)
    heap.board = board
    async with rig.manager.open_session(rig.device) as session:
        with rig.one:
            for number, big in enumerate(BIG):
                rig.expect(await session.call(big) == 200 + number, "a wrong result")
                rig.expect(heap.mem_free() >= 0, "the heap is full")
        check_books(rig, session)
        is_lost = board.starts > 1 or not board.is_connected
        rig.expect(is_lost or not session.has_unknown_outcome, "an unknown outcome")
        # What was cut off on its way is off the board when the room is needed.
        for number, big in enumerate(BIG):
            rig.expect(await session.call(big) == 200 + number, "a wrong result, later")
            rig.expect(heap.mem_free() >= 0, "the heap is full, later")


def board_module(board: FakeBoard, name: str) -> object:
    return board._traits.modules[name]


def make_short() -> Mapping[str, object]:
    return {"gc": ShortHeap()}


@pytest.mark.parametrize("act", ACTS, ids=kind_of)
def test_in_little_memory_at_every_step(sweep: Sweeper, act: Act) -> None:
    setting = fake_setting(make_modules=make_short)
    assert sweep(calls_in_little_memory, act, setting, every=3).points > 5


# Programs.


@attrs.frozen
class Notes:
    """The module ``notes`` of a fake board: what has run there, told to the host."""

    words: list[str] = attrs.field(factory=list[str])

    def note(self, word: str) -> None:
        self.words.append(word)


def make_notes() -> Mapping[str, object]:
    return {"notes": Notes()}


ready: int


class Noting(DeviceProgram):
    @setup
    @staticmethod
    def first() -> None:
        import time

        import notes as words  # type: ignore[import-not-found]  # pyright: ignore

        words.note("first")  # pyright: ignore
        time.sleep_ms(5)  # type: ignore[attr-defined]  # pyright: ignore

    @setup
    @staticmethod
    def second() -> None:
        global ready
        import notes as words  # pyright: ignore

        words.note("second")  # pyright: ignore
        ready = doubled(21)

    @task
    @staticmethod
    def answer() -> int:
        return ready

    @teardown
    @staticmethod
    def last() -> None:
        import notes as words  # pyright: ignore

        words.note("last")  # pyright: ignore

    @teardown
    @staticmethod
    def before() -> None:
        import time

        import notes as words  # pyright: ignore

        words.note("before")  # pyright: ignore
        time.sleep_ms(5)  # type: ignore[attr-defined]  # pyright: ignore


async def a_program(rig: Rig) -> None:
    """A program is set up twice, used, and torn down."""
    notes = board_module(rig.boards[0], "notes")
    assert isinstance(notes, Notes)
    sessions: list[Session] = []
    try:
        async with rig.manager.open_session(rig.device) as session:
            sessions.append(session)
            with rig.one:
                program = await session.set_up(Noting)
                rig.expect(await program.answer() == 42, "a wrong result")
            check_books(rig, session, held=len(session.resources.get_active_resources()))
            try:
                program = await session.set_up(Noting)
            except SessionFailedError as error:
                rig.expect("first" in str(error) or "second" in str(error), f"{error}")
            else:
                rig.expect(await program.answer() == 42, "a wrong result, later")
    finally:
        for session in sessions:
            check_notes(rig, session, notes.words)


def check_notes(rig: Rig, session: Session, words: list[str]) -> None:
    """Setups have run once, and where one has begun, all teardowns have, or they are left."""
    counts = Counter(words)
    rig.expect(not words or max(counts.values()) == 1, f"ran twice: {words}")
    is_lost = rig.boards[0].starts > 1 or not rig.boards[0].is_connected or rig.is_killed
    is_left = session.report is None or session.report.left
    if not is_lost and not is_left and "first" in words:
        rig.expect(words[-2:] == ["before", "last"], f"{words}")
    deployments = session.executors._deployments
    rig.expect(sum(deployments._in_use.values()) <= 2, f"in use: {deployments._in_use}")


@pytest.mark.parametrize("act", ACTS, ids=kind_of)
def test_a_program_at_every_step(sweep: Sweeper, act: Act) -> None:
    errors = (*act.errors, RemoteError) if act.errors else act.errors
    act = attrs.evolve(act, errors=errors)
    setting = fake_setting(make_modules=make_notes)
    assert sweep(a_program, act, setting, every=2).points > 12


# On an interpreter.


@thread
def blink(period_ms: int) -> None:
    while not should_stop():
        sleep_ms(doubled(period_ms))


async def a_thread(rig: Rig) -> None:
    """A thread function is started, and stopped; then again."""
    async with rig.manager.open_session(rig.device) as session:
        with rig.one:
            handle = await session.start_thread(blink, 1)
            await handle.stop()
        deployments = session.executors._deployments
        threads = len(session.resources.get_active_threads())
        in_use = deployments._in_use
        rig.expect(sum(in_use.values()) == threads, f"in use: {in_use}, {threads} threads")
        try:
            rig.expect(await session.call(limited, 1) == 2, "a wrong result")
        except BelayError:
            if session.is_active:
                raise


async def warm_up(device: Device) -> None:
    """Has the library's own code for threads on the board, where it stays."""
    async with open_session_manager() as manager, manager.open_session(device) as session:
        await (await session.start_thread(blink, 1)).stop()


async def real_calls(rig: Rig) -> None:
    """Functions of an interpreter, in a scope of their own."""
    async with rig.manager.open_session(rig.device) as session:
        with rig.one:
            rig.expect(await session.call(limited, 1) == 2, "a wrong result")
            rig.expect(await session.call(alone, 1) == 5, "a wrong result")
        rig.expect(await session.call(limited, 9) == 3, "a wrong result, later")


@pytest.mark.parametrize("act", [CANCEL, CANCEL_ONE, kill_process(0)], ids=kind_of)
@pytest.mark.parametrize("scenario", [a_thread, real_calls])
def test_on_an_interpreter(
    sweep: Sweeper,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scenario: Scenario,
    act: Act,
) -> None:
    monkeypatch.setenv("MICROPYPATH", str(tmp_path))
    real = real_setting(tmp_path, prepare=warm_up)
    assert sweep(scenario, act, real, every=4, is_real=True).points > 1
