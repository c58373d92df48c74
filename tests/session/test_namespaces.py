"""Names on the board belong to one session, and go with it."""

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from belay_actors import Device, DeviceSessionManager, RemoteError, Session

Spaces = Callable[[Device], Awaitable[list[int]]]


async def test_a03_two_sessions_hold_different_values_of_one_name(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as two:
        await one.execute("x = 1\ndef f(): return ('one', x)\nclass C: tag = 'one'")
        await two.execute("x = 2\ndef f(): return ('two', x)\nclass C: tag = 'two'")
        assert await one.evaluate("(x, f(), C.tag)") == (1, ("one", 1), "one")
        assert await two.evaluate("(x, f(), C.tag)") == (2, ("two", 2), "two")
        await one.execute("x = 3")
        assert await one.evaluate("f()") == ("one", 3)
        assert await two.evaluate("f()") == ("two", 2)


async def test_a03_main_and_sessions_do_not_see_each_other(
    device: Device, manager: DeviceSessionManager
) -> None:
    await device.execute("x = 'main'")
    before = await device.evaluate("sorted(globals())")
    async with manager.open_session(device) as session:
        with pytest.raises(RemoteError, match="NameError"):
            await session.evaluate("x")
        await session.execute("x = 'session'; y = 1; import json\nglobal z\nz = 1")
        assert await device.evaluate("x") == "main"
        assert await device.evaluate("sorted(globals())") == before
        assert await session.evaluate("x") == "session"
    assert await device.evaluate("sorted(globals())") == before


async def test_a03_imports_are_names_of_the_session_that_made_them(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as two:
        await one.execute("import math")
        assert await one.evaluate("math.floor(1.5)") == 1
        with pytest.raises(RemoteError, match="NameError"):
            await two.evaluate("math")


async def test_a_session_looks_like_main_to_its_code(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        assert await session.evaluate("__name__") == "__main__"
        assert await session.execute("if __name__ == '__main__': print('run')") == "run\n"


async def test_a03_deleting_the_builtins_of_one_session_does_not_touch_another(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as two:
        await one.execute("print = None\nlen = lambda x: 'mine'")
        assert await one.evaluate("len([])") == "mine"
        assert await two.evaluate("len([])") == 0
        assert await two.execute("print(1)") == "1\n"


async def test_a_session_that_failed_once_goes_on(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session:
        with pytest.raises(RemoteError) as caught:
            await session.execute("x = 1\n1/0")
        assert caught.value.session_id == session.session_id
        assert caught.value.device == device.name
        assert session.session_id in str(caught.value)
        assert await session.evaluate("x") == 1


async def test_a02_the_namespace_goes_with_the_session(
    device: Device, manager: DeviceSessionManager, spaces: Spaces
) -> None:
    async with manager.open_session(device) as session:
        await session.execute("x = 1")
        assert len(await spaces(device)) == 1
    assert await spaces(device) == []
    async with manager.open_session(device) as session:
        assert await session.evaluate("'x' in globals()") is False


async def test_memory_comes_back_with_the_namespace(
    device: Device, manager: DeviceSessionManager
) -> None:
    free = "(__import__('gc').collect(), __import__('gc').mem_free())[1]"
    async with manager.open_session(device) as session:
        await session.execute("x = 1")
    before = await device.evaluate(free, int)
    async with manager.open_session(device) as session:
        await session.execute("hoard = bytearray(500_000)")
        assert await device.evaluate(free, int) < before - 400_000
    assert await device.evaluate(free, int) > before - 20_000


async def test_a_session_without_calls_takes_nothing_on_the_board(
    device: Device, manager: DeviceSessionManager, spaces: Spaces
) -> None:
    async with manager.open_session(device) as session:
        assert await spaces(device) == []
    assert session.report is not None
    assert session.report.calls == 0
    assert session.report.is_clean


async def test_a01_many_calls_of_one_session_do_not_hold_up_another(
    device: Device, manager: DeviceSessionManager
) -> None:
    """Turns go round: what came last is served after no more than one call of each other."""
    order: list[str] = []
    gate = trio.CancelScope()

    async def hold_the_board(session: Session) -> None:
        with gate:
            await session.execute("while True: pass")

    async def call(session: Session, name: str) -> None:
        await session.execute("x = 1")
        order.append(name)

    async with (
        manager.open_session(device) as holder,
        manager.open_session(device) as busy,
        manager.open_session(device) as quick,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(hold_the_board, holder)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(200):
            nursery.start_soon(call, busy, "busy")
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(2):
            nursery.start_soon(call, quick, "quick")
        await trio.testing.wait_all_tasks_blocked()
        assert device.snapshot().calls.waiting == 202
        gate.cancel()
    assert order[:4] == ["busy", "quick", "busy", "quick"]
    assert order[4:] == ["busy"] * 198


async def test_a01_calls_of_one_session_are_served_in_their_order(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as session, manager.open_session(device) as other:
        await session.execute("seen = []")
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(session.execute, f"seen.append({number})")
                nursery.start_soon(other.execute, "pass")
                await trio.testing.wait_all_tasks_blocked()
        assert await session.evaluate("seen") == list(range(40))


async def test_a01_a03_twenty_sessions_work_at_once_without_mixing(
    device: Device, manager: DeviceSessionManager
) -> None:
    async def work(number: int) -> None:
        async with manager.open_session(device) as session:
            await session.execute(f"me = {number}; n = 0")
            for turn in range(10):
                await session.execute("n += 1")
                assert await session.evaluate("(me, n)") == (number, turn + 1)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(work, number)


async def test_a03_a_neighbour_keeps_its_names_when_a_call_is_cancelled(
    device: Device, manager: DeviceSessionManager
) -> None:
    async with manager.open_session(device) as one, manager.open_session(device) as two:
        await one.execute("x = 1")
        await two.execute("x = 2")
        with trio.move_on_after(0.05) as scope:
            await one.execute("while True: pass")
        assert scope.cancelled_caught
        assert (await one.evaluate("x"), await two.evaluate("x")) == (1, 2)
