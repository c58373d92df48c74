"""Anything else that is to be done when a session ends."""

from collections.abc import Awaitable, Callable

import attrs

from belay_actors.resources._board_resource import BoardResource, Step


@attrs.define(eq=False)
class CallbackResource(BoardResource):
    """A function of the host, or code for the board, that runs when its session ends.

    Register it with ``session.resources.register_resource``. It runs once: what has succeeded is
    not done again, what has failed is.

    Args:
        session: that it belongs to.
        resource_id: unique in the session.
        action: an async function without arguments, or code to be executed in the session.
        estimated_cost: bytes that are thought to be taken on the board by what it gives back.
    """

    resource_type: str = attrs.field(init=False, repr=False, default="Callback")

    action: Callable[[], Awaitable[object]] | str = attrs.field(repr=False)
    cost: int = attrs.field(default=0, kw_only=True, alias="estimated_cost")

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.action, str) and not callable(self.action):
            raise TypeError(f"the action is an async function or code, not {self.action!r}")
        super().__attrs_post_init__()

    @property
    def estimated_cost(self) -> int:
        """Bytes that it is thought to take on the board."""
        return self.cost

    def _make_steps(self) -> list[Step]:
        return [self._act]

    async def _act(self) -> None:
        if isinstance(self.action, str):
            await self.session.execute(self.action)
        else:
            await self.action()
