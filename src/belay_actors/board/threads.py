"""Threads of sessions. Runs in the core's own namespace (key -1), on boards that have ``_thread``.

No lock is held anywhere, since an interrupt could leave it taken, and there may be no GIL. So there
is one tuple of all entries, which is replaced as a whole, by the main thread alone; and an entry
``[id, stop, ident, exit, beat, run, key]`` is written in an order that is safe: a thread first says
that it is there (``ident``), then looks whether it is to stop, and its last word is ``exit``: ``()``,
or the type, message, traceback and numbers of its exception. So one that was told to stop before it
was there (``stop`` is 2 then, else ``True``) never runs its code, and counts as ended at once. ``beat``
is when it has last given a sign of life; ``run`` is the host's number for this start of it; ``key`` is
the session's, negative when that is gone.

What threads call looks up no global name: the table of a dictionary may be replaced under them, when
the main thread adds a name. It stands in functions named ``__belay__``, as in the core.
"""

from _thread import start_new_thread
from time import sleep_ms, ticks_diff, ticks_ms

everyone = [()]


def is_running(entry):
    return entry[3] is None and entry[1] != 2


def tell_to_stop(entry):
    entry[1] = entry[1] or True
    if entry[2] is None:
        entry[1] = 2


def state_of(entry):
    end = None if is_running(entry) else entry[3] or ()
    return end, ticks_diff(ticks_ms(), entry[4]), entry[5]


def __belay__(box, tell):
    import sys
    from _thread import get_ident
    from time import sleep_ms as pause, ticks_diff, ticks_ms

    try:
        from io import StringIO
    except ImportError:
        StringIO = None  # calling it fails, and there is no traceback then

    def find():
        me = get_ident()
        for entry in box[0]:
            if entry[2] == me and entry[3] is None:
                return entry

    def thread_of(key):
        entry = find()
        return entry[0] if entry and entry[6] == key else ""

    def should_stop():
        entry = find()
        if not entry:
            return False
        entry[4] = ticks_ms()
        return bool(entry[1])

    def sleep_ms(ms):
        before = ticks_ms()
        while True:
            if should_stop():
                raise SystemExit
            now = ticks_ms()
            ms -= ticks_diff(now, before)
            before = now
            if ms <= 0:
                return
            pause(min(ms, 10))

    def __belay__(entry, names, code):
        entry[2] = get_ident()
        end = ["Exception", "", "", False]  # of one that not even its type can be had of
        try:
            if not entry[1]:
                exec(code, names)
            end = ()
        except SystemExit:
            end = ()
        except BaseException as error:
            try:
                end[0] = str(type(error))
                end[3] = isinstance(error, OSError) and [n for n in error.args if type(n) is int]
                end[1] = str(error)[:2000]
                text = StringIO()
                sys.print_exception(error, text)
                end[2] = text.getvalue()[-2000:]
            except BaseException:
                pass
        entry[3] = end
        try:
            tell("P", entry[6], repr((entry[0], entry[5], end)))
        except BaseException:
            pass

    return thread_of, should_stop, sleep_ms, __belay__


calls_left[0] = 1 << 29  # beside threads, and without a GIL, garbage is collected only in need
who[0], tool_stop, tool_sleep, run_thread = __belay__(everyone, send)


def thread_tools(key):
    spaces[key]["should_stop"] = tool_stop
    spaces[key]["sleep_ms"] = tool_sleep


def start_thread(key, thread_id, code, run, forgotten):
    names = spaces[key]
    names["should_stop"] = tool_stop
    if "sleep_ms" not in names:
        names["sleep_ms"] = tool_sleep
    before = everyone[0]
    gone = forgotten + (thread_id,)
    others = [x for x in before if is_running(x) or x[6] > 0 and (x[6] != key or x[0] not in gone)]
    if (key, thread_id) in [(x[6], x[0]) for x in others]:
        return False
    entry = [thread_id, False, None, None, ticks_ms(), run, key]
    everyone[0] = tuple(others) + (entry,)
    try:
        # Where there is room for one thread, the last one may have told its end, and still be there.
        for left in range(9, -1, -1):
            try:
                start_new_thread(run_thread, (entry, names, code))
                break
            except OSError:
                if not left:
                    raise
                sleep_ms(5)
    except BaseException:
        tell_to_stop(entry)
        if entry[2] is None:  # it is not there, and will never run
            everyone[0] = before
        raise
    return True


def stop_thread(key, thread_id):
    for entry in everyone[0]:
        if entry[6] == key and entry[0] == thread_id:
            tell_to_stop(entry)
            return state_of(entry)
    return False


def thread_states(key):
    return {entry[0]: state_of(entry) for entry in everyone[0] if entry[6] == key}


def running_threads():
    return [(abs(entry[6]), entry[0], entry[5]) for entry in everyone[0] if is_running(entry)]


def forget_threads(key):
    entries = [entry for entry in everyone[0] if entry[6] == key]
    for entry in entries:
        tell_to_stop(entry)
        entry[6] = -key
    everyone[0] = tuple([entry for entry in everyone[0] if entry[6] > 0 or is_running(entry)])
    names = spaces.get(key, {})
    for name, tool in (("should_stop", tool_stop), ("sleep_ms", tool_sleep)):
        if names.get(name) is tool:
            del names[name]
    return entries
