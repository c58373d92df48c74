"""Sessions where something goes wrong, and their neighbours, who must not notice more than a wait.

An error and an endless loop, the two things that a program for real boards meets daily. Both leave
their sessions and boards in order without a word of cleanup code in the body.
"""

from datetime import UTC, datetime

import attrs
import trio

from belay_actors import RemoteError, Session
from belay_actors.cli.demo._scene import Scene
from belay_actors.cli.demo._stage import State

LOOP_SECONDS = 0.5
"""How long the endless loop may run."""

_TOLERANCE = 1.0  # seconds that a busy machine may add to that

_COUNTS = 5  # turns that the runaway makes before its loop

_MOTOR = """
motor = "off"
amperes = 1.0
def load():
    global amperes
    amperes += 0.5
    if amperes > 6:
        raise ValueError("stalled at %.1f A" % amperes)
    return amperes
"""


@attrs.define(eq=False)
class Motor:
    """A pretend motor that is on, as a session's resource: cleaning it up switches it off.

    Attributes:
        seen: what the board said of the motor after the cleanup.
    """

    scene: Scene
    session: Session
    resource_id: str = "motor"
    resource_type: str = "Motor"
    estimated_cost: int = 32
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))
    seen: str = ""

    async def cleanup(self) -> None:
        """Switches the motor off, lets it run down, and asks the board whether it is off.

        Cancellation: the motor may still be on.
        """
        self.scene.row.state = State.CLEANING
        self.scene.tell("fails, so its session switches the motor off")
        await self.session.execute('motor = "off"')
        self.scene.row.tick("the motor runs down")
        await self.scene.stage.pause(0.6)
        self.seen = await self.session.evaluate("motor", returns=str)
        self.scene.row.tick(f"the motor is {self.seen!r}")
        self.scene.tell(f"the board says that its motor is {self.seen!r}")


async def run_motor(scene: Scene) -> None:
    """Runs a motor until the board raises; the session switches the motor off, as it ends.

    Cancellation: the motor is switched off, the session is ended, its names leave the board.
    """
    motor: Motor | None = None
    caught = "none"
    try:
        async with scene.manager.open_session(scene.device) as session:
            await scene.begin(session, "runs a motor until it stalls")
            await session.execute(_MOTOR)
            motor = Motor(scene, session)
            session.resources.register_resource(motor)
            await session.execute('motor = "on"')
            await _load_motor(scene, session)
    except RemoteError as error:
        caught = error.type_name
        scene.tell(f"its caller gets {caught}: {error.remote_message}")
    answer = await scene.device.evaluate("6 * 7", returns=int)
    seen = motor.seen if motor else ""
    scene.check("raises the board's error", caught == "ValueError", caught)
    scene.check("is switched off after it", seen == "off", f"motor = {seen!r}")
    scene.check("leaves a board that can be used", answer == 42, f"6 * 7 = {answer}")  # noqa: PLR2004


async def _load_motor(scene: Scene, session: Session) -> None:
    while True:
        amperes = await session.evaluate("load()", returns=float)
        scene.row.tick(f"the motor takes {amperes:.1f} A")
        await scene.stage.pause(0.25)


async def run_away(scene: Scene) -> None:
    """Counts a little, then falls into an endless loop, which is cancelled after half a second.

    Cancellation: the loop is interrupted, the session is ended, its names leave the board.
    """
    try:
        async with scene.manager.open_session(scene.device) as session:
            await scene.begin(session, "counts, then loops endlessly")
            await session.execute("turns = 0")
            for number in range(1, _COUNTS + 1):
                await session.execute("turns += 1")
                scene.row.tick(f"counts to {number}")
                await scene.stage.pause(0.3)
            await _loop(scene, session)
    finally:
        scene.stage.loop_is_over.set()


async def _loop(scene: Scene, session: Session) -> None:
    """Cancels a call that would never end; then goes on with the same session."""
    scene.row.state = State.LOOPING
    scene.row.doing = "while True: turns += 1"
    scene.tell(f"runs `while True: turns += 1`, for {LOOP_SECONDS} s at most")
    elsewhere = scene.stage.calls_on_other_boards(scene.device.name)
    started = trio.current_time()
    with trio.move_on_after(LOOP_SECONDS):
        await session.execute("while True: turns += 1")
    seconds = trio.current_time() - started
    elsewhere = scene.stage.calls_on_other_boards(scene.device.name) - elsewhere
    scene.stage.loop_is_over.set()
    scene.row.state = State.WORKING
    scene.tell(f"is cancelled after {seconds:.3f} s")
    scene.tell(f"meanwhile the other boards have served {elsewhere} calls")
    turns = await session.evaluate("turns", returns=int)
    scene.row.tick(f"it made {turns} turns")
    scene.tell(f"goes on, and asks the board: it made {turns} turns")
    await scene.stage.pause(1.5)

    is_in_time = LOOP_SECONDS <= seconds < LOOP_SECONDS + _TOLERANCE
    scene.check("is cancelled after half a second", is_in_time, f"{seconds:.3f} s")
    scene.check("goes on in the same session", turns > _COUNTS, f"{turns} turns")
    scene.check("holds up no other board", elsewhere > 0, f"{elsewhere} calls there meanwhile")


async def count_beside_loop(scene: Scene) -> None:
    """Counts on the board of the endless loop: waits while it runs, and then goes on.

    Cancellation: the session is ended; its names leave the board.
    """
    number = after = 0
    longest = 0.0
    async with scene.manager.open_session(scene.device) as session:
        await scene.begin(session, "counts beside the loop")
        await session.execute("count = 0")
        for number in scene.stage.rounds(encores=12):
            scene.row.doing = "waits for its turn"
            started = trio.current_time()
            await session.execute("count += 1")
            longest = max(longest, trio.current_time() - started)
            after += scene.stage.loop_is_over.is_set()
            scene.row.tick(f"counts to {number}")
            await scene.stage.pause(0.18)
        count = await session.evaluate("count", returns=int)
    scene.tell(f"had to wait {longest:.3f} s at most for its turn")
    scene.check("loses no call to the loop", count == number, f"{count} of {number}")
    scene.check("goes on after the loop", after > 0, f"{after} calls after it")
