"""Whose turn it is: round robin over lanes, first in first out within one, urgent before all."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from belay_actors.kernel import Actor

StartActor = Callable[..., Actor]
StartCaller = Callable[..., tuple[trio.CancelScope, list[object]]]


class Queue:
    """An actor that is kept busy, so that requests queue up, and then serves them all."""

    def __init__(self, actor: Actor, start_caller: StartCaller) -> None:
        self.actor = actor
        self.served: list[str] = []
        self._start_caller = start_caller
        self._gate = trio.Event()

    async def hold(self) -> None:
        self._start_caller(self.actor, self._gate.wait, lane="holder")
        await wait_all_tasks_blocked()

    def add(self, name: str, lane: str, *, is_urgent: bool = False) -> trio.CancelScope:
        async def serve() -> None:
            self.served.append(name)

        return self._start_caller(self.actor, serve, lane=lane, is_urgent=is_urgent)[0]

    def add_gate(self, name: str, lane: str) -> trio.Event:
        """Adds a request that, when its turn comes, keeps the actor busy until the event."""
        gate = trio.Event()

        async def serve() -> None:
            self.served.append(name)
            await gate.wait()

        self._start_caller(self.actor, serve, lane=lane)
        return gate

    async def add_each(self, *names: str, is_urgent: bool = False) -> None:
        """Adds requests in this order; their lanes are the first letters."""
        for name in names:
            self.add(name, name[0], is_urgent=is_urgent)
            await wait_all_tasks_blocked()

    async def release(self) -> list[str]:
        self._gate.set()
        await wait_all_tasks_blocked()
        return self.served


@pytest.fixture
async def queue(start_actor: StartActor, start_caller: StartCaller) -> Queue:
    queue = Queue(start_actor(), start_caller)
    await queue.hold()
    return queue


async def test_one_lane_is_first_in_first_out(queue: Queue) -> None:
    await queue.add_each("a1", "a2", "a3", "a4")
    assert await queue.release() == ["a1", "a2", "a3", "a4"]


async def test_lanes_take_turns(queue: Queue) -> None:
    await queue.add_each("a1", "a2", "a3", "b1", "b2", "c1")
    assert await queue.release() == ["a1", "b1", "c1", "a2", "b2", "a3"]


async def test_a_lane_that_comes_back_goes_last(queue: Queue) -> None:
    second_gate = queue.add_gate("a1", "a")
    await wait_all_tasks_blocked()
    await queue.add_each("b1", "b2", "c1")
    assert await queue.release() == ["a1"]
    await queue.add_each("a2")
    second_gate.set()
    await wait_all_tasks_blocked()
    assert queue.served == ["a1", "b1", "c1", "a2", "b2"]


async def test_a_lane_of_a_thousand_does_not_starve_others(queue: Queue) -> None:
    for _ in range(1000):
        queue.add("many", "many")
    await wait_all_tasks_blocked()
    await queue.add_each("b1", "b2", "b3", "c1", "c2")
    served = await queue.release()
    assert len(served) == 1005
    assert served[:9] == ["many", "b1", "c1", "many", "b2", "c2", "many", "b3", "many"]


async def test_urgent_requests_go_before_all_others(queue: Queue) -> None:
    await queue.add_each("a1", "a2", "b1")
    await queue.add_each("b8", "b9", "a8", is_urgent=True)
    assert await queue.release() == ["b8", "a8", "b9", "a1", "b1", "a2"]


async def test_an_urgent_request_goes_next_even_while_others_are_being_served(
    queue: Queue,
) -> None:
    second_gate = queue.add_gate("a1", "a")
    await wait_all_tasks_blocked()
    await queue.add_each("a2", "b1")
    assert await queue.release() == ["a1"]
    await queue.add_each("z1", is_urgent=True)
    second_gate.set()
    await wait_all_tasks_blocked()
    assert queue.served == ["a1", "z1", "b1", "a2"]


@pytest.mark.parametrize("is_urgent", [False, True])
async def test_a_request_withdrawn_from_the_middle_leaves_the_order_of_the_rest(
    queue: Queue, is_urgent: bool
) -> None:
    await queue.add_each("a1", is_urgent=is_urgent)
    leaving = queue.add("a2", "a", is_urgent=is_urgent)
    await wait_all_tasks_blocked()
    await queue.add_each("b1", "a3", is_urgent=is_urgent)
    leaving.cancel()
    await wait_all_tasks_blocked()
    assert await queue.release() == ["a1", "b1", "a3"]


async def test_a_lane_that_was_withdrawn_altogether_costs_no_turn(queue: Queue) -> None:
    await queue.add_each("a1")
    leaving = queue.add("b1", "b")
    await wait_all_tasks_blocked()
    await queue.add_each("c1")
    leaving.cancel()
    await wait_all_tasks_blocked()
    assert await queue.release() == ["a1", "c1"]


async def test_never_are_two_operations_at_once(
    start_actor: StartActor, start_caller: StartCaller, autojump_clock: trio.testing.MockClock
) -> None:
    running: list[int] = []
    most: list[int] = []

    async def work() -> None:
        running.append(1)
        await trio.sleep(1)
        most.append(len(running))
        running.pop()

    actor = start_actor()
    callers = [start_caller(actor, work, lane=number % 3) for number in range(10)]
    await trio.sleep(11)
    assert most == [1] * 10
    assert all(news == [None] for _, news in callers)


async def test_backpressure_is_exact(queue: Queue) -> None:
    """Nothing is buffered: a caller goes on only when its own operation is over."""
    gone_on: list[str] = []

    async def call_twice(operation: Callable[[], Awaitable[None]]) -> None:
        await queue.actor.ask(operation)
        gone_on.append("first")
        await queue.actor.ask(operation)
        gone_on.append("second")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call_twice, trio.lowlevel.checkpoint)
        await wait_all_tasks_blocked()
        assert gone_on == []
        assert queue.actor.statistics().waiting == 1
        await queue.release()
    assert gone_on == ["first", "second"]
