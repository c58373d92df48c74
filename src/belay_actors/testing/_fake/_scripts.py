"""Scripted replies: what happens on the board instead of running some code."""

from collections.abc import Callable

import attrs

from belay_actors.testing._fake._processor import Processor


@attrs.frozen
class Script:
    """What a code comes to, in this order.

    Attributes:
        output: is printed.
        seconds: pass on trio's clock; a Ctrl-C ends them.
        effect: is called, on the host.
        error: is raised.
        value: is returned.
    """

    output: str = ""
    seconds: float = 0.0
    effect: Callable[[], object] | None = None
    error: BaseException | None = None
    value: object = None

    def play(self, processor: Processor, write: Callable[[str], None]) -> object:
        """Has it happen. Called by what runs on the processor."""
        write(self.output)
        processor.sleep(self.seconds)
        if self.effect is not None:
            self.effect()
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self.value
