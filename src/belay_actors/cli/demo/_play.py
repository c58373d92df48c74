"""The demo as one trio program: four boards, eight sessions, and what was true of them at the end.

The order in which things are opened is the order in which they must be able to rely on each other:
boards, then the manager, then the sessions' tasks. Each ``async with`` gives its own back, so there
is no cleanup code here.
"""

import functools
from collections.abc import Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import cast

import trio

from belay_actors import (
    BelayError,
    Device,
    DeviceSessionManager,
    DeviceState,
    open_device,
    open_session_manager,
)
from belay_actors.cli.demo._scene import Scene, Work
from belay_actors.cli.demo._stage import BoardEnd, Progress, Stage, State
from belay_actors.cli.demo._trouble import count_beside_loop, run_away, run_motor
from belay_actors.cli.demo._work import (
    count_own_steps,
    log_samples,
    poll_thermometer,
    share_session,
)

TIME_LIMIT = 20.0
"""Seconds after which a run is cancelled, and is a failure."""

_URL = "micropython:"
_HEAP_IN_USE = "(__import__('gc').collect(), __import__('gc').mem_alloc())[1]"

Company = Mapping[str, Mapping[str, Work]]
"""The work of every session, by names of board and session."""


def make_company() -> Company:
    """Returns who does what on which board."""
    return {
        "alpha": {
            "Ann": functools.partial(count_own_steps, value=0, stride=1),
            "Bea": functools.partial(count_own_steps, value=5000, stride=10),
        },
        "beta": {"motor": run_motor, "thermometer": poll_thermometer},
        "gamma": {"runaway": run_away, "neighbour": count_beside_loop},
        "delta": {"logger": log_samples, "shared": share_session},
    }


async def play(stage: Stage) -> None:
    """Runs the whole demo, and notes what came of it.

    Args:
        stage: takes the notes.

    Raises:
        ExceptionGroup: of ``BelayError``, if a session cannot be opened.
        BelayError: a board cannot be opened.

    Cancellation: all sessions and boards are given back.
    """
    company = make_company()
    for board, works in company.items():
        stage.progress += [Progress(board, name) for name in works]
    with trio.move_on_after(TIME_LIMIT) as limit:
        async with AsyncExitStack() as boards:
            devices = [
                await boards.enter_async_context(open_device(_URL, name=name)) for name in company
            ]
            await _use(stage, company, devices)
    _check_reports(stage)
    stage.check("the demo ends in time", not limit.cancelled_caught, f"{stage.seconds:.1f} s")


async def _use(stage: Stage, company: Company, devices: Sequence[Device]) -> None:
    """What happens while the boards are open."""
    firmware = {_firmware(device) for device in devices}
    stage.tell(f"{len(devices)} boards are open: {', '.join(sorted(firmware))}")
    heaps = [await device.evaluate(_HEAP_IN_USE, returns=int) for device in devices]
    async with open_session_manager() as manager:
        await _run_sessions(stage, company, devices, manager)
    stage.tell("all sessions have ended")
    for device, before in zip(devices, heaps, strict=True):
        with _noting_failure(stage, f"board {device.name} can be used at the end"):
            after = await device.evaluate(_HEAP_IN_USE, returns=int)
            stage.boards.append(BoardEnd(device.snapshot(), (before, after)))
    _check_boards(stage, len(devices))


def _firmware(device: Device) -> str:
    capabilities = device.capabilities
    version = ".".join(map(str, capabilities.version[:3]))
    return f"{capabilities.implementation} {version} on {capabilities.platform}"


async def _run_sessions(
    stage: Stage, company: Company, devices: Sequence[Device], manager: DeviceSessionManager
) -> None:
    """Starts every session's work, and waits until all have done it."""
    rows = iter(stage.progress)
    async with trio.open_nursery() as nursery:
        for device in devices:
            for work in company[device.name].values():
                scene = Scene(stage, manager, device, next(rows))
                nursery.start_soon(_perform, scene, work, name=f"demo {scene.row.name}")
        await stage.everyone_is_open.wait()
        count = manager.get_session_stats().active_session_count
        found = f"{count} sessions on {len(devices)} boards"
        stage.check("all sessions are open at once", count == len(stage.progress), found)


async def _perform(scene: Scene, work: Work) -> None:
    """Runs one session's work. Its failure is noted, and does not stop the others."""
    with _noting_failure(scene.stage, "does its work", scene.row):
        await work(scene)
    _end(scene.stage, scene.row)


@contextmanager
def _noting_failure(
    stage: Stage, promise: str, about: Progress | None = None
) -> Generator[None, None, None]:
    """Notes a failure of the body as a check, where the rest of the demo can go on without it."""
    try:
        yield
    except* (BelayError, TimeoutError) as errors:
        if about is not None and about.session is None:
            raise  # it could not even be opened, so the others would wait for ever
        stage.check(promise, is_kept=False, found=describe(errors), about=about)


def describe(error: BaseException) -> str:
    """Returns an error's message, or those of all errors in a group of groups."""
    if not isinstance(error, BaseExceptionGroup):
        return str(error)
    group = cast("BaseExceptionGroup[BaseException]", error)
    return "; ".join(map(describe, group.exceptions))


def _end(stage: Stage, row: Progress) -> None:
    report = row.report
    if report is None or not report.is_clean:
        row.state = State.FAILED
        stage.tell("has ended, but has not given everything back", row)
        return
    row.state = State.ENDED
    names = f"{report.names_dropped} name{'' if report.names_dropped == 1 else 's'}"
    row.doing = "gave back " + ", ".join([names, *report.resources_released])
    stage.tell(f"has ended, and {row.doing}", row)


def _check_reports(stage: Stage) -> None:
    """Checks that every session told what it gave back, and that nothing is left."""
    reports = [row.report for row in stage.progress if row.report is not None]
    left = [str(thing) for report in reports for thing in report.left]
    kept = {(report.device, name) for report in reports for name in report.modules_left}
    removed = {(report.device, name) for report in reports for name in report.modules_removed}
    left += [f"module {name} on {device}" for device, name in sorted(kept - removed)]
    is_kept = len(reports) == len(stage.progress) and not left
    found = "; ".join(left) or f"{len(reports)} of {len(stage.progress)} sessions"
    stage.check("everything is given back", is_kept, found)


def _check_boards(stage: Stage, count: int) -> None:
    """Checks that all boards are as usable as before, and that none was reset for that."""
    snapshots = [board.snapshot for board in stage.boards]
    good = sum(
        snapshot.state is DeviceState.OPEN
        and snapshot.generation == 1
        and snapshot.session_count == 0
        for snapshot in snapshots
    )
    stage.check("no board is lost or reset", good == count, f"{good} of {count} boards are well")
