"""The capability probe: the first code that a board runs for us, and the only code before the core.

It also sweeps: a ``__belay__`` left by a host that died goes, with every namespace it held. The
empty line it prints shows how this port writes line ends. At most 350 bytes out, 150 back.
"""


def probe(token):
    import sys

    def works(source):
        try:
            exec(source, {})
            return 1
        except:
            return 0

    left = globals().pop("__belay__", 0) != 0
    made = sys.implementation
    machine = getattr(made, "_machine", "")
    can = [works(source) for source in ("import _thread", "complex")]
    text = repr(made[:2] + (sys.platform, machine, left, can))
    data = bytes(text, "utf8")  # a "V" is an 86
    print("\n\x1e%sV0;%d;%d;%s\x1f" % (token, len(data), sum(data, 86), text), end="")
