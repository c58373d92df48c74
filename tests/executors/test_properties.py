"""Random use of functions: whatever was called, replaced and put out, the results are Python's.

The functions of three modules use each other and have the same names, so each call of one may
replace what those of another have sent. A model on the host knows what must be on the board.
"""

from typing import cast

import attrs
import pytest
import trio
from hypothesis import given, settings, strategies as st

from belay_actors import (
    Device,
    DeviceSessionManager,
    RemoteError,
    Session,
    open_device,
    open_session_manager,
)
from belay_actors.functions import Task, Unit, closure
from modules import load

MODULE = """
STEP = 7

@task
def leaf(n):
    return n * STEP + {step}

@task
def branch(n):
    return leaf(n) + leaf({step})

@task
def even(n):
    return True if n <= 0 else odd(n - 1)

@task
def odd(n):
    return False if n <= 0 else even(n - 1)

@task
def divide(n):
    return branch(12) // n

@task
def large(n):
    return len({text!r}) + leaf(n)
"""
# What a function of one module alone needs, so that there is something to be put out.
ALONE = """
@task
def alone_{number}(n):
    return len({text!r}) + n
"""
TEXTS = ("a" * 3000, "b" * 5000, "c" * 4000)


def load_module(number: int) -> dict[str, Task[[int], object]]:
    """One of the modules."""
    text = TEXTS[number]
    names = load(
        MODULE.format(step=2 + number % 2, text=text) + ALONE.format(number=number, text=text)
    )
    shared = ("leaf", "branch", "even", "odd", "divide", "large")
    found = {name: names[name] for name in shared} | {"alone": names[f"alone_{number}"]}
    return cast("dict[str, Task[[int], object]]", found)


MODULES = [load_module(number) for number in range(3)]


@attrs.frozen
class Step:
    """A call in one of two sessions, which may be a new one."""

    session: int
    is_new: bool
    module: int
    name: str
    argument: int


steps = st.builds(
    Step,
    session=st.integers(0, 1),
    is_new=st.sampled_from([True, *[False] * 9]),
    module=st.integers(0, 2),
    name=st.sampled_from(sorted(MODULES[0])),
    argument=st.integers(-1, 6),
)


@attrs.define
class Model:
    """What one session should have on the board."""

    session: Session
    present: dict[str, tuple[str, bytes]] = attrs.field(factory=dict[str, tuple[str, bytes]])
    calls: int = 0

    def unit(self, task: Task[[int], object]) -> Unit:
        capabilities = self.session.capabilities
        return task.unit(capabilities.platform, capabilities.implementation)

    def count(self, task: Task[[int], object]) -> None:
        """Counts what a call must cost: one, and one for each unit that is not there."""
        self.calls += 1
        for unit in closure(self.unit(task)):
            # Equal constants are one, wherever they come from.
            what = unit.origin if unit.full.defines else "", unit.code_hash
            self.calls += self.present.get(unit.name) != what
            self.present[unit.name] = what

    async def take(self, step: Step) -> None:
        """Makes the call, and compares its result."""
        task = MODULES[step.module][step.name]
        try:
            expected = task(step.argument)
        except ZeroDivisionError:
            with pytest.raises(RemoteError, match="ZeroDivisionError") as caught:
                await self.session.call(task, step.argument)
            assert task.function.__code__.co_filename in caught.value.traceback
        else:
            assert await self.session.call(task, step.argument) == expected
        self.count(task)

    async def check(self) -> None:
        """What is believed is true: names are there, and what is whole does what it should."""
        there = cast("list[str]", await self.session.evaluate("list(globals())"))
        told = {method.signature for method in self.session.resources.get_deployed_methods()}
        deployments = self.session.executors._deployments
        assert told <= {*there}
        assert {*deployments._present} <= {*there}
        assert not deployments._unsure
        assert not deployments._in_use
        for root in deployments._roots:
            task = next(
                task for module in MODULES for task in module.values() if self.unit(task) is root
            )
            assert await self.session.evaluate(f"{root.name}(4)") == task(4)


async def play(device: Device, plan: list[Step], *, is_minimal: bool) -> None:
    """Takes all the steps."""
    async with open_session_manager() as manager:
        models = [await begin(manager, device), await begin(manager, device)]
        for step in plan:
            if step.is_new:
                await manager.end_session(models[step.session].session.session_id)
                models[step.session] = await begin(manager, device)
            model = models[step.session]
            await model.take(step)
            assert not is_minimal or model.session.calls == model.calls
        for model in models:
            await model.check()


async def begin(manager: DeviceSessionManager, device: Device) -> Model:
    return Model(await manager.create_session(device))


@settings(max_examples=20, deadline=None)
@given(plan=st.lists(steps, max_size=20))
def test_f02_d02_random_calls_give_what_python_gives_and_send_no_more_than_is_needed(
    plan: list[Step],
) -> None:
    async def main() -> None:
        async with open_device("micropython:") as device:
            await play(device, plan, is_minimal=True)

    trio.run(main)


@settings(max_examples=20, deadline=None)
@given(plan=st.lists(steps, min_size=5, max_size=25))
def test_e05_random_calls_in_little_memory(plan: list[Step]) -> None:
    async def main() -> None:
        async with open_device("micropython:?heapsize=100K") as device:
            await play(device, plan, is_minimal=False)

    trio.run(main)
