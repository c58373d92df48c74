"""The capability probe: the first code that a board runs for us, and the only code before the core.

It also sweeps: a ``__belay__`` left by a host that died goes, with every namespace it held. The
empty line it prints shows how this port writes line ends. At most 350 bytes out, 150 back.
"""


def probe(token):
    import gc
    import sys

    left = globals().pop("__belay__", 0) != 0
    if left:
        gc.collect()
    threads = True
    try:
        import _thread
    except ImportError:
        threads = False
    made = sys.implementation
    machine = getattr(made, "_machine", "")
    text = repr((made.name, made.version, sys.platform, machine, threads, left))
    data = text.encode()
    print("\n\x1e%sV0;%d;%d;%s\x1f" % (token, len(data), sum(data), text), end="")
