"""The book of leases does what a model of it does, whatever is asked of it in whatever order."""

from collections.abc import Callable

import attrs
import pytest
import trio
from hypothesis import given, settings, strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from belay_actors import DuplicateResourceError, ResourceBusyError
from belay_actors.device import LeaseBook

NAMES = ("a", "b")
HOLDERS = ("one", "two", "three", "four")
DEEDS = ("take", "wait", "cancel", "release", "release_all", "refuse", "settle")
Deed = tuple[str, str, str]

deeds = st.lists(
    st.tuples(st.sampled_from(DEEDS), st.sampled_from(NAMES), st.sampled_from(HOLDERS)),
    max_size=60,
)


class RefusedError(Exception):
    """What a waiter is refused with."""


@attrs.define
class Model:
    """What must be true: who holds a name, who waits for it, how each wait has ended."""

    held: dict[str, str] = attrs.field(factory=dict[str, str])
    queues: dict[str, list[str]] = attrs.field(factory=lambda: {name: [] for name in NAMES})
    ends: list[tuple[str, str, str]] = attrs.field(factory=list[tuple[str, str, str]])

    def ask(self, name: str, holder: str, *, wait: bool) -> type[Exception] | None:
        if self.held.get(name) == holder or holder in self.queues[name]:
            return DuplicateResourceError
        if name not in self.held:
            self.held[name] = holder
            if wait:
                self.ends.append((name, holder, "taken"))
        elif wait:
            self.queues[name].append(holder)
        else:
            return ResourceBusyError
        return None

    def leave(self, name: str, holder: str, end: str) -> None:
        if holder in self.queues[name]:
            self.queues[name].remove(holder)
            self.ends.append((name, holder, end))

    def release(self, name: str, holder: str) -> None:
        if self.held.get(name) == holder:
            del self.held[name]
            if self.queues[name]:
                self.held[name] = self.queues[name].pop(0)
                self.ends.append((name, self.held[name], "taken"))


class Board:
    name = "board"


@attrs.define
class Pair:
    """The book and its model, asked the same."""

    nursery: trio.Nursery
    book: LeaseBook = attrs.field(factory=lambda: LeaseBook(Board()))
    model: Model = attrs.field(factory=Model)
    ends: list[tuple[str, str, str]] = attrs.field(factory=list[tuple[str, str, str]])
    scopes: dict[tuple[str, str], trio.CancelScope] = attrs.field(
        factory=dict[tuple[str, str], trio.CancelScope]
    )

    async def do(self, what: str, name: str, holder: str) -> None:
        if what == "wait":
            await self.wait(name, holder)
        elif what == "settle":
            await wait_all_tasks_blocked()
        else:
            deed: Callable[[str, str], None] = getattr(self, what)
            deed(name, holder)
        assert self.book.holders() == self.model.held
        queues = {name: queue for name, queue in self.model.queues.items() if queue}
        assert {name: [*queue] for name, queue in self.book._waiters.items()} == queues

    def take(self, name: str, holder: str) -> None:
        expected = self.model.ask(name, holder, wait=False)
        if expected is None:
            self.book.take(name, holder)
        else:
            with pytest.raises(expected):
                self.book.take(name, holder)

    async def wait(self, name: str, holder: str) -> None:
        expected = self.model.ask(name, holder, wait=True)
        if expected is not None:
            with pytest.raises(expected):
                await self.book.wait_for(name, holder)
            return
        await wait_all_tasks_blocked()  # whoever had this place before has left it
        self.nursery.start_soon(self.run_wait, name, holder)
        await wait_all_tasks_blocked()

    async def run_wait(self, name: str, holder: str) -> None:
        end = "cancelled"
        with trio.CancelScope() as self.scopes[name, holder]:
            try:
                await self.book.wait_for(name, holder)
                end = "taken"
            except RefusedError:
                end = "refused"
        self.ends.append((name, holder, end))

    def cancel(self, name: str, holder: str) -> None:
        if (name, holder) in self.scopes:
            self.scopes[name, holder].cancel()
        self.model.leave(name, holder, "cancelled")

    def release(self, name: str, holder: str) -> None:
        self.book.release(name, holder)
        self.model.release(name, holder)

    def release_all(self, name: str, holder: str) -> None:
        self.book.release_all(holder)
        for each in NAMES:
            self.model.release(each, holder)

    def refuse(self, name: str, holder: str) -> None:
        self.book.refuse(holder, RefusedError)
        for each in NAMES:
            self.model.leave(each, holder, "refused")


@settings(deadline=None)
@given(deeds)
def test_b13_the_book_does_what_its_model_does(deeds: list[Deed]) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            pair = Pair(nursery)
            for deed in deeds:
                await pair.do(*deed)
            await wait_all_tasks_blocked()
            assert sorted(pair.ends) == sorted(pair.model.ends)
            nursery.cancel_scope.cancel()
        assert pair.book._waiters == {}

    trio.run(main, clock=MockClock(autojump_threshold=0))
