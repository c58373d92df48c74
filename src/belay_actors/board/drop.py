"""Takes a session's namespace off the board. Runs in the core's own namespace (key -1).

The dictionary is emptied, not just let go: a thread or callback that outlives its session then fails
at its next global name instead of running on. Timers that it still holds are stopped before, because
nobody could reach them afterwards. Modules that sessions imported leave with the last session,
because the board has one ``sys.modules`` for all of them.

It may be interrupted anywhere and run again: the dictionary goes last.
"""

import gc
import sys

loaded = getattr(sys, "modules", None)


def stop_timers(names, stopped, stuck):
    # The firmware's own module is never listed, and a "u" leads to it past all files; a file that
    # programs have not loaded cannot be where their timers come from.
    try:
        machine = loaded["machine"] if "machine" in loaded else __import__("umachine")
        kind = machine.Timer
        held = [name for name in names if isinstance(names[name], kind)]
    except Exception:
        return
    for name in held:
        try:
            names[name].deinit()
            stopped.append(name)
        except Exception as error:
            stuck.append((str(name), str(type(error)), str(error)))


if loaded is None:
    # A board of few KB, from before there were timers like that.
    del stop_timers


def drop(key, measure):
    names = spaces.get(key, {})
    stopped = []
    stuck = []
    if loaded is not None:
        stop_timers(names, stopped, stuck)
    threads = forget_threads(key) if "forget_threads" in globals() else ()
    count = len(names)
    names.clear()
    spaces.pop(key, None)
    extra = list(set(loaded or ()) - modules)
    removed = [] if len(spaces) > 2 else extra
    for name in removed:
        del loaded[name]
    gc.collect()
    memory = (gc.mem_alloc(), gc.mem_free()) if measure else None
    running = [thread[0] for thread in threads if is_running(thread)]
    kept = [] if removed else extra
    return count, removed, kept, stopped, stuck, running, len(names), memory
