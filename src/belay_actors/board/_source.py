"""Complete sources to send: the probe, the core, helpers, and the one line that is a call."""

import enum
import functools
from importlib import resources

from belay_actors.board._shrink import shrink

CORE_NAME = "__belay__"

# What may travel from a board to the host. A value of any other type (also of a subclass, whose
# repr could say anything) cannot come back.
_PLAIN = "(type(None),bool,int,float,complex,str,bytes,bytearray,range)"
_NESTED = "(list,tuple,set,frozenset)"


class Helper(enum.Enum):
    """Board code that is sent into the core's own namespace when it is first needed."""

    CENSUS = "census"
    DROP = "drop"


@functools.cache
def _shrunk(name: str) -> str:
    return shrink(resources.files("belay_actors.board").joinpath(f"{name}.py").read_text("utf-8"))


def probe_source(token: str) -> str:
    """The source of the capability probe, which leaves nothing behind."""
    return f"{_shrunk('probe')}probe('{token}');del probe"


def core_source(token: str) -> str:
    """The source that puts the core on the board as ``__belay__``, and has it answer call 1."""
    install = f"{CORE_NAME}={CORE_NAME}('{token}',{_PLAIN},{_NESTED})"
    return f"{_shrunk('core')}{install};{CORE_NAME}(1,0,eval,'0')"


def helper_source(helper: Helper) -> str:
    """The source of a helper, to be run in the core's own namespace."""
    return _shrunk(helper.value)


def call_source(number: int, key: int, code: str, *, is_expression: bool) -> str:
    """The line that runs ``code`` in namespace ``key`` and answers with frames numbered ``number``.

    The code travels as a string literal, so no byte of it can mean anything to the raw REPL.
    """
    return f"{CORE_NAME}({number},{key},{'eval' if is_expression else 'exec'},{code!r})"
