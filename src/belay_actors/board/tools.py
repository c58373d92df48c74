"""What ``threads.py`` gives to a namespace, for boards without threads: a call is never to stop.

Runs in the core's own namespace (key -1).
"""

from time import sleep_ms


def should_stop():
    return False


def thread_tools(key):
    spaces[key]["should_stop"] = should_stop
    spaces[key]["sleep_ms"] = sleep_ms


def forget_threads(key):
    names = spaces.get(key, {})
    for name in ("should_stop", "sleep_ms"):
        names.pop(name, None)
    return ()
