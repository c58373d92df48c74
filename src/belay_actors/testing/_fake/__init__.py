"""A MicroPython board in memory.

From its plug inwards:

======================  ======================================================================
``_open``, ``_traits``  opening it, and what kind of board it is
``_board``              the board itself: faults, what it shows, its life on trio
``_link``               the cable: two pipes of bytes, with latency
``_console``            its serial port as the firmware sees it: input buffer, Ctrl-C
``_processor``          runs the firmware in a greenlet until it waits for something
``_firmware``           raw REPL, raw-paste and soft reset, after MicroPython's ``pyexec.c``
``_friendly``           the friendly prompt: line editor, continuation lines, paste mode
``_interpreter``        runs code, with builtins of the board's own
``_modules``            the modules that it has
``_scripts``            what happens instead of some codes
``_ticks``              compiles code so that it can be suspended in every loop and function
``_errors``             errors as MicroPython words and prints them
======================  ======================================================================
"""

from belay_actors.testing._fake._board import FakeBoard as FakeBoard
from belay_actors.testing._fake._link import FakeLink as FakeLink
from belay_actors.testing._fake._open import open_fake_board as open_fake_board
