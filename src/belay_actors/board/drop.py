"""Takes a session's namespace off the board. Runs in the core's own namespace (key -1).

The dictionary is emptied, not just let go: a thread or callback that outlives its session then fails
at its next global name instead of running on. Modules that sessions imported leave with the last
session, because the board has one ``sys.modules`` for all of them.
"""


def drop(key):
    import gc
    import sys

    names = spaces.pop(key, {})
    count = len(names)
    names.clear()
    extra = list(set(getattr(sys, "modules", ())) - modules)
    removed = [] if len(spaces) > 2 else extra
    for name in removed:
        del sys.modules[name]
    gc.collect()
    return count, removed, [] if removed else extra
