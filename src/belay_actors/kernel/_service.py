"""Nurseries with the shutdown order that actors need.

``open_service_nursery`` runs tasks that serve the body: they are shielded, so that the body can
still use them while it cleans up after a cancellation, and they end after the body has.

``open_body_nursery`` runs tasks that belong to the body: they end before it, and errors come out so
that a caller can use them. The body's own error comes out bare, as if there were no nursery; failed
children cancel the body and come out as a group; an outer cancellation stays ``Cancelled``.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self, cast

import trio


class ServiceNursery:
    """Starts services; made by ``open_service_nursery``."""

    def __init__(self) -> None:
        self._body = open_body_nursery(self._leave)
        self._nursery: trio.Nursery | None = None
        self._scopes: list[trio.CancelScope] = []
        self._is_ended = False

    async def __aenter__(self) -> Self:
        self._nursery = await self._body.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._body.__aexit__(kind, error, traceback)  # noqa: ASYNC102  # it is the scope

    def start_soon(self, service: Callable[[], Awaitable[None]], *, name: str) -> None:
        """Starts a service; its failure cancels the body, and comes out of the nursery."""
        assert self._nursery is not None, "it has not been entered"
        self._nursery.start_soon(self._shielded, service, name=name)

    @trio.lowlevel.enable_ki_protection
    async def _shielded(self, service: Callable[[], Awaitable[None]]) -> None:
        with trio.CancelScope(shield=True) as scope:
            if self._is_ended:  # started, but had no turn before the end
                return
            self._scopes.append(scope)
            try:
                await service()
            finally:
                self._scopes.remove(scope)

    def cancel(self) -> None:
        """Ends all services now."""
        self._is_ended = True
        for scope in self._scopes:
            scope.cancel()

    async def _leave(self) -> None:
        self.cancel()
        await trio.lowlevel.cancel_shielded_checkpoint()


def open_service_nursery() -> ServiceNursery:
    """Opens, by ``async with``, a nursery whose tasks outlive the body, and its cancellation.

    Errors come out as from ``open_body_nursery``.
    """
    return ServiceNursery()


def _keep(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    return failures


@asynccontextmanager
async def open_body_nursery(
    leave: Callable[[], Awaitable[None]],
    make_failure: Callable[[BaseExceptionGroup[BaseException]], BaseException] = _keep,
) -> AsyncGenerator[trio.Nursery, None]:
    """Opens a nursery for children of the body.

    Args:
        leave: always awaited after the body and before the children are cancelled. It must not
            raise, and must shield itself where it awaits.
        make_failure: what to raise when children failed and the body had no error of its own.

    Raises:
        BaseException: the body's error, bare; failures of children become notes on it, unless one
            of them is no ``Exception``: then all come out as a group.
        BaseException: from ``make_failure``, by default the group of the children's errors.
    """
    body_error: BaseException | None = None
    failures: BaseExceptionGroup[BaseException] | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            except BaseException as error:  # noqa: ASYNC103  # goes on below, bare
                cancelled, body_error = _split(error)
                if cancelled is not None:
                    raise cancelled from None  # noqa: ASYNC104
            finally:
                await leave()  # noqa: ASYNC102  # shields itself
                nursery.cancel_scope.cancel()
    except BaseException as error:  # noqa: ASYNC103  # Cancelled goes on, the rest below
        cancelled, rest = _split(error)
        if rest is None and body_error is None:
            raise _first(cancelled or error) from None  # noqa: ASYNC104
        if rest is not None:
            failures = cast("BaseExceptionGroup[BaseException]", rest)
    if body_error is not None:
        _note(body_error, failures)
        raise body_error
    if failures is not None:
        failure = make_failure(failures)
        raise failure from (failures if failure is not failures else None)


def _note(error: BaseException, failures: BaseExceptionGroup[BaseException] | None) -> None:
    """Tells of failed children in the body's error. A KeyboardInterrupt is more than a note."""
    if failures is None:
        return
    if not isinstance(failures, ExceptionGroup):
        raise failures.derive([error, *failures.exceptions])
    for failure in cast("ExceptionGroup[Exception]", failures).exceptions:
        error.add_note(f"At the same time a child task failed: {failure!r}")


def _first(error: BaseException) -> BaseException:
    """The first exception in a group of groups."""
    found: BaseException = error
    while isinstance(found, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", found)
        found = group.exceptions[0]
    return found


def _split(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """Parts an error into cancellation and the rest; either may be missing."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        cancelled, rest = group.split(trio.Cancelled)
        return cancelled, rest if cancelled is not None else group  # a split makes copies
    return (error, None) if isinstance(error, trio.Cancelled) else (None, error)
