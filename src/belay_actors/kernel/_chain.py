"""The call chain: which requests led to the running code, outermost first.

Who asks an actor from inside of an operation that the same actor is running would wait for itself.
The chain is a context variable, so child tasks have it, too. It is believed only as far as it can
be true: tasks may share one context (those of pytest-trio's fixtures do), and a task that outlives
the operation that has started it is no part of it.
"""

import contextvars

import trio

from belay_actors.kernel._mailbox import AnyRequest

Chain = tuple[AnyRequest, ...]

_chain: contextvars.ContextVar[Chain] = contextvars.ContextVar(
    "belay_actors_call_chain", default=()
)


def current_chain() -> Chain:
    """The requests that wait for the calling code."""
    chain = _chain.get()
    if not chain:
        return chain
    while chain and chain[-1].is_settled:
        chain = chain[:-1]
    if chain and not _is_part(trio.lowlevel.current_task(), chain[-1].server):
        return ()
    return chain


def extend_chain(request: AnyRequest) -> contextvars.Token[Chain]:
    """Adds a request to its chain: what the calling task does from now on is for it."""
    return _chain.set((*request.chain, request))


def reset_chain(token: contextvars.Token[Chain]) -> None:
    """Undoes ``extend_chain``."""
    _chain.reset(token)


def _is_part(task: trio.lowlevel.Task | None, whole: trio.lowlevel.Task) -> bool:
    """Whether a task is another, or one of its children, or of theirs."""
    while task is not None and task is not whole:
        task = task.parent_nursery.parent_task if task.parent_nursery is not None else None
    return task is whole
