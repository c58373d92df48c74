"""The core's ``sendable`` for boards with 64-bit floats, in place of the one that stands there.

A firmware's ``repr`` of a float is right by its own reader; but that is off by one in the last bit
now and then, so on the host it may mean another float. Behind the text comes what its floats really
are: ``|`` and 16 hexadecimal digits for each, in the order of the text. For that the walk goes down
into each part when it meets it, as ``repr`` does.

This stands in the core's function, so what it takes from around it are ``plain`` and ``nested``.
"""

try:
    from binascii import hexlify
    from struct import pack
except ImportError:
    pack = None
try:
    two_floats = complex
except NameError:
    two_floats = None


def sendable(value, text):
    floats = []
    todo = [iter((value,))]
    while todo:
        for item in todo[-1]:
            kind = type(item)
            if kind is float:
                floats.append(item)
            elif kind is dict or kind in nested:
                todo.append(iter(item.items() if kind is dict else item))
                break
            elif kind not in plain:
                return
            elif kind is two_floats:
                floats += [item.real, item.imag]
        else:
            todo.pop()
    if floats and pack:
        text += "|"
        text += str(hexlify(pack("<%dd" % len(floats), *floats)), "utf8")
    return text
