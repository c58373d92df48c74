"""Takes a session's namespace off the board. Runs in the core's own namespace (key -1).

The dictionary is emptied, not just let go: a thread or callback that outlives its session then fails
at its next global name instead of running on. It is emptied name by name: ``clear`` takes the table
itself away, and a thread that is looking something up there meanwhile crashes the firmware.

Timers that it still holds are stopped before (``timers.py``), because nobody could reach them
afterwards; threads are asked to stop (``threads.py``). Modules that sessions imported leave with the
last session, because the board has one ``sys.modules`` for all of them.

It may be interrupted anywhere and run again: the dictionary goes last.
"""

import gc
import sys


def drop(key, heap):
    # heap: its size if memory is to be measured, 0 if nobody knows it, or None. Each look at the
    # memory is one at all of it, and takes longer than all the rest. Some heaps can grow.
    loaded = getattr(sys, "modules", ())
    names = spaces.get(key, {})
    stopped = []
    stuck = []
    if "stop_timers" in globals():
        stop_timers(names, stopped, stuck)
    threads = forget_threads(key) if "forget_threads" in globals() else ()
    count = len(names)
    for name in list(names):
        del names[name]
    spaces.pop(key, None)
    if "kept" in globals():  # items of a stream
        kept[0] = ()
    extra = list(set(loaded) - modules)
    removed = [] if len(spaces) > 2 else extra
    for name in removed:
        del loaded[name]
    gc.collect()
    memory = None
    if heap is not None:
        used = gc.mem_alloc()
        memory = used, (max(heap - used, 0) if heap else gc.mem_free())
    running = [thread[0] for thread in threads if is_running(thread)]
    return count, removed, [] if removed else extra, stopped, stuck, running, len(names), memory
