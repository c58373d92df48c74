"""Streams of sessions: iterators whose items go to the host in batches. Runs in the core's own
namespace (key -1).

A stream is an entry in its session's namespace, under a name that no program writes, so it goes
with the namespace whatever happens: ``[iterator]``, and behind it the exception that it has raised
when there were items before. The items of the newest batch are kept, with whether it is the last
one, and a number that no other batch has: where they cannot be sent together, the host asks for
them in parts.

Functions that may stand in the traceback of a user's code are named ``__belay__``; see ``core.py``.
"""

from time import ticks_diff, ticks_ms

kept = [(), False, 0]
sized = (str, bytes, bytearray, list, tuple, dict, set)


def __belay__(key, name, code):
    active[0] = key
    names = spaces[key]
    names[name] = [iter(eval(code, names))]


open_stream = __belay__


def __belay__(key, name, serial, count, size):
    items = []
    kept[:] = items, False, serial
    active[0] = key
    names = spaces[key]
    stream = names[name]
    start = ticks_ms()
    try:
        if len(stream) > 1:
            raise stream[1]
        for item in stream[0]:
            items.append(item)
            count -= 1
            if type(item) in sized:
                size -= len(item)
            if count < 1 or size < 0 or ticks_diff(ticks_ms(), start) > 19:
                return False, items
    except BaseException as error:
        if items:
            stream.append(error)
            return False, items
        del names[name]
        raise
    del names[name]
    kept[1] = True
    return True, items


next_batch = __belay__


def __belay__(key, name):
    # What it returns is for the host's line to call: one frame less, where the stack is low.
    active[0] = key
    kept[0] = ()
    return getattr(spaces.get(key, {}).pop(name, kept)[0], "close", int)


close_stream = __belay__
