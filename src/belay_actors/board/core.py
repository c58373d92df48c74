"""The resident core: everything that stays on the board, under the one name ``__belay__``.

``__belay__(number, key, run, code)`` runs code in the namespace of session ``key`` and answers with
frames (their format is in ``belay_actors.wire._frames``), so that nothing the program prints can be
taken for a result. Key 0 is ``__main__`` (calls outside of any session); key -1 holds the core
itself, where the host runs what is sent only when it is needed (``drop.py``).

Written for the smallest board: no f-strings, no ``compile``, no ``io``, no ``sys.stdout``. The
types that may travel come from the host, because boards differ in which of them exist.
"""


def __belay__(token, plain, nested):
    import sys

    try:
        from _thread import get_ident
    except ImportError:
        get_ident = int  # no threads: int() is always 0, the one thread there is
    main = get_ident()
    active = [0]

    def send(kind, key, text):
        # One print of one string: wherever the port can, a frame is one write.
        data = text.encode()
        print("\x1e%s%s%s;%d;%d;%s\x1f" % (token, kind, key, len(data), sum(data), text), end="")

    def sendable(value):
        kind = type(value)
        if kind is dict:
            kind, value = list, value.items()
        return kind in plain or kind in nested and all(map(sendable, value))

    def printer(key):
        # In a call of its own session a print is that call's output. From a thread or a timer it is
        # tagged, so that it reaches its session and never another's result.
        def tagged(*args, **kw):
            if "file" in kw or active[0] == key and get_ident() == main:
                print(*args, **kw)
            else:
                send("P", key, repr(kw.get("sep", " ").join(map(str, args)) + kw.get("end", "\n")))

        return tagged

    def call(number, key, run, code):
        active[0] = key
        try:
            if key not in spaces:
                spaces[key] = {"__name__": "__main__", "print": printer(key)}
            value = run(code, spaces[key])
            if sendable(value):
                send("V", number, repr(value))
            else:
                send("U", number, repr(type(value).__name__))
        except BaseException as error:
            send("T", number, "")
            sys.print_exception(error)
            errno = isinstance(error, OSError) and error.errno
            send("E", number, repr((type(error).__name__, str(error), errno)))
        active[0] = -1

    spaces = {0: globals()}
    spaces[-1] = {"spaces": spaces, "modules": set(sys.modules)}
    return call
