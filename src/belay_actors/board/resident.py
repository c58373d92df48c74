"""The resident loop: reads requests and has the core run them, without a prompt in between. Runs in
the core's own namespace (key -1), on boards that have ``sys.stdin.buffer``.

How a request looks is told in ``belay_actors.wire._requests``. Whatever does not look so ends the
loop with an error: behind it nobody could tell where the next request begins. A Ctrl-C in the loop
ends it, too; one in a request's code is that code's affair, and caught by the core.
"""

import sys

try:
    from micropython import kbd_intr
except ImportError:
    kbd_intr = None


def take_block(number, key, size, name):
    # Any byte may be part of a block, so there is no Ctrl-C while it comes. The host sends it when
    # it is told to, and then all of it, whatever happens.
    try:
        block = bytearray(size)
    except MemoryError:
        send("E", number, repr((str(MemoryError), "no memory for the block", False)))
        return
    if kbd_intr:
        kbd_intr(-1)
    try:
        send("Q", number, "")
        if block:
            sys.stdin.buffer.readinto(block)
    finally:
        if kbd_intr:
            kbd_intr(3)
    spaces[key][name] = block
    send("V", number, "None")


def resident(number):
    read = sys.stdin.buffer.read
    call = spaces[0]["__b"]
    run = {b"e": eval, b"x": exec, b"E": eval, b"X": exec}
    send("V", number, "None")
    while True:
        block = read(64)
        if len(block) < 64:  # there is no more input, and never will be
            return
        kind, number, key, size, check, code = block.split(b" ", 5)
        if kind == b"q":
            return
        if kind == b"?":
            send("Q", 0, "")
            continue
        size = int(size)
        if len(code) < size:
            code += read(size - len(code))
        elif len(code) > size:
            code = code[:size]
        if kind == b"b":
            take_block(int(number), int(key), int(check), str(code, "utf8"))
            continue
        if kind < b"a":
            for char in (0, 1, 2, 3, 4, 5, 10, 13):
                code = code.replace(bytes((27, 64 + char)), bytes((char,)))
            code = code.replace(b"\x1b[", b"\x1b")
        call(int(number), int(key), code, int(check), run[kind])
