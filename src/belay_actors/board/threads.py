"""Threads of sessions. Runs in the core's own namespace (key -1), on boards that have ``_thread``.

No lock is held anywhere, since an interrupt could leave it taken, and there may be no GIL. So the
lists of threads are tuples, which are replaced as a whole, by the main thread alone; and an entry
``[id, stop, ident, exit]`` is written in an order that is safe: a thread first says that it is there
(``ident``), then looks whether it is to stop, and its last word is ``exit``: ``()``, or the type and
the message of its exception. So one that was told to stop before it was there never runs its code.
"""

from _thread import get_ident, start_new_thread

threads = {}


def is_running(entry):
    return entry[3] is None and not (entry[1] and entry[2] is None)


def state_of(entry):
    return None if is_running(entry) else entry[3] or ()


def run_thread(entry, names, code):
    entry[2] = get_ident()
    end = ("Exception", "")  # of an exception that not even its type can be had of
    try:
        try:
            if not entry[1]:
                exec(code, names)
            end = ()
        except SystemExit:
            end = ()
        except BaseException as error:
            end = (str(type(error)), "")
            end = (end[0], str(error))
    except BaseException:
        pass
    entry[3] = end


def stop_question(box):
    def should_stop():
        me = get_ident()
        for entry in box[0]:
            if entry[2] == me and entry[3] is None:
                return entry[1]
        return False

    return should_stop


def start_thread(key, thread_id, code):
    names = spaces[key]
    box = threads.get(key)
    if box is None:
        box = [()]
        names["should_stop"] = stop_question(box)
        threads[key] = box
    before = box[0]
    others = tuple([entry for entry in before if entry[0] != thread_id or is_running(entry)])
    if thread_id in [entry[0] for entry in others]:
        return False
    entry = [thread_id, False, None, None]
    box[0] = others + (entry,)
    try:
        start_new_thread(run_thread, (entry, names, code))
    except BaseException:
        entry[1] = True
        if entry[2] is None:  # it is not there, and will never run
            box[0] = before
        raise
    return True


def stop_thread(key, thread_id):
    for entry in threads.get(key, [()])[0]:
        if entry[0] == thread_id:
            entry[1] = True
            return state_of(entry)
    return False


def thread_states(key):
    return {entry[0]: state_of(entry) for entry in threads.get(key, [()])[0]}


def forget_threads(key):
    if key not in threads:
        return ()
    entries = threads[key][0]
    for entry in entries:
        entry[1] = True
    del threads[key]
    spaces.get(key, {}).pop("should_stop", None)
    return entries
