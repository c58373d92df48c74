"""Help for tests of programs that use boards: a MicroPython board in memory.

Needs the extra ``testing``: ``pip install 'belay_actors[testing]'``.
"""

from belay_actors.testing._fake import (
    FakeBoard as FakeBoard,
    FakeLink as FakeLink,
    open_fake_board as open_fake_board,
)
