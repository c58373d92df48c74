"""The first code in the process of a local MicroPython; run as a script, never imported.

It makes the pty the controlling terminal, so that the interpreter gets a SIGHUP and ends when the
host dies, whatever it is doing. (``subprocess`` can start a session, but not give it a terminal.)

Arguments: ``module DIRECTORY ARGS…`` runs the interpreter of the ``micropython_unix`` package that
lies in the directory; ``binary PATH ARGS…`` becomes that program.
"""

import fcntl
import os
import sys
import termios

if __name__ == "__main__":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    _, kind, place, *arguments = sys.argv
    if kind == "binary":
        os.execv(place, [place, *arguments])  # noqa: S606  # no shell is wanted
    sys.path.insert(0, place)
    sys.argv = ["micropython", *arguments]
    from micropython_unix import main  # type: ignore[import-untyped]  # pyright: ignore

    sys.exit(main())  # pyright: ignore[reportUnknownArgumentType]
