"""The program in docs/output.md runs as it stands there."""

from collections.abc import Awaitable, Callable
from typing import cast

from programs import blocks_of, run_program


async def test_j04_a_session_is_listened_to() -> None:
    (program,) = blocks_of("output.md")
    main = cast("Callable[[], Awaitable[list[str]]]", run_program(program)["main"])
    heard = await main()
    assert heard == ["call: hello", *(f"talk-1: thread {number}" for number in range(3))]
