"""The demo's entry: runs it, and makes an exit code of what came of it.

Exit codes: 0 if everything was given back and every check passed; 1 if not, or if there is no
MicroPython; 2 if rich is not installed; 130 after Ctrl-C.
"""

import functools
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import trio

from belay_actors import BelayError
from belay_actors.cli.demo._play import describe

_INTERRUPTED = 130  # 128 + SIGINT, as shells count

_NO_RICH = """\
The demo shows what it does with rich, which is not installed here. To get it:
    pip install 'belay_actors[cli]'
"""


def main() -> int:
    """Runs the demo on standard output.

    Returns:
        The exit code.
    """
    try:
        from belay_actors.cli.demo._screen import make_console, show_demo  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "rich":
            raise
        sys.stderr.write(_NO_RICH)
        return 2

    show = functools.partial(show_demo, make_console(sys.stdout))
    code = 1
    try:
        code = trio.run(_run_until_interrupted, show)
    except* SystemExit:  # rich's word for a reader that has gone: `... | head`
        pass
    except* BelayError as errors:
        sys.stderr.write(f"The demo cannot run: {describe(errors)}\n")
    return code


async def _run_until_interrupted(show: Callable[[], Awaitable[bool]]) -> int:
    """Runs the show until it ends or Ctrl-C cancels it, which is no exception but a signal here."""
    results: list[bool] = []
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_signal, signals, nursery.cancel_scope)
            results.append(await show())
            nursery.cancel_scope.cancel()
    if results:
        return 0 if results[0] else 1
    sys.stderr.write("Interrupted; the sessions were ended and the boards closed.\n")
    return _INTERRUPTED


async def _cancel_on_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    await anext(signals)
    scope.cancel()


if __name__ == "__main__":
    sys.exit(main())
