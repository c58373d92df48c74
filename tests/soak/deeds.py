"""What a session does with its board, one deed after the other, each with the only right answer.

Every deed may be cancelled at any moment, and leaves the model true then. What cannot be known
beforehand is told apart by tokens: texts that only this call can bring back.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from random import Random

import attrs
import trio

from belay_actors import (
    DeviceSessionManager,
    RemoteError,
    Session,
    SessionClosedError,
    SessionNotFoundError,
    Value,
)

from .cancelling import cancelling
from .loops import draw_loop
from .model import ABSENT, Model, expect
from .tally import Tally

NAMES = ("a", "b", "value", "name", "total")  # of all sessions: they are each session's own
_FUNCTIONS = ("f", "compute")
_MOST_CANCELLED = 0.01  # seconds after which a deed may be cancelled
_LONGEST_LOOP = 0.08
_LONGEST_SLEEP = 300  # milliseconds
_LARGE = 60_000  # characters

_HOSTILE = "\x04\x04>OK\x04\x1eabcdV1;2;3;x\x1fraw REPL\r\n\x01\x02>>> €"

# It needs no global name, so that it outlives its session for a moment without an error.
_THREAD = """\
import _thread, time
ended = globals().get('ended') or []
def chat(token, count, ended=ended, say=print, sleep=time.sleep_ms, span=range):
    try:
        for n in span(count):
            say(token, n)
            sleep(1)
    except BaseException as error:
        say(token, repr(error))
    ended.append(token)
"""


@attrs.define(eq=False)
class Deeds:
    """One session at work.

    Attributes:
        session: at work.
        manager: of the session.
        model: of what its namespace must hold.
        doing: the name of the present deed.
    """

    session: Session
    manager: DeviceSessionManager
    model: Model
    chance: Random
    tally: Tally
    doing: Callable[[str], None]

    async def do_one(self) -> None:
        """Does something; now and then it is cancelled in the middle of it."""
        (deed,) = self.chance.choices([*_DEEDS], [*_DEEDS.values()])
        name = deed.__name__
        self.doing(name)
        self.tally.deeds[name] += 1
        if self.chance.random() < 0.1:
            with self.cancelling(self.chance.uniform(0, _MOST_CANCELLED)):
                await deed(self)
        else:
            await deed(self)

    def cancelling(self, seconds: float) -> AbstractContextManager[trio.CancelScope]:
        """A scope that is cancelled after a while, for the tally."""
        return cancelling(self.tally, seconds)

    async def evaluate(self, expression: str) -> Value:
        self.tally.calls += 1
        return await self.session.evaluate(expression)

    async def execute(self, code: str) -> str:
        self.tally.calls += 1
        return await self.session.execute(code)

    async def fail(self, code: str) -> RemoteError:
        """Runs code that must raise."""
        try:
            await self.execute(code)
        except RemoteError as error:
            return error
        expect("no error", "an error", code)
        raise AssertionError

    # Values.

    async def token(self) -> None:
        """A value that only this call can have."""
        token = self.model.make_token()
        number = self.chance.randrange(10**6)
        seen = await self.evaluate(f"({token!r}, {number} * 3, [None, {number % 2 == 0}])")
        expect(seen, (token, number * 3, [None, number % 2 == 0]), "a token")

    async def assign(self) -> None:
        """A name takes a value; nobody else may see or change it."""
        name, value = self.chance.choice(NAMES), self._draw_value()
        self.model.begin(name, value)
        expect(await self.execute(f"{name} = {value!r}"), "", "an assignment")
        self.model.settle(name, value)

    def _draw_value(self) -> object:
        token = self.model.make_token()
        return self.chance.choice((token, [token, 1], {token: (1.5, None)}, (b"\x00\xff", token)))

    async def look(self) -> None:
        """A name must hold what was put there, or not exist."""
        await self._look_at(self.chance.choice(NAMES))

    async def _look_at(self, name: str) -> None:
        try:
            seen: object = await self.evaluate(name)
        except RemoteError as error:
            missing = ("NameError", f"name '{name}' isn't defined")
            if (error.type_name, error.remote_message) != missing:
                raise
            seen = ABSENT
        self.model.look(name, seen)

    async def define(self) -> None:
        """A function takes the place of another of the same name."""
        name, token = self.chance.choice(_FUNCTIONS), self.model.make_token()
        self.model.begin(name, token)
        await self.execute(f"def {name}(*args):\n    return {token!r}, args, len(args)")
        self.model.settle(name, token)

    async def call(self) -> None:
        """A function that was defined earlier is called."""
        name, argument = self.chance.choice(_FUNCTIONS), self.chance.randrange(10**6)
        if ABSENT in self.model.possible(name):
            return await self.define()
        seen = await self.evaluate(f"{name}({argument}, 'x')")
        assert isinstance(seen, tuple)
        self.model.look(name, seen[0])
        return expect(seen[1:], ((argument, "x"), 2), f"{name}()")

    async def large(self) -> None:
        """Much code goes there, and a large value comes back."""
        token, size = self.model.make_token(), self.chance.randrange(_LARGE)
        text = token + "0123456789abcdef" * (size // 16)
        seen = await self.evaluate(f"({len(text)}, {text!r}, {token!r} + 'y' * {size})")
        expect(seen, (len(text), text, token + "y" * size), "a large value")

    # Output and errors.

    async def say(self) -> None:
        """What is printed comes back as it is, whatever it looks like."""
        token, count = self.model.make_token(), self.chance.randrange(1, 30)
        code = f"for n in range({count}): print({token!r}, n, {_HOSTILE!a})\nprint('end', end='')"
        wanted = "".join(f"{token} {n} {_HOSTILE}\n" for n in range(count)) + "end"
        expect(await self.execute(code), wanted, "printing")

    async def say_much(self) -> None:
        """A long output comes whole."""
        token, count = self.model.make_token(), self.chance.randrange(100, 1000)
        seen = await self.execute(f"line = {token!r} * 10\nfor n in range({count}): print(line)")
        expect(seen, f"{token * 10}\n" * count, "much printing")

    async def err(self) -> None:
        """An error comes back as it was raised, with what was printed before."""
        token = self.model.make_token()
        kind = self.chance.choice(("ValueError", "KeyError", "SystemExit", "KeyboardInterrupt"))
        error = await self.fail(f"print({token!r})\nraise {kind}({token!r})")
        seen = (error.type_name, error.remote_message, error.output)
        expect(seen, (kind, token, f"{token}\n"), "an error")
        expect(error.session_id, self.session.session_id, "an error's session")

    async def misspell(self) -> None:
        """Code that cannot be compiled."""
        error = await self.fail("x = = 1")
        expect((error.type_name, error.output), ("SyntaxError", ""), "bad code")

    async def chat(self) -> None:
        """A thread prints while other calls run; all of it reaches this session."""
        token, count = self.model.make_token(), self.chance.randrange(5, 40)
        await self.execute(f"{_THREAD}_thread.start_new_thread(chat, ({token!r}, {count}))")
        wanted = [f"{token} {n}" for n in range(count)]
        while not await self.evaluate(f"{token!r} in ended"):  # noqa: ASYNC110
            await trio.sleep(0.01)
        lines = self.session.background_output.splitlines()
        expect([line for line in lines if line.startswith(f"{token} ")], wanted, "a thread")

    # Time.

    async def sleep(self) -> None:
        """A board that is long silent is no reason to worry."""
        token, span = self.model.make_token(), self.chance.randrange(_LONGEST_SLEEP)
        seen = await self.evaluate(f"(__import__('time').sleep_ms({span}), {token!r})")
        expect(seen, (None, token), "sleeping")

    async def loop(self) -> None:
        """An endless loop is cancelled; when the cancellation is out, it runs no longer."""
        code = draw_loop(self.chance)
        with self.cancelling(self.chance.uniform(0, _LONGEST_LOOP)):
            await self.execute(code)
        await self.token()

    async def count(self) -> None:
        """A cancelled loop that counts has stopped to count when the cancellation is out."""
        await self.execute("n = 0")
        with self.cancelling(self.chance.uniform(0.01, _LONGEST_LOOP)):
            await self.execute("while True: n += 1")
        counted = await self.evaluate("n")
        await trio.sleep(self.chance.uniform(0, 0.02))
        expect(await self.evaluate("n"), counted, "a counter whose loop was cancelled")

    # Company.

    async def crowd(self) -> None:
        """Many tasks use the session at once, some are cancelled."""
        done = [trio.Event() for _ in range(self.chance.randrange(2, 12))]
        for event in done:
            self.session.start_soon(self._be_one_of_many, event)
        for event in done:
            await event.wait()

    async def _be_one_of_many(self, event: trio.Event) -> None:
        if self.chance.random() < 0.2:
            with self.cancelling(self.chance.uniform(0, _MOST_CANCELLED)):
                await self.sleep()
        await self.token()
        event.set()

    async def join(self) -> None:
        """A nested call joins the session it is in."""

        async def operation(session: Session) -> str:
            if self.session.is_active:  # else somebody has just ended it
                expect(session.session_id, self.session.session_id, "joining")
            await self.token()
            return "joined"

        expect(
            await self.manager.execute_in_session(self.session.device, operation),
            "joined",
            "joining",
        )

    async def share(self) -> None:
        """The board's shared session is used; others use it, too, and some end it."""
        shared = await self.manager.get_or_create_session(self.session.device)
        token = self.model.make_token()
        try:
            self.tally.calls += 2
            await shared.execute("shared = globals().get('shared', 0) + 1")
            expect(await shared.evaluate(f"shared and {token!r}"), token, "a shared session")
            if self.chance.random() < 0.05:
                await self.manager.end_session(shared.session_id)
        except SessionNotFoundError:
            pass
        except SessionClosedError as error:
            expect(error.session_id, shared.session_id, "a shared session that was ended")


_DEEDS: dict[Callable[[Deeds], Awaitable[None]], int] = {
    Deeds.token: 20,
    Deeds.assign: 14,
    Deeds.look: 14,
    Deeds.define: 5,
    Deeds.call: 10,
    Deeds.large: 4,
    Deeds.say: 8,
    Deeds.say_much: 2,
    Deeds.err: 5,
    Deeds.misspell: 2,
    Deeds.chat: 2,
    Deeds.sleep: 4,
    Deeds.loop: 4,
    Deeds.count: 2,
    Deeds.crowd: 3,
    Deeds.join: 3,
    Deeds.share: 3,
}
