"""The resident core: everything that stays on the board, under the one name ``__b``.

``__b(number, key, code, check)`` evaluates code (bytes) in the namespace of session ``key`` and
answers with frames (their format is in ``belay_actors.wire._frames``), so that nothing the program
prints can be taken for a result; with ``exec`` for a fifth argument it runs statements. Every call by
the raw REPL is sent as such a line, and read byte by byte, so the line is short. ``check`` is the sum
of the code's bytes and the key: what was damaged on its way is not run, because a line without flow
control may lose bytes. Key 0 is ``__main__`` (calls outside of any session); key -1 holds the core
itself, where the host runs what is sent only when it is needed (``drop.py``).

Functions that may stand in the traceback of a user's code are named ``__belay__``: so the host knows
which lines to leave out.

Written for the smallest board: no f-strings, ``compile``, ``io``, ``sys.stdout``; no ``__name__`` of
a class, ``encode`` of a string, ``errno`` of an error, or ``sys.modules``. The types that may
travel come from the host, because boards differ in which of them exist.
"""


def __b(token, plain, nested, small):
    # On a small board every call begins without garbage, so that what stays lies together at the
    # start of the heap; and sessions have the board's own print, which needs less stack. The host
    # knows which boards are small, and sends each only its own part (``_fold.py``).
    import sys
    from builtins import print  # whatever becomes of the name in __main__

    if small:
        import gc
    active = [0]

    def send(kind, key, text):
        # One print of one string: wherever the port can, a frame is one write.
        data = bytes(text, "utf8")
        check = sum(data, ord(kind))
        print("\x1e%s%s%s;%d;%d;%s\x1f" % (token, kind, key, len(data), check, text), end="")

    def sendable(value, text):
        # The text that stands for a value, or None if it cannot be sent. Without recursion: there
        # are stacks of 1.8 KB. (What holds itself has no repr, so it does not come here.) The list
        # grows while it is walked. Boards with exact floats have another one (``floats.py``).
        todo = [(value,)]
        for group in todo:
            for item in group:
                kind = type(item)
                if kind is dict:
                    todo.append(item.items())
                elif kind in nested:
                    todo.append(item)
                elif kind not in plain:
                    return
        return text

    if not small:
        try:
            from _thread import get_ident
        except ImportError:
            get_ident = int  # no threads: int() is always 0, the one thread there is
        try:
            import gc
            from time import ticks_diff, ticks_us
        except ImportError:
            ticks_us = None
        main = get_ident()
        calls_left = [0]  # until garbage is collected
        who = ["".format]  # says which thread prints: none, until threads.py is there

        def printer(key):
            # In a call of its own session a print is that call's output. From a thread or a timer it is
            # tagged, so that it reaches its session and never another's result.
            def __belay__(*args, **kw):
                if "file" in kw or active[0] == key and get_ident() == main:
                    print(*args, **kw)
                else:
                    text = kw.get("sep", " ").join(map(str, args)) + kw.get("end", "\n")
                    send("P", key, repr((who[0](key), text)))

            return __belay__

        def tidy():
            # Who wants memory has to look behind all garbage, which takes the longer the more there
            # is. Collected after so many calls, it costs each of them a microsecond.
            calls_left[0] -= 1
            if calls_left[0] < 0 and ticks_us and gc.isenabled():
                start = ticks_us()
                gc.collect()
                calls_left[0] = 16 + ticks_diff(ticks_us(), start)

    def __belay__(number, key, code, check, run=eval):
        if sum(code, key) != check:
            return send("N", number, "")
        if small:
            gc.collect()
        active[0] = key
        try:
            if key not in spaces:
                shown = print if small else printer(key)
                spaces[key] = {"__name__": "__main__", "print": shown}
            value = run(code, spaces[key])
            text = sendable(value, repr(value))
            if text:
                send("V", number, text)
            else:
                send("U", number, repr(str(type(value))))
        except BaseException as error:
            send("T", number, "")
            sys.print_exception(error)
            errno = isinstance(error, OSError) and [n for n in error.args if type(n) is int]
            send("E", number, repr((str(type(error)), str(error), errno)))
        active[0] = -1
        if not small:
            tidy()

    spaces = {0: globals()}
    loaded = set(getattr(sys, "modules", ()))
    if small:
        spaces[-1] = {"spaces": spaces, "modules": loaded, "active": active}
    else:
        spaces[-1] = {
            "spaces": spaces,
            "modules": loaded,
            "active": active,
            "send": send,  # these three are for threads.py
            "who": who,
            "calls_left": calls_left,
        }
    return __belay__
