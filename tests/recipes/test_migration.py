"""Before and after of docs/migration.md, as they stand there, on a real MicroPython."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import trio

from belay_actors import (
    Device,
    DeviceSessionManager,
    RemoteError,
    ResourceCleanupError,
    SessionManagementOptions,
    open_session_manager,
)
from programs import blocks_of, run_program

BEFORE, AFTER = blocks_of("migration.md")

# The hardware is a file, so that all can see how it is.
HARDWARE = """
def set_hardware(state):
    with open({place!r}, "w") as file:
        file.write(state)
def setup_hardware():
    set_hardware("on")
def collect_data():
    {work}
    return [1, 2, 3]
def cleanup_hardware():
    {cleanup}
    set_hardware("off")
"""
Collect = Callable[[], Awaitable[object]]


@pytest.fixture
async def manager(device: Device) -> AsyncIterator[DeviceSessionManager]:
    async with open_session_manager() as manager:
        yield manager


class Page:
    """The page's two functions, with hardware to look at."""

    def __init__(self, device: Device, manager: DeviceSessionManager, place: Path) -> None:
        self._place = place
        self._names = run_program(AFTER, run_program(BEFORE))
        before = cast(Callable[[Device], Awaitable[object]], self._names["collect_by_hand"])
        after = cast(
            Callable[[Device, DeviceSessionManager], Awaitable[object]], self._names["collect"]
        )
        self.collect = after
        self.before: Collect = lambda: before(device)
        self.after: Collect = lambda: after(device, manager)

    @property
    def state(self) -> str:
        return self._place.read_text("utf-8")

    def switch_off(self) -> None:
        self._place.write_text("off", "utf-8")

    def connect(self, *, work: str = "pass", cleanup: str = "pass") -> None:
        self._names["HARDWARE"] = HARDWARE.format(
            place=str(self._place), work=work, cleanup=cleanup
        )


@pytest.fixture
def page(device: Device, manager: DeviceSessionManager, tmp_path: Path) -> Page:
    return Page(device, manager, tmp_path / "hardware")


async def test_j05_before_and_after_collect_the_same(page: Page) -> None:
    assert await page.before() == [1, 2, 3]
    assert await page.after() == [1, 2, 3]


async def test_j05_before_and_after_switch_the_hardware_off(page: Page) -> None:
    page.connect()
    for collect in (page.before, page.after):
        assert await collect() == [1, 2, 3]
        assert page.state == "off"


async def cancel_while_it_works(page: Page, collect: Collect) -> None:
    page.connect(work="while True: pass")
    page.switch_off()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect)
        with trio.fail_after(10):
            while page.state != "on":  # noqa: ASYNC110  # the board tells nobody
                await trio.sleep(0.005)
        nursery.cancel_scope.cancel()


async def test_j05_before_leaves_the_hardware_on_when_it_is_cancelled(page: Page) -> None:
    await cancel_while_it_works(page, page.before)
    assert page.state == "on"


async def test_j05_after_switches_the_hardware_off_when_it_is_cancelled(page: Page) -> None:
    await cancel_while_it_works(page, page.after)
    assert page.state == "off"


async def test_j05_before_loses_the_error_of_the_work(page: Page) -> None:
    page.connect(work="1 / 0", cleanup="{}['x']")
    with pytest.raises(RemoteError, match="KeyError"):
        await page.before()


async def test_j05_after_raises_the_error_of_the_work_with_a_note(page: Page) -> None:
    page.connect(work="1 / 0", cleanup="{}['x']")
    with pytest.raises(RemoteError, match="ZeroDivisionError") as caught:
        await page.after()
    assert any("KeyError" in note for note in caught.value.__notes__)


async def test_j05_after_does_not_lose_the_result_when_only_the_cleanup_fails(page: Page) -> None:
    page.connect(cleanup="{}['x']")
    with pytest.raises(RemoteError, match="KeyError"):
        await page.before()
    with pytest.raises(ResourceCleanupError) as caught:
        await page.after()
    assert caught.value.result == [1, 2, 3]


async def test_j05_after_interrupts_a_cleanup_that_hangs(page: Page, device: Device) -> None:
    page.connect(cleanup="while True: pass")
    options = SessionManagementOptions(resource_cleanup_timeout=0.5)
    async with open_session_manager(options) as hasty:
        with pytest.raises(ResourceCleanupError) as caught:
            await page.collect(device, hasty)
    assert caught.value.result == [1, 2, 3]
    assert await device.evaluate("6 * 7") == 42


async def test_j05_after_leaves_no_names_on_the_board(page: Page, device: Device) -> None:
    page.connect()
    await page.after()
    assert (await device.census()).namespaces == ()
    with pytest.raises(RemoteError, match="NameError"):
        await device.evaluate("collect_data")
    await page.before()
    assert await device.evaluate("collect_data()") == [1, 2, 3]
