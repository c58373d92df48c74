"""Created sessions live with their manager, not in the context of the task that created them."""

import contextvars
import gc
import weakref

import trio
import trio.testing

from belay_actors import Device, DeviceSessionManager, Session

_mark: contextvars.ContextVar[object] = contextvars.ContextVar("mark")


class Mark:
    """Something that a context holds."""


async def test_b05_a_created_session_keeps_nothing_of_its_creator(
    device: Device, manager: DeviceSessionManager
) -> None:
    held: list[weakref.ref[Mark] | weakref.ref[Session]] = []

    async def create() -> None:
        mark = Mark()
        _mark.set(mark)
        async with manager.open_session(device) as session:
            created = await manager.create_session(device)
            created.start_soon(trio.lowlevel.checkpoint)
            held.extend((weakref.ref(mark), weakref.ref(session)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(create)
    await trio.testing.wait_all_tasks_blocked()
    gc.collect()
    assert [reference() for reference in held] == [None, None]


async def test_b05_each_child_of_a_created_session_has_the_context_of_its_own_starter(
    device: Device, manager: DeviceSessionManager
) -> None:
    seen: list[object] = []

    async def look(name: str) -> None:
        seen.append((name, _mark.get()))
        await trio.lowlevel.checkpoint()

    session = await manager.create_session(device)
    for name in "abc":
        _mark.set(name)
        session.start_soon(look, name)
    await trio.testing.wait_all_tasks_blocked()
    _mark.set("d")
    session.start_soon(look, "d")
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(map(str, seen)) == [str((name, name)) for name in "abcd"]
