"""Programs: setups at the session's start, teardowns at its end, tasks and threads in between."""

import logging

import pytest
import trio

from belay_actors import (
    Device,
    DeviceProgram,
    DeviceSessionManager,
    RemoteError,
    ResourceCleanupError,
    Session,
    SessionFailedError,
    setup,
    task,
    teardown,
)

log: list[str]


class Base(DeviceProgram):
    name = "base"

    @setup
    @staticmethod
    def begin() -> None:
        global log
        log = ["begin"]

    @setup
    @staticmethod
    def second(name: str) -> None:
        log.append("second " + name)

    @task
    @staticmethod
    def read() -> list[str]:
        return log

    @task
    @staticmethod
    def note(word: str) -> None:
        log.append(word)

    @teardown
    @staticmethod
    def first_teardown() -> None:
        print("first", log)

    @teardown
    @staticmethod
    def second_teardown(name: str) -> None:
        print("second", name)


class Derived(Base):
    name = "derived"

    @setup
    @staticmethod
    def third() -> None:
        log.append("third")

    @teardown
    @staticmethod
    def third_teardown() -> None:
        print("third")


class Overriding(Base):
    @setup
    @staticmethod
    def second(name: str) -> None:
        log.append("other")


class Broken(Base):
    @setup
    @staticmethod
    def fails() -> None:
        raise ValueError("no such pin")

    @setup
    @staticmethod
    def never() -> None:
        log.append("never")


class Careless(Base):
    @setup(critical=False)
    @staticmethod
    def fails() -> None:
        raise ValueError("no such pin")

    @setup
    @staticmethod
    def still() -> None:
        log.append("still")


class Stubborn(Base):
    @teardown
    @staticmethod
    def fails() -> None:
        raise OSError(5)

    @teardown
    @staticmethod
    def fails_too() -> None:
        raise ZeroDivisionError


async def test_f04_setups_run_in_order_bases_first(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device, Derived) as rig:
        assert await rig.read() == ["begin", "second derived", "third"]
        await rig.note("here")
        assert await rig.session.call(Base.read) == [*(await rig.read())]
        assert await rig.session.evaluate("'begin' in globals()") is False  # it was taken off


async def test_f04_an_override_takes_the_place_of_what_it_overrides(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device, Overriding) as rig:
        assert await rig.read() == ["begin", "other"]


async def test_f04_setups_run_once_in_a_session(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        await session.set_up(Base)
        base = await session.set_up(Base)
        derived = await session.set_up(Derived)
        assert await base.read() == ["begin", "second base", "third"]
        assert await derived.read() == await base.read()


async def test_f05_teardowns_run_in_reverse(device: Device, manager: DeviceSessionManager) -> None:
    async with manager.open_session(device, Derived) as rig:
        await rig.note("x")
    output = rig.session.background_output
    assert output == "third\nsecond derived\nfirst ['begin', 'second derived', 'third', 'x']\n"


async def test_f04_f05_a_failed_setup_fails_the_session_and_teardowns_run(
    device: Device, manager: DeviceSessionManager
) -> None:
    with pytest.raises(SessionFailedError, match="no such pin") as caught:
        async with manager.open_session(device, Broken):
            raise AssertionError("the body must not run")
    assert isinstance(caught.value.__cause__, RemoteError)
    assert __file__ in caught.value.__cause__.traceback
    session_id = caught.value.session_id
    assert session_id is not None
    async with manager.open_session(device) as session:
        assert await session.evaluate("1 + 1") == 2


async def test_f04_one_that_is_not_critical_is_only_logged(
    device: Device, manager: DeviceSessionManager, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "belay_actors"):
        async with manager.open_session(device, Careless) as rig:
            assert await rig.read() == ["begin", "second base", "still"]
    assert "Careless.fails" in caplog.text


@pytest.mark.parametrize("way", ["return", "raise", "cancel", "shutdown"])
async def test_f05_teardowns_run_whatever_way_the_scope_is_left(
    device: Device, manager: DeviceSessionManager, way: str
) -> None:
    sessions: list[Session] = []
    with trio.CancelScope() as scope:
        try:
            async with manager.open_session(device, Base) as rig:
                sessions.append(rig.session)
                if way == "raise":
                    raise KeyError(way)
                if way == "cancel":
                    scope.cancel()
                    await rig.read()
                if way == "shutdown":
                    await manager.shutdown()
        except KeyError:
            assert way == "raise"
    assert sessions[0].background_output.startswith("second base\nfirst")


async def test_f05_failures_of_teardowns_are_collected(
    device: Device, manager: DeviceSessionManager
) -> None:
    sessions: list[Session] = []
    with pytest.raises(ResourceCleanupError) as caught:
        async with manager.open_session(device, Stubborn) as rig:
            sessions.append(rig.session)
    kinds = {error.type_name for error in caught.value.exceptions if isinstance(error, RemoteError)}
    assert kinds == {"OSError", "ZeroDivisionError"}
    assert sessions[0].background_output.startswith("second base\nfirst")
