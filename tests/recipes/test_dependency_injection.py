"""The recipes of docs/dependency_injection.md run as they stand there, and leave nothing."""

import gc
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

import attrs
import pytest
import svcs
import trio
from trio.testing import MockClock

from belay_actors import (
    Device,
    DeviceLostError,
    DeviceSessionManager,
    Session,
    open_device,
    open_session_manager,
)
from belay_actors.testing import (
    FakeBoard,
    LeakCheck,
    Sweep,
    break_everywhere,
    cancel_everywhere,
    open_fake_board,
)
from programs import blocks_of, run_program

PLAIN, CONTAINER = blocks_of("dependency_injection.md")

OpenApplication = Callable[[object], AbstractAsyncContextManager[svcs.Registry]]
OpenRequest = Callable[[svcs.Registry], AbstractAsyncContextManager[svcs.Container]]
Handle = Callable[[svcs.Registry], Awaitable[object]]


class Recipe:
    """The container's recipe, and all that it has made, to be looked at."""

    def __init__(self, program: str = CONTAINER) -> None:
        self.names = run_program(program, run_program(PLAIN))
        self.sessions: list[Session] = []
        self.made: dict[str, list[object]] = {"Lamp": [], "Uplink": []}
        self.sent: list[object] = []
        self.sent_too_late = 0
        self.outliving: list[Session] = []  # their requests
        for name in self.made:
            self._watch(name)
        self._watch_sending()
        self._watch_requests()

    @property
    def open_application(self) -> OpenApplication:
        return cast(OpenApplication, self.names["open_application"])

    @property
    def handle(self) -> Handle:
        return cast(Handle, self.names["handle"])

    def _watch(self, name: str) -> None:
        """Derives a class that keeps what is made of it."""
        made, base = self.made[name], self.names[name]
        assert isinstance(base, type)

        def __init__(it: object, *args: object) -> None:  # noqa: N807
            base.__init__(it, *args)  # type: ignore[misc]
            made.append(it)

        self.names[name] = type(name, (base,), {"__init__": __init__})

    def _watch_sending(self) -> None:
        uplink = self.names["Uplink"]
        send = cast(Callable[[object], Awaitable[None]], uplink.send)  # type: ignore[attr-defined]  # pyright: ignore

        async def send_and_tell(it: object) -> None:
            await send(it)
            self.sent.append(it)
            self.sent_too_late += not any(session.is_active for session in self.sessions)

        uplink.send = send_and_tell  # type: ignore[attr-defined]  # pyright: ignore

    def _watch_requests(self) -> None:
        open_request = cast(OpenRequest, self.names["open_request"])

        @asynccontextmanager
        async def watched(registry: svcs.Registry) -> AsyncGenerator[svcs.Container, None]:
            session: Session | None = None
            try:
                async with open_request(registry) as container:
                    session = await container.aget(Session)
                    self.sessions.append(session)
                    yield container
            finally:
                if session is not None and session.report is None:
                    self.outliving.append(session)

        self.names["open_request"] = watched

    def check(self, *, may_leave: bool = False) -> None:
        """Everything that was made has been given back."""
        assert set(self.sent) == set(self.made["Uplink"])
        assert not self.outliving
        lamps = 0
        for session in self.sessions:
            assert session.report is not None
            assert may_leave or session.report.is_clean
            lamps += len(session.report.resources_released)
        assert may_leave or lamps == len(self.made["Lamp"])


@pytest.fixture
def collected() -> Iterator[None]:
    """For a test that leaves a container open: it is collected before the next test."""
    yield
    gc.collect()


unclosed = pytest.mark.filterwarnings("ignore:Container was garbage-collected:ResourceWarning")


# On a real interpreter.


async def test_h03_a_service_takes_its_manager_by_its_constructor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main = run_program(PLAIN)["main"]
    await cast(Callable[[], Awaitable[None]], main)()
    assert capsys.readouterr().out.startswith("DeviceStatus(uptime_ms=")


async def test_h03_services_join_the_session_that_their_caller_is_in(
    device: Device,
) -> None:
    names = run_program(PLAIN)
    make_service = cast(Callable[[DeviceSessionManager], "Service"], names["IoTDeviceService"])
    async with open_session_manager() as manager:
        service = make_service(manager)
        async with manager.open_session(device) as session:
            before = session.calls
            await service.get_device_status(device)
            assert session.calls > before
        await service.get_device_status(device)
        assert manager.get_session_stats().total_session_count == 2


class Service:
    """The shape of the page's service."""

    async def get_device_status(self, device: Device) -> object:
        raise NotImplementedError


async def test_h03_the_containers_recipe_runs(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = Recipe()
    await cast(Callable[[], Awaitable[None]], recipe.names["serve"])()
    assert capsys.readouterr().out.startswith("DeviceStatus(uptime_ms=")
    assert len(recipe.sessions) == len(recipe.sent) == len(recipe.made["Lamp"]) == 1
    assert not recipe.sent_too_late
    recipe.check()


# Under cancellation, and when the board is lost.


@attrs.frozen
class Rig:
    board: FakeBoard
    recipe: Recipe


async def two_requests(rig: Rig) -> None:
    async with rig.recipe.open_application(rig.board) as registry, trio.open_nursery() as nursery:
        nursery.start_soon(rig.recipe.handle, registry)
        nursery.start_soon(rig.recipe.handle, registry)


def sweep_cancellation(program: str = CONTAINER) -> Sweep:
    @asynccontextmanager
    async def setting() -> AsyncGenerator[Rig, None]:
        async with open_fake_board(latency=0.01) as board, LeakCheck():
            rig = Rig(board, Recipe(program))
            yield rig
            await trio.testing.wait_all_tasks_blocked()
            rig.recipe.check()
            assert board.namespaces == {}
            assert not board.is_connected

    return cancel_everywhere(two_requests, setting=setting)


def test_h03_wherever_a_request_is_cancelled_everything_is_given_back() -> None:
    sweep = sweep_cancellation()
    assert sweep.points > 100
    assert sweep.cancelled > 50


SHIELDED = "trio.move_on_after(10, shield=True)"
REGISTERED = "    session.resources.register_resource(lamp)"
SWITCHED = '    await session.execute("lamp_is_on = True")\n'


@unclosed
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param(SHIELDED, "trio.move_on_after(10)", id="without a shield"),
        pytest.param(REGISTERED, SWITCHED + REGISTERED, id="registered afterwards"),
    ],
)
def test_h03_without_a_rule_of_the_recipe_something_is_left(right: str, wrong: str) -> None:
    assert CONTAINER.count(right) == 1
    with pytest.raises(AssertionError) as caught:
        sweep_cancellation(CONTAINER.replace(right, wrong))
    assert any(note.startswith("cancel_everywhere: point") for note in caught.value.__notes__)
    del caught  # its traceback holds the container


def test_h03_wherever_the_board_is_lost_services_are_closed_and_somebody_is_told() -> None:
    @asynccontextmanager
    async def setting() -> AsyncGenerator[Rig, None]:
        async with open_fake_board(latency=0.01) as board, LeakCheck():
            rig = Rig(board, Recipe())
            yield rig
            rig.recipe.check(may_leave=True)

    sweep = break_everywhere(two_requests, setting=setting, cut=lambda rig: rig.board.unplug())
    assert sweep.points > 100
    assert sweep.failed > 60


@unclosed
@pytest.mark.usefixtures("collected")
def test_h03_a_service_that_cannot_be_closed_does_not_hold_the_request_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with open_fake_board() as board:
            recipe = Recipe(CONTAINER.replace("trio.sleep(0.1)", "trio.sleep_forever()"))
            async with recipe.open_application(board) as registry:
                started = trio.current_time()
                await recipe.handle(registry)
                assert 10 <= trio.current_time() - started < 11
            assert board.namespaces == {}
            (session,) = recipe.sessions
            assert session.report is not None
            assert session.report.is_clean

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert "services of a request could not be closed in time" in caplog.text


# Why the program opens sessions, and no container.


@pytest.mark.parametrize("suppress", [True, False])
def test_h03_a_session_that_a_container_opens_loses_its_error(
    suppress: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def use_session(registry: svcs.Registry, board: FakeBoard) -> None:
        async with svcs.Container(registry) as container:
            session = await container.aget(Session)
            session.start_soon(unplug, board)
            await trio.sleep_forever()

    async def unplug(board: FakeBoard) -> None:
        await trio.sleep(1)
        board.unplug()

    async def main() -> None:
        async with (
            open_fake_board() as board,
            open_device(board) as device,
            open_session_manager() as manager,
            svcs.Registry() as registry,
        ):
            registry.register_factory(  # pyright: ignore[reportUnknownMemberType]
                Session,
                lambda: manager.open_session(device),
                suppress_context_exit=suppress,
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(use_session, registry, board)
            assert device.state.value == "lost"

    with caplog.at_level(logging.WARNING, "svcs"):
        trio.run(main, clock=MockClock(autojump_threshold=0))  # nothing is raised
    logged = [record.exc_info for record in caplog.records if record.name == "svcs"]
    errors = [info[1] for info in logged if info is not None]
    assert suppress or any(isinstance(error, DeviceLostError) for error in errors)
